/**
 * Periods of reports by their names, as the service takes them (docs/reports.md): a preview asks for the same days as a run.
 * test/report_calendar.json, which the service's own code has made, holds them.
 */
import { addDays, dayOf, daysBetween, firstOfMonth, isDay, startOfDay } from "../state/zone";

const DEFAULT_RANGE = "last_full_week";
const DEFAULT_COMPARISON = "previous";
const BEFORE_TODAY: Readonly<Record<string, number>> = {
  yesterday: 1,
  last_7_days: 7,
  last_28_days: 28,
  last_90_days: 90,
};
const MONTHS: Readonly<Record<string, number>> = { month: 1, quarter: 3, year: 12 };
const UNITS = ["week", "month", "quarter", "year"] as const;

/** All names of ranges. */
export const REPORT_RANGES: readonly string[] = [
  "today",
  ...Object.keys(BEFORE_TODAY),
  ...UNITS.map((unit) => `last_full_${unit}`),
  ...UNITS.map((unit) => `${unit}_to_date`),
];
export const REPORT_COMPARISONS = ["previous", "week", "year", "none"] as const;

/** Days of the calendar: the first, and the one after the last. */
interface Days {
  first: string;
  end: string;
}

/** A period as blocks are asked for it: instants of its bounds, and of those that it is compared with. */
export interface ReportBounds {
  start: number;
  end: number;
  earlier: { start: number; end: number } | undefined;
}

/** Returns two days such as "2026-11-01..2026-11-28", both included; undefined for any other text. */
function fixedDays(text: string): Days | undefined {
  const [first = "", last = "", more] = text.split("..");
  return more === undefined && isDay(first) && isDay(last) && first <= last
    ? { first, end: addDays(last, 1) }
    : undefined;
}

/** Tells whether a text names a period. */
export function isReportRange(text: string): boolean {
  return REPORT_RANGES.includes(text) || fixedDays(text) !== undefined;
}

/** Tells whether a text names a comparison. */
export function isReportComparison(text: string): boolean {
  return (REPORT_COMPARISONS as readonly string[]).includes(text) || fixedDays(text) !== undefined;
}

/** The weekday of a date, 0 for Monday. */
function weekdayOf(day: string): number {
  return (new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7;
}

/** Returns the first day of the unit of the calendar that holds a day. Weeks begin on a weekday, 1 for Monday. */
function unitStart(unit: string, day: string, weekStart: number): string {
  const months = MONTHS[unit];
  if (months === undefined) return addDays(day, -((weekdayOf(day) - (weekStart - 1) + 7) % 7));
  const month = Number(day.slice(5, 7)) - 1;
  return firstOfMonth(day, Math.floor(month / months) * months - month);
}

function unitBefore(unit: string, first: string): string {
  const months = MONTHS[unit];
  return months === undefined ? addDays(first, -7) : firstOfMonth(first, -months);
}

function named(name: string, today: string, weekStart: number): Days {
  const fixed = fixedDays(name);
  if (fixed !== undefined) return fixed;
  if (name === "today") return { first: today, end: addDays(today, 1) };
  const before = BEFORE_TODAY[name];
  if (before !== undefined) return { first: addDays(today, -before), end: today };
  if (name.startsWith("last_full_")) {
    const unit = name.slice("last_full_".length);
    const end = unitStart(unit, today, weekStart);
    return { first: unitBefore(unit, end), end };
  }
  return { first: unitStart(name.replace("_to_date", ""), today, weekStart), end: addDays(today, 1) };
}

/** The same date a year earlier; 28 February for the 29th. */
function yearBefore(day: string): string {
  const year = String(Number(day.slice(0, 4)) - 1).padStart(4, "0");
  const found = `${year}${day.slice(4)}`;
  return isDay(found) ? found : `${year}-02-28`;
}

function earlierDays(name: string, comparison: string, days: Days): Days | undefined {
  const length = daysBetween(days.first, days.end);
  if (comparison === "none") return undefined;
  if (comparison === "week") return { first: addDays(days.first, -7), end: addDays(days.end, -7) };
  if (comparison === "year") return { first: yearBefore(days.first), end: yearBefore(days.end) };
  if (comparison !== "previous") return fixedDays(comparison);
  if (name.startsWith("last_full_")) return { first: unitBefore(name.slice(10), days.first), end: days.first };
  if (name.endsWith("_to_date")) {
    const first = unitBefore(name.replace("_to_date", ""), days.first);
    const end = addDays(first, length);
    return { first, end: end < days.first ? end : days.first };
  }
  return { first: addDays(days.first, -length), end: days.first };
}

function interval({ first, end }: Days, zone: string): { start: number; end: number } {
  return { start: startOfDay(first, zone), end: startOfDay(end, zone) };
}

/** Returns the bounds of a period at an instant; empty names are the defaults. Undefined: the names mean nothing. */
export function reportBounds(
  range: string,
  comparison: string,
  zone: string,
  at: number,
  weekStart: number,
): ReportBounds | undefined {
  const name = range || DEFAULT_RANGE;
  const compared = comparison || DEFAULT_COMPARISON;
  if (!isReportRange(name) || !isReportComparison(compared)) return undefined;
  const days = named(name, dayOf(at, zone), weekStart);
  const earlier = earlierDays(name, compared, days);
  return { ...interval(days, zone), earlier: earlier === undefined ? undefined : interval(earlier, zone) };
}
