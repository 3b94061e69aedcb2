/** How are we doing? Key figures, one of them as a course, outcomes, response times, and the agents. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { AbsenceReason } from "@contract/answer_pb.js";
import { AnomalyService } from "@contract/anomaly_service_pb.js";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type { GetOverviewResponse, GetUsageTrendsResponse, Overview as Figures } from "@contract/metrics_service_pb.js";
import { useQuestion } from "../api/question";
import type { Asked } from "../api/question";
import { Chart } from "../charts/Chart";
import { Card } from "../components/Card";
import { Page } from "../components/Page";
import { Answered, Kept, Link, NothingHere, Tile } from "../components/basics";
import { Select } from "../components/Select";
import { Table } from "../components/Table";
import { bucket, metricInfo, ms, num, valuesOf } from "../contract";
import { count, figure, money } from "../format";
import { comparison, filter, param, setParams } from "../state/address";
import { comparisonAsked, filterAsked, timeRange, zone } from "../state/period";
import { t } from "../text";
import {
  BarList,
  ValueLink,
  caption,
  dimensionRows,
  metricColumns,
  openBucket,
  rowsLink,
  selectBuckets,
} from "./common";
import { useAhead } from "./ahead";
import { remarksOf } from "./anomalies";
import { MetricChart, ResponseChart } from "./courses";
import { TileMaker } from "./TileMaker";
import { chartTile, tableTile } from "./tilesOfPages";
import { WhatChanged } from "./WhatChanged";

const CARDS = [
  "total_conversations",
  "total_messages",
  "unique_users",
  "resolution_rate",
  "escalation_rate",
  "p50_response_time_ms",
  "satisfaction_score",
  "cost_micros",
] as const;
const MORE = [
  "error_rate",
  "token_usage",
  "api_calls",
  "workflow_executions",
  "storage_used_bytes",
  "active_agents",
  "calls_handled",
  "leads_converted",
] as const;
const OUTCOMES = [
  ["conversations_resolved", 1],
  ["conversations_escalated", 2],
  ["conversations_abandoned", 3],
  ["conversations_ended", 6],
] as const;
const SERIES = [
  ...CARDS,
  "error_rate",
  "token_usage",
  "api_calls",
  "workflow_executions",
  "active_agents",
  "p95_response_time_ms",
  ...OUTCOMES.map(([name]) => name),
];
const AGENT_METRICS = [
  "total_conversations",
  "total_messages",
  "resolution_rate",
  "escalation_rate",
  "p50_response_time_ms",
  "p95_response_time_ms",
  "satisfaction_score",
  "cost_micros",
];

/** The figure that the large chart shows. */
function focused(): string {
  return SERIES.includes(param("focus")) ? param("focus") : CARDS[0];
}

/** Returns a figure of an overview by its metric's name. */
export function overviewFigure(overview: Figures | undefined, metric: string): number | undefined {
  const key = metric.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()) as keyof Figures;
  const found = overview?.[key];
  return typeof found === "bigint" || typeof found === "number" ? num(found) : undefined;
}

function note(metric: string, overview: Figures): string | undefined {
  if (metric === "p50_response_time_ms" && overview.p95ResponseTimeMs !== undefined)
    return t.card.p95(figure(overview.p95ResponseTimeMs, "ms"));
  if (metric === "satisfaction_score" && overview.ratingCount !== undefined)
    return t.card.ratings(count(overview.ratingCount));
  if (metric === "cost_micros" && overview.costPerConversationMicros !== undefined)
    return t.card.perConversation(figure(overview.costPerConversationMicros, "micros"));
  return undefined;
}

function Cards({
  answer,
  trends,
}: {
  answer: GetOverviewResponse | undefined;
  trends: GetUsageTrendsResponse | undefined;
}): JSX.Element {
  const [more, setMore] = useState(false);
  const buckets = (trends?.buckets ?? []).map(bucket);
  const focus = param("focus") || CARDS[0];
  const overview = answer?.overview;
  return (
    <>
      {[...CARDS, ...(more ? MORE : [])].map((metric) => {
        const values = valuesOf(trends?.series ?? [], metric);
        return (
          <Card
            key={metric}
            metric={metric}
            pending={answer === undefined}
            value={overviewFigure(overview, metric)}
            before={overviewFigure(answer?.earlier, metric)}
            compares={comparison.value !== "none" && answer !== undefined}
            absence={answer?.compared?.absenceReason}
            series={values.length > 0 ? { buckets, values } : { buckets: [], values: [] }}
            rows={rowsLink(metric, answer?.rowsTokens[metric])}
            note={overview === undefined ? undefined : note(metric, overview)}
            focused={focus === metric}
            onFocus={
              values.length > 0
                ? () => {
                    setParams({ focus: metric === CARDS[0] ? undefined : metric }, { replace: true });
                  }
                : undefined
            }
          />
        );
      })}
      <button
        type="button"
        class="link more"
        aria-expanded={more}
        onClick={() => {
          setMore(!more);
        }}
      >
        {more ? t.card.less : t.card.more}
      </button>
    </>
  );
}

function FocusChoice({ metric }: { metric: string }): JSX.Element {
  return (
    <Select
      label={t.chart.focus}
      value={metric}
      options={SERIES.map((name) => [name, metricInfo(name).title] as const)}
      choose={(next) => {
        setParams({ focus: next === CARDS[0] ? undefined : next }, { replace: true });
      }}
    />
  );
}

const HEIGHT = 240;
/** The height of the line below a chart that says how wrong its forecast is. */
const LINE = 20;

/** The course of a metric with what is unusual in it, and what is expected. */
function JudgedChart({
  answer,
  metric,
  name,
}: {
  answer: GetUsageTrendsResponse;
  metric: string;
  name: string;
}): JSX.Element {
  const judged = useQuestion(AnomalyService.method.listAnomalies, {
    timeRange: timeRange.value,
    filter: filterAsked.value,
    metrics: [metric],
    granularity: answer.granularity,
  });
  const remarks = remarksOf(judged.data?.anomalies ?? [], answer.buckets.map(bucket), metric);
  const ahead = useAhead(metric, answer, filterAsked.value);
  const below = ahead?.caption ?? "";
  // What is below stays where it is when the forecast comes.
  return (
    <>
      <MetricChart
        answer={answer}
        metric={metric}
        name={name}
        height={below === "" ? HEIGHT : HEIGHT - LINE}
        remarks={remarks}
        ahead={ahead}
      />
      {below !== "" && <p class="small muted">{below}</p>}
    </>
  );
}

function FocusChart({ asked }: { asked: Asked<GetUsageTrendsResponse> }): JSX.Element {
  const metric = focused();
  const { title } = metricInfo(metric);
  return (
    <Tile
      title={title}
      hint={asked.data === undefined ? "" : caption(asked.data.granularity)}
      tools={
        <>
          <FocusChoice metric={metric} />
          <TileMaker id="focus" tile={chartTile(metric, filterAsked.value)} />
        </>
      }
      name="focus"
    >
      <Answered asked={asked} height={272}>
        {(answer) => <JudgedChart answer={answer} metric={metric} name={`${title}, ${caption(answer.granularity)}`} />}
      </Answered>
    </Tile>
  );
}

function Outcomes({ asked }: { asked: Asked<GetUsageTrendsResponse> }): JSX.Element {
  const names = [t.outcomes.resolved, t.outcomes.escalated, t.outcomes.abandoned, t.outcomes.ended];
  return (
    <Tile title={t.overview.outcomes} hint={t.overview.atClosing} width={6}>
      <Answered asked={asked} height={204}>
        {(answer) => (
          <Chart
            name={t.overview.outcomes}
            kind="bars"
            buckets={answer.buckets.map(bucket)}
            series={OUTCOMES.map(([key, color], i) => ({
              key,
              color,
              label: names[i] ?? key,
              values: valuesOf(answer.series, key),
            }))}
            unit="1"
            zone={zone.value}
            height={172}
            onOpen={openBucket}
            onSelect={selectBuckets}
          />
        )}
      </Answered>
    </Tile>
  );
}

function Response({ asked }: { asked: Asked<GetUsageTrendsResponse> }): JSX.Element {
  return (
    <Tile title={t.overview.response} hint={t.overview.within} width={6}>
      <Answered asked={asked} height={204}>
        {(answer) => <ResponseChart answer={answer} name={t.overview.response} height={172} />}
      </Answered>
    </Tile>
  );
}

function TopAgents(): JSX.Element {
  const asked = useQuestion(MetricsService.method.queryMetrics, {
    timeRange: timeRange.value,
    filter: filterAsked.value,
    groupBy: ["agent"],
    metrics: AGENT_METRICS,
    pageSize: 8,
    includeRowsTokens: true,
  });
  return (
    <Tile
      title={t.overview.agents}
      tools={
        <>
          <TileMaker id="agents" tile={tableTile("agent", AGENT_METRICS, filterAsked.value)} />
          <Link to="/agents">{t.overview.allAgents}</Link>
        </>
      }
    >
      <Answered asked={asked} height={380}>
        {(answer) => {
          const { rows, other } = dimensionRows(answer);
          return (
            <Table
              name={t.overview.agents}
              rows={rows}
              other={other}
              all={Number(answer.distinctValues)}
              id={(row) => row.id}
              sort="-total_conversations"
              find={false}
              columns={[
                {
                  key: "agent",
                  title: t.dimensions["agent"] ?? "",
                  value: (row) => row.name,
                  show: (row) => (
                    <ValueLink dimension="agent" id={row.id} name={row.isOther ? t.table.other : row.name} />
                  ),
                },
                ...metricColumns(answer, AGENT_METRICS),
              ]}
            />
          );
        }}
      </Answered>
    </Tile>
  );
}

function EventTypes({ asked }: { asked: Asked<GetOverviewResponse> }): JSX.Element {
  return (
    <Tile title={t.overview.types}>
      <Answered asked={asked} height={200} empty={(answer) => (answer.overview?.eventsByType.length ?? 0) === 0}>
        {(answer) => (
          <BarList
            rows={(answer.overview?.eventsByType ?? []).slice(0, 8).map(({ eventType, events }) => ({
              id: eventType,
              name: <code>{eventType}</code>,
              amount: Number(events),
              text: count(events),
            }))}
          />
        )}
      </Answered>
    </Tile>
  );
}

/** The overview. */
export default function Overview(): JSX.Element {
  const base = { timeRange: timeRange.value, filter: filterAsked.value, comparison: comparisonAsked.value };
  const overview = useQuestion(MetricsService.method.getOverview, { ...base, includeRowsTokens: true });
  const trends = useQuestion(MetricsService.method.getUsageTrends, { ...base, metrics: SERIES });
  const { data } = overview;
  if (data?.context?.currency) money.currency = data.context.currency;
  const compares =
    comparison.value !== "none" &&
    (data?.compared?.absenceReason ?? AbsenceReason.UNSPECIFIED) === AbsenceReason.UNSPECIFIED;
  const isEmpty = data?.overview !== undefined && (data.overview.events ?? 0n) === 0n;
  return (
    <Page title={t.pages.overview} context={data?.context} compared={data?.compared}>
      {isEmpty && <NothingHere firstEvent={ms(data.context?.firstEventAt)} />}
      {data === undefined && overview.error !== undefined ? (
        <Tile title={t.pages.overview}>
          <Answered asked={overview} height={260}>
            {() => null}
          </Answered>
        </Tile>
      ) : (
        <Kept asked={overview} also={trends}>
          <Cards answer={data} trends={trends.data} />
        </Kept>
      )}
      <FocusChart asked={trends} />
      <Outcomes asked={trends} />
      <Response asked={trends} />
      <TopAgents />
      {compares && !isEmpty && <WhatChanged metric={focused()} />}
      {filter.value === undefined && !isEmpty && <EventTypes asked={overview} />}
    </Page>
  );
}
