/** From the contract's messages to what charts and tables show. */
import { timestampMs } from "./wire/timestamps";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { PartialBucket } from "@contract/metrics_service_pb.js";
import type { Bucket as WireBucket, Series, SeriesValue } from "@contract/metrics_service_pb.js";
import type { Bucket, Partial } from "./charts/prepare";
import catalogue from "./catalogue.json";
import { t } from "./text";

const PARTIAL: Readonly<Record<number, Partial>> = {
  [PartialBucket.RUNNING]: "running",
  [PartialBucket.CUT]: "cut",
  [PartialBucket.BEFORE_FIRST_EVENT]: "before",
};

/** Returns an instant in milliseconds; 0 for none. */
export function ms(at: Timestamp | undefined): number {
  return at === undefined ? 0 : timestampMs(at);
}

/** Returns a bucket of a series. */
export function bucket(wire: WireBucket): Bucket {
  return { start: ms(wire.start), end: ms(wire.end), partial: PARTIAL[wire.partial] ?? "" };
}

/** Returns the bucket of a point that says only whether it is partial. */
export function pointBucket(
  point: { start?: Timestamp | undefined; end?: Timestamp | undefined; partial?: boolean },
  still: boolean,
  last: boolean,
): Bucket {
  return {
    start: ms(point.start),
    end: ms(point.end),
    partial: point.partial === true ? (still && last ? "running" : "cut") : "",
  };
}

/** Returns a figure of a series; null is absent. */
export function value(wire: SeriesValue | undefined): number | null {
  return wire?.value.value === undefined ? null : Number(wire.value.value);
}

/** Returns a figure of a row; undefined is absent. */
export function cell(wire: SeriesValue | undefined): number | undefined {
  return wire?.value.value === undefined ? undefined : Number(wire.value.value);
}

/** Returns the figures of a metric in an answer; empty if it is not there. */
export function valuesOf(series: readonly Series[], metric: string): (number | null)[] {
  return (series.find((one) => one.metric === metric)?.values ?? []).map(value);
}

/** Returns an optional number of the contract as a number. */
export function num(figure: bigint | number | undefined): number | undefined {
  return figure === undefined ? undefined : Number(figure);
}

/** What the catalogue says of a metric: title, unit, direction of good ("+", "-" or ""), and whether it adds up. */
export interface MetricInfo {
  title: string;
  unit: string;
  better: string;
  additive: boolean;
}

const CATALOGUE = catalogue as unknown as Readonly<Record<string, readonly [string, string, string, number]>>;

/** Returns what is known of a metric; of one that these pages do not know, its name. */
export function metricInfo(name: string): MetricInfo {
  const [title, unit, better, additive] = CATALOGUE[name] ?? [name, "1", "", 0];
  return { title: t.metrics[name] ?? title, unit, better, additive: additive === 1 };
}

/** The metrics with a series that there were when these pages were built. */
export const METRICS: readonly string[] = Object.keys(CATALOGUE).filter((name) => CATALOGUE[name]?.[3] !== -1);
