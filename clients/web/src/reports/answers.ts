/**
 * The tables of an answer, as the service makes them for the files of a report (server/rpc/exports): a preview is drawn from
 * the same tables as the PDF.
 */
import { AbsenceReason } from "@contract/answer_pb.js";
import { cell, ms } from "../contract";
import { count } from "../format";
import { t } from "../text";
import { fieldsOf } from "../wire/descriptors";
import type { Field, Fields, MessageDescriptor } from "../wire/descriptors";
import type { FunnelFigures, QueryFunnelResponse } from "@contract/funnel_service_pb.js";
import type { GetUsageTrendsResponse, MetricRow, QueryMetricsResponse } from "@contract/metrics_service_pb.js";
import { NESTED, readings, snake, titleOf } from "./columns";
import type { AnswerColumn, Value } from "./columns";

/** A table of an answer. */
export interface AnswerTable {
  name: string;
  columns: readonly AnswerColumn[];
  rows: readonly (readonly Value[])[];
  notes?: readonly string[];
}

const MAIN = new Set([
  "overview",
  "agent",
  "figures",
  "total",
  "roi",
  "quota",
  "campaign",
  "durable_resolution",
  "repeat_contacts",
]);
const PREFIXED = new Set(["durable_resolution", "repeat_contacts"]);
const SKIPPED = new Set(["context", "compared", "granularity", "next_page_token", "rows_tokens"]);
const ROW: AnswerColumn = { name: "row", title: "", unit: "" };
const NONE: ReadonlySet<string> = new Set();

function textColumn(name: string): AnswerColumn {
  return { name, title: t.dimensions[name] ?? titleOf(name), unit: "" };
}

interface ServiceLevel {
  seconds: number;
  calls: bigint;
  share?: number;
}

/** The columns of service levels, where figures have them: the share of calls answered within so many seconds. */
function levels(figures: readonly (Fields | undefined)[]): {
  columns: AnswerColumn[];
  values: (one: Fields | undefined) => Value[];
} {
  const of = (one: Fields | undefined): ServiceLevel[] => (one?.["serviceLevels"] as ServiceLevel[] | undefined) ?? [];
  const seconds = [...new Set(figures.flatMap((one) => of(one).map((level) => level.seconds)))];
  return {
    columns: seconds.flatMap((one) => [
      { name: `calls_within_${String(one)}s`, title: t.calls.level(count(one)), unit: "1" },
      { name: `service_level_${String(one)}s`, title: t.reports.level(count(one)), unit: "fraction" },
    ]),
    values: (one) =>
      seconds.flatMap((wanted) => {
        const found = of(one).find((level) => level.seconds === wanted);
        return [found === undefined ? undefined : Number(found.calls), found?.share];
      }),
  };
}

function listed(name: string, descriptor: MessageDescriptor, messages: readonly Fields[]): AnswerTable {
  const fields = readings(descriptor);
  const figures = (one: Fields): Fields | undefined => one["figures"] as Fields | undefined;
  const more = levels(messages.map(figures));
  return {
    name,
    columns: [...fields.map((one) => one.column), ...more.columns],
    rows: messages.map((one) => [...fields.map(({ read }) => read(one)), ...more.values(figures(one))]),
  };
}

function isBreakdown({ many, type, message }: Field): boolean {
  if (type !== "m" || many !== "") return false;
  const names = fieldsOf(message).map((one) => one.name);
  return ["rows", "rest", "other"].every((one) => names.includes(one));
}

function breakdown(name: string, descriptor: MessageDescriptor, message: Fields): AnswerTable {
  const rowField = fieldsOf(descriptor).find((one) => one.name === "rows");
  if (rowField === undefined) return { name, columns: [], rows: [] };
  const fields = readings(rowField.message);
  const messages = message["rows"] as Fields[];
  const figures = (one: Fields | undefined): Fields | undefined => one?.["figures"] as Fields | undefined;
  const parts = (["rest", "other"] as const).filter((part) => message[part] !== undefined);
  const more = levels([...messages.map(figures), ...parts.map((part) => message[part] as Fields)]);
  const inFigures = new Set(
    readings(rowField.message, "", new Set([...NESTED, "figures"])).map((one) => one.column.name),
  );
  const rest = parts.map((part) => {
    const found = message[part] as Fields;
    const own = fields.map(({ column, read }) => (inFigures.has(column.name) ? undefined : read({ figures: found })));
    return [part, ...own, ...more.values(found)];
  });
  return {
    name,
    columns: [ROW, ...fields.map((one) => one.column), ...more.columns],
    rows: [
      ...messages.map((one) => ["value", ...fields.map(({ read }) => read(one)), ...more.values(figures(one))]),
      ...rest,
    ],
  };
}

/** Returns the series side by side: a row for each bucket, a column for each metric. */
function ofTrends(answer: GetUsageTrendsResponse): AnswerTable[] {
  const column = (name: string, title: string, unit: string): AnswerColumn => ({
    name,
    title: titleOf(name, title),
    unit,
  });
  const columns = answer.series.map((one) => column(one.metric, one.title, one.unit));
  const earlier = answer.earlierSeries.map((one) => column(`earlier_${one.metric}`, one.title, one.unit));
  return [
    {
      name: "series",
      columns: [{ name: "start", title: titleOf("start"), unit: "instant" }, ...columns, ...earlier],
      rows: answer.buckets.map((bucket, i) => [
        ms(bucket.start),
        ...answer.series.map((one) => cell(one.values[i])),
        ...answer.earlierSeries.map((one) => cell(one.values[i])),
      ]),
    },
  ];
}

/** Returns the rows of a table by a dimension, and what they leave of the total. */
function ofQuery(answer: QueryMetricsResponse): AnswerTable[] {
  const columns = answer.metrics.map((one) => ({
    name: one.metric,
    title: titleOf(one.metric, one.title),
    unit: one.unit,
  }));
  const compared = answer.compared?.absenceReason === AbsenceReason.UNSPECIFIED;
  const earlier = columns.map((one) => ({
    ...one,
    name: `earlier_${one.name}`,
    title: titleOf(`earlier_${one.name}`),
  }));
  const head = [...columns, ...(compared ? earlier : [])];
  const figures = (row: MetricRow): Value[] => [
    ...columns.map((_, i) => cell(row.figures[i])),
    ...(compared ? columns.map((_, i) => cell(row.earlierFigures[i])) : []),
  ];
  const totals: AnswerTable = {
    name: "totals",
    columns: [ROW, ...head],
    rows: (["total", "rest", "other"] as const).flatMap((part) => {
      const row = answer[part];
      return row === undefined ? [] : [[part, ...figures(row)]];
    }),
  };
  if (answer.groupBy.length === 0) return [totals];
  const rows: AnswerTable = {
    name: "rows",
    columns: [...answer.groupBy.map(textColumn), textColumn("display_name"), ...head],
    rows: answer.rows.map((row) => [...row.values, row.displayName || undefined, ...figures(row)]),
  };
  return [rows, totals];
}

/** Returns the stages of the whole. */
function ofFunnel(descriptor: MessageDescriptor, answer: QueryFunnelResponse): AnswerTable[] {
  const total = fieldsOf(descriptor).find((one) => one.name === "total");
  const stage = total && fieldsOf(total.message).find((one) => one.name === "stages");
  if (stage === undefined) return [];
  const fields = readings(stage.message);
  const owners: [string, Value, FunnelFigures | undefined][] = [
    ["total", undefined, answer.total],
    ...answer.rows.map((one): [string, Value, FunnelFigures | undefined] => ["value", one.value, one.figures]),
  ];
  return [
    {
      name: "stages",
      columns: [
        ROW,
        textColumn("value"),
        { name: "stage", title: t.funnels.stage, unit: "1" },
        ...fields.map((one) => one.column),
      ],
      rows: owners.flatMap(([row, value, figures]) =>
        (figures?.stages ?? []).map((one, i) => [
          row,
          value,
          i + 1,
          ...fields.map(({ read }) => read(one as unknown as Fields)),
        ]),
      ),
    },
  ];
}

/** Returns campaigns, what they leave of the total, and the amounts of each in each currency. */
function ofCampaigns(descriptor: MessageDescriptor, answer: Fields): AnswerTable[] {
  const one = fieldsOf(descriptor).find((field) => field.name === "campaigns");
  const figuresField = one && fieldsOf(one.message).find((field) => field.name === "figures");
  const amountsField = figuresField && fieldsOf(figuresField.message).find((field) => field.name === "amounts");
  if (one === undefined || figuresField === undefined || amountsField === undefined) return [];
  const campaigns = answer["campaigns"] as Fields[];
  const parts = ["total", "withoutCampaign", "other", "earlierTotal"].filter((name) => answer[name] !== undefined);
  const fields = readings(figuresField.message);
  const amounts = readings(amountsField.message);
  const owners: (readonly [string, Value, Fields | undefined])[] = [
    ...campaigns.map((each) => ["campaign", each["campaignId"] as string, each["figures"] as Fields] as const),
    ...parts.map((part) => [snake(part), undefined, answer[part] as Fields] as const),
  ];
  return [
    listed("campaigns", one.message, campaigns),
    {
      name: "totals",
      columns: [ROW, ...fields.map(({ column }) => column)],
      rows: parts.map((part) => [snake(part), ...fields.map(({ read }) => read(answer[part] as Fields))]),
    },
    {
      name: "amounts",
      columns: [ROW, textColumn("campaign_id"), ...amounts.map(({ column }) => column)],
      rows: owners.flatMap(([row, id, figures]) =>
        ((figures?.["amounts"] as Fields[] | undefined) ?? []).map((each) => [
          row,
          id,
          ...amounts.map(({ read }) => read(each)),
        ]),
      ),
    },
  ];
}

/** Returns the columns of what an answer has once, without a prefix where it is what the answer is about. */
function ofAlone(field: Field): { columns: AnswerColumn[]; values: (answer: Fields) => Value[] } {
  const name = snake(field.name);
  const plain = MAIN.has(name) && !PREFIXED.has(name);
  const without = plain ? new Set([...NESTED, "bucket"]) : NESTED;
  const fields =
    field.type === "m"
      ? readings(field.message, plain ? "" : name, without)
      : readings({ typeName: "", source: "", refs: () => [], fields: [field] }, "", NONE);
  return {
    columns: fields.map(({ column }) => column),
    values: (answer) =>
      fields.map(({ read }) => read(field.type === "m" ? (answer[field.name] as Fields | undefined) : answer)),
  };
}

/** Returns the table of what an answer has once, and of the same of an earlier period. */
function figuresOf(alone: readonly Field[], answer: Fields): AnswerTable | undefined {
  if (alone.length === 0) return undefined;
  const main = alone.find((one) => MAIN.has(snake(one.name)));
  const earlier = main && alone.find((one) => one.name.startsWith("earlier"));
  const before = earlier && (answer[earlier.name] as Fields | undefined);
  const columns: AnswerColumn[] = [];
  const asked: Value[] = [];
  const then: Value[] = [];
  for (const one of alone) {
    if (one === earlier) continue;
    const fields = ofAlone(one);
    const isMain = one === main && one.type === "m";
    const more = levels(isMain ? [answer[one.name] as Fields | undefined] : []);
    columns.push(...fields.columns, ...more.columns);
    asked.push(...fields.values(answer), ...more.values(answer[one.name] as Fields | undefined));
    then.push(
      ...(isMain && before !== undefined
        ? [...fields.values({ [one.name]: before }), ...more.values(before)]
        : [...fields.columns, ...more.columns].map(() => undefined)),
    );
  }
  return { name: "figures", columns, rows: before === undefined ? [asked] : [asked, then] };
}

/** Tables of answers that are no plain lists of messages, with the fields that they have shown. */
function special(descriptor: MessageDescriptor, answer: Fields): { shown: readonly string[]; tables: AnswerTable[] } {
  const all = fieldsOf(descriptor).map((one) => one.name);
  switch (descriptor.typeName) {
    case "tallywire.v1.GetUsageTrendsResponse":
      return { shown: all, tables: ofTrends(answer as unknown as GetUsageTrendsResponse) };
    case "tallywire.v1.QueryMetricsResponse":
      return { shown: all, tables: ofQuery(answer as unknown as QueryMetricsResponse) };
    case "tallywire.v1.QueryFunnelResponse":
      return { shown: all, tables: ofFunnel(descriptor, answer as unknown as QueryFunnelResponse) };
    case "tallywire.v1.ListCampaignsResponse":
      return { shown: all, tables: ofCampaigns(descriptor, answer) };
    case "tallywire.v1.GetCostsResponse": {
      const field = fieldsOf(descriptor).find((one) => one.name === "breakdowns");
      if (field === undefined) return { shown: [], tables: [] };
      const found = (answer["breakdowns"] as Fields[]).map((one) =>
        breakdown(`by_${String(one["dimension"])}`, field.message, one),
      );
      return { shown: ["breakdowns"], tables: found };
    }
    default:
      return { shown: [], tables: [] };
  }
}

/** Returns the tables of an answer. */
export function tablesOf(descriptor: MessageDescriptor, answer: Fields): AnswerTable[] {
  const { shown, tables } = special(descriptor, answer);
  const rest = fieldsOf(descriptor).filter((one) => !SKIPPED.has(snake(one.name)) && !shown.includes(one.name));
  const lists: AnswerTable[] = [];
  const alone: Field[] = [];
  for (const one of rest) {
    const found = answer[one.name];
    if (one.many === "*") {
      if (one.type === "m") lists.push(listed(snake(one.name), one.message, found as Fields[]));
    } else if (isBreakdown(one)) {
      if (found !== undefined) lists.push(breakdown(snake(one.name), one.message, found as Fields));
    } else if (one.many !== "%") alone.push(one);
  }
  const figures = figuresOf(alone, answer);
  if (figures === undefined) return [...tables, ...lists];
  return alone.some((one) => one.type === "m") ? [figures, ...tables, ...lists] : [...tables, ...lists, figures];
}
