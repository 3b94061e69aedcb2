/** What a block of a report shows of its answer, by the rules of its files (server/reports/blocks.py and layout.py). */
import { amountIn, figure } from "../format";
import { t } from "../text";
import type { AnswerTable } from "./answers";

import type { AnswerColumn, Value } from "./columns";

export const KINDS = ["figures", "series", "table", "ranking", "funnel", "text"] as const;
const MOST_FIGURES = 16;
export const MOST_BARS = 25;
const MOST_COLUMNS = 8;
const EARLIER = "earlier_";
const PARTS = ["rest", "other", "total"] as const;
const ABOUT = new Set(["period", "start", "end", "row", "partial", "rank", "stage"]);

/** An answer does not have what a block chooses; says what it has. */
export class NotThere extends Error {}

/** What a block chooses of its answer: names of figures, and of one of its tables. */
export interface Chosen {
  metrics: readonly string[];
  part: string;
}

/** A key figure with that of the earlier period. */
export interface KeyFigure {
  column: AnswerColumn;
  value: number | undefined;
  before: number | undefined;
}

function number(value: Value): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function isNumber({ unit }: AnswerColumn): boolean {
  return unit !== "" && unit !== "instant";
}

function missing(names: readonly string[], table: AnswerTable): NotThere {
  return new NotThere(t.reports.notThere(names.join(", "), table.columns.map((one) => one.name).join(", ")));
}

function tableOf(tables: readonly AnswerTable[], ...names: string[]): AnswerTable {
  for (const name of names) {
    const found = tables.find((one) => one.name === name);
    if (found !== undefined) return found;
  }
  throw new NotThere(t.reports.notThere(names.join(", "), tables.map((one) => one.name).join(", ")));
}

/** Returns rows with the rest, the others and the total of their figures below. */
function withTotals(main: AnswerTable, totals: AnswerTable): AnswerTable {
  const at = new Map(totals.columns.map((one, i) => [one.name, i]));
  const below = PARTS.flatMap((part) =>
    totals.rows
      .filter((row) => row[0] === part && row.slice(1).some((value) => value !== undefined && value !== 0))
      .map((row) => [part, ...main.columns.map((one) => row[at.get(one.name) ?? -1])]),
  );
  const row: AnswerColumn = { name: "row", title: "", unit: "" };
  return { ...main, columns: [row, ...main.columns], rows: [...main.rows.map((one) => ["value", ...one]), ...below] };
}

/** Returns the table that a block shows: the one that it names, or the first that has rows of a list. */
function mainOf(tables: readonly AnswerTable[], part: string): AnswerTable {
  if (part !== "") return tableOf(tables, part);
  const main = tables.find((one) => one.name !== "figures" && one.name !== "totals") ?? tables[0];
  if (main === undefined) throw new NotThere(t.reports.noFigures);
  const totals = tables.find((one) => one.name === "totals");
  return main.name === "rows" && totals !== undefined ? withTotals(main, totals) : main;
}

/** Returns a table with what names its rows, and of its figures those that are chosen, in that order. */
function narrowed(table: AnswerTable, metrics: readonly string[]): AnswerTable {
  if (metrics.length === 0) return table;
  const at = new Map(table.columns.map((one, i) => [one.name, i]));
  const lost = metrics.filter((name) => !at.has(name));
  if (lost.length > 0) throw missing(lost, table);
  const about = table.columns.flatMap((one, i) => (!isNumber(one) || ABOUT.has(one.name) ? [i] : []));
  const kept = [...new Set([...about, ...metrics.map((name) => at.get(name) ?? 0)])];
  return {
    ...table,
    columns: kept.flatMap((i) => table.columns[i] ?? []),
    rows: table.rows.map((row) => kept.map((i) => row[i])),
  };
}

/** Returns the key figures of an answer. */
export function keyFigures(tables: readonly AnswerTable[], { metrics, part }: Chosen): KeyFigure[] {
  const table = part === "" ? tableOf(tables, "figures", "totals") : tableOf(tables, part);
  const isTotals = table.name === "totals";
  const now = isTotals ? table.rows.find((row) => row[0] === "total") : table.rows[0];
  const before = isTotals ? undefined : table.rows[1];
  if (now === undefined) throw new NotThere(t.reports.noFigures);
  const at = new Map(table.columns.map((one, i) => [one.name, i]));
  const there = table.columns
    .filter((one, i) => isNumber(one) && !ABOUT.has(one.name) && !one.name.startsWith(EARLIER) && now[i] !== undefined)
    .map((one) => one.name)
    .slice(0, MOST_FIGURES);
  const lost = metrics.filter((name) => !at.has(name));
  if (lost.length > 0) throw missing(lost, table);
  return (metrics.length > 0 ? metrics : there).flatMap((name) => {
    const i = at.get(name) ?? 0;
    const column = table.columns[i];
    const earlier = before === undefined ? now[at.get(EARLIER + name) ?? -1] : before[i];
    return column === undefined ? [] : [{ column, value: number(now[i]), before: number(earlier) }];
  });
}

/** Bars of a ranking, the greatest first as they come. */
export interface Ranking {
  column: AnswerColumn;
  bars: readonly { label: string; value: number | undefined }[];
}

/** Returns the bars of an answer. */
export function ranking(tables: readonly AnswerTable[], { metrics, part }: Chosen): Ranking {
  const table = narrowed(mainOf(tables, part), metrics);
  const at = table.columns.findIndex((one) => isNumber(one) && !ABOUT.has(one.name));
  const labels = table.columns.flatMap((one, i) => (one.unit === "" && one.name !== "row" ? [i] : []));
  const [label = -1] = labels;
  const column = table.columns[at];
  if (column === undefined || label < 0) throw new NotThere(t.reports.noRows);
  const row = table.columns.findIndex((one) => one.name === "row");
  const name = labels.find((i) => table.columns[i]?.name === "display_name") ?? label;
  const bars = table.rows
    .filter((one) => row < 0 || one[row] === "value")
    .map((one) => ({ label: String(one[name] ?? one[label] ?? ""), value: number(one[at]) }));
  return { column, bars: bars.slice(0, MOST_BARS) };
}

/** A row of a table that is shown: what it is, its values, and how its main figure has changed. */
export interface ShownRow {
  kind: Value;
  values: readonly Value[];
  before: number | undefined;
}

/** A table as it is shown. main is the place of its main figure. */
export interface ShownTable {
  columns: readonly AnswerColumn[];
  rows: readonly ShownRow[];
  main: number;
  compares: boolean;
  notes: readonly string[];
}

/** Leaves out the id beside a name, where each row has one. */
function mergedName(table: AnswerTable, used: readonly number[], row: number): readonly number[] {
  const name = used.find((i) => table.columns[i]?.name === "display_name");
  const named = name !== undefined && table.rows.every((one) => (row >= 0 && one[row] !== "value") || one[name]);
  if (!named) return used;
  return used.filter((i) => !["value", "id", "agent_id", "agent"].includes(table.columns[i]?.name ?? ""));
}

/** Returns a table without columns that no row has a value in, and those that a page cannot hold. */
export function shownTable(tables: readonly AnswerTable[], { metrics, part }: Chosen): ShownTable {
  const table = narrowed(mainOf(tables, part), metrics);
  const row = table.columns.findIndex((one) => one.name === "row");
  const used = table.columns.flatMap((one, i) =>
    one.name !== "row" && !one.name.startsWith(EARLIER) && table.rows.some((each) => each[i] !== undefined) ? [i] : [],
  );
  const kept = mergedName(table, used, row).slice(0, MOST_COLUMNS);
  const main = kept.findIndex((i) => {
    const column = table.columns[i];
    return column !== undefined && isNumber(column) && column.name !== "rank";
  });
  const mainName = table.columns[kept[main] ?? -1]?.name ?? "";
  const earlier = table.columns.findIndex((one) => one.name === EARLIER + mainName);
  return {
    columns: kept.flatMap((i) => table.columns[i] ?? []),
    rows: table.rows.map((each) => ({
      kind: row < 0 ? "value" : each[row],
      values: kept.map((i) => each[i]),
      before: number(each[earlier]),
    })),
    main,
    compares: mainName !== "" && earlier >= 0,
    notes: table.notes ?? [],
  };
}

/** A stage of a funnel. */
export interface ShownStage {
  name: string;
  reached: number;
  ofFirst: number | undefined;
  ofPrevious: number | undefined;
  medianMs: number | undefined;
}

/** Returns the stages of an answer. */
export function stages(tables: readonly AnswerTable[]): ShownStage[] {
  const table = tableOf(tables, "stages");
  const at = new Map(table.columns.map((one, i) => [one.name, i]));
  const rows = table.rows.filter((row) => row[0] === "total");
  const reached = rows.map((row) => number(row[at.get("reached") ?? -1]) ?? 0);
  return rows.map((row, i) => ({
    name: String(row[at.get("name") ?? -1] ?? ""),
    reached: reached[i] ?? 0,
    ofFirst: reached[0] ? (reached[i] ?? 0) / reached[0] : undefined,
    ofPrevious: i > 0 && reached[i - 1] ? (reached[i] ?? 0) / (reached[i - 1] ?? 1) : undefined,
    medianMs: number(row[at.get("median_time_ms") ?? -1]),
  }));
}

/**
 * Returns a value of a column as text; money in the currency that its row names, if it does. Instants are shown by whoever
 * knows the zone.
 */
export function valueText({ unit }: AnswerColumn, value: Value, currency?: Value): string {
  if (typeof value !== "number") return value ?? "–";
  if (unit === "micros" && typeof currency === "string") return amountIn(value, currency);
  return unit === "percent" ? `${figure(value, "1")} %` : figure(value, unit);
}
