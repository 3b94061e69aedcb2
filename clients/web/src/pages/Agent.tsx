/** Everything about one agent. */
import type { JSX } from "preact";
import { AgentKind } from "@contract/event_pb.js";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type { AgentMetrics, GetAgentMetricsResponse } from "@contract/metrics_service_pb.js";
import { useQuestion } from "../api/question";
import { Chart } from "../charts/Chart";
import { Card } from "../components/Card";
import { Page } from "../components/Page";
import { Answered, Link, Tile } from "../components/basics";
import { bucket, metricInfo, ms, num, valuesOf } from "../contract";
import { ago, day, figure } from "../format";
import { useLive } from "../live/useLive";
import { LIVE_FIGURES, LinkState, liveFigure } from "../live/parts";
import { comparison } from "../state/address";
import { comparisonAsked, dayCount, now, timeRange, zone } from "../state/period";
import { dayOf } from "../state/zone";
import { t } from "../text";
import { Figure, caption, openBucket, rowsLink, selectBuckets } from "./common";
import { ConversationList } from "./ConversationList";
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

function Course({ id }: { id: string }): JSX.Element {
  const asked = useQuestion(MetricsService.method.getUsageTrends, {
    timeRange: timeRange.value,
    comparison: comparisonAsked.value,
    filter: { agentId: id },
    metrics: ["total_conversations", "p50_response_time_ms", "p95_response_time_ms"],
  });
  return (
    <>
      <Tile
        title={t.metrics["total_conversations"]}
        hint={asked.data === undefined ? "" : caption(asked.data.granularity)}
        width={6}
      >
        <Answered asked={asked} height={214}>
          {(answer) => {
            const earlier = valuesOf(answer.earlierSeries, "total_conversations");
            return (
              <Chart
                name={`${id}: ${t.metrics["total_conversations"] ?? ""}`}
                buckets={answer.buckets.map(bucket)}
                earlierBuckets={answer.earlierBuckets.map(bucket)}
                series={[
                  {
                    key: "c",
                    label: t.metrics["total_conversations"] ?? "",
                    color: 1,
                    values: valuesOf(answer.series, "total_conversations"),
                    earlier: earlier.length > 0 ? earlier : undefined,
                  },
                ]}
                unit="1"
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
  return (
    <>
      {GROUPS.map(({ title, rows }) => {
        const present = rows.filter(([, field]) => of(metrics, field) !== undefined);
        // What an agent has nothing to do with is left out: a bot has no presence, and few have leads.
        if (title === "work" && !present.some(([, field]) => (of(metrics, field) ?? 0) > 0)) return null;
        return (
          <Tile key={title} title={t.agents[title] as string} width={4}>
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

function Known({ answer, id }: { answer: GetAgentMetricsResponse; id: string }): JSX.Element {
  const { agent: metrics, earlier, rowsTokens, trend } = answer;
  const outcomes = [
    {
      metric: "conversations_resolved",
      label: t.outcomes.resolved,
      color: 1,
      rate: metrics?.resolutionRate,
      amount: num(metrics?.conversationsResolved),
    },
    {
      metric: "conversations_escalated",
      label: t.outcomes.escalated,
      color: 2,
      rate: metrics?.escalationRate,
      amount: num(metrics?.conversationsEscalated),
    },
    {
      metric: "conversations_abandoned",
      label: t.outcomes.abandoned,
      color: 3,
      rate: metrics?.abandonmentRate,
      amount: num(metrics?.conversationsAbandoned),
    },
    {
      metric: "conversations_ended",
      label: t.outcomes.ended,
      color: 6,
      rate: metrics?.endedRate,
      amount: num(metrics?.conversationsEnded),
    },
  ];
  const buckets = trend.map((point) => ({ start: ms(point.start), end: ms(point.end), partial: "" as const }));
  const courses: Readonly<Record<string, (number | null)[]>> = {
    total_conversations: trend.map((one) => num(one.conversationCount) ?? null),
    total_messages: trend.map((one) => num(one.messageCount) ?? null),
    satisfaction_score: trend.map((one) => one.satisfactionScore ?? null),
  };
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
          series={courses[name] === undefined ? undefined : { buckets, values: courses[name] }}
        />
      ))}
      <Tile title={t.agents.outcomes} hint={t.overview.atClosing} width={8}>
        <OutcomeBar rates={outcomes} tokens={rowsTokens} narrowed={{ agent: id }} />
      </Tile>
      <Strip id={id} />
      <Course id={id} />
      <Groups answer={answer} id={id} />
    </>
  );
}

function profileText(answer: GetAgentMetricsResponse | undefined): string {
  const profile = answer?.profile;
  if (profile === undefined) return "";
  const parts = [];
  if (profile.kind !== AgentKind.UNSPECIFIED)
    parts.push(profile.kind === AgentKind.AI ? t.agents.kinds.ai : t.agents.kinds.human);
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
        </>
      )}
    </Page>
  );
}
