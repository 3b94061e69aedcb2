/** Which field of the form of a rule a refusal is about. It is pure. */

/** The fields of the form, by the names of their texts. */
export type FieldId = (typeof FIELDS)[keyof typeof FIELDS];

const FIELDS = {
  name: "name",
  description: "description",
  metric: "metric",
  filter: "value",
  group_by: "of",
  max_values: "of",
  window: "window",
  step: "window", // The form leaves it to the service, which goes by the window.
  condition: "kind",
  "condition.change.baseline": "baseline",
  "condition.forecast.within": "within",
  "condition.budget.budget": "budget",
  "condition.direction": "direction",
  "condition.warning": "warning",
  "condition.critical": "critical",
  "condition.low_warning": "lowWarning",
  "condition.low_critical": "lowCritical",
  "condition.hysteresis": "hysteresis",
  hold_for: "hold",
  minimum_samples: "samples",
  no_data: "noData",
  close_after: "close",
  remind_after: "remind",
  delay: "delay",
  severity: "severity",
  runbook_url: "runbook",
  destination_ids: "destinations",
  mute_windows: "mutes",
  time_zone: "timeZone",
} as const;

const OF_MORE: readonly string[] = ["hysteresis", "samples", "close", "remind", "delay", "mutes", "timeZone"];

/** What is wrong: with a field, or with none of them. */
export interface RuleProblem {
  id: FieldId | undefined;
  text: string;
}

export const NO_PROBLEM: RuleProblem = { id: undefined, text: "" };

/** Returns the field of the form that a path of the contract is shown in, such as "rule.mute_windows.cron". */
export function fieldOf(path: string): FieldId | undefined {
  const parts = path.split(".");
  if (parts.shift() !== "rule") return undefined;
  for (; parts.length > 0; parts.pop()) {
    const name = parts.join(".");
    if (Object.hasOwn(FIELDS, name)) return FIELDS[name as keyof typeof FIELDS];
  }
  return undefined;
}

/** Tells whether a field is in the part of the form that is closed at first. */
export function isOfMore(id: FieldId | undefined): boolean {
  return id !== undefined && OF_MORE.includes(id);
}
