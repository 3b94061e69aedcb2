/** Changes of a dashboard that is edited: pure, so that undo is the one before. */
import { clone, create } from "../wire";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { DashboardSchema, TileHeight, TileSchema } from "@contract/dashboard_service_pb.js";
import type { Dashboard, Tile } from "@contract/dashboard_service_pb.js";

export const WIDTHS = [3, 4, 6, 8, 12] as const;

/** What somebody chooses for a new tile. */
export interface Choice {
  kind: string;
  metric: string;
  dimension: string;
  note: string;
}

function questionOf({
  kind,
  metric,
  dimension,
}: Choice): NonNullable<Exclude<MessageInitShape<typeof TileSchema>, Tile>["question"]> {
  switch (kind) {
    case "card":
      return { case: "query", value: { metrics: [metric] } };
    case "chart":
      return { case: "usageTrends", value: { metrics: [metric] } };
    case "table":
    case "bars":
      return { case: "query", value: { groupBy: [dimension], metrics: [metric], orderBy: metric, pageSize: 10 } };
    case "heatmap":
      return { case: "conversationMetrics", value: {} };
    case "live":
      return { case: "realtime", value: {} };
    default:
      return { case: undefined };
  }
}

/** Returns an id that no tile has. */
export function freshId(tiles: readonly Tile[]): string {
  let n = tiles.length + 1;
  while (tiles.some((tile) => tile.tileId === `tile-${String(n)}`)) n += 1;
  return `tile-${String(n)}`;
}

/** Returns a tile of what somebody chose. */
export function newTile(choice: Choice, tiles: readonly Tile[]): Tile {
  const small = choice.kind === "card" || choice.kind === "live";
  return create(TileSchema, {
    tileId: freshId(tiles),
    kind: choice.kind,
    width: small ? 3 : 6,
    height: small ? TileHeight.SMALL : TileHeight.MEDIUM,
    question: questionOf(choice),
    note: choice.kind === "note" ? choice.note : "",
    ...(choice.kind === "live" ? { options: { metric: choice.metric } } : {}),
  });
}

/** Returns the dashboard with other tiles. */
export function withTiles(dashboard: Dashboard, tiles: readonly Tile[]): Dashboard {
  const next = clone(DashboardSchema, dashboard);
  next.tiles = [...tiles];
  return next;
}

/** Changes one tile. */
export function changeTile(tiles: readonly Tile[], index: number, change: (tile: Tile) => void): Tile[] {
  return tiles.map((tile, i) => {
    if (i !== index) return tile;
    const next = clone(TileSchema, tile);
    change(next);
    return next;
  });
}
