/**
 * When schedules run, shown while somebody types: calendar words or five fields of cron, on the clock on the wall of a zone.
 * The service decides; test/report_calendar.json, which its own code has made, holds this to it.
 */
import { addDays, dayOf, offset, wall } from "../state/zone";

const DAY = 86_400_000;
const MINUTE = 60_000;
const LEAST_MINUTES = 5;
/** Days that are looked through: the five next 29ths of February lie within 24 years, 28 where a century has none. */
const FARTHEST_DAYS = 29 * 366;

const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const SHORT_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const SHORT_MONTHS = ["", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const LONGEST = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const TIME = "([01]?\\d|2[0-3]):([0-5]\\d)";
const NAMED = new RegExp(`^(daily|every day|weekdays|weekends|[a-z, ]+?) at ${TIME}$`);
const BY_DAY = new RegExp(`^(monthly|quarterly|yearly) on day ([1-9]|1\\d|2[0-8]) at ${TIME}$`);
const HOURLY = /^hourly at :([0-5]\d)$/;
const MONTHS: Readonly<Record<string, string>> = { monthly: "*", quarterly: "1,4,7,10", yearly: "1" };
const GROUPS: Readonly<Record<string, string>> = { daily: "*", "every day": "*", weekdays: "1-5", weekends: "6,7" };

function weekdays(text: string): string | undefined {
  const words = text.replace(/^every /, "").replace(/^weekly on /, "");
  const numbers = words.split(/, | and /).map((word) => DAYS.indexOf(word.replace(/s$/, "")) + 1);
  return numbers.includes(0) ? undefined : [...new Set(numbers)].sort().join(",");
}

/** Returns the cron expression of calendar words, or the text itself where it is none of these. */
export function cronOf(said: string): string {
  const text = said.toLowerCase().split(/\s+/).filter(Boolean).join(" ");
  const hourly = HOURLY.exec(text);
  if (hourly !== null) return `${String(Number(hourly[1]))} * * * *`;
  const byDay = BY_DAY.exec(text);
  if (byDay !== null) {
    const [, unit = "", day = "", hour = "", minute = ""] = byDay;
    return `${String(Number(minute))} ${String(Number(hour))} ${day} ${MONTHS[unit] ?? "*"} *`;
  }
  const [, days = "", hour = "", minute = ""] = NAMED.exec(text) ?? [];
  const found = days === "" ? undefined : (GROUPS[days] ?? weekdays(days));
  return found === undefined ? text : `${String(Number(minute))} ${String(Number(hour))} * * ${found}`;
}

interface Cron {
  minutes: readonly number[];
  hours: readonly number[];
  days: ReadonlySet<number>;
  months: ReadonlySet<number>;
  /** 1 for Monday to 7. */
  weekdays: ReadonlySet<number>;
  everyHour: boolean;
  eitherDay: boolean;
}

function numberOf(text: string, names: readonly string[]): number {
  const at = names.indexOf(text);
  if (text !== "" && at >= 0) return at;
  return /^\d+$/.test(text) ? Number(text) : NaN;
}

/** Returns the numbers that a field stands for; undefined where it is none. */
function numbers(field: string, least: number, most: number, names: readonly string[] = []): number[] | undefined {
  const found = new Set<number>();
  for (const part of field.split(",")) {
    const [span = "", step, more] = part.split("/");
    const width = step === undefined ? 1 : /^\d+$/.test(step) ? Number(step) : 0;
    const [start = "", end, others] = span.split("-");
    const first = span === "*" ? least : numberOf(start, names);
    const last = span === "*" ? most : end !== undefined ? numberOf(end, names) : step !== undefined ? most : first;
    const isSpan = least <= first && first <= last && last <= most;
    if (more !== undefined || others !== undefined || width < 1 || !isSpan) return undefined;
    for (let one = first; one <= last; one += width) found.add(one);
  }
  return [...found].sort((a, b) => a - b);
}

/** Returns a parsed expression; undefined where it is none, never comes, or comes more often than reports may run. */
function parsed(text: string): Cron | undefined {
  const fields = text.split(" ");
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = fields;
  const minutes = numbers(minute, 0, 59);
  const hours = numbers(hour, 0, 23);
  const days = numbers(day, 1, 31);
  const months = numbers(month, 1, 12, SHORT_MONTHS);
  const ofWeek = numbers(weekday, 0, 7, SHORT_DAYS);
  if (fields.length !== 5 || !minutes || !hours || !days || !months || !ofWeek) return undefined;
  const eitherDay = !day.startsWith("*") && !weekday.startsWith("*");
  const longest = Math.max(...months.map((one) => LONGEST[one] ?? 0));
  if (!eitherDay && (days[0] ?? 0) > longest) return undefined;
  const pauses = minutes.map((one, i) => (minutes[i + 1] ?? (minutes[0] ?? 0) + 60) - one);
  if (Math.min(...pauses) < LEAST_MINUTES) return undefined;
  return {
    minutes,
    hours,
    days: new Set(days),
    months: new Set(months),
    weekdays: new Set(ofWeek.map((one) => one || 7)),
    everyHour: hour.startsWith("*"),
    eitherDay,
  };
}

function matches(cron: Cron, day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  if (!cron.months.has(date.getUTCMonth() + 1)) return false;
  const byMonth = cron.days.has(date.getUTCDate());
  const byWeek = cron.weekdays.has(date.getUTCDay() || 7);
  return cron.eitherDay ? byMonth || byWeek : byMonth && byWeek;
}

/** Returns the first instant after a gap, whose bounds are given: the first minute with another offset. */
function endOfGap(from: number, to: number, zone: string): number {
  const before = offset(from, zone);
  let low = 0;
  let high = Math.round((to - from) / MINUTE);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (offset(from + middle * MINUTE, zone) === before) low = middle + 1;
    else high = middle;
  }
  return from + low * MINUTE;
}

/** Returns when the clock on the wall shows a time: once, twice, or where the clocks skip it, the first instant after. */
function occurrences(shown: number, zone: string, all: boolean): number[] {
  const meant = [shown - offset(shown - DAY, zone), shown - offset(shown + DAY, zone)].sort((a, b) => a - b);
  const found = [...new Set(meant)].filter((one) => wall(one, zone) === shown);
  if (found.length > 0) return all ? found : found.slice(0, 1);
  return all ? [] : [endOfGap(meant[0] ?? shown, meant[1] ?? shown, zone)];
}

function instants(cron: Cron, day: string, zone: string): number[] {
  const midnight = Date.parse(`${day}T00:00:00Z`);
  const found = cron.hours.flatMap((hour) =>
    cron.minutes.flatMap((minute) => occurrences(midnight + (hour * 60 + minute) * MINUTE, zone, cron.everyHour)),
  );
  return [...new Set(found)].sort((a, b) => a - b);
}

/** Returns the next instants of a schedule after one; undefined where the text is no schedule. */
export function nextRuns(said: string, zone: string, after: number, count = 5): number[] | undefined {
  const cron = parsed(cronOf(said));
  if (cron === undefined) return undefined;
  const found: number[] = [];
  // What falls into a gap at midnight belongs to the day before.
  let day = addDays(dayOf(after, zone), -1);
  for (let n = 0; n < FARTHEST_DAYS && found.length < count; n += 1) {
    if (matches(cron, day)) found.push(...instants(cron, day, zone).filter((one) => one > (found.at(-1) ?? after)));
    day = addDays(day, 1);
  }
  return found.slice(0, count);
}
