/** What a rule of alerts is in the form, and what a chart shows of it. It is pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AlertCondition, AlertObservation, AlertRule, MuteWindow } from "@contract/alert_service_pb.js";
import { AlertConditionSchema, AlertDirection, AlertRuleSchema, MuteWindowSchema } from "@contract/alert_service_pb.js";
import { FilterSchema } from "@contract/answer_pb.js";
import type { Filter } from "@contract/answer_pb.js";
import { clone, create } from "../wire";
import type { Bucket, ChartLimit } from "../charts/prepare";
import { metricInfo, ms } from "../contract";
import { t } from "../text";
import { DELAY, inMinutes, minutes, span } from "./alertSpans";

export type Kind = NonNullable<AlertCondition["kind"]["case"]>;
export type LimitName = "warning" | "critical" | "lowWarning" | "lowCritical";

export const KINDS: readonly Kind[] = ["value", "change", "anomaly", "forecast", "absence", "budget"];
export const MOST_MUTES = 20;
/** The limits have two sides. */
export const OUTSIDE: number = AlertDirection.OUTSIDE;
const MINUTE = 60_000;
const LIMITS: readonly LimitName[] = ["warning", "critical", "lowWarning", "lowCritical"];

type MessageInit = Exclude<MessageInitShape<typeof AlertConditionSchema>, AlertCondition>;

/** A rule as the form has it. Spans are in minutes. */
export interface Draft {
  name: string;
  description: string;
  metric: string;
  /** How a part of the organization is looked at: all of it, each value of a dimension, or one value. */
  how: "all" | "each" | "one";
  dimension: string;
  value: string;
  window: number;
  hold: number;
  kind: Kind;
  baseline: number;
  within: number;
  budget: number;
  direction: number;
  limits: Partial<Record<LimitName, number>>;
  hysteresis: number;
  /** Of how many samples a window has to be made; 0 leaves that to the service. */
  samples: number;
  noData: number;
  /** After how long without data incidents end, and people are reminded; 0 is never. */
  close: number;
  remind: number;
  delay: number;
  severity: number;
  runbookUrl: string;
  destinationIds: string[];
  mutes: MuteWindow[];
  timeZone: string;
  /** The rule as it is stored: what the form does not show stays as it is. */
  kept?: AlertRule | undefined;
}

/** Returns how many samples a typed number means: none where it is no such number. */
export function whole(typed: number): number {
  const found = Math.trunc(typed);
  return Number.isSafeInteger(found) ? Math.max(0, found) : 0;
}

/** Returns a rule to begin with, about a metric and a part of the organization. */
export function newDraft(metric: string, part?: { dimension: string; value: string }): Draft {
  return {
    name: "",
    description: "",
    metric,
    how: part === undefined ? "all" : "one",
    dimension: part?.dimension ?? "",
    value: part?.value ?? "",
    window: 60,
    hold: 0,
    kind: "value",
    baseline: 1,
    within: 1440,
    budget: 0,
    direction: AlertDirection.ABOVE,
    limits: {},
    hysteresis: 0,
    samples: 0,
    noData: 1,
    close: 0,
    remind: 0,
    delay: DELAY,
    severity: 2,
    runbookUrl: "",
    destinationIds: [],
    mutes: [],
    timeZone: "",
  };
}

/** Tells whether a rule says anything that most rules leave to the service. */
export function saysMore(draft: Draft): boolean {
  const { hysteresis, samples, close, remind, delay, mutes, timeZone } = draft;
  // One sample is what the service asks of rates itself.
  return (
    hysteresis !== 0 || samples > 1 || close + remind > 0 || delay !== DELAY || mutes.length > 0 || timeZone !== ""
  );
}

/** Returns what changes in the form with another condition: windows that some want, and what has another unit then. */
export function withKind(draft: Draft, kind: Kind): Partial<Draft> {
  const before = draft.kept?.condition;
  return {
    kind,
    hysteresis: before?.kind.case === kind ? before.hysteresis : 0,
    ...(kind === "change" || kind === "anomaly" || kind === "forecast" ? { window: 60 } : {}),
    ...(kind === "absence" ? { samples: 0 } : { metric: draft.metric || "events" }),
  };
}

/** Returns what changes in the form with another metric: rates need a sample, which counts do not. */
export function withMetric(draft: Draft, metric: string): Partial<Draft> {
  return { metric, samples: draft.samples > 1 ? draft.samples : 0 };
}

/** Returns a time in which nobody is told: a night. */
export function newMute(): MuteWindow {
  return create(MuteWindowSchema, { cron: "0 22 * * *", duration: minutes(480) });
}

function partOf(rule: AlertRule): Pick<Draft, "how" | "dimension" | "value"> {
  if (rule.groupBy !== "") return { how: "each", dimension: rule.groupBy, value: "" };
  const { agentId = "", channel = "", teamId = "", dimensions = [] } = rule.filter ?? {};
  const named = [
    { dimension: "agent", value: agentId },
    { dimension: "channel", value: channel },
    { dimension: "team", value: teamId },
    ...dimensions,
  ].filter(({ value }) => value !== "");
  const [one] = named;
  return one === undefined
    ? { how: "all", dimension: "", value: "" }
    : { how: "one", dimension: one.dimension, value: one.value };
}

/** Tells whether a rule is about two dimensions together, which the form shows and does not change. */
export function isPair({ kept }: Draft): boolean {
  const filter = kept?.filter;
  if (filter === undefined) return false;
  return [filter.agentId, filter.channel, filter.teamId].filter(Boolean).length + filter.dimensions.length > 1;
}

/** Returns a stored rule as the form has it. */
export function draftOf(rule: AlertRule): Draft {
  const { condition } = rule;
  const kind = condition?.kind;
  const limits: Draft["limits"] = {};
  for (const name of LIMITS) {
    const limit = condition?.[name];
    if (limit !== undefined) limits[name] = limit;
  }
  return {
    ...newDraft(rule.metric),
    ...partOf(rule),
    name: rule.name,
    description: rule.description,
    window: inMinutes(rule.window),
    hold: inMinutes(rule.holdFor),
    kind: kind?.case ?? "value",
    baseline: kind?.case === "change" ? kind.value.baseline : 1,
    within: kind?.case === "forecast" ? inMinutes(kind.value.within) : 1440,
    budget: kind?.case === "budget" ? kind.value.budget : 0,
    direction: condition?.direction ?? AlertDirection.ABOVE,
    limits,
    hysteresis: condition?.hysteresis ?? 0,
    samples: Number(rule.minimumSamples),
    noData: rule.noData,
    close: inMinutes(rule.closeAfter),
    remind: inMinutes(rule.remindAfter),
    delay: inMinutes(rule.delay, DELAY),
    severity: rule.severity,
    runbookUrl: rule.runbookUrl,
    destinationIds: rule.destinationIds,
    mutes: rule.muteWindows,
    timeZone: rule.timeZone,
    kept: rule,
  };
}

function conditionOf(draft: Draft): AlertCondition {
  const kept = draft.kept?.condition;
  const condition = create(AlertConditionSchema, {
    kind: kindOf(draft, kept?.kind),
    hysteresis: draft.kind === "absence" ? 0 : draft.hysteresis,
    ...limitsOf(draft),
  });
  // What a newer service has added to conditions.
  if (kept?.$unknown !== undefined) condition.$unknown = kept.$unknown;
  if (draft.kind !== "absence") condition.direction = draft.kind === "budget" ? AlertDirection.ABOVE : draft.direction;
  return condition;
}

function kindOf(draft: Draft, kept: AlertCondition["kind"] | undefined): NonNullable<MessageInit["kind"]> {
  switch (draft.kind) {
    case "change":
      return {
        case: "change",
        value: { ...(kept?.case === "change" ? kept.value : {}), baseline: draft.baseline },
      };
    case "anomaly":
      return kept?.case === "anomaly" ? kept : { case: "anomaly", value: {} };
    case "forecast": {
      const before = kept?.case === "forecast" ? kept.value : undefined;
      return { case: "forecast", value: { ...before, within: span(draft.within, before?.within, 0) ?? minutes(0) } };
    }
    case "budget":
      return { case: "budget", value: { ...(kept?.case === "budget" ? kept.value : {}), budget: draft.budget } };
    case "absence":
      return kept?.case === "absence" ? kept : { case: "absence", value: {} };
    case "value":
      return kept?.case === "value" ? kept : { case: "value", value: {} };
  }
}

function filterOf(draft: Draft): Filter | undefined {
  const { kept, how, dimension, value } = draft;
  if (kept !== undefined) {
    const before = partOf(kept);
    if (before.how === how && before.dimension === dimension && before.value === value) return kept.filter;
  }
  return how === "one" ? create(FilterSchema, { dimensions: [{ dimension, value }] }) : undefined;
}

function samplesOf({ samples, kept }: Draft): bigint {
  return kept !== undefined && Number(kept.minimumSamples) === samples ? kept.minimumSamples : BigInt(samples);
}

/** Returns the rule that a form stands for. The service chooses steps where the window or the condition is another one. */
export function ruleOf(draft: Draft): AlertRule {
  const { kept } = draft;
  const rule = kept === undefined ? create(AlertRuleSchema, {}) : clone(AlertRuleSchema, kept);
  const isAsBefore = kept?.condition?.kind.case === draft.kind && inMinutes(kept.window) === draft.window;
  if (!isAsBefore) delete rule.step;
  const parts = {
    window: span(draft.window, kept?.window, 0),
    holdFor: span(draft.hold, kept?.holdFor, 0),
    closeAfter: span(draft.close, kept?.closeAfter, 0),
    remindAfter: span(draft.remind, kept?.remindAfter, 0),
    delay: span(draft.delay, kept?.delay, DELAY),
    filter: filterOf(draft),
  };
  return {
    ...rule,
    ...parts,
    name: draft.name,
    description: draft.description,
    metric: draft.kind === "absence" ? "" : draft.metric,
    groupBy: draft.how === "each" ? draft.dimension : "",
    condition: conditionOf(draft),
    minimumSamples: samplesOf(draft),
    noData: draft.noData,
    severity: draft.severity,
    runbookUrl: draft.runbookUrl,
    destinationIds: draft.destinationIds,
    muteWindows: draft.mutes,
    timeZone: draft.timeZone,
  };
}

/** Returns the limits that go with the direction of a rule. */
export function limitsOf({ limits, direction, kind }: Draft): Draft["limits"] {
  if (kind === "absence") return {};
  const names = direction === OUTSIDE && kind !== "budget" ? LIMITS : LIMITS.slice(0, 2);
  return Object.fromEntries(names.flatMap((name) => (limits[name] === undefined ? [] : [[name, limits[name]]])));
}

/** Returns the unit of what the chart of a rule shows. */
export function unitOf(draft: Draft): string {
  if (draft.kind === "budget") return "fraction";
  return draft.kind === "absence" ? "1" : metricInfo(draft.metric).unit;
}

/** Tells whether the chart of a rule shows what is compared: else the figure itself, whose axis has no place for limits. */
export function showsMeasured({ kind }: Draft): boolean {
  return kind !== "change" && kind !== "anomaly";
}

/** Returns the limits of a rule as lines of its chart. */
export function chartLimits(draft: Draft): ChartLimit[] {
  if (!showsMeasured(draft)) return [];
  const found = limitsOf(draft);
  return LIMITS.flatMap((name) => {
    const value = found[name];
    const tone = name === "critical" || name === "lowCritical" ? "critical" : "warning";
    return value === undefined ? [] : [{ value, label: t.alerts[name], tone }];
  });
}

/** Returns the buckets of windows, each as wide as a step, and what was found in them. */
export function course(
  draft: Draft,
  observations: readonly AlertObservation[],
): { buckets: Bucket[]; values: (number | null)[] } {
  const ends = observations.map((one) => ms(one.windowEnd));
  const width = ends.length > 1 ? (ends[1] ?? 0) - (ends[0] ?? 0) : MINUTE;
  const measured = showsMeasured(draft);
  return {
    buckets: ends.map((end) => ({ start: end - width, end, partial: "" })),
    values: observations.map((one) => (measured ? one.measured : one.figure) ?? null),
  };
}

/** Returns where incidents lie in a period, as shares of it. */
export function strip(
  incidents: readonly { start: number; end: number | undefined }[],
  start: number,
  end: number,
): { x: number; width: number }[] {
  const whole = end - start;
  return incidents.map((one) => {
    const from = Math.max(0, (one.start - start) / whole);
    const to = Math.min(1, ((one.end ?? end) - start) / whole);
    return { x: from, width: Math.max(0.002, to - from) };
  });
}
