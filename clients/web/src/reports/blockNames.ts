/** What a block of a report is called, what it chooses of its answer, and what tells it from the others. */
import type { ReportBlock } from "@contract/report_service_pb.js";
import { metricInfo } from "../contract";
import { t } from "../text";

/** Returns the figures that a block asks for or chooses. */
export function metricsOf(block: ReportBlock): readonly string[] {
  const { question } = block;
  const chosen = block.options?.["metrics"];
  if (Array.isArray(chosen)) return chosen.filter((one) => typeof one === "string");
  return question.case === "query" || question.case === "usageTrends" ? question.value.metrics : [];
}

/** Returns the table of its answer that a block names. */
export function partOf(block: ReportBlock): string {
  const part = block.options?.["part"];
  return typeof part === "string" ? part : "";
}

/** Returns the title of a block: its own, or what its question makes of it. */
export function blockTitle(block: ReportBlock): string {
  if (block.title !== "") return block.title;
  const { question } = block;
  if (question.case === undefined) return t.reports.kinds[block.kind] ?? block.kind;
  const names = metricsOf(block).map((one) => metricInfo(one).title);
  const [by = ""] = question.case === "query" ? question.value.groupBy : [];
  if (names.length === 0) return t.reports.questions[question.case] ?? question.case;
  const text = names.length > 3 ? `${names.slice(0, 3).join(", ")} …` : names.join(", ");
  return by === "" ? text : `${text}: ${t.dimensions[by] ?? by}`;
}

const keys = new WeakMap<ReportBlock, number>();
let newest = 0;

/** Returns what tells a block from the others while its report is edited: it stays when the block is changed or moved. */
export function blockId(block: ReportBlock): number {
  const known = keys.get(block);
  if (known !== undefined) return known;
  newest += 1;
  keys.set(block, newest);
  return newest;
}

/** Says that a block has become another one. */
export function sameBlock(before: ReportBlock, after: ReportBlock): void {
  keys.set(after, blockId(before));
}
