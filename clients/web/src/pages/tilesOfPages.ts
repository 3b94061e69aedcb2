/** What pages show, as tiles of dashboards. */
import type { filterAsked } from "../state/period";
import type { TileInit } from "./MakeTile";

type Filter = typeof filterAsked.value;

/** A chart of one metric. */
export function chartTile(metric: string, filter: Filter): TileInit {
  return { kind: "chart", width: 6, question: { case: "usageTrends", value: { metrics: [metric], filter } } };
}

/** A table by a dimension. */
export function tableTile(dimension: string, metrics: readonly string[], filter: Filter): TileInit {
  const value = { groupBy: [dimension], metrics: [...metrics], orderBy: metrics[0] ?? "", pageSize: 25, filter };
  return { kind: "table", width: 12, question: { case: "query", value } };
}
