import { describe, expect, it } from "vitest";
import { create } from "../src/wire";
import { DashboardSchema, TileSchema } from "@contract/dashboard_service_pb.js";
import { ComparisonMode } from "@contract/time_pb.js";
import { ConversationStateSchema } from "@contract/realtime_service_pb.js";
import { backoff } from "../src/live/live";
import { inPlace } from "../src/live/parts";
import { comparison, filter, href, isRange, misunderstood, place, range } from "../src/state/address";
import { comparisonOf, periodOf } from "../src/state/period";
import { moveItem } from "../src/components/Move";
import { changeTile, freshId, newTile, withTiles } from "../src/pages/dashboardEditor";
import { pageOf } from "../src/pages";
import { en } from "../src/text/en";
import { de } from "../src/text/de";

const NOW = Date.parse("2026-11-28T19:50:00Z");

describe("periods", () => {
  it("are whole days of the zone", () => {
    expect(periodOf("28d", "Europe/Paris", NOW)).toEqual({
      start: Date.parse("2026-10-31T23:00:00Z"),
      end: Date.parse("2026-11-28T23:00:00Z"),
      days: { from: "2026-11-01", to: "2026-11-28" },
    });
    expect(periodOf("today", "Asia/Tokyo", NOW).days).toEqual({ from: "2026-11-29", to: "2026-11-29" });
    expect(periodOf("lastmonth", "UTC", NOW).days).toEqual({ from: "2026-10-01", to: "2026-10-31" });
    expect(periodOf("year", "UTC", NOW).days).toEqual({ from: "2026-01-01", to: "2026-12-31" });
  });

  it("of days include both, also across a change of the clocks", () => {
    const { start, end } = periodOf("2026-10-25..2026-10-25", "Europe/Paris", NOW);
    expect(end - start).toBe(25 * 3_600_000);
  });

  it("of 24 hours end with the quarter hour that runs", () => {
    const { start, end, days } = periodOf("24h", "UTC", NOW + 1);
    expect([end, end - start, days]).toEqual([Date.parse("2026-11-28T20:00:00Z"), 86_400_000, undefined]);
  });

  it("are compared as the contract says", () => {
    expect(comparisonOf("previous", "UTC")).toEqual({ mode: ComparisonMode.PREVIOUS_PERIOD });
    expect(comparisonOf("none", "UTC")).toBeUndefined();
    expect(comparisonOf("2026-10-01..2026-10-07", "UTC")).toMatchObject({ mode: ComparisonMode.CUSTOM });
  });
});

describe("the address", () => {
  const at = (path: string, query: string): void => {
    place.value = { path, params: new Map(new URLSearchParams(query)) };
  };

  it("holds period, comparison and filter", () => {
    at("/overview", "range=7d&cmp=week&agent=a%26b");
    expect([range.value, comparison.value, filter.value]).toEqual(["7d", "week", { dimension: "agent", value: "a&b" }]);
  });

  it("falls back where it makes no sense, and says so", () => {
    at("/overview", "range=8w&cmp=2026-02-30..2026-03-01&tz=%2B02:00");
    expect([range.value, comparison.value, misunderstood.value]).toEqual(["28d", "previous", ["range", "cmp", "tz"]]);
    expect(isRange("2026-11-28..2026-11-01")).toBe(false);
  });

  it("takes along what holds for all pages, and nothing else", () => {
    at("/agents", "range=7d&sort=-total_messages&tz=Europe/Paris");
    expect(href("/overview")).toBe("/overview?range=7d&tz=Europe/Paris");
    expect(href("/agents", { range: undefined })).toBe("/agents?sort=-total_messages&tz=Europe/Paris");
  });

  it("leads to pages, with the ids of other people's systems", () => {
    expect(pageOf("/agents/bot%2F1")).toMatchObject({ id: "bot/1" });
    expect(pageOf("/nowhere")).toBeUndefined();
  });
});

describe("what is live", () => {
  it("tries again ever later, and never later than five seconds", () => {
    expect([1, 2, 3, 4, 9].map((failures) => backoff(failures, () => 1))).toEqual([500, 1000, 2000, 4000, 5000]);
    expect(backoff(1, () => 0)).toBe(250);
  });

  it("changes conversations in their places", () => {
    const one = (conversationId: string, messageCount = 1n) =>
      create(ConversationStateSchema, { conversationId, messageCount });
    const rows = inPlace([one("a"), one("b"), one("c")], [one("c", 5n), one("d"), one("a")]);
    expect(rows.map((row) => [row.conversationId, row.messageCount])).toEqual([
      ["a", 1n],
      ["d", 1n],
      ["c", 5n],
    ]);
  });
});

describe("dashboards", () => {
  const tiles = ["a", "b", "c"].map((tileId) => create(TileSchema, { tileId, kind: "note" }));

  it("move tiles within their one order", () => {
    expect(moveItem(tiles, 0, 2).map((tile) => tile.tileId)).toEqual(["b", "c", "a"]);
    expect(moveItem(tiles, 2, -5).map((tile) => tile.tileId)).toEqual(["c", "a", "b"]);
  });

  it("are never changed in place, so that undo is the one before", () => {
    const dashboard = create(DashboardSchema, { title: "x", tiles });
    const changed = withTiles(
      dashboard,
      changeTile(dashboard.tiles, 1, (tile) => {
        tile.width = 12;
      }),
    );
    expect([dashboard.tiles[1]?.width, changed.tiles[1]?.width]).toEqual([0, 12]);
  });

  it("store a tile as what it asks", () => {
    const tile = newTile({ kind: "bars", metric: "token_usage", dimension: "model", note: "" }, tiles);
    expect(tile.question).toMatchObject({
      case: "query",
      value: { groupBy: ["model"], metrics: ["token_usage"], orderBy: "token_usage" },
    });
    expect(tile.question.value).not.toHaveProperty("timeRange", expect.anything());
    expect(freshId([create(TileSchema, { tileId: "tile-2" })])).toBe("tile-3");
  });
});

describe("texts", () => {
  const keys = (texts: object, prefix = ""): string[] =>
    Object.entries(texts).flatMap(([key, value]: [string, unknown]) =>
      typeof value === "object" && value !== null ? keys(value, `${prefix}${key}.`) : [`${prefix}${key}`],
    );

  it("are there in every language", () => {
    // English takes the titles of most metrics from the catalogue; test/german.test.ts is about those of German.
    const own = (names: readonly string[]): string[] => names.filter((name) => !name.startsWith("metrics.")).sort();
    expect(own(keys(de))).toEqual(own(keys(en)));
    expect(keys(de)).toEqual(expect.arrayContaining(keys(en)));
  });
});
