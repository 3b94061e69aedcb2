/**
 * The blocks of a report, drawn from the answers that its files are made of: the same questions, for the same days, as
 * tables by the same rules. They follow each change at once, where a file needs a run by a worker.
 */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { create } from "../wire";
import type { DescMessage, DescMethodUnary } from "@bufbuild/protobuf";
import type { AbsenceReason } from "@contract/answer_pb.js";
import { FilterSchema } from "@contract/answer_pb.js";
import { CampaignService } from "@contract/campaign_service_pb.js";
import { FunnelService } from "@contract/funnel_service_pb.js";
import { LeaderboardService } from "@contract/leaderboard_service_pb.js";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type { GetUsageTrendsResponse } from "@contract/metrics_service_pb.js";
import type { Report, ReportBlock } from "@contract/report_service_pb.js";
import { ComparisonMode, ComparisonSchema, TimeRangeSchema } from "@contract/time_pb.js";
import { useQuestion } from "../api/question";
import type { Asked } from "../api/question";
import { Chart } from "../charts/Chart";
import { Card, Change } from "../components/Card";
import { Answered, Tile } from "../components/basics";
import { Table } from "../components/Table";
import { bucket, metricInfo, valuesOf } from "../contract";
import { count, figure, instant, percent } from "../format";
import { t } from "../text";
import { tablesOf } from "../reports/answers";
import type { AnswerTable } from "../reports/answers";
import { NotThere, keyFigures, ranking, shownTable, stages, valueText } from "../reports/blocks";
import { blockId, blockTitle, metricsOf, partOf } from "../reports/blockNames";
import { titleOf } from "../reports/columns";
import { boundsOf, daysOf, reportZone } from "../reports/names";
import { fieldsOf } from "../wire/descriptors";
import type { Fields, MessageDescriptor } from "../wire/descriptors";
import { timestampFromMs } from "../wire/timestamps";
import { BarList, caption } from "./common";

const metrics = MetricsService.method;
const METHODS: Readonly<Record<string, DescMethodUnary>> = {
  overview: metrics.getOverview,
  agentMetrics: metrics.getAgentMetrics,
  usageTrends: metrics.getUsageTrends,
  query: metrics.queryMetrics,
  dailyStats: metrics.getDailyStats,
  conversationMetrics: metrics.getConversationMetrics,
  costs: metrics.getCosts,
  roi: metrics.getRoi,
  apiUsage: metrics.getApiUsage,
  callMetrics: metrics.getCallMetrics,
  quality: metrics.getQuality,
  leaderboard: LeaderboardService.method.getLeaderboard,
  funnel: FunnelService.method.queryFunnel,
  campaigns: CampaignService.method.listCampaigns,
};

/** Returns the method of a question; that of a list comes later, since it is large and rare. */
function useMethod(question: string): DescMethodUnary | undefined {
  const [agents, setAgents] = useState<DescMethodUnary | undefined>(undefined);
  const late = question === "agents" && agents === undefined;
  useEffect(() => {
    if (!late) return;
    void import("@contract/directory_service_pb.js").then((found) => {
      setAgents(found.DirectoryService.method.listAgents);
    });
  }, [late]);
  return question === "agents" ? agents : METHODS[question];
}

/** What a block is answered with: the tables of the answer, and the answer itself. */
export interface BlockAnswer {
  tables: AnswerTable[];
  answer: Fields;
}

function descriptorOf(method: DescMethodUnary, side: "input" | "output"): MessageDescriptor {
  return method[side] as unknown as MessageDescriptor;
}

/** Puts the period, the comparison and the report's filter into the question of a block, as a run does. */
function requestOf(block: ReportBlock, report: Report, method: DescMethodUnary): Fields | undefined {
  const bounds = boundsOf(report);
  if (bounds === undefined) return undefined;
  const names = new Set(fieldsOf(descriptorOf(method, "input")).map((one) => one.name));
  const request: Fields = { ...(block.question.value as unknown as Fields) };
  const range = ({ start, end }: { start: number; end: number }): { start: unknown; end: unknown } => ({
    start: timestampFromMs(start),
    end: timestampFromMs(end),
  });
  if (names.has("timeRange"))
    request["timeRange"] = create(TimeRangeSchema, {
      ...range(bounds),
      timeZone: reportZone(report.period),
    } as Parameters<typeof create<typeof TimeRangeSchema>>[1]);
  if (names.has("comparison") && bounds.earlier !== undefined)
    request["comparison"] = create(ComparisonSchema, {
      mode: ComparisonMode.CUSTOM,
      ...range(bounds.earlier),
    } as Parameters<typeof create<typeof ComparisonSchema>>[1]);
  if (names.has("filter") && report.filter !== undefined && request["filter"] === undefined)
    request["filter"] = create(FilterSchema, report.filter);
  return request;
}

/** Asks the question of a block. */
export function useBlock(block: ReportBlock, report: Report): Asked<BlockAnswer> {
  const method = useMethod(block.question.case ?? "");
  const asked = useQuestion<DescMessage, DescMessage>(
    method ?? metrics.getOverview,
    method === undefined ? undefined : requestOf(block, report, method),
  );
  const { data, ...rest } = asked;
  if (method === undefined || data === undefined) return rest;
  const answer = data as unknown as Fields;
  return { ...rest, data: { tables: tablesOf(descriptorOf(method, "output"), answer), answer } };
}

interface DrawnProps {
  block: ReportBlock;
  report: Report;
  found: BlockAnswer;
}

function Figures({ block, report, found }: DrawnProps): JSX.Element {
  const compared = found.answer["compared"] as { absenceReason?: AbsenceReason } | undefined;
  return (
    <div class="grid">
      {keyFigures(found.tables, { metrics: metricsOf(block), part: partOf(block) }).map(({ column, value, before }) => (
        <Card
          key={column.name}
          metric={column.name}
          title={column.title}
          unit={column.unit}
          value={value}
          before={before}
          compares={boundsOf(report)?.earlier !== undefined}
          absence={compared?.absenceReason}
        />
      ))}
    </div>
  );
}

function Series({ block, report, found }: DrawnProps): JSX.Element {
  const answer = found.answer as unknown as GetUsageTrendsResponse;
  const zone = reportZone(report.period);
  const earlier = boundsOf(report)?.earlier;
  const units = [...new Set(answer.series.map((one) => one.unit))];
  return (
    <>
      <p class="muted small">{caption(answer.granularity, zone)}</p>
      {units.map((unit) => {
        const lines = answer.series.filter((one) => one.unit === unit);
        return (
          <Chart
            key={unit}
            name={blockTitle(block)}
            buckets={answer.buckets.map(bucket)}
            earlierBuckets={answer.earlierBuckets.map(bucket)}
            earlierName={earlier === undefined ? undefined : daysOf(earlier, zone)}
            all={lines.length}
            series={lines.slice(0, 6).map(({ metric, title }, i) => {
              const before = valuesOf(answer.earlierSeries, metric);
              return {
                key: metric,
                label: titleOf(metric, title),
                color: i + 1,
                values: valuesOf(answer.series, metric),
                earlier: before.length > 0 ? before : undefined,
              };
            })}
            unit={unit}
            zone={zone}
            height={190}
          />
        );
      })}
    </>
  );
}

function Rows({ block, report, found }: DrawnProps): JSX.Element {
  const { columns, rows, main, compares, notes } = shownTable(found.tables, {
    metrics: metricsOf(block),
    part: partOf(block),
  });
  if (rows.length === 0) return <p class="muted">{t.reports.noRows}</p>;
  const zone = reportZone(report.period);
  const currency = columns.findIndex((one) => one.name === "currency");
  const parts: Readonly<Record<string, string>> = { rest: t.table.rest, other: t.table.other, total: t.table.total };
  const shown = columns.map((column, i) => ({
    key: column.name,
    title: column.title,
    ...(column.unit === "" || column.unit === "instant" ? {} : { unit: column.unit }),
    bar: i === main,
    value: (row: (typeof rows)[number]) => (row.kind === "value" || i !== main ? row.values[i] : undefined),
    show: (row: (typeof rows)[number]) => {
      const value = row.values[i];
      if (i === 0)
        return parts[String(row.kind)] ?? (value === undefined ? t.reports.without : valueText(column, value));
      return column.unit === "instant" && typeof value === "number"
        ? instant(value, zone)
        : valueText(column, value, row.values[currency]);
    },
  }));
  const name = columns[main]?.name ?? "";
  const change = {
    key: "change",
    title: t.table.change,
    unit: "fraction",
    value: () => undefined,
    show: (row: (typeof rows)[number]) => {
      const value = row.values[main];
      return (
        <Change
          metric={name}
          now={typeof value === "number" ? value : undefined}
          before={row.before}
          unit={columns[main]?.unit}
        />
      );
    },
  };
  return (
    <>
      <Table
        name={blockTitle(block)}
        rows={rows.map((row, i) => ({ ...row, i }))}
        id={(row) => String(row.i)}
        fixed
        find={false}
        columns={compares ? [...shown, change] : shown}
      />
      {notes.map((note) => (
        <p key={note} class="muted small">
          {note}
        </p>
      ))}
    </>
  );
}

function Stages({ found }: { found: BlockAnswer }): JSX.Element {
  const all = stages(found.tables);
  const first = all[0]?.reached ?? 0;
  if (first === 0) return <p class="muted">{t.funnels.none}</p>;
  return (
    <ol class="funnel">
      {all.map((one) => (
        <li key={one.name} class="funnel-step">
          <b>{one.name}</b>
          <span class="track" aria-hidden="true">
            <span style={{ width: `${String((one.reached / first) * 100)}%` }} />
          </span>
          <span class="number">
            {count(one.reached)} <span class="muted">{one.ofFirst === undefined ? "–" : percent(one.ofFirst)}</span>
          </span>
          {one.ofPrevious !== undefined && (
            <span class="funnel-between small muted">
              {t.reports.ofPrevious(percent(one.ofPrevious))}
              {one.medianMs !== undefined && ` · ${t.funnels.median} ${figure(one.medianMs, "ms")}`}
            </span>
          )}
        </li>
      ))}
    </ol>
  );
}

function Bars({ block, found }: DrawnProps): JSX.Element {
  const { column, bars } = ranking(found.tables, { metrics: metricsOf(block), part: partOf(block) });
  if (bars.length === 0) return <p class="muted">{t.reports.noRows}</p>;
  return (
    <>
      <p class="muted small">{metricInfo(column.name).title}</p>
      <BarList
        rows={bars.map((one, i) => ({
          id: String(i),
          name: one.label || t.reports.without,
          amount: one.value ?? 0,
          text: valueText(column, one.value),
        }))}
      />
    </>
  );
}

function drawn(props: DrawnProps): JSX.Element {
  try {
    // Each part works out what it shows before it is drawn: what an answer does not have is said here.
    switch (props.block.kind) {
      case "figures":
        return Figures(props);
      case "series":
        return Series(props);
      case "ranking":
        return Bars(props);
      case "funnel":
        return Stages(props);
      default:
        return Rows(props);
    }
  } catch (error) {
    if (!(error instanceof NotThere)) throw error;
    return <p class="bad">{error.message}</p>;
  }
}

function Paragraphs({ text }: { text: string }): JSX.Element {
  return (
    <>
      {text.split(/\n\n+/).map((one, i) => (
        <p key={i} class="note-text">
          {one}
        </p>
      ))}
    </>
  );
}

function Content({ block, report }: { block: ReportBlock; report: Report }): JSX.Element {
  const asked = useBlock(block, report);
  return (
    <>
      {block.note !== "" && <Paragraphs text={block.note} />}
      {block.question.case !== undefined && (
        <Answered asked={asked} height={block.kind === "text" ? 0 : 200}>
          {(found) => drawn({ block, report, found })}
        </Answered>
      )}
    </>
  );
}

/** The blocks of a report, one below the other, as on its pages. */
export function Blocks({
  report,
  tools,
}: {
  report: Report;
  tools?: (block: ReportBlock, index: number) => ComponentChildren;
}): JSX.Element {
  return (
    <>
      {report.blocks.map((block, index) => (
        <Tile
          key={blockId(block)}
          title={blockTitle(block)}
          hint={block.options?.["page_break"] === true ? t.reports.newPage : undefined}
          name={`block-${String(index)}`}
          place={index}
          tools={tools?.(block, index)}
        >
          <Content block={block} report={report} />
        </Tile>
      ))}
    </>
  );
}
