/**
 * Calendar days of any time zone, over Intl. An instant is a number of milliseconds since 1970; a day is its date on the
 * calendar, as "2026-11-28".
 */

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const formats = new Map<string, Intl.DateTimeFormat>();

function clock(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(zone, format);
  }
  return format;
}

/** Returns what the clock on the wall shows, as if it were an instant of UTC. */
export function wall(instant: number, zone: string): number {
  const part: Record<string, number> = {};
  for (const { type, value } of clock(zone).formatToParts(instant)) part[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

const KEPT = 5_000;
const offsets = new Map<string, Map<number, number>>();

/** Returns by how much the clock is ahead of UTC, in milliseconds. Charts ask for the same instants again and again. */
export function offset(instant: number, zone: string): number {
  const whole = Math.floor(instant / 1000) * 1000;
  let known = offsets.get(zone);
  if (known === undefined) offsets.set(zone, (known = new Map<number, number>()));
  let found = known.get(whole);
  if (found === undefined) {
    found = wall(whole, zone) - whole;
    if (known.size >= KEPT) known.clear();
    known.set(whole, found);
  }
  return found;
}

/** Returns the date on the calendar of an instant. */
export function dayOf(instant: number, zone: string): string {
  return new Date(wall(instant, zone)).toISOString().slice(0, 10);
}

/** Returns the first instant of a day: midnight, or where the clocks skip it, the first instant after. */
export function startOfDay(day: string, zone: string): number {
  const midnight = Date.parse(`${day}T00:00:00Z`);
  const candidates = [offset(midnight - DAY, zone), offset(midnight + DAY, zone)]
    .map((ahead) => midnight - ahead)
    .filter((instant) => wall(instant, zone) === midnight);
  if (candidates.length > 0) return Math.min(...candidates);
  // No clock showed this midnight: the day begins where the clocks were changed.
  let before = midnight - DAY - 14 * HOUR;
  let after = midnight + DAY + 14 * HOUR;
  while (after - before > 1000) {
    const middle = Math.floor((before + after) / 2000) * 1000;
    if (wall(middle, zone) < midnight) before = middle;
    else after = middle;
  }
  return after;
}

/** Returns a day that lies some days later on the calendar; "" where there is no such day. */
export function addDays(day: string, days: number): string {
  const instant = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(instant) ? "" : new Date(instant + days * DAY).toISOString().slice(0, 10);
}

/** Returns the first day of a month that lies some months after that of a day. */
export function firstOfMonth(day: string, months = 0): string {
  const [year = 1970, month = 1] = day.split("-").map(Number);
  return new Date(Date.UTC(year, month - 1 + months, 1)).toISOString().slice(0, 10);
}

/** Returns how many days lie from one to another. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / DAY);
}

/** Tells whether a text is a date of the calendar. */
export function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && addDays(text, 0) === text;
}

/** Tells whether the browser knows a time zone. */
export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}
