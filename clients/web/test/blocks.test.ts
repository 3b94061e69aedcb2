import { describe, expect, it } from "vitest";
import { create } from "../src/wire";
import type { MessageDescriptor } from "../src/wire/descriptors";
import { GetCostsResponseSchema, QueryMetricsResponseSchema } from "@contract/metrics_service_pb.js";
import { QueryFunnelResponseSchema } from "@contract/funnel_service_pb.js";
import { ReportSchema } from "@contract/report_service_pb.js";
import { moveItem } from "../src/components/Move";
import { tablesOf } from "../src/reports/answers";
import { NotThere, keyFigures, ranking, shownTable, stages, valueText } from "../src/reports/blocks";
import { blockId, blockTitle, metricsOf } from "../src/reports/blockNames";
import { changeBlock, copyOf, differences, newBlock, setMetrics } from "../src/reports/editing";

function integer(value: bigint): { value: { case: "integer"; value: bigint } } {
  return { value: { case: "integer", value } };
}

const ALL = { metrics: [], part: "" };

function query(): ReturnType<typeof tablesOf> {
  const answer = create(QueryMetricsResponseSchema, {
    groupBy: ["agent"],
    metrics: [{ metric: "total_conversations", title: "Conversations", unit: "1" }],
    compared: {},
    rows: [
      { values: ["a"], displayName: "Anna", figures: [integer(5n)], earlierFigures: [integer(4n)] },
      { values: ["b"], displayName: "Bob", figures: [integer(2n)], earlierFigures: [{}] },
    ],
    rest: { figures: [integer(0n)] },
    total: { figures: [integer(7n)], earlierFigures: [integer(4n)] },
  });
  return tablesOf(QueryMetricsResponseSchema as unknown as MessageDescriptor, answer);
}

describe("a block of a table by a dimension", () => {
  it("shows names once, the total below, nothing for an empty rest, and what each row was", () => {
    const { columns, rows, compares, main } = shownTable(query(), ALL);
    expect(columns.map((one) => one.name)).toEqual(["display_name", "total_conversations"]);
    expect([main, compares]).toEqual([1, true]);
    expect(rows.map((row) => [row.kind, row.values, row.before])).toEqual([
      ["value", ["Anna", 5], 4],
      ["value", ["Bob", 2], undefined],
      ["total", [undefined, 7], 4],
    ]);
  });

  it("ranks its rows without the total", () => {
    expect(ranking(query(), ALL).bars).toEqual([
      { label: "Anna", value: 5 },
      { label: "Bob", value: 2 },
    ]);
  });

  it("has its totals as key figures, with those of the earlier period", () => {
    const [figure] = keyFigures(query(), ALL);
    expect([figure?.column.name, figure?.value, figure?.before]).toEqual(["total_conversations", 7, 4]);
  });

  it("says what the answer has where it lacks what was chosen", () => {
    expect(() => keyFigures(query(), { metrics: ["cost_micros"], part: "" })).toThrow(NotThere);
    expect(() => shownTable(query(), { metrics: [], part: "by_model" })).toThrow(/rows, totals/);
  });
});

describe("other answers", () => {
  it("have figures by the names of the contract, and breakdowns by their dimension", () => {
    const answer = create(GetCostsResponseSchema, {
      total: { costMicros: 12n },
      earlier: { costMicros: 10n },
      breakdowns: [{ dimension: "model", rows: [{ value: "small-1", figures: { costMicros: 12n } }] }],
    });
    const tables = tablesOf(GetCostsResponseSchema as unknown as MessageDescriptor, answer);
    expect(tables[0]?.name).toBe("figures");
    const [cost] = keyFigures(tables, { metrics: ["cost_micros"], part: "" });
    expect([cost?.value, cost?.before]).toEqual([12, 10]);
    expect(shownTable(tables, { metrics: ["cost_micros"], part: "by_model" }).rows[0]?.values).toEqual(["small-1", 12]);
  });

  it("have the stages of a funnel with their shares", () => {
    const answer = create(QueryFunnelResponseSchema, {
      total: {
        stages: [
          { name: "Created", reached: 8n },
          { name: "Converted", reached: 2n, medianTimeMs: 1000n },
        ],
      },
    });
    const tables = tablesOf(QueryFunnelResponseSchema as unknown as MessageDescriptor, answer);
    expect(stages(tables).map((one) => [one.name, one.reached, one.ofFirst, one.medianMs])).toEqual([
      ["Created", 8, 1, undefined],
      ["Converted", 2, 0.25, 1000],
    ]);
  });
});

describe("money", () => {
  it("is in the currency that its row names, or else in the organization's", () => {
    const column = { name: "cost_micros", title: "Cost", unit: "micros" };
    expect(valueText(column, 2_500_000, "EUR")).toBe("€2.50");
    expect(valueText(column, 2_500_000)).toBe("$2.50");
    expect(valueText(column, undefined, "EUR")).toBe("–");
  });
});

describe("a report that is edited", () => {
  const report = create(ReportSchema, {
    title: "Weekly",
    blocks: [newBlock("figures"), newBlock("series"), newBlock("text")],
  });

  it("tells a block from the others when it is changed or moved", () => {
    const ids = report.blocks.map(blockId);
    const changed = changeBlock(report.blocks, 1, (block) => {
      setMetrics(block, ["total_messages", "cost_micros"]);
    });
    expect(moveItem(changed, 1, 0).map(blockId)).toEqual([ids[1], ids[0], ids[2]]);
    expect(metricsOf(changed[1] ?? newBlock("text"))).toEqual(["total_messages", "cost_micros"]);
    expect(metricsOf(report.blocks[1] ?? newBlock("text"))).toEqual(["total_conversations"]);
    expect(blockTitle(changed[1] ?? newBlock("text"))).toBe("Messages, Cost");
  });

  it("differs from another version in what was changed, block by block", () => {
    const theirs = { ...copyOf(report), description: "New", blocks: report.blocks.slice(0, 2) };
    expect(differences(report, theirs)).toEqual(["Description", "Block “Text”: only in yours"]);
    expect(differences(report, copyOf(report))).toEqual([]);
    const turned = { ...copyOf(report), blocks: [...report.blocks].reverse() };
    expect(differences(report, turned)).toEqual(["The order of the blocks"]);
  });
});
