/** Which rows of a dimension a chart draws on their own, in which colours, and what all the others come to. Pure. */
import type { ChartSeries } from "./prepare";

/** How many courses a chart has at most, others aside. */
export const MOST = 6;

type Figures = readonly (number | null)[];

/** A value of a dimension with its figures, one for each bucket. */
export interface Course {
  id: string;
  label: string;
  values: Figures;
}

/** Gives rows colours: by their rank among all, so that a value keeps its colour, or the next one that is free. */
export function colors(all: readonly string[], drawn: readonly string[]): number[] {
  const taken = new Set<number>();
  return drawn.map((id) => {
    let color = (Math.max(0, all.indexOf(id)) % MOST) + 1;
    while (taken.has(color) && taken.size < MOST) color = (color % MOST) + 1;
    taken.add(color);
    return color;
  });
}

function without(total: Figures, drawn: readonly Course[]): (number | null)[] {
  return total.map((sum, i) => (sum === null ? null : drawn.reduce((rest, one) => rest - (one.values[i] ?? 0), sum)));
}

/**
 * Folds the rows of a figure that adds up: those that were chosen, or the first six, and what the total has beside them.
 * `rows` are in their order, the greatest first.
 */
export function fold(
  rows: readonly Course[],
  total: Figures,
  chosen: readonly string[],
  others: string,
): { series: ChartSeries[]; drawn: number } {
  const wanted = rows.filter((row) => chosen.includes(row.id)).slice(0, MOST);
  const drawn = wanted.length > 0 ? wanted : rows.slice(0, MOST);
  const color = colors(
    rows.map((row) => row.id),
    drawn.map((row) => row.id),
  );
  const series: ChartSeries[] = drawn.map((row, i) => ({
    key: row.id,
    label: row.label,
    color: color[i] ?? 0,
    values: row.values,
  }));
  const rest = without(total, drawn);
  // What has no value of the dimension, and what is beyond the limit of values, is in the total, too.
  if (rest.some((value) => value !== null && value > 0))
    series.push({ key: "_others", label: others, color: 0, values: rest });
  return { series, drawn: drawn.length };
}
