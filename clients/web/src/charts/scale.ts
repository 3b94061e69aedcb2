/** Axes: round bounds and ticks by the unit of what they show. */

export interface Scale {
  low: number;
  high: number;
  ticks: number[];
}

const DURATION_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500].concat(
  [1, 2, 5, 10, 15, 30].map((s) => s * 1000),
  [1, 2, 5, 10, 15, 30].map((m) => m * 60_000),
  [1, 2, 3, 6, 12, 24, 48, 96, 240, 480].map((h) => h * 3_600_000),
);

function decimalStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  for (const factor of [1, 2, 2.5, 5, 10]) if (factor * power >= least * 0.999999) return factor * power;
  return 10 * power;
}

function step(span: number, parts: number, unit: string): number {
  const least = span / parts;
  if (unit === "ms") {
    const found = DURATION_STEPS.find((one) => one >= least);
    if (found !== undefined && least > 0.5) return found;
  }
  if (unit === "By") {
    const power = 1024 ** Math.max(0, Math.floor(Math.log(Math.max(span, 1)) / Math.log(1024)));
    return decimalStep(least / power) * power;
  }
  const found = decimalStep(least);
  return unit === "1" || unit === "tokens" ? Math.max(1, Math.ceil(found)) : found;
}

/** Returns an axis that begins at zero, with about this many parts. */
export function fromZero(highest: number, unit: string, parts = 4): Scale {
  // Nothing to show: bounds that read well in the unit.
  const top = highest > 0 ? highest : unit === "ms" ? 1000 : unit === "micros" ? 1_000_000 : 1;
  const width = step(top, parts, unit);
  const count = Math.max(1, Math.ceil(top / width - 1e-9));
  return { low: 0, high: count * width, ticks: Array.from({ length: count + 1 }, (_, i) => i * width) };
}

/** Returns bounds for a small line: counts stand on zero, others use the height, at least 15 % of the figure. */
export function spark(values: readonly number[], additive: boolean): { low: number; high: number } {
  const high = Math.max(...values);
  const low = Math.min(...values);
  if (additive) return { low: Math.min(0, low), high: high > 0 ? high : 1 };
  const room = Math.max(high - low, Math.abs(high) * 0.15, 1e-9);
  const middle = (high + low) / 2;
  return { low: middle - room / 2, high: middle + room / 2 };
}
