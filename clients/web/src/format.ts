/** Numbers, money, durations and times as people read them. An absent figure is a dash. */
import { locale, t } from "./text";

/** What a figure is measured in, as the catalogue spells it, and how it is shown. */
export type Unit = string;

export const ABSENT = "–";
export const COMPACT_FROM = 100_000;

const cache = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>();

function numbers(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `n${locale}${JSON.stringify(options)}`;
  let format = cache.get(key) as Intl.NumberFormat | undefined;
  if (format === undefined) cache.set(key, (format = new Intl.NumberFormat(locale, options)));
  return format;
}

function dates(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `d${locale}${JSON.stringify(options)}`;
  let format = cache.get(key) as Intl.DateTimeFormat | undefined;
  if (format === undefined) cache.set(key, (format = new Intl.DateTimeFormat(locale, options)));
  return format;
}

/** The organization's currency, which every answer names. */
export const money = { currency: "USD" };

/** A figure in parts, so that its unit can be smaller. */
export interface Shown {
  text: string;
  unit: string;
}

const DURATIONS: readonly [number, keyof typeof t.units][] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1000, "s"],
];

/** Three digits that say something, none after the point from 100 on. */
function digits(value: number): Intl.NumberFormatOptions {
  const size = Math.abs(value);
  return { maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 2 };
}

function duration(ms: number): Shown {
  for (const [length, unit] of DURATIONS) {
    if (Math.abs(ms) >= length * (unit === "s" ? 1 : 2) || (unit === "min" && Math.abs(ms) >= length * 2)) {
      return { text: numbers(digits(ms / length)).format(ms / length), unit: t.units[unit] };
    }
  }
  return { text: numbers({ maximumFractionDigits: 0 }).format(ms), unit: t.units.ms };
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

function bytes(value: number): Shown {
  let rank = 0;
  let size = value;
  while (Math.abs(size) >= 1024 && rank < BYTE_UNITS.length - 1) {
    size /= 1024;
    rank += 1;
  }
  return {
    text: numbers(rank === 0 ? { maximumFractionDigits: 0 } : digits(size)).format(size),
    unit: BYTE_UNITS[rank] ?? "",
  };
}

function micros(value: number, compact: boolean, currency = money.currency): string {
  const amount = value / 1e6;
  const small = amount !== 0 && Math.abs(amount) < 0.095;
  return numbers({
    style: "currency",
    currency,
    ...(compact && Math.abs(amount) >= COMPACT_FROM ? { notation: "compact", maximumFractionDigits: 1 } : {}),
    ...(small ? { maximumSignificantDigits: 2 } : {}),
  }).format(amount);
}

/** Returns a figure for a card or an axis. */
export function shown(
  value: number | undefined | null,
  unit: Unit,
  { compact = true, from = COMPACT_FROM } = {},
): Shown {
  if (value === undefined || value === null || Number.isNaN(value)) return { text: ABSENT, unit: "" };
  switch (unit) {
    case "fraction":
      return {
        text: numbers({ style: "percent", maximumFractionDigits: 1, minimumFractionDigits: 1 }).format(value),
        unit: "",
      };
    case "ms":
      return duration(value);
    case "By":
    case "bytes":
      return bytes(value);
    case "micros":
      return { text: micros(value, compact), unit: "" };
    case "rating":
      return { text: numbers({ minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(value), unit: t.units.per };
    default: {
      const whole = Number.isInteger(value);
      const options: Intl.NumberFormatOptions =
        compact && Math.abs(value) >= from
          ? { notation: "compact", maximumFractionDigits: 1 }
          : whole
            ? {}
            : digits(value);
      return { text: numbers(options).format(value), unit: "" };
    }
  }
}

/** Returns a figure in one text, in full unless it is compact. */
export function figure(value: number | undefined | null, unit: Unit, compact = false): string {
  const parts = shown(value, unit, { compact });
  return parts.unit === "" ? parts.text : `${parts.text} ${parts.unit}`;
}

/** Returns an amount in a currency of its own, of which value is in millionths. */
export function amountIn(value: number, currency: string): string {
  return micros(value, false, currency);
}

/** Returns a whole number. */
export function count(value: number | bigint): string {
  return numbers({}).format(value);
}

/** Returns a share of one as percent. */
export function percent(value: number, places = 1): string {
  return numbers({ style: "percent", maximumFractionDigits: places }).format(value);
}

/** How a figure has changed: direction, what to show, and whether that is good. */
export interface Changed {
  direction: -1 | 0 | 1;
  text: string;
}

const LEAST = 0.05;

/** Compares two figures: rates change in points, everything else in percent. Undefined: nothing to compare with. */
export function changed(now: number | undefined, before: number | undefined, unit: Unit): Changed | undefined {
  if (now === undefined || before === undefined) return undefined;
  const inPoints = unit === "fraction";
  if (!inPoints && before === 0) return undefined;
  const by = inPoints ? (now - before) * 100 : ((now - before) / Math.abs(before)) * 100;
  const direction = Math.abs(by) < LEAST ? 0 : by > 0 ? 1 : -1;
  const number = numbers({ maximumFractionDigits: 1, signDisplay: direction === 0 ? "never" : "always" }).format(
    direction === 0 ? 0 : by,
  );
  return { direction, text: `${number} ${inPoints ? t.card.points : "%"}` };
}

/** Writes a difference with its sign: that of rates in points. */
export function signed(by: number, unit: Unit): string {
  if (unit === "fraction") {
    const points = Math.abs(by * 100) < LEAST ? 0 : by * 100;
    return `${numbers({ maximumFractionDigits: 1, signDisplay: "exceptZero" }).format(points)} ${t.card.points}`;
  }
  return `${by > 0 ? "+" : by < 0 ? "−" : ""}${figure(Math.abs(by), unit, true)}`;
}

/** Tells whether a change is for the better, by which direction is; undefined where neither is, or nothing has changed. */
export function isBetter(change: -1 | 0 | 1, better: string): boolean | undefined {
  if (better === "" || change === 0) return undefined;
  return (change === 1) === (better === "+");
}

/** Returns a day of the calendar, as "28 Nov 2026". `day` is its date. */
export function day(date: string, { year = true, weekday = false } = {}): string {
  return dates({
    timeZone: "UTC",
    day: "numeric",
    month: "short",
    ...(year ? { year: "numeric" } : {}),
    ...(weekday ? { weekday: "short" } : {}),
  }).format(Date.parse(`${date}T12:00:00Z`));
}

/** Returns the days from one to another, as "1 – 28 Nov 2026". */
export function days(from: string, to: string): string {
  if (from === to) return day(from);
  const format = dates({ timeZone: "UTC", day: "numeric", month: "short", year: "numeric" });
  return format.formatRange(Date.parse(`${from}T12:00:00Z`), Date.parse(`${to}T12:00:00Z`));
}

/** Returns an instant on the wall of a zone. */
export function instant(
  ms: number,
  zone: string,
  options: Intl.DateTimeFormatOptions = { dateStyle: "medium", timeStyle: "short" },
): string {
  return dates({ timeZone: zone, ...options }).format(ms);
}

/** Returns the time of the day of an instant. */
export function time(ms: number, zone: string, seconds = false): string {
  return instant(ms, zone, seconds ? { timeStyle: "medium" } : { timeStyle: "short" });
}

function relatives(): Intl.RelativeTimeFormat {
  const key = `r${locale}`;
  let format = cache.get(key) as Intl.RelativeTimeFormat | undefined;
  if (format === undefined)
    cache.set(key, (format = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "narrow" })));
  return format;
}

/** Returns how long ago something was, in words. */
export function ago(ms: number): string {
  const relative = relatives();
  const seconds = Math.round(ms / 1000);
  if (seconds < 5) return relative.format(0, "second");
  if (seconds < 60) return relative.format(-seconds, "second");
  if (seconds < 3600) return relative.format(-Math.round(seconds / 60), "minute");
  if (seconds < 86_400) return relative.format(-Math.round(seconds / 3600), "hour");
  return relative.format(-Math.round(seconds / 86_400), "day");
}
