/**
 * Decides everything about a chart: where lines run, what is dashed, where gaps are, what stands on the axes. It is pure;
 * draw.tsx only puts into SVG what this returns.
 */
import { fromZero } from "./scale";
import type { Scale } from "./scale";
import { offset } from "../state/zone";

/** Why a bucket counts less than its whole width. */
export type Partial = "" | "running" | "cut" | "before";

export interface Bucket {
  start: number;
  end: number;
  partial: Partial;
}

/** What a bucket is expected to come to, with the ends of its interval. */
export interface Expected {
  point: number;
  low: number;
  high: number;
}

export interface ChartSeries {
  key: string;
  label: string;
  /** Number of the colour, 1 to 6, by the rank of the entity; 0 is neutral. */
  color: number;
  /** One figure for each bucket; null is absent. */
  values: readonly (number | null)[];
  /** Figures of the earlier period, bucket by bucket. */
  earlier?: readonly (number | null)[] | undefined;
  /** Points that something is said about, by the places of their buckets. */
  remarks?: ReadonlyMap<number, string> | undefined;
  /** What is expected, bucket by bucket; null where something is known. */
  ahead?: readonly (Expected | null)[] | undefined;
}

/** A line across a chart at a figure. */
export interface ChartLimit {
  value: number;
  label: string;
  tone: "warning" | "critical";
}

export interface ChartInput {
  kind: "line" | "bars";
  /** Drawn as far as they are within the axis, which makes room for those above zero. */
  limits?: readonly ChartLimit[] | undefined;
  buckets: readonly Bucket[];
  earlierBuckets?: readonly Bucket[] | undefined;
  series: readonly ChartSeries[];
  unit: string;
  zone: string;
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

export interface LinePart {
  points: Point[];
  dashed: boolean;
}

export interface PreparedLine {
  key: string;
  color: number;
  earlier: boolean;
  parts: LinePart[];
  /** Points that stand alone between gaps. */
  dots: Point[];
  /** The end of what is still running: a hollow point. */
  hollow?: Point;
  /** Points that something is said about: a ring around each. */
  rings: Point[];
  /** Outline of the area below, of the only series of a chart from zero. */
  area: Point[][];
}

/** What is expected of a line: the outline of its intervals, and its points; both begin at the last whole figure. */
export interface PreparedBand {
  key: string;
  color: number;
  outline: Point[];
  points: Point[];
}

export interface Bar {
  key: string;
  color: number;
  x: number;
  y: number;
  width: number;
  height: number;
  partial: boolean;
}

export interface Marker {
  x: number;
  /** "hours": a day of 23 or 25 hours; "clock": an hour at which the clock is changed. */
  kind: "hours" | "clock";
  /** Length of the day in hours, or by how much the clock is set forward. */
  hours: number;
}

export interface Prepared {
  plot: { left: number; top: number; width: number; height: number };
  y: Scale;
  yTicks: { value: number; y: number }[];
  xTicks: { index: number; x: number }[];
  lines: PreparedLine[];
  bands: PreparedBand[];
  bars: Bar[];
  markers: Marker[];
  limits: (ChartLimit & { y: number })[];
  /** The middle of each bucket. */
  centers: number[];
  slot: number;
}

const TOP = 8;
const BOTTOM = 24;
const RIGHT = 10;
const HOUR = 3_600_000;

function highest(input: ChartInput): number {
  if (input.kind === "bars") {
    return Math.max(
      0,
      ...input.buckets.map((_, i) => input.series.reduce((sum, one) => sum + (one.values[i] ?? 0), 0)),
    );
  }
  let top = Math.max(0, ...(input.limits ?? []).map((one) => one.value));
  for (const one of input.series) {
    for (const value of one.values) top = Math.max(top, value ?? 0);
    for (const value of one.earlier ?? []) top = Math.max(top, value ?? 0);
    for (const value of one.ahead ?? []) top = Math.max(top, value?.high ?? 0);
  }
  return top;
}

/** Cuts a course into solid and dashed parts; nothing is drawn across a gap. */
export function course(
  values: readonly (number | null)[],
  buckets: readonly Bucket[],
  at: (index: number, value: number) => Point,
  dashes = true,
): { parts: LinePart[]; dots: Point[]; hollow?: Point } {
  const parts: LinePart[] = [];
  const dots: Point[] = [];
  let hollow: Point | undefined;
  const known = (i: number): boolean => {
    const value = values[i];
    return value !== null && value !== undefined && buckets[i]?.partial !== "before";
  };
  const loose = (i: number): boolean => dashes && (buckets[i]?.partial === "running" || buckets[i]?.partial === "cut");
  for (let i = 0; i < buckets.length; i += 1) {
    if (!known(i)) continue;
    const point = at(i, values[i] ?? 0);
    if (dashes && buckets[i]?.partial === "running") hollow = point;
    if (known(i - 1)) {
      const dashed = loose(i) || loose(i - 1);
      const last = parts.at(-1);
      if (last?.dashed === dashed && last.points.at(-1)?.x === at(i - 1, 0).x) last.points.push(point);
      else parts.push({ points: [at(i - 1, values[i - 1] ?? 0), point], dashed });
    } else if (!known(i + 1) && hollow !== point) {
      dots.push(point);
    }
  }
  return { parts, dots, ...(hollow === undefined ? {} : { hollow }) };
}

/** Returns the points of a series that something is said about; none where there is no figure. */
function ringed(
  { values, remarks }: ChartSeries,
  buckets: readonly Bucket[],
  at: (index: number, value: number) => Point,
): Point[] {
  return [...(remarks?.keys() ?? [])].flatMap((index) => {
    const value = values[index];
    return value === null || value === undefined || buckets[index] === undefined ? [] : [at(index, value)];
  });
}

function areas(parts: readonly LinePart[], bottom: number): Point[][] {
  const runs: Point[][] = [];
  for (const { points } of parts) {
    const last = runs.at(-1);
    const first = points[0];
    if (last !== undefined && first !== undefined && last.at(-1)?.x === first.x) last.push(...points.slice(1));
    else runs.push([...points]);
  }
  return runs.map((run) => [{ x: run[0]?.x ?? 0, y: bottom }, ...run, { x: run.at(-1)?.x ?? 0, y: bottom }]);
}

/** Makes the band of what is expected: it opens at the last figure that is whole, which is known. */
function band(
  one: ChartSeries,
  buckets: readonly Bucket[],
  at: (index: number, value: number) => Point,
): PreparedBand | undefined {
  const first = one.ahead?.findIndex((value) => value !== null) ?? -1;
  if (first < 0) return undefined;
  const expected = (one.ahead ?? []).flatMap((value, index) => (value === null ? [] : [{ index, ...value }]));
  const before = one.values[first - 1];
  const isKnown = before !== null && before !== undefined && buckets[first - 1]?.partial === "";
  const opening = isKnown ? [at(first - 1, before)] : [];
  const highs = expected.map(({ index, high }) => at(index, high));
  const lows = expected.map(({ index, low }) => at(index, low)).reverse();
  return {
    key: one.key,
    color: one.color,
    outline: [...opening, ...highs, ...lows],
    points: [...opening, ...expected.map(({ index, point }) => at(index, point))],
  };
}

/** Finds days that have not 24 hours, and hours at which the clock is changed. */
export function clockChanges(
  buckets: readonly Bucket[],
  zone: string,
): { index: number; kind: "hours" | "clock"; hours: number }[] {
  const found: { index: number; kind: "hours" | "clock"; hours: number }[] = [];
  buckets.forEach((bucket, index) => {
    const change = offset(bucket.end, zone) - offset(bucket.start, zone);
    const length = bucket.end - bucket.start;
    if (length > HOUR && length < 27 * HOUR) {
      if (change !== 0) found.push({ index, kind: "hours", hours: length / HOUR });
    } else if (length <= HOUR && change !== 0) {
      found.push({ index, kind: "clock", hours: change / HOUR });
    }
  });
  return found;
}

/** Chooses which buckets are named below the axis: those that begin a week, a day or another round time first. */
export function chooseTicks(buckets: readonly Bucket[], zone: string, room: number): number[] {
  if (buckets.length === 0) return [];
  const most = Math.max(2, Math.floor(room));
  if (buckets.length <= most && buckets.length <= 8) return buckets.map((_, i) => i);
  const length = (buckets[0]?.end ?? 0) - (buckets[0]?.start ?? 0);
  const local = buckets.map((bucket) => bucket.start + offset(bucket.start, zone));
  const daily = length > HOUR && length < 27 * HOUR;
  const steps = daily
    ? [1, 7, 14, 28, 56]
    : length <= HOUR
      ? [1, 2, 5, 10, 15, 30, 60, 180, 360, 720, 1440, 2880, 10_080].map((m) => (m * 60_000) / length)
      : [1, 2, 3, 6, 12];
  for (const step of steps) {
    if (step < 1 || buckets.length / step > most) continue;
    const chosen = buckets.flatMap((_, i) => (isRound(local[i] ?? 0, i, step, length, daily) ? [i] : []));
    if (chosen.length >= 2) return chosen;
  }
  const every = Math.ceil(buckets.length / most);
  return buckets.flatMap((_, i) => (i % every === 0 ? [i] : []));
}

function isRound(local: number, index: number, step: number, length: number, daily: boolean): boolean {
  const dayNumber = Math.floor(local / (24 * HOUR));
  if (daily)
    return (
      step === 1 ||
      ((dayNumber + 3) % Math.min(step, 7) === 0 && (step <= 7 || Math.floor((dayNumber + 3) / 7) % (step / 7) === 0))
    );
  if (length <= HOUR)
    return (
      local % Math.min(step * length, 24 * HOUR) < length &&
      (step * length <= 24 * HOUR || dayNumber % ((step * length) / (24 * HOUR)) === 0)
    );
  return index % step === 0;
}

/** Prepares a chart. `labelWidth` is the room for the figures at the left. */
export function prepare(input: ChartInput, labelWidth: number): Prepared {
  const { buckets, width, height, zone, kind } = input;
  const plot = {
    left: labelWidth,
    top: TOP,
    width: Math.max(40, width - labelWidth - RIGHT),
    height: Math.max(30, height - TOP - BOTTOM),
  };
  const y = fromZero(highest(input), input.unit, height < 160 ? 3 : 4);
  const yOf = (value: number): number => plot.top + plot.height * (1 - (value - y.low) / (y.high - y.low));
  const slot = plot.width / Math.max(1, kind === "bars" ? buckets.length : buckets.length - 1);
  const centers = buckets.map(
    (_, i) => plot.left + (kind === "bars" ? (i + 0.5) * slot : buckets.length === 1 ? plot.width / 2 : i * slot),
  );
  const at = (index: number, value: number): Point => ({ x: centers[index] ?? 0, y: yOf(value) });
  const lines: PreparedLine[] = [];
  if (kind === "line") {
    for (const one of input.series) {
      if (one.earlier !== undefined) {
        const before = (input.earlierBuckets ?? buckets)
          .slice(0, buckets.length)
          .map((bucket) => ({ ...bucket, partial: bucket.partial === "before" ? ("before" as const) : ("" as const) }));
        lines.push({
          key: `${one.key}-earlier`,
          color: one.color,
          earlier: true,
          area: [],
          rings: [],
          ...course(one.earlier, before, at, false),
        });
      }
      const made = course(one.values, buckets, at);
      const area = input.series.length === 1 ? areas(made.parts, plot.top + plot.height) : [];
      lines.push({ key: one.key, color: one.color, earlier: false, area, rings: ringed(one, buckets, at), ...made });
    }
  }
  return {
    plot,
    y,
    yTicks: y.ticks.map((value) => ({ value, y: yOf(value) })),
    xTicks: chooseTicks(buckets, zone, plot.width / 84).map((index) => ({ index, x: centers[index] ?? 0 })),
    lines,
    bands: kind === "line" ? input.series.flatMap((one) => band(one, buckets, at) ?? []) : [],
    bars: kind === "bars" ? stack(input, centers, slot, yOf) : [],
    markers: clockChanges(buckets, zone).map(({ index, ...rest }) => ({ x: centers[index] ?? 0, ...rest })),
    limits: (input.limits ?? [])
      .filter((one) => one.value >= y.low && one.value <= y.high)
      .map((one) => ({ ...one, y: yOf(one.value) })),
    centers,
    slot,
  };
}

function stack(input: ChartInput, centers: readonly number[], slot: number, yOf: (value: number) => number): Bar[] {
  const width = Math.max(1, Math.min(28, slot * 0.7));
  const bars: Bar[] = [];
  input.buckets.forEach((bucket, i) => {
    let base = 0;
    for (const one of input.series) {
      const value = one.values[i] ?? 0;
      if (value <= 0 || bucket.partial === "before") continue;
      const top = yOf(base + value);
      bars.push({
        key: `${one.key}-${String(i)}`,
        color: one.color,
        x: (centers[i] ?? 0) - width / 2,
        y: top,
        width,
        height: Math.max(0.5, yOf(base) - top),
        partial: bucket.partial === "running" || bucket.partial === "cut",
      });
      base += value;
    }
  });
  return bars;
}
