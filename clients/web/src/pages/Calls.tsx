/** How telephone calls went. */
import type { JSX } from "preact";
import type { CallBreakdown, CallFigures, GetCallMetricsResponse } from "@contract/call_metrics_pb.js";
import { MetricsService } from "@contract/metrics_service_pb.js";
import { useQuestion } from "../api/question";
import { Chart } from "../charts/Chart";
import { Card } from "../components/Card";
import { Page } from "../components/Page";
import { Empty, Tile, Whole } from "../components/basics";
import { Table } from "../components/Table";
import { num, pointBucket } from "../contract";
import { count, figure } from "../format";
import { comparison } from "../state/address";
import { comparisonAsked, filterAsked, timeRange, zone } from "../state/period";
import { t } from "../text";
import { HeatMap, ValueLink, caption, openBucket, rowsLink, selectBuckets } from "./common";

const LEVEL_SECONDS = 20;

function level(figures: CallFigures | undefined): number | undefined {
  return figures?.serviceLevels[0]?.share;
}

function Cards({ answer }: { answer: GetCallMetricsResponse }): JSX.Element {
  const { figures, earlier, rowsTokens, compared } = answer;
  const cards = [
    ["calls_offered", t.calls.offered, num(figures?.callsOffered), num(earlier?.callsOffered), undefined],
    ["calls_answered", t.calls.answered, num(figures?.callsAnswered), num(earlier?.callsAnswered), undefined],
    ["call_abandonment_rate", t.calls.rate, figures?.callAbandonmentRate, earlier?.callAbandonmentRate, undefined],
    ["calls_in_service_level", t.calls.level(count(LEVEL_SECONDS)), level(figures), level(earlier), undefined],
    [
      "avg_wait_ms",
      t.calls.wait,
      figures?.avgWaitMs,
      earlier?.avgWaitMs,
      figures?.longestWaitMs === undefined ? undefined : t.calls.longest(figure(figures.longestWaitMs, "ms")),
    ],
    ["avg_handle_time_ms", t.calls.handle, figures?.avgHandleTimeMs, earlier?.avgHandleTimeMs, undefined],
    ["avg_talk_time_ms", t.calls.talk, figures?.avgTalkTimeMs, earlier?.avgTalkTimeMs, undefined],
    ["outbound_calls", t.calls.outbound, num(figures?.outboundCalls), num(earlier?.outboundCalls), undefined],
  ] as const;
  return (
    <>
      {cards.map(([metric, title, now, before, note]) => (
        <Card
          key={metric}
          metric={metric}
          title={title}
          better={metric === "calls_in_service_level" ? "+" : undefined}
          unit={metric === "calls_in_service_level" ? "fraction" : undefined}
          value={now}
          before={before}
          note={note}
          compares={comparison.value !== "none"}
          absence={compared?.absenceReason}
          rows={rowsLink(metric, rowsTokens[metric])}
        />
      ))}
    </>
  );
}

function Breakdown({
  breakdown,
  title,
  dimension,
}: {
  breakdown: CallBreakdown | undefined;
  title: string;
  dimension: string;
}): JSX.Element {
  const rows = (breakdown?.rows ?? []).map((row) => ({
    id: row.value,
    name: row.displayName || row.value,
    figures: row.figures,
  }));
  return (
    <Tile title={title} width={6}>
      <Table
        name={title}
        rows={rows}
        all={Number(breakdown?.distinctValues ?? 0n)}
        id={(row) => row.id}
        find={false}
        sort="-offered"
        columns={[
          {
            key: "value",
            title,
            value: (row) => row.name,
            show: (row) => <ValueLink dimension={dimension} id={row.id} name={row.name} />,
          },
          {
            key: "offered",
            title: t.calls.offered,
            unit: "1",
            bar: true,
            value: (row) => num(row.figures?.callsOffered),
          },
          {
            key: "rate",
            title: t.calls.abandoned,
            unit: "fraction",
            value: (row) => row.figures?.callAbandonmentRate,
          },
          { key: "wait", title: t.calls.waitShort, unit: "ms", value: (row) => row.figures?.avgWaitMs },
          { key: "handle", title: t.calls.handleShort, unit: "ms", value: (row) => row.figures?.avgHandleTimeMs },
        ]}
      />
    </Tile>
  );
}

function Course({ answer }: { answer: GetCallMetricsResponse }): JSX.Element {
  const { series, context } = answer;
  const buckets = series.map((point, i) => pointBucket(point, context?.stillRunning === true, i === series.length - 1));
  const of = (take: (one: CallFigures) => bigint | number | undefined): (number | null)[] =>
    series.map(({ figures }) => (figures === undefined ? null : (num(take(figures)) ?? null)));
  return (
    <>
      <Tile title={t.calls.course} hint={caption(answer.granularity)} width={6}>
        <Chart
          name={t.calls.course}
          kind="bars"
          buckets={buckets}
          unit="1"
          zone={zone.value}
          height={190}
          onOpen={openBucket}
          onSelect={selectBuckets}
          series={[
            { key: "answered", label: t.calls.answered, color: 1, values: of((one) => one.callsAnswered) },
            {
              key: "abandoned",
              label: t.calls.abandoned,
              color: 3,
              values: of((one) => one.callsAbandoned),
            },
          ]}
        />
      </Tile>
      <Tile title={t.calls.wait} hint={caption(answer.granularity)} width={6}>
        <Chart
          name={t.calls.wait}
          buckets={buckets}
          unit="ms"
          zone={zone.value}
          height={190}
          onOpen={openBucket}
          onSelect={selectBuckets}
          series={[
            { key: "mean", label: t.overview.mean, color: 1, values: of((one) => one.avgWaitMs) },
            { key: "p95", label: t.overview.p95, color: 2, values: of((one) => one.p95WaitMs) },
          ]}
        />
      </Tile>
    </>
  );
}

function Tiles({ answer }: { answer: GetCallMetricsResponse }): JSX.Element {
  if ((answer.figures?.callsOffered ?? 0n) === 0n && (answer.figures?.outboundCalls ?? 0n) === 0n)
    return (
      <Tile title={t.pages.calls}>
        <Empty text={t.calls.none} />
      </Tile>
    );
  return (
    <>
      <Cards answer={answer} />
      <Course answer={answer} />
      <Tile title={t.calls.heat} hint={`${t.conversations.heatHint}, ${zone.value}`} width={6}>
        <HeatMap
          name={t.calls.heat}
          cells={answer.hoursOfWeek.map((one) => ({
            weekday: one.weekday,
            hour: one.hour,
            amount: Number(one.callsOffered),
          }))}
        />
      </Tile>
      <Breakdown breakdown={answer.byQueue} title={t.calls.queues} dimension="queue" />
      <Breakdown breakdown={answer.byAgent} title={t.calls.agents} dimension="agent" />
      <Breakdown breakdown={answer.byTeam} title={t.calls.teams} dimension="team" />
    </>
  );
}

/** The page. */
export default function Calls(): JSX.Element {
  const asked = useQuestion(MetricsService.method.getCallMetrics, {
    timeRange: timeRange.value,
    filter: filterAsked.value,
    comparison: comparisonAsked.value,
    serviceLevelSeconds: [LEVEL_SECONDS],
    top: 20,
    includeRowsTokens: true,
  });
  const { data } = asked;
  return (
    <Page title={t.pages.calls} context={data?.context} compared={data?.compared}>
      <Whole asked={asked} title={t.pages.calls} height={1200}>
        {(answer) => <Tiles answer={answer} />}
      </Whole>
    </Page>
  );
}
