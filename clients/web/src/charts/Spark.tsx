/** A small line in a card or a row, without axes. */
import type { JSX } from "preact";
import { course } from "./prepare";
import type { Bucket } from "./prepare";
import { spark } from "./scale";

const PAD = 4;

/** Draws a course; `additive` figures stand on zero. */
export function Spark({
  values,
  buckets,
  additive,
  width = 260,
  height = 34,
}: {
  values: readonly (number | null)[];
  buckets: readonly Bucket[];
  additive: boolean;
  width?: number;
  height?: number;
}): JSX.Element {
  const known = values.filter((value): value is number => value !== null);
  if (known.length === 0)
    return (
      <svg
        class="spark"
        viewBox={`0 0 ${String(width)} ${String(height)}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      />
    );
  const { low, high } = spark(known, additive);
  const step = (width - 2 * PAD) / Math.max(1, buckets.length - 1);
  const { parts, dots } = course(values, buckets, (i, value) => ({
    x: PAD + i * step,
    y: PAD + (height - 2 * PAD) * (1 - (value - low) / (high - low)),
  }));
  const points = (list: readonly { x: number; y: number }[]): string =>
    list.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  return (
    <svg class="spark" viewBox={`0 0 ${String(width)} ${String(height)}`} preserveAspectRatio="none" aria-hidden="true">
      {parts.map((part, i) => (
        <polyline key={i} class={part.dashed ? "dashed" : ""} points={points(part.points)} />
      ))}
      {dots.map((dot) => (
        <circle key={dot.x} cx={dot.x.toFixed(1)} cy={dot.y.toFixed(1)} r="2" />
      ))}
    </svg>
  );
}
