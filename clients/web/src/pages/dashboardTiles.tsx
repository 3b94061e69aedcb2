/** One tile of a dashboard: its question is asked for its own period or the page's, and shown by its kind. */
import type { JSX } from "preact";
import { create } from "../wire";
import type { Tile as WireTile } from "@contract/dashboard_service_pb.js";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type { GetOverviewRequest, GetUsageTrendsRequest, QueryMetricsRequest } from "@contract/metrics_service_pb.js";
import type { GetConversationMetricsRequest } from "@contract/conversation_metrics_pb.js";
import type { ListConversationsRequest } from "@contract/conversation_pb.js";
import { ComparisonSchema, TimeRangeSchema } from "@contract/time_pb.js";
import type { Comparison, TimeRange } from "@contract/time_pb.js";
import { useQuestion } from "../api/question";
import { Chart } from "../charts/Chart";
import { Card } from "../components/Card";
import { Answered } from "../components/basics";
import { Later } from "../components/Later";
import { Table } from "../components/Table";
import { bucket, cell, metricInfo, valuesOf } from "../contract";
import { figure } from "../format";
import type { LiveFigure } from "../live/figures";
import { comparison, range } from "../state/address";
import { comparisonOf, now, periodOf, quarter, timeRangeOf, zone } from "../state/period";
import { t } from "../text";
import {
  BarList,
  HeatMap,
  ValueLink,
  caption,
  changeColumn,
  dimensionRows,
  metricColumns,
  openBucket,
  rowsLink,
  selectBuckets,
} from "./common";
import { overviewFigure } from "./Overview";
import { ConversationList } from "./ConversationList";
import type { Narrowed } from "./ConversationList";
import type * as Live from "./LiveTile";

const loadLive = (): Promise<typeof Live> => import("./LiveTile");

/** Rows of a list by the height of its tile. */
const ROWS: Readonly<Record<number, number>> = { 1: 5, 2: 10, 3: 25 };
const HEIGHTS: Readonly<Record<number, number>> = { 1: 80, 2: 190, 3: 470 };

/** Returns the period and the comparison of a tile, as questions take them. */
function asked(tile: WireTile): { timeRange: TimeRange; comparison: Comparison | undefined } {
  const name = tile.period?.range || range.value;
  const place = tile.period?.timeZone || zone.value;
  const at = Math.max(now(), quarter.value * 900_000);
  const compared = comparisonOf(tile.period?.comparison || comparison.value, place);
  return {
    timeRange: create(TimeRangeSchema, timeRangeOf(periodOf(name, place, at), place)),
    comparison: compared === undefined ? undefined : create(ComparisonSchema, compared),
  };
}

/** Returns an option of a tile that is text. */
export function option(tile: WireTile, name: string): string {
  const found = tile.options?.[name];
  return typeof found === "string" ? found : "";
}

/** Returns the title of a tile: its own, or what its question makes of it. */
export function tileTitle(tile: WireTile): string {
  if (tile.title !== "") return tile.title;
  const metric = option(tile, "metric");
  if (tile.kind === "live" && metric in t.live) return t.live[metric as LiveFigure];
  if (metric !== "") return metricInfo(metric).title;
  const { case: name, value } = tile.question;
  if (name === "usageTrends") return value.metrics.map((one) => metricInfo(one).title).join(", ");
  if (name === "query")
    return `${metricInfo(value.metrics[0] ?? "").title}: ${t.dimensions[value.groupBy[0] ?? ""] ?? value.groupBy[0] ?? ""}`;
  if (name === "conversations")
    return [
      t.conversations.list,
      ...[value.agentId, value.channel, value.teamId, value.topic, value.handoffReason].filter((one) => one !== ""),
    ].join(" · ");
  return t.dashboards.kinds[tile.kind] ?? tile.kind;
}

function CardTile({ tile, question }: { tile: WireTile; question: GetOverviewRequest }): JSX.Element {
  const metric = option(tile, "metric") || "total_conversations";
  const { timeRange, comparison: compared } = asked(tile);
  const answer = useQuestion(MetricsService.method.getOverview, {
    ...question,
    timeRange,
    comparison: compared,
    includeRowsTokens: true,
  });
  return (
    <Answered asked={answer} height={100}>
      {(data) => (
        <Card
          metric={metric}
          title={tileTitle(tile)}
          value={overviewFigure(data.overview, metric)}
          before={overviewFigure(data.earlier, metric)}
          compares={compared !== undefined}
          absence={data.compared?.absenceReason}
          rows={rowsLink(metric, data.rowsTokens[metric])}
        />
      )}
    </Answered>
  );
}

function QueryCard({ tile, question }: { tile: WireTile; question: QueryMetricsRequest }): JSX.Element {
  const metric = question.metrics[0] ?? "";
  const { timeRange, comparison: compared } = asked(tile);
  const answer = useQuestion(MetricsService.method.queryMetrics, {
    ...question,
    timeRange,
    comparison: compared,
    includeRowsTokens: true,
  });
  return (
    <Answered asked={answer} height={100}>
      {(data) => (
        <Card
          metric={metric}
          title={tileTitle(tile)}
          value={cell(data.total?.figures[0])}
          before={cell(data.total?.earlierFigures[0])}
          compares={compared !== undefined}
          absence={data.compared?.absenceReason}
          rows={rowsLink(metric, data.total?.rowsTokens[metric])}
        />
      )}
    </Answered>
  );
}

function ChartTile({ tile, question }: { tile: WireTile; question: GetUsageTrendsRequest }): JSX.Element {
  const { timeRange, comparison: compared } = asked(tile);
  const single = question.metrics.length === 1;
  const answer = useQuestion(MetricsService.method.getUsageTrends, {
    ...question,
    timeRange,
    comparison: single ? compared : undefined,
  });
  const height = HEIGHTS[tile.height] ?? 190;
  return (
    <Answered asked={answer} height={height + 30}>
      {(data) => {
        const names = data.series.slice(0, 6).map((one) => one.metric);
        return (
          <>
            <p class="muted small">{caption(data.granularity)}</p>
            <Chart
              name={tileTitle(tile)}
              kind={option(tile, "form") === "stacked" ? "bars" : "line"}
              buckets={data.buckets.map(bucket)}
              earlierBuckets={data.earlierBuckets.map(bucket)}
              series={names.map((name, i) => {
                const earlier = valuesOf(data.earlierSeries, name);
                return {
                  key: name,
                  label: metricInfo(name).title,
                  color: name === "conversations_ended" ? 6 : i + 1,
                  values: valuesOf(data.series, name),
                  earlier: earlier.length > 0 ? earlier : undefined,
                };
              })}
              unit={metricInfo(names[0] ?? "").unit}
              zone={data.context?.timeZone ?? zone.value}
              height={height}
              onOpen={openBucket}
              onSelect={selectBuckets}
            />
          </>
        );
      }}
    </Answered>
  );
}

function QueryTile({ tile, question }: { tile: WireTile; question: QueryMetricsRequest }): JSX.Element {
  const { timeRange, comparison: compared } = asked(tile);
  const request = { ...question, timeRange, comparison: compared, includeRowsTokens: true };
  const answer = useQuestion(MetricsService.method.queryMetrics, request);
  const dimension = question.groupBy[0] ?? "";
  const metric = question.metrics[0] ?? "";
  return (
    <Answered asked={answer} height={HEIGHTS[tile.height] ?? 190}>
      {(data) => {
        const { rows, other } = dimensionRows(data);
        if (tile.kind === "bars") {
          return (
            <BarList
              rows={rows.slice(0, question.pageSize || 10).map((row) => ({
                id: row.id,
                name: <ValueLink dimension={dimension} id={row.id} name={row.name} />,
                amount: cell(row.wire.figures[0]) ?? 0,
                text: figure(cell(row.wire.figures[0]), metricInfo(metric).unit),
              }))}
            />
          );
        }
        return (
          <Table
            name={tileTitle(tile)}
            rows={rows}
            other={other}
            all={Number(data.distinctValues)}
            id={(row) => row.id}
            find={false}
            sort={`-${question.orderBy || metric}`}
            whole={{ of: "question", question: { case: "query", value: request } }}
            columns={[
              {
                key: "value",
                title: t.dimensions[dimension] ?? dimension,
                value: (row) => row.name,
                show: (row) => (
                  <ValueLink dimension={dimension} id={row.id} name={row.isOther ? t.table.other : row.name} />
                ),
              },
              ...metricColumns(data, question.metrics),
              ...(compared === undefined ? [] : [changeColumn(data, metric)]),
            ]}
          />
        );
      }}
    </Answered>
  );
}

function HeatTile({ tile, question }: { tile: WireTile; question: GetConversationMetricsRequest }): JSX.Element {
  const { timeRange } = asked(tile);
  const answer = useQuestion(MetricsService.method.getConversationMetrics, { ...question, timeRange });
  return (
    <Answered asked={answer} height={190}>
      {(data) => (
        <HeatMap
          name={tileTitle(tile)}
          cells={data.hoursOfWeek.map((one) => ({
            weekday: one.weekday,
            hour: one.hour,
            amount: Number(one.started),
          }))}
        />
      )}
    </Answered>
  );
}

function ConversationsTile({ tile, question }: { tile: WireTile; question: ListConversationsRequest }): JSX.Element {
  const fields = Object.entries(question).filter(([name]) => !name.startsWith("$"));
  const narrowed = Object.fromEntries(fields) as Narrowed;
  return (
    <ConversationList
      narrowed={{ ...narrowed, timeRange: asked(tile).timeRange }}
      pageSize={ROWS[tile.height] ?? 10}
      compact
    />
  );
}

/** What is in a tile; a kind or question that these pages do not know stays in its place, and says so. */
export function TileContent({ tile }: { tile: WireTile }): JSX.Element {
  const { question, kind } = tile;
  if (kind === "note") return <p class="note-text">{tile.note}</p>;
  if (kind === "card" && question.case === "overview") return <CardTile tile={tile} question={question.value} />;
  if (kind === "card" && question.case === "query") return <QueryCard tile={tile} question={question.value} />;
  if (kind === "chart" && question.case === "usageTrends") return <ChartTile tile={tile} question={question.value} />;
  if ((kind === "table" || kind === "bars") && question.case === "query")
    return <QueryTile tile={tile} question={question.value} />;
  if (kind === "table" && question.case === "conversations")
    return <ConversationsTile tile={tile} question={question.value} />;
  if (kind === "heatmap" && question.case === "conversationMetrics")
    return <HeatTile tile={tile} question={question.value} />;
  if (kind === "live" && question.case === "realtime")
    return <Later load={loadLive} props={{ metric: option(tile, "metric"), filter: question.value.filter ?? {} }} />;
  return (
    <p class="muted">{t.dashboards.unknown(`${kind}${question.case === undefined ? "" : `: ${question.case}`}`)}</p>
  );
}
