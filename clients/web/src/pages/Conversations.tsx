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
import { Empty, Tile, Whole } from "../components/basics";
import { Table } from "../components/Table";
import type { Column } from "../components/Table";
import { num, pointBucket } from "../contract";
import { count, figure, percent } from "../format";
import { comparison, param, setParams } from "../state/address";
import { comparisonAsked, filterAsked, timeRange, zone } from "../state/period";
import { t } from "../text";
import { ByDimension } from "./ByDimension";
import { BarList, Figure, HeatMap, caption, openBucket, rowsLink, selectBuckets } from "./common";
import { Filters, listFilter } from "./ConversationFilters";
import { LateDrawer } from "./LateDrawer";
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
  const { figures, earlier, rowsTokens } = answer;
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
      <FurtherCards answer={answer} />
    </>
  );
}

function FurtherCards({ answer }: { answer: GetConversationMetricsResponse }): JSX.Element {
  const { figures, earlier, durableResolution: durable, repeatContacts: repeat } = answer;
  return (
    <>
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

function valueColumn(name: string, parameter: string): Column<Group> {
  return {
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
  };
}

function groupColumns(name: string, parameter: string): Column<Group>[] {
  const wait: Column<Group>[] = [
    { key: "wait", title: t.conversations.waitShort, unit: "ms", value: (row) => row.figures?.humanWaitMs?.p50 },
  ];
  const rates: Column<Group>[] = [
    { key: "rate", title: t.outcomes.resolved, unit: "fraction", value: (row) => row.figures?.resolutionRate },
    { key: "human", title: t.outcomes.escalated, unit: "fraction", value: (row) => row.figures?.escalationRate },
  ];
  return [
    valueColumn(name, parameter),
    {
      key: "closed",
      title: t.conversations.closed,
      unit: "1",
      bar: true,
      value: (row) => num(row.figures?.conversationsClosed),
    },
    ...(parameter === "reason" ? wait : rates),
    { key: "duration", title: t.overview.median, unit: "ms", value: (row) => row.figures?.durationMs?.p50 },
  ];
}

interface BreakdownProps {
  breakdown: ConversationBreakdown | undefined;
  title: string;
  name?: string;
  /** The value of the address that a row narrows the list by. */
  parameter: string;
}

function Breakdown({ breakdown, title, name = title, parameter }: BreakdownProps): JSX.Element | null {
  if (breakdown === undefined) return null;
  const rows: Group[] = breakdown.rows.map((row) => ({ id: row.value, figures: row.figures }));
  const { other } = breakdown;
  return (
    <Tile title={title} width={6}>
      <Table
        name={name}
        rows={rows}
        other={(other?.conversationsClosed ?? 0n) === 0n ? undefined : { id: "_other", figures: other }}
        id={(row) => row.id}
        find={false}
        sort="-closed"
        columns={groupColumns(name, parameter)}
      />
    </Tile>
  );
}

const OUTCOMES = [
  ["conversations_resolved", "resolved", 1, (one: ConversationFigures) => one.conversationsResolved],
  ["conversations_escalated", "escalated", 2, (one: ConversationFigures) => one.conversationsEscalated],
  ["conversations_abandoned", "abandoned", 3, (one: ConversationFigures) => one.conversationsAbandoned],
  ["conversations_ended", "ended", 6, (one: ConversationFigures) => one.conversationsEnded],
] as const;

interface OfAnswer {
  answer: GetConversationMetricsResponse;
}

function OutcomesCourse({ answer }: OfAnswer): JSX.Element {
  const { series, context } = answer;
  const running = context?.stillRunning === true;
  return (
    <Tile title={t.overview.outcomes} hint={caption(answer.granularity)} width={8}>
      <Chart
        name={t.overview.outcomes}
        kind="bars"
        buckets={series.map((point, i) => pointBucket(point, running, i === series.length - 1))}
        series={OUTCOMES.map(([key, name, color, take]) => ({
          key,
          label: t.outcomes[name],
          color,
          values: series.map(({ figures }) => (figures === undefined ? null : (num(take(figures)) ?? null))),
        }))}
        unit="1"
        zone={zone.value}
        height={200}
        onOpen={openBucket}
        onSelect={selectBuckets}
      />
    </Tile>
  );
}

function OutcomesList({ answer }: OfAnswer): JSX.Element {
  const { figures, rowsTokens } = answer;
  return (
    <Tile title={t.conversations.outcome} hint={t.overview.atClosing} width={4}>
      <dl class="pairs">
        {OUTCOMES.map(([metric, name, color, take]) => (
          <>
            <dt key={metric}>
              <i class={`key c${String(color)}`} /> {t.outcomes[name]}
            </dt>
            <dd>
              <Figure
                metric={metric}
                amount={figures === undefined ? undefined : num(take(figures))}
                token={rowsTokens[metric]}
              />
            </dd>
          </>
        ))}
        <dt>{t.conversations.reopened}</dt>
        <dd>
          <Figure
            metric="conversations_reopened"
            amount={num(figures?.conversationsReopened)}
            token={rowsTokens["conversations_reopened"]}
          />
        </dd>
        <dt>{t.conversations.humanWait}</dt>
        <dd>{figure(figures?.humanWaitMs?.p50, "ms")}</dd>
        <dt>{t.metrics["cost_per_conversation_micros"]}</dt>
        <dd>{figure(figures?.costMicros?.mean, "micros")}</dd>
      </dl>
    </Tile>
  );
}

function Tiles({ answer }: OfAnswer): JSX.Element {
  const { figures } = answer;
  const hours = answer.hoursOfWeek.map(({ weekday, hour, started }) => ({ weekday, hour, amount: Number(started) }));
  return (
    <>
      <Cards answer={answer} />
      <OutcomesCourse answer={answer} />
      <OutcomesList answer={answer} />
      <Tile title={t.conversations.heat} hint={`${t.conversations.heatHint}, ${zone.value}`} width={6}>
        <HeatMap name={t.conversations.heat} cells={hours} />
      </Tile>
      <Breakdown breakdown={answer.byChannel} title={t.conversations.channels} parameter="channel" />
      <Tile title={t.conversations.durations} hint={distributionText(figures?.durationMs, "ms")} width={6}>
        <Bins bins={answer.durationBins} unit="ms" />
      </Tile>
      <Tile title={t.conversations.lengths} hint={distributionText(figures?.messages, "1")} width={6}>
        <Bins bins={answer.messageBins} unit="1" />
      </Tile>
      <Breakdown breakdown={answer.byTopic} title={t.conversations.topics} parameter="topic" />
      <Breakdown
        breakdown={answer.byHandoffReason}
        title={t.conversations.reasons}
        name={t.conversations.reason}
        parameter="reason"
      />
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
      <Whole asked={asked} title={t.overview.outcomes} height={1650}>
        {(answer) => <Tiles answer={answer} />}
      </Whole>
      <ByDimension dimension="channel" title={t.usage.byChannel} metrics={["total_conversations", "total_messages"]} />
      {!isNarrowed() && <List />}
      <LateDrawer />
    </Page>
  );
}
