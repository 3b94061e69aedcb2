/** Changes of a report that is edited, and how two versions of it differ: pure. */
import { clone, create, toJsonString } from "../wire";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ReportBlockSchema, ReportSchema } from "@contract/report_service_pb.js";
import type { Report, ReportBlock } from "@contract/report_service_pb.js";
import { t } from "../text";
import { blockTitle, sameBlock } from "./blockNames";

export type Question = NonNullable<ReportBlock["question"]["case"]>;
type BlockInit = Exclude<MessageInitShape<typeof ReportBlockSchema>, ReportBlock>;

/** Questions that a kind of block can ask. */
export const QUESTIONS: Readonly<Record<string, readonly Question[]>> = {
  figures: ["query", "overview", "costs", "roi", "apiUsage", "callMetrics", "conversationMetrics"],
  series: ["usageTrends"],
  table: ["query", "costs", "apiUsage", "callMetrics", "leaderboard", "campaigns", "agents", "dailyStats", "quality"],
  ranking: ["query"],
  funnel: ["funnel"],
  text: [],
};

/** Changes options of a block; undefined takes one out. */
export function withOptions(block: ReportBlock, changes: Readonly<Record<string, unknown>>): void {
  const next = Object.entries({ ...block.options, ...changes }).filter(([, value]) => value !== undefined);
  if (next.length === 0) delete block.options;
  else block.options = Object.fromEntries(next) as NonNullable<ReportBlock["options"]>;
}

/** Puts figures into a block, where its question takes them, or its options. */
export function setMetrics(block: ReportBlock, metrics: readonly string[]): void {
  const { question } = block;
  if (question.case === "query" || question.case === "usageTrends") {
    question.value.metrics = [...metrics];
    if (question.case === "query" && question.value.groupBy.length > 0) question.value.orderBy = metrics[0] ?? "";
    withOptions(block, { metrics: undefined });
  } else withOptions(block, { metrics: metrics.length === 0 ? undefined : [...metrics] });
}

function leads(): { eventType: string; name: string }[] {
  return [
    { eventType: "lead.created", name: t.funnels.created },
    { eventType: "lead.contacted", name: t.funnels.contacted },
    { eventType: "lead.converted", name: t.funnels.converted },
  ];
}

function questionOf(kind: string, question: Question | undefined): NonNullable<BlockInit["question"]> {
  const metrics = ["total_conversations"];
  switch (question) {
    case undefined:
      return { case: undefined };
    case "query":
      return kind === "figures"
        ? {
            case: "query",
            value: { metrics: ["total_conversations", "resolution_rate", "unique_users", "cost_micros"] },
          }
        : { case: "query", value: { metrics, groupBy: ["agent"], orderBy: "total_conversations", pageSize: 10 } };
    case "usageTrends":
      return { case: "usageTrends", value: { metrics } };
    case "funnel":
      return { case: "funnel", value: { funnel: { case: "definition", value: { stages: leads() } } } };
    case "leaderboard":
      return { case: "leaderboard", value: { top: 20, subject: 1 } };
    default:
      return { case: question, value: {} };
  }
}

/** Returns a new block of a kind, which asks the first question that it can unless another is named. */
export function newBlock(kind: string, question = QUESTIONS[kind]?.[0]): ReportBlock {
  return create(ReportBlockSchema, {
    kind,
    note: kind === "text" ? t.reports.newText : "",
    question: questionOf(kind, question),
  });
}

/** Changes one block. */
export function changeBlock(
  blocks: readonly ReportBlock[],
  index: number,
  change: (block: ReportBlock) => void,
): ReportBlock[] {
  return blocks.map((block, i) => {
    if (i !== index) return block;
    const next = clone(ReportBlockSchema, block);
    sameBlock(block, next);
    change(next);
    return next;
  });
}

/** Returns a report as another one that is the reader's own: without what the service sets. */
export function copyOf(report: Report, title = report.title): Report {
  const { description, blocks, period, filter, formats, locale } = report;
  return create(ReportSchema, {
    title,
    description,
    blocks,
    formats,
    locale,
    ...(period === undefined ? {} : { period }),
    ...(filter === undefined ? {} : { filter }),
  });
}

function same(a: Report, b: Report, ...parts: (keyof Report)[]): boolean {
  const only = (report: Report): string =>
    toJsonString(
      ReportSchema,
      create(ReportSchema, Object.fromEntries(parts.map((part) => [part, report[part]])) as object),
    );
  return only(a) === only(b);
}

function blockKey(block: ReportBlock): string {
  return toJsonString(ReportBlockSchema, block);
}

/** Says how a report differs from another version of it, in the reader's language: one line for each part. */
export function differences(mine: Report, theirs: Report): string[] {
  const lines: string[] = [];
  const parts: readonly (readonly [string, (keyof Report)[]])[] = [
    [t.reports.title, ["title"]],
    [t.reports.description, ["description"]],
    [t.reports.period, ["period"]],
    [t.toolbar.filter, ["filter"]],
    [t.reports.formats, ["formats"]],
    [t.reports.locale, ["locale"]],
    [t.reports.visibility, ["visibility", "people"]],
  ];
  for (const [name, fields] of parts) if (!same(mine, theirs, ...fields)) lines.push(t.reports.differs(name));
  const own = new Set(mine.blocks.map(blockKey));
  const other = new Set(theirs.blocks.map(blockKey));
  const titles = new Set(theirs.blocks.map(blockTitle));
  const mineAlone = mine.blocks.filter((block) => !other.has(blockKey(block)));
  for (const block of mineAlone)
    lines.push(
      titles.has(blockTitle(block)) ? t.reports.blockDiffers(blockTitle(block)) : t.reports.onlyMine(blockTitle(block)),
    );
  const said = new Set(mineAlone.map(blockTitle));
  for (const block of theirs.blocks)
    if (!own.has(blockKey(block)) && !said.has(blockTitle(block))) lines.push(t.reports.onlyTheirs(blockTitle(block)));
  if (lines.length === 0 && !same(mine, theirs, "blocks")) lines.push(t.reports.orderDiffers);
  return lines;
}
