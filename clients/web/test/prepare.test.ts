import { describe, expect, it } from "vitest";
import { chooseTicks, clockChanges, prepare } from "../src/charts/prepare";
import type { Bucket, ChartInput, Partial } from "../src/charts/prepare";
import { fromZero, spark } from "../src/charts/scale";
import { startOfDay, addDays } from "../src/state/zone";

function days(first: string, count: number, zone: string, last: Partial = ""): Bucket[] {
  return Array.from({ length: count }, (_, i) => {
    const day = addDays(first, i);
    return {
      start: startOfDay(day, zone),
      end: startOfDay(addDays(day, 1), zone),
      partial: i === count - 1 ? last : "",
    };
  });
}

function input(values: (number | null)[], over: globalThis.Partial<ChartInput> = {}): ChartInput {
  const zone = over.zone ?? "UTC";
  return {
    kind: "line",
    buckets: days("2026-11-01", values.length, zone),
    series: [{ key: "a", label: "A", color: 1, values }],
    unit: "1",
    zone,
    width: 640,
    height: 200,
    ...over,
  };
}

describe("what is expected", () => {
  const none = null;
  const ahead = [none, none, { point: 4, low: 3, high: 6 }, { point: 5, low: 2, high: 9 }];
  const buckets = days("2026-11-01", 4, "UTC").map((one, i) => ({
    ...one,
    partial: i === 2 ? ("running" as const) : one.partial,
  }));
  const made = (values: (number | null)[]): ReturnType<typeof prepare> =>
    prepare(input(values, { buckets, series: [{ key: "a", label: "A", color: 1, values, ahead }] }), 40);

  it("is a band that opens at the last whole figure and widens", () => {
    const { bands, lines, y } = made([3, 4, 1]);
    const [band] = bands;
    expect(band?.outline).toHaveLength(5);
    expect(band?.outline[0]).toEqual(lines[0]?.parts[0]?.points[1]);
    const width = (i: number): number => (band?.outline[5 - i]?.y ?? 0) - (band?.outline[i]?.y ?? 0);
    expect(width(2)).toBeGreaterThan(width(1));
    expect(band?.points).toHaveLength(3);
    expect(y.high).toBeGreaterThanOrEqual(9);
    expect(lines[0]?.hollow).toBeDefined();
  });

  it("begins by itself where no figure is before it", () => {
    expect(made([3, null, null]).bands[0]?.outline).toHaveLength(4);
  });

  it("is not there without a forecast", () => {
    expect(prepare(input([1, 2]), 40).bands).toEqual([]);
  });
});

describe("lines", () => {
  it("leave a gap where a figure is absent, and never draw it as zero", () => {
    const { lines } = prepare(input([4, 8, null, 2, 6]), 40);
    expect(lines[0]?.parts.map((part) => part.points.length)).toEqual([2, 2]);
    const bottom = 200 - 24;
    expect(lines[0]?.parts.flatMap((part) => part.points).every((point) => point.y < bottom)).toBe(true);
  });

  it("show a lone figure as a dot", () => {
    const { lines } = prepare(input([null, 3, null, 4, 5]), 40);
    expect(lines[0]?.dots).toHaveLength(1);
    expect(lines[0]?.parts).toHaveLength(1);
  });

  it("draw zero as zero", () => {
    const { lines } = prepare(input([0, 8]), 40);
    expect(lines[0]?.parts[0]?.points[0]?.y).toBe(200 - 24);
  });

  it("are dashed to what is running, and end there in a hollow point", () => {
    const { lines } = prepare(input([1, 2, 3, 4], { buckets: days("2026-11-01", 4, "UTC", "running") }), 40);
    expect(lines[0]?.parts.map((part) => [part.dashed, part.points.length])).toEqual([
      [false, 3],
      [true, 2],
    ]);
    expect(lines[0]?.hollow).toEqual(lines[0]?.parts[1]?.points[1]);
  });

  it("are dashed from a first bucket that the period cuts", () => {
    const buckets = days("2026-11-01", 4, "UTC");
    const [first] = buckets;
    if (first !== undefined) first.partial = "cut";
    const { lines } = prepare(input([1, 2, 3, 4], { buckets }), 40);
    expect(lines[0]?.parts.map((part) => part.dashed)).toEqual([true, false]);
  });

  it("show nothing before the first event", () => {
    const buckets = days("2026-11-01", 4, "UTC").map((one, i) => ({
      ...one,
      partial: i < 2 ? ("before" as const) : ("" as const),
    }));
    const { lines } = prepare(input([0, 0, 3, 4], { buckets }), 40);
    expect(lines[0]?.parts.flatMap((part) => part.points)).toHaveLength(2);
  });

  it("draw the earlier period solid to its end", () => {
    const buckets = days("2026-11-01", 3, "UTC", "running");
    const { lines } = prepare(
      input([1, 2, 3], {
        buckets,
        earlierBuckets: days("2026-10-04", 3, "UTC", "cut"),
        series: [{ key: "a", label: "A", color: 1, values: [1, 2, 3], earlier: [3, 2, 1] }],
      }),
      40,
    );
    expect(lines.map((line) => [line.earlier, line.parts.some((part) => part.dashed)])).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it("keep the colour of what they are of, whatever their place in the chart", () => {
    const series = [
      { key: "b", label: "B", color: 5, values: [1, 2] },
      { key: "a", label: "A", color: 2, values: [2, 1] },
    ];
    expect(prepare(input([1, 2], { series }), 40).lines.map((line) => [line.key, line.color])).toEqual([
      ["b", 5],
      ["a", 2],
    ]);
  });
});

describe("bars", () => {
  it("stand on each other and come to the whole", () => {
    const series = [
      { key: "a", label: "A", color: 1, values: [3, 1] },
      { key: "b", label: "B", color: 2, values: [1, null] },
    ];
    const { bars, y } = prepare(input([1, 1], { kind: "bars", series }), 40);
    expect(y.high).toBe(4);
    expect(bars.map((bar) => bar.key)).toEqual(["a-0", "b-0", "a-1"]);
    expect((bars[0]?.y ?? 0) - (bars[1]?.height ?? 0)).toBeCloseTo(bars[1]?.y ?? -1);
  });

  it("keep the colour of what they are of", () => {
    const series = [
      { key: "resolved", label: "Resolved", color: 1, values: [3] },
      { key: "ended", label: "Ended", color: 6, values: [1] },
    ];
    expect(prepare(input([1], { kind: "bars", series }), 40).bars.map((bar) => bar.color)).toEqual([1, 6]);
  });

  it("are pale while they run", () => {
    const { bars } = prepare(input([3, 1], { kind: "bars", buckets: days("2026-11-01", 2, "UTC", "running") }), 40);
    expect(bars.map((bar) => bar.partial)).toEqual([false, true]);
  });
});

describe("time", () => {
  it("marks days of 23 and 25 hours in the zone of the page alone", () => {
    const paris = days("2026-10-23", 5, "Europe/Paris");
    expect(clockChanges(paris, "Europe/Paris")).toEqual([{ index: 2, kind: "hours", hours: 25 }]);
    expect(clockChanges(days("2026-10-23", 5, "UTC"), "UTC")).toEqual([]);
    expect(clockChanges(days("2026-03-28", 3, "Europe/Paris"), "Europe/Paris")).toEqual([
      { index: 1, kind: "hours", hours: 23 },
    ]);
  });

  it("names Mondays below an axis of days", () => {
    const buckets = days("2026-11-03", 28, "Europe/Paris");
    const chosen = chooseTicks(buckets, "Europe/Paris", 8);
    expect(chosen.map((i) => new Date((buckets[i]?.start ?? 0) + 3_600_000).getUTCDay())).toEqual(chosen.map(() => 1));
  });

  it("names no more than there is room for", () => {
    for (const count of [1, 7, 13, 28, 90, 365, 1000]) {
      expect(chooseTicks(days("2024-01-01", count, "UTC"), "UTC", 7).length).toBeLessThanOrEqual(8);
    }
  });
});

describe("axes", () => {
  it("begin at zero and have round steps", () => {
    expect(fromZero(940, "1").ticks).toEqual([0, 250, 500, 750, 1000]);
    expect(fromZero(3, "1").ticks).toEqual([0, 1, 2, 3]);
    expect(fromZero(0.74, "fraction").ticks.map((one) => Math.round(one * 100))).toEqual([0, 20, 40, 60, 80]);
  });

  it("count durations as clocks do and bytes by 1,024", () => {
    expect(fromZero(80_000, "ms").ticks).toEqual([0, 30_000, 60_000, 90_000]);
    expect(fromZero(3 * 1024 ** 2, "By").ticks.at(-1)).toBe(3 * 1024 ** 2);
  });

  it("give small lines of rates at least 15 % of the figure, and stand counts on zero", () => {
    const { low, high } = spark([0.7, 0.71], false);
    expect(high - low).toBeGreaterThanOrEqual(0.71 * 0.15 - 1e-9);
    expect(spark([100, 101], true).low).toBe(0);
  });
});
