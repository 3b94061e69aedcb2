/** How conversations went, and which they are. */
import type { JSX } from "preact";
import type {
  ConversationBreakdown,
  ConversationDistribution,
  ConversationFigures,
  DistributionBin,
  GetConversationMetricsResponse,
} from "@contract/conversation_metrics_pb.js";
import { MetricsService } from "@contract/metrics_service_pb.js";
import { useQuestion } from "../api/question";
import { Chart } from "../charts/Chart";
import { Card } from "../components/Card";
import { Page } from "../components/Page";
import { Answered, Empty, Tile } from "../components/basics";
import { Table } from "../components/Table";
import { num, pointBucket } from "../contract";
import { count, figure, percent } from "../format";
import { comparison, param, setParams } from "../state/address";
import { comparisonAsked, filterAsked, timeRange, zone } from "../state/period";
import { t } from "../text";
import { BarList, Figure, HeatMap, caption, openBucket, rowsLink, selectBuckets } from "./common";
import { Filters, listFilter } from "./ConversationFilters";
import { ConversationDrawer } from "./ConversationDrawer";
import { ConversationList } from "./ConversationList";
import { TileMaker } from "./TileMaker";

const CARDS: readonly (readonly [string, (figures: ConversationFigures) => number | bigint | undefined])[] = [
  ["total_conversations", (one) => one.totalConversations],
  ["conversations_closed", (one) => one.conversationsClosed],
  ["resolution_rate", (one) => one.resolutionRate],
  ["escalation_rate", (one) => one.escalationRate],
];

function distributionText(one: ConversationDistribution | undefined, unit: string): string {
  return one?.p50 === undefined ? "" : t.conversations.distribution(figure(one.p50, unit), figure(one.p95, unit));
}

function Cards({ answer }: { answer: GetConversationMetricsResponse }): JSX.Element {
  const { figures, earlier, rowsTokens, durableResolution: durable, repeatContacts: repeat } = answer;
  return (
    <>
      {CARDS.map(([name, take]) => (
        <Card
          key={name}
          metric={name}
          value={figures === undefined ? undefined : num(take(figures))}
          before={earlier === undefined ? undefined : num(take(earlier))}
          compares={comparison.value !== "none"}
          absence={answer.compared?.absenceReason}
          rows={rowsLink(name, rowsTokens[name])}
        />
      ))}
      <Card
        metric="open_conversations"
        title={t.conversations.openNow}
        definition={t.conversations.openNowText}
        unit="1"
        value={num(answer.openConversations)}
      />
      <Card
        metric="avg_first_response_time_ms"
        title={t.conversations.firstResponse}
        definition={t.conversations.firstResponseText}
        unit="ms"
        value={figures?.firstResponseMs?.p50}
        before={earlier?.firstResponseMs?.p50}
        absence={answer.compared?.absenceReason}
        compares={comparison.value !== "none"}
      />
      <Card
        metric="resolution_rate"
        title={t.conversations.durable}
        definition={t.conversations.durableText}
        unit="fraction"
        value={durable?.durableResolutionRate}
        note={durable === undefined ? undefined : t.conversations.durableHint(count(durable.days))}
      />
      <Card
        metric="escalation_rate"
        title={t.conversations.repeat}
        definition={t.conversations.repeatText}
        unit="fraction"
        value={repeat?.repeatContactRate}
        note={repeat === undefined ? undefined : t.conversations.repeatHint(count(repeat.days))}
      />
    </>
  );
}

function binName(bin: DistributionBin, unit: string): string {
  const upper = num(bin.upper);
  if (upper === undefined) return t.conversations.from(figure(Number(bin.lower), unit));
  if (bin.lower === 0n) return t.conversations.below(figure(upper, unit));
  return unit === "1" && upper - Number(bin.lower) === 1
    ? count(bin.lower)
    : `${figure(Number(bin.lower), unit)} – ${figure(unit === "1" ? upper - 1 : upper, unit)}`;
}

function Bins({ bins, unit }: { bins: readonly DistributionBin[]; unit: string }): JSX.Element {
  if (bins.length === 0) return <Empty text={t.table.empty} />;
  const all = Math.max(
    1,
    bins.reduce((sum, bin) => sum + Number(bin.count), 0),
  );
  return (
    <BarList
      rows={bins.map((bin) => ({
        id: String(bin.lower),
        name: binName(bin, unit),
        amount: Number(bin.count),
        text: `${count(bin.count)} · ${percent(Number(bin.count) / all, 0)}`,
      }))}
    />
  );
}

interface Group {
  id: string;
  figures: ConversationFigures | undefined;
}

function Breakdown({
  breakdown,
  name,
  parameter,
}: {
  breakdown: ConversationBreakdown | undefined;
  name: string;
  parameter: string;
}): JSX.Element {
  const rows: Group[] = (breakdown?.rows ?? []).map((row) => ({ id: row.value, figures: row.figures }));
  return (
    <Table
      name={name}
      rows={rows}
      other={
        (breakdown?.other?.conversationsClosed ?? 0n) === 0n ? undefined : { id: "_other", figures: breakdown?.other }
      }
      id={(row) => row.id}
      find={false}
      sort="-closed"
      columns={[
        {
          key: "value",
          title: name,
          value: (row) => row.id,
          show: (row) =>
            row.id === "_other" ? (
              t.table.other
            ) : (
              <button
                type="button"
                class="link"
                onClick={() => {
                  setParams({ [parameter]: row.id });
                  scrollTo(0, 0);
                }}
              >
                {row.id}
              </button>
            ),
        },
        {
          key: "closed",
          title: t.conversations.closed,
          unit: "1",
          bar: true,
          value: (row) => num(row.figures?.conversationsClosed),
        },
        ...(parameter === "reason"
          ? [
              {
                key: "wait",
                title: t.conversations.waitShort,
                unit: "ms",
                value: (row: Group) => row.figures?.humanWaitMs?.p50,
              },
            ]
          : [
              {
                key: "rate",
                title: t.outcomes.resolved,
                unit: "fraction",
                value: (row: Group) => row.figures?.resolutionRate,
              },
              {
                key: "human",
                title: t.outcomes.escalated,
                unit: "fraction",
                value: (row: Group) => row.figures?.escalationRate,
              },
            ]),
        { key: "duration", title: t.overview.median, unit: "ms", value: (row) => row.figures?.durationMs?.p50 },
      ]}
    />
  );
}

function Tiles({ answer }: { answer: GetConversationMetricsResponse }): JSX.Element {
  const { figures, series, context } = answer;
  const buckets = series.map((point, i) => pointBucket(point, context?.stillRunning === true, i === series.length - 1));
  const of = (take: (one: ConversationFigures) => bigint | undefined): (number | null)[] =>
    series.map((point) => (point.figures === undefined ? null : (num(take(point.figures)) ?? null)));
  const outcomes = [
    {
      key: "conversations_resolved",
      label: t.outcomes.resolved,
      color: 1,
      values: of((one) => one.conversationsResolved),
      amount: figures?.conversationsResolved,
    },
    {
      key: "conversations_escalated",
      label: t.outcomes.escalated,
      color: 2,
      values: of((one) => one.conversationsEscalated),
      amount: figures?.conversationsEscalated,
    },
    {
      key: "conversations_abandoned",
      label: t.outcomes.abandoned,
      color: 3,
      values: of((one) => one.conversationsAbandoned),
      amount: figures?.conversationsAbandoned,
    },
    {
      key: "conversations_ended",
      label: t.outcomes.ended,
      color: 6,
      values: of((one) => one.conversationsEnded),
      amount: figures?.conversationsEnded,
    },
  ];
  return (
    <>
      <Cards answer={answer} />
      <Tile title={t.overview.outcomes} hint={caption(answer.granularity)} width={8}>
        <Chart
          name={t.overview.outcomes}
          kind="bars"
          buckets={buckets}
          series={outcomes}
          unit="1"
          zone={zone.value}
          height={200}
          onOpen={openBucket}
          onSelect={selectBuckets}
        />
      </Tile>
      <Tile title={t.conversations.outcome} hint={t.overview.atClosing} width={4}>
        <dl class="pairs">
          {outcomes.map((one) => (
            <>
              <dt key={one.key}>
                <i class={`key c${String(one.color)}`} /> {one.label}
              </dt>
              <dd>
                <Figure metric={one.key} amount={num(one.amount)} token={answer.rowsTokens[one.key]} />
              </dd>
            </>
          ))}
          <dt>{t.conversations.reopened}</dt>
          <dd>
            <Figure
              metric="conversations_reopened"
              amount={num(figures?.conversationsReopened)}
              token={answer.rowsTokens["conversations_reopened"]}
            />
          </dd>
          <dt>{t.conversations.humanWait}</dt>
          <dd>{figure(figures?.humanWaitMs?.p50, "ms")}</dd>
          <dt>{t.metrics["cost_per_conversation_micros"]}</dt>
          <dd>{figure(figures?.costMicros?.mean, "micros")}</dd>
        </dl>
      </Tile>
      <Tile title={t.conversations.heat} hint={`${t.conversations.heatHint}, ${zone.value}`} width={6}>
        <HeatMap
          name={t.conversations.heat}
          cells={answer.hoursOfWeek.map((one) => ({
            weekday: one.weekday,
            hour: one.hour,
            amount: Number(one.started),
          }))}
        />
      </Tile>
      {answer.byChannel !== undefined && (
        <Tile title={t.conversations.channels} width={6}>
          <Breakdown breakdown={answer.byChannel} name={t.conversations.channels} parameter="channel" />
        </Tile>
      )}
      <Tile title={t.conversations.durations} hint={distributionText(figures?.durationMs, "ms")} width={6}>
        <Bins bins={answer.durationBins} unit="ms" />
      </Tile>
      <Tile title={t.conversations.lengths} hint={distributionText(figures?.messages, "1")} width={6}>
        <Bins bins={answer.messageBins} unit="1" />
      </Tile>
      {answer.byTopic !== undefined && (
        <Tile title={t.conversations.topics} width={6}>
          <Breakdown breakdown={answer.byTopic} name={t.conversations.topics} parameter="topic" />
        </Tile>
      )}
      {answer.byHandoffReason !== undefined && (
        <Tile title={t.conversations.reasons} width={6}>
          <Breakdown breakdown={answer.byHandoffReason} name={t.conversations.reason} parameter="reason" />
        </Tile>
      )}
    </>
  );
}

/** Whoever has narrowed the list, or comes from a figure that does, finds it at the head of the page. */
function isNarrowed(): boolean {
  return ["outcome", "topic", "reason", "gap", "id", "at"].some((name) => param(name) !== "");
}

function List(): JSX.Element {
  const { timeRange: between, ...narrowed } = listFilter();
  return (
    <section class="tile" id="list">
      <header class="tile-head">
        <h2>{t.conversations.list}</h2>
        {between === undefined && (
          <span class="tools">
            <TileMaker
              id="list"
              tile={{ kind: "table", width: 12, question: { case: "conversations", value: narrowed } }}
            />
          </span>
        )}
      </header>
      <Filters />
      <ConversationList narrowed={listFilter()} />
    </section>
  );
}

/** The page. */
export default function Conversations(): JSX.Element {
  const asked = useQuestion(MetricsService.method.getConversationMetrics, {
    timeRange: timeRange.value,
    filter: filterAsked.value,
    comparison: comparisonAsked.value,
    includeRowsTokens: true,
  });
  return (
    <Page title={t.pages.conversations} context={asked.data?.context} compared={asked.data?.compared}>
      {isNarrowed() && <List />}
      {asked.data === undefined ? (
        <Tile title={t.overview.outcomes}>
          <Answered asked={asked} height={1650}>
            {() => null}
          </Answered>
        </Tile>
      ) : (
        <Tiles answer={asked.data} />
      )}
      {!isNarrowed() && <List />}
      <ConversationDrawer />
    </Page>
  );
}
