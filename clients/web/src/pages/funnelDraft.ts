/** A funnel that somebody makes or changes: it stands in the address, so that a link shares it. All of this is pure. */
import { clone, create, fromJsonString, toJsonString } from "../wire";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { FunnelDefinitionSchema, FunnelStageSchema } from "@contract/funnel_service_pb.js";
import type { FunnelDefinition, FunnelStage } from "@contract/funnel_service_pb.js";
import { t } from "../text";

/** How many steps a funnel may have. */
export const LEAST_STEPS = 2;
export const MOST_STEPS = 20;

/** What a step's condition may be about, beside a property. */
export const CONDITIONS = ["agent", "channel", "team", "campaign"] as const;

/** Units of a window, in seconds. */
export const UNITS = [1, 60, 3_600, 86_400] as const;
const DEFAULT_WINDOW = 30 * 86_400;

type StageInit = MessageInitShape<typeof FunnelStageSchema>;

/** Leads from creation to conversion: the funnel to begin with. */
export function standardFunnel(): FunnelDefinition {
  const stages: StageInit[] = [
    { eventType: "lead.created", name: t.funnels.created },
    { eventType: "lead.contacted", name: t.funnels.contacted },
    { eventType: "lead.converted", name: t.funnels.converted },
  ];
  return create(FunnelDefinitionSchema, { stages });
}

/** Returns the text of a draft in the address. */
export function draftText(definition: FunnelDefinition): string {
  return toJsonString(FunnelDefinitionSchema, definition);
}

/** Returns the draft of a text in the address; undefined where it is none. */
export function draftOf(text: string): FunnelDefinition | undefined {
  if (text === "") return undefined;
  try {
    return fromJsonString(FunnelDefinitionSchema, text);
  } catch {
    return undefined;
  }
}

/** Returns what can be asked of a draft: its steps that have a type; undefined where these are too few. */
export function askable(draft: FunnelDefinition): FunnelDefinition | undefined {
  const next = clone(FunnelDefinitionSchema, draft);
  next.stages = next.stages.filter((stage) => stage.eventType !== "");
  return next.stages.length < LEAST_STEPS ? undefined : next;
}

/** Returns the draft with a step more, at the end. */
export function withStep(draft: FunnelDefinition): FunnelDefinition {
  const next = clone(FunnelDefinitionSchema, draft);
  next.stages.push(create(FunnelStageSchema));
  return next;
}

/** Returns the draft without a step. */
export function withoutStep(draft: FunnelDefinition, index: number): FunnelDefinition {
  const next = clone(FunnelDefinitionSchema, draft);
  next.stages.splice(index, 1);
  return next;
}

/** Returns the draft with a step at another place; places beyond the ends are the ends. */
export function moveStep(draft: FunnelDefinition, from: number, to: number): FunnelDefinition {
  const next = clone(FunnelDefinitionSchema, draft);
  const [stage] = next.stages.splice(from, 1);
  if (stage !== undefined) next.stages.splice(Math.max(0, Math.min(next.stages.length, to)), 0, stage);
  return next;
}

/** Returns the draft with one step changed. */
export function changeStep(
  draft: FunnelDefinition,
  index: number,
  change: (stage: FunnelStage) => void,
): FunnelDefinition {
  const next = clone(FunnelDefinitionSchema, draft);
  const stage = next.stages[index];
  if (stage !== undefined) change(stage);
  return next;
}

/** Returns the window of a draft: how many of the largest unit that it is whole in. */
export function windowOf(draft: FunnelDefinition): { amount: number; unit: number } {
  const seconds = draft.window === undefined ? DEFAULT_WINDOW : Number(draft.window.seconds);
  const unit = [...UNITS].reverse().find((one) => seconds % one === 0) ?? 1;
  return { amount: seconds / unit, unit };
}

/** Returns the draft with another window. */
export function withWindow(draft: FunnelDefinition, amount: number, unit: number): FunnelDefinition {
  const next = clone(FunnelDefinitionSchema, draft);
  const seconds = Math.round(amount * unit);
  return create(FunnelDefinitionSchema, {
    stages: next.stages,
    entity: next.entity,
    order: next.order,
    window: { seconds: BigInt(seconds) },
  });
}

/** Returns what tells one version of a saved funnel from another of the same name: when it was saved. */
export function versionOf(savedAt: Timestamp | undefined): string {
  return savedAt === undefined ? "" : `${String(savedAt.seconds)}.${String(savedAt.nanos)}`;
}
