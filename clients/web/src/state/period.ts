/** The period of the page: from the address, the session's zone and the time. */
import { computed, signal } from "@preact/signals";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "../wire/timestamps";
import type { FilterSchema } from "@contract/answer_pb.js";
import { ComparisonMode, Weekday } from "@contract/time_pb.js";
import type { ComparisonSchema, TimeRangeSchema } from "@contract/time_pb.js";
import { comparison, filter, misunderstood, param, range } from "./address";
import { preferences, session } from "./session";
import { addDays, dayOf, daysBetween, firstOfMonth, startOfDay } from "./zone";

const QUARTER = 900_000;

/** A period: its first instant and the first one after it. Days are set where it consists of whole ones. */
export interface Period {
  start: number;
  end: number;
  /** First and last day, both included. */
  days?: { from: string; to: string };
}

/** By how much the service's clock is ahead of the browser's. */
export const clockAhead = signal(0);

/** The service's time, as far as the page knows. */
export function now(): number {
  return Date.now() + clockAhead.value;
}

/** Changes each quarter of an hour, so that running periods move on. */
export const quarter = signal(0);

/** Begins to follow the time. */
export function followTime(): void {
  const tick = (): void => {
    quarter.value = Math.floor(now() / QUARTER);
  };
  tick();
  setInterval(tick, 5_000);
}

/** The zone of the page: of the address, of the person, of the organization. */
export const zone = computed(() => {
  const asked = misunderstood.value.includes("tz") ? "" : param("tz");
  return asked || preferences.value?.timeZone || session.value?.organization?.timeZone || "UTC";
});

/** The day on which weeks begin, 1 for Monday to 7. */
export const weekStart = computed(() => session.value?.organization?.weekStart || Weekday.MONDAY);

function daysOf(name: string, today: string): { from: string; to: string } {
  switch (name) {
    case "today":
      return { from: today, to: today };
    case "yesterday":
      return { from: addDays(today, -1), to: addDays(today, -1) };
    case "7d":
      return { from: addDays(today, -6), to: today };
    case "90d":
      return { from: addDays(today, -89), to: today };
    case "month":
      return { from: firstOfMonth(today), to: addDays(firstOfMonth(today, 1), -1) };
    case "lastmonth":
      return { from: firstOfMonth(today, -1), to: addDays(firstOfMonth(today), -1) };
    case "year":
      return { from: `${today.slice(0, 4)}-01-01`, to: `${today.slice(0, 4)}-12-31` };
    case "28d":
      return { from: addDays(today, -27), to: today };
    default: {
      const [from = today, to = today] = name.split("..");
      return { from, to };
    }
  }
}

/** Returns the period that a range means at an instant. */
export function periodOf(name: string, zoneName: string, instant: number): Period {
  if (name === "24h") {
    const end = Math.ceil(instant / QUARTER) * QUARTER;
    return { start: end - 96 * QUARTER, end };
  }
  const days = daysOf(name, dayOf(instant, zoneName));
  return { start: startOfDay(days.from, zoneName), end: startOfDay(addDays(days.to, 1), zoneName), days };
}

/** The period of the page. */
export const period = computed<Period>(() =>
  periodOf(range.value, zone.value, Math.max(now(), quarter.value * QUARTER)),
);

/** How many days the period has on the calendar, at least one. */
export const dayCount = computed(() => {
  const { days, start, end } = period.value;
  return days === undefined ? Math.max(1, Math.round((end - start) / 86_400_000)) : daysBetween(days.from, days.to) + 1;
});

/** Returns a period as the contract has it. */
export function timeRangeOf(asked: Period, zoneName: string): MessageInitShape<typeof TimeRangeSchema> {
  return { start: timestampFromMs(asked.start), end: timestampFromMs(asked.end), timeZone: zoneName };
}

/** The page's period in the contract's form. */
export const timeRange = computed(() => timeRangeOf(period.value, zone.value));

const MODES: Readonly<Record<string, ComparisonMode>> = {
  previous: ComparisonMode.PREVIOUS_PERIOD,
  week: ComparisonMode.PREVIOUS_WEEK,
  year: ComparisonMode.PREVIOUS_YEAR,
};

/** Returns a comparison in the contract's form; undefined for none. */
export function comparisonOf(name: string, zoneName: string): MessageInitShape<typeof ComparisonSchema> | undefined {
  const mode = MODES[name];
  if (mode !== undefined) return { mode };
  if (!name.includes("..")) return undefined;
  const [from = "", to = ""] = name.split("..");
  return {
    mode: ComparisonMode.CUSTOM,
    start: timestampFromMs(startOfDay(from, zoneName)),
    end: timestampFromMs(startOfDay(addDays(to, 1), zoneName)),
  };
}

/** The page's comparison in the contract's form. */
export const comparisonAsked = computed(() => comparisonOf(comparison.value, zone.value));

/** Returns a filter of one dimension in the contract's form. */
export function filterOf(dimension: string, value: string): MessageInitShape<typeof FilterSchema> {
  if (dimension === "agent") return { agentId: value };
  if (dimension === "channel") return { channel: value };
  if (dimension === "team") return { teamId: value };
  return { dimensions: [{ dimension, value }] };
}

/** The page's filter in the contract's form; undefined for the whole organization. */
export const filterAsked = computed(() =>
  filter.value === undefined ? undefined : filterOf(filter.value.dimension, filter.value.value),
);
