/** What a rule of alerts is in the form, and what a chart shows of it. It is pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AlertCondition, AlertObservation, AlertRule } from "@contract/alert_service_pb.js";
import { AlertConditionSchema, AlertDirection, AlertRuleSchema } from "@contract/alert_service_pb.js";
import { clone, create } from "../wire";
import type { Bucket, ChartLimit } from "../charts/prepare";
import { metricInfo, ms } from "../contract";
import { t } from "../text";

export type Kind = NonNullable<AlertCondition["kind"]["case"]>;
export type LimitName = "warning" | "critical" | "lowWarning" | "lowCritical";

export const KINDS: readonly Kind[] = ["value", "change", "anomaly", "forecast", "absence", "budget"];
export const WINDOWS: readonly number[] = [1, 5, 10, 15, 30, 60, 180, 360, 720, 1440, 10_080];
export const HOLDS: readonly number[] = [0, 1, 5, 10, 15, 30, 60, 180, 720, 1440];
export const AHEAD: readonly number[] = [60, 360, 1440, 4320, 10_080, 43_200];
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
  noData: number;
  severity: number;
  runbookUrl: string;
  destinationIds: string[];
  /** The rule as it is stored: what the form does not show stays as it is. */
  kept?: AlertRule | undefined;
}

function minutes(n: number): { seconds: bigint; nanos: number } {
  return { seconds: BigInt(Math.round(n * 60)), nanos: 0 };
}

function inMinutes(duration: { seconds: bigint } | undefined): number {
  return Number(duration?.seconds ?? 0n) / 60;
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
    noData: 1,
    severity: 2,
    runbookUrl: "",
    destinationIds: [],
  };
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
    noData: rule.noData,
    severity: rule.severity,
    runbookUrl: rule.runbookUrl,
    destinationIds: rule.destinationIds,
    kept: rule,
  };
}

function conditionOf(draft: Draft): AlertCondition {
  const kept = draft.kept?.condition;
  const condition = create(AlertConditionSchema, {
    kind: kindOf(draft, kept?.kind),
    hysteresis: kept?.kind.case === draft.kind ? kept.hysteresis : 0,
    ...limitsOf(draft),
  });
  if (draft.kind !== "absence") condition.direction = draft.kind === "budget" ? AlertDirection.ABOVE : draft.direction;
  return condition;
}

function kindOf(draft: Draft, kept: AlertCondition["kind"] | undefined): NonNullable<MessageInit["kind"]> {
  switch (draft.kind) {
    case "change":
      return { case: "change", value: { baseline: draft.baseline } };
    case "anomaly":
      return kept?.case === "anomaly" ? kept : { case: "anomaly", value: {} };
    case "forecast":
      return { case: "forecast", value: { within: minutes(draft.within) } };
    case "budget":
      return { case: "budget", value: { budget: draft.budget } };
    case "absence":
      return { case: "absence", value: {} };
    case "value":
      return { case: "value", value: {} };
  }
}

/** Returns the rule that a form stands for. The service chooses steps where the window or the condition is another one. */
export function ruleOf(draft: Draft): AlertRule {
  const { kept } = draft;
  const rule = kept === undefined ? create(AlertRuleSchema, {}) : clone(AlertRuleSchema, kept);
  const isAsBefore = kept?.condition?.kind.case === draft.kind && inMinutes(kept.window) === draft.window;
  if (!isAsBefore) delete rule.step;
  if (!isPair(draft)) delete rule.filter;
  const { filter, holdFor, window } = create(AlertRuleSchema, {
    window: minutes(draft.window),
    holdFor: minutes(draft.hold),
    ...(draft.how === "one" ? { filter: { dimensions: [{ dimension: draft.dimension, value: draft.value }] } } : {}),
  });
  return {
    ...rule,
    name: draft.name,
    description: draft.description,
    metric: draft.kind === "absence" ? "" : draft.metric,
    groupBy: draft.how === "each" ? draft.dimension : "",
    noData: draft.noData,
    severity: draft.severity,
    runbookUrl: draft.runbookUrl,
    destinationIds: draft.destinationIds,
    condition: conditionOf(draft),
    window,
    holdFor,
    filter: isPair(draft) ? rule.filter : filter,
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
