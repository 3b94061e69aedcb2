/** Everything about one agent. */
import type { JSX } from "preact";
import { AgentKind } from "@contract/event_pb.js";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type { AgentMetrics, GetAgentMetricsResponse, GetUsageTrendsResponse } from "@contract/metrics_service_pb.js";
import { useQuestion } from "../api/question";
import type { Asked } from "../api/question";
import { Chart } from "../charts/Chart";
import { Card } from "../components/Card";
import { Page } from "../components/Page";
import { Answered, Link, Tile } from "../components/basics";
import { bucket, metricInfo, ms, num, valuesOf } from "../contract";
import { ago, day, figure } from "../format";
import { useLive } from "../live/useLive";
import { LIVE_FIGURES, LinkState, liveFigure } from "../live/parts";
import { comparison, param, setParams } from "../state/address";
import { may } from "../state/session";
import { comparisonAsked, dayCount, now, timeRange, zone } from "../state/period";
import { dayOf } from "../state/zone";
import { t } from "../text";
import { Figure, caption, openBucket, rowsLink, selectBuckets } from "./common";
import { ConversationDrawer } from "./ConversationDrawer";
import { ConversationList } from "./ConversationList";
import { BehindChange } from "./BehindChange";
import type { OutcomeName } from "./BehindChange";
import { TileMaker } from "./TileMaker";
import { chartTile } from "./tilesOfPages";
import { OutcomeBar } from "./OutcomeBar";

const CARDS: readonly (readonly [string, keyof AgentMetrics])[] = [
  ["total_conversations", "conversationCount"],
  ["total_messages", "messageCount"],
  ["unique_users", "uniqueUsers"],
  ["resolution_rate", "resolutionRate"],
  ["p50_response_time_ms", "p50ResponseTimeMs"],
  ["satisfaction_score", "satisfactionScore"],
  ["error_rate", "errorRate"],
  ["cost_micros", "costMicros"],
];

const GROUPS: readonly { title: keyof typeof t.agents; rows: readonly (readonly [string, keyof AgentMetrics])[] }[] = [
  {
    title: "volume",
    rows: [
      ["messages_received", "messagesReceived"],
      ["messages_sent", "messagesSent"],
      ["conversations_closed", "conversationsClosed"],
      ["conversations_reopened", "conversationsReopened"],
      ["human_resolutions", "humanResolutions"],
    ],
  },
  {
    title: "efficiency",
    rows: [
      ["avg_response_time_ms", "avgResponseTimeMs"],
      ["p90_response_time_ms", "p90ResponseTimeMs"],
      ["p95_response_time_ms", "p95ResponseTimeMs"],
      ["p99_response_time_ms", "p99ResponseTimeMs"],
      ["avg_first_response_time_ms", "avgFirstResponseTimeMs"],
      ["avg_human_wait_time_ms", "avgHumanWaitTimeMs"],
      ["avg_conversation_duration_ms", "avgConversationDurationMs"],
    ],
  },
  {
    title: "quality",
    rows: [
      ["rating_count", "ratingCount"],
      ["success_rate", "successRate"],
      ["fallback_rate", "fallbackRate"],
      ["knowledge_hit_rate", "knowledgeHitRate"],
    ],
  },
  {
    title: "cost",
    rows: [
      ["prompt_tokens", "promptTokens"],
      ["completion_tokens", "completionTokens"],
      ["token_usage", "tokenUsage"],
      ["cost_per_conversation_micros", "costPerConversationMicros"],
      ["api_calls", "apiCalls"],
    ],
  },
  {
    title: "work",
    rows: [
      ["calls_handled", "callsHandled"],
      ["avg_handle_time_ms", "avgHandleTimeMs"],
      ["avg_wait_ms", "avgWaitMs"],
      ["available_time_ms", "availableTimeMs"],
      ["occupancy", "occupancy"],
      ["leads_converted", "leadsConverted"],
      ["conversion_rate", "conversionRate"],
      ["tasks_completed", "tasksCompleted"],
    ],
  },
];

function of(metrics: AgentMetrics | undefined, field: keyof AgentMetrics): number | undefined {
  const found = metrics?.[field];
  return typeof found === "bigint" || typeof found === "number" ? num(found) : undefined;
}

function Strip({ id }: { id: string }): JSX.Element {
  const live = useLive({ agentIds: [id] });
  const state = live?.state.value;
  return (
    <Tile title={t.agents.strip} tools={<LinkState live={live} />} width={4}>
      <dl class="pairs">
        {LIVE_FIGURES.slice(0, 8).map(([name, unit]) => (
          <>
            <dt key={name}>{t.live[name]}</dt>
            <dd>{figure(liveFigure(state, name), unit)}</dd>
          </>
        ))}
      </dl>
    </Tile>
  );
}

function Courses({ id, asked }: { id: string; asked: Asked<GetUsageTrendsResponse> }): JSX.Element {
  const metric = focusMetric();
  const { title, unit } = metricInfo(metric);
  return (
    <>
      <Tile
        title={title}
        hint={asked.data === undefined ? "" : caption(asked.data.granularity)}
        tools={<TileMaker id="focus" tile={chartTile(metric, { agentId: id })} />}
        width={6}
        name="focus"
      >
        <Answered asked={asked} height={214}>
          {(answer) => {
            const earlier = valuesOf(answer.earlierSeries, metric);
            return (
              <Chart
                name={`${id}: ${title}`}
                buckets={answer.buckets.map(bucket)}
                earlierBuckets={answer.earlierBuckets.map(bucket)}
                earlierName={t.earlierLine[comparison.value.includes("..") ? "days" : comparison.value]}
                series={[
                  {
                    key: metric,
                    label: title,
                    color: 1,
                    values: valuesOf(answer.series, metric),
                    earlier: earlier.length > 0 ? earlier : undefined,
                  },
                ]}
                unit={unit}
                zone={zone.value}
                height={180}
                onOpen={openBucket}
                onSelect={selectBuckets}
              />
            );
          }}
        </Answered>
      </Tile>
      <Tile title={t.overview.response} hint={t.overview.within} width={6}>
        <Answered asked={asked} height={214}>
          {(answer) => (
            <Chart
              name={`${id}: ${t.overview.response}`}
              buckets={answer.buckets.map(bucket)}
              series={[
                {
                  key: "p50",
                  label: t.overview.median,
                  color: 1,
                  values: valuesOf(answer.series, "p50_response_time_ms"),
                },
                {
                  key: "p95",
                  label: t.overview.p95,
                  color: 2,
                  values: valuesOf(answer.series, "p95_response_time_ms"),
                },
              ]}
              unit="ms"
              zone={zone.value}
              height={180}
              onOpen={openBucket}
              onSelect={selectBuckets}
            />
          )}
        </Answered>
      </Tile>
    </>
  );
}

function Groups({ answer, id }: { answer: GetAgentMetricsResponse; id: string }): JSX.Element {
  const metrics = answer.agent;
  const shown = GROUPS.map(({ title, rows }) => ({
    title,
    rows: rows.filter(([, field]) => of(metrics, field) !== undefined),
    // What an agent has nothing to do with is left out: a bot has no presence, and few have leads.
  })).filter(({ title, rows }) => title !== "work" || rows.some(([, field]) => (of(metrics, field) ?? 0) > 0));
  return (
    <>
      {shown.map(({ title, rows: present }, i) => {
        // No hole in the last row: four side by side, or three and two.
        const width = shown.length === 4 ? 3 : i < 3 ? 4 : 6;
        return (
          <Tile key={title} title={t.agents[title] as string} width={width}>
            <dl class="pairs">
              {present.map(([name, field]) => (
                <>
                  <dt key={name}>{metricInfo(name).title}</dt>
                  <dd>
                    <Figure
                      metric={name}
                      amount={of(metrics, field)}
                      token={answer.rowsTokens[name]}
                      narrowed={{ agent: id }}
                    />
                  </dd>
                </>
              ))}
            </dl>
          </Tile>
        );
      })}
    </>
  );
}

function focusMetric(): string {
  return CARDS.some(([name]) => name === param("focus")) ? param("focus") : "total_conversations";
}

/** Returns the outcome, beside resolved, whose share grew most. */
function grownMost(now: AgentMetrics | undefined, before: AgentMetrics): OutcomeName {
  const escalated = (now?.escalationRate ?? 0) - (before.escalationRate ?? 0);
  const abandoned = (now?.abandonmentRate ?? 0) - (before.abandonmentRate ?? 0);
  const ended = (now?.endedRate ?? 0) - (before.endedRate ?? 0);
  if (escalated >= abandoned && escalated >= ended) return "escalated";
  return abandoned >= ended ? "abandoned" : "ended";
}

function Known({ answer, id }: { answer: GetAgentMetricsResponse; id: string }): JSX.Element {
  const { agent: metrics, earlier, rowsTokens, compared } = answer;
  const trends = useQuestion(MetricsService.method.getUsageTrends, {
    timeRange: timeRange.value,
    comparison: comparisonAsked.value,
    filter: { agentId: id },
    metrics: [...CARDS.map(([name]) => name), "p95_response_time_ms"],
  });
  const focus = focusMetric();
  const outcomes = [
    {
      metric: "conversations_resolved",
      label: t.outcomes.resolved,
      color: 1,
      rate: metrics?.resolutionRate,
      before: earlier?.resolutionRate,
      amount: num(metrics?.conversationsResolved),
    },
    {
      metric: "conversations_escalated",
      label: t.outcomes.escalated,
      color: 2,
      rate: metrics?.escalationRate,
      before: earlier?.escalationRate,
      amount: num(metrics?.conversationsEscalated),
    },
    {
      metric: "conversations_abandoned",
      label: t.outcomes.abandoned,
      color: 3,
      rate: metrics?.abandonmentRate,
      before: earlier?.abandonmentRate,
      amount: num(metrics?.conversationsAbandoned),
    },
    {
      metric: "conversations_ended",
      label: t.outcomes.ended,
      color: 6,
      rate: metrics?.endedRate,
      before: earlier?.endedRate,
      amount: num(metrics?.conversationsEnded),
    },
  ];
  const buckets = (trends.data?.buckets ?? []).map(bucket);
  return (
    <>
      {CARDS.map(([name, field]) => (
        <Card
          key={name}
          metric={name}
          value={of(metrics, field)}
          before={of(earlier, field)}
          compares={comparison.value !== "none"}
          absence={answer.compared?.absenceReason}
          rows={rowsLink(name, rowsTokens[name], { agent: id })}
          series={{ buckets, values: valuesOf(trends.data?.series ?? [], name) }}
          focused={focus === name}
          onFocus={() => {
            setParams({ focus: name === CARDS[0]?.[0] ? undefined : name }, { replace: true });
          }}
        />
      ))}
      <Tile title={t.agents.outcomes} hint={t.overview.atClosing} width={8}>
        <OutcomeBar rates={outcomes} tokens={rowsTokens} narrowed={{ agent: id }} />
      </Tile>
      <Strip id={id} />
      {earlier !== undefined && compared !== undefined && may("events") && (
        <BehindChange id={id} compared={compared} grown={grownMost(metrics, earlier)} />
      )}
      <Courses id={id} asked={trends} />
      <Groups answer={answer} id={id} />
    </>
  );
}

function profileText(answer: GetAgentMetricsResponse | undefined): string {
  const profile = answer?.profile;
  if (profile === undefined) return "";
  const parts = [];
  if (profile.kind !== AgentKind.UNSPECIFIED)
    parts.push(profile.kind === AgentKind.AI ? t.agents.oneAi : t.agents.oneHuman);
  if (profile.teamId !== "") parts.push(`${t.dimensions["team"] ?? ""} ${profile.teamId}`);
  if (profile.version !== "") parts.push(t.agents.version(profile.version));
  if (profile.firstSeenAt !== undefined)
    parts.push(t.agents.firstSeen(day(dayOf(ms(profile.firstSeenAt), zone.value))));
  if (profile.lastSeenAt !== undefined) parts.push(t.agents.lastSeen(ago(now() - ms(profile.lastSeenAt))));
  return parts.join(" · ");
}

/** The page. */
export default function Agent({ id }: { id: string }): JSX.Element {
  const asked = useQuestion(MetricsService.method.getAgentMetrics, {
    agentId: id,
    timeRange: timeRange.value,
    trendDays: Math.min(400, Math.max(7, dayCount.value)),
    comparison: comparisonAsked.value,
    includeRowsTokens: true,
  });
  const reason = asked.error?.reason;
  const never = reason === "AGENT_NOT_FOUND";
  const name = asked.data?.profile?.agentName;
  return (
    <Page
      title={
        <>
          {name || id}
          {name !== undefined && name !== "" && name !== id && <span class="muted"> {id}</span>}
        </>
      }
      context={asked.data?.context}
      compared={asked.data?.compared}
      filters={false}
      lead={profileText(asked.data)}
    >
      {never ? (
        <p class="wide">{t.agents.never(id)}</p>
      ) : reason === "CARDINALITY_OVERFLOW" ? (
        <p class="wide">
          {t.agents.overflow} <Link to="/agents/_other">_other</Link>.
        </p>
      ) : (
        <>
          {asked.data === undefined ? (
            <Tile title={id}>
              <Answered asked={asked} height={500}>
                {() => null}
              </Answered>
            </Tile>
          ) : (
            <Known answer={asked.data} id={id} />
          )}
          <Tile
            title={t.agents.conversations}
            tools={
              <Link to="/conversations" changes={{ agent: id }}>
                {t.agents.all}
              </Link>
            }
          >
            <ConversationList narrowed={{ agentId: id }} pageSize={10} compact />
          </Tile>
          <ConversationDrawer />
        </>
      )}
    </Page>
  );
}
