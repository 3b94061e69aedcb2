/** Everything about one agent. */
import type { ComponentChildren, JSX } from "preact";
import { AgentKind } from "@contract/event_pb.js";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type { AgentMetrics, GetAgentMetricsResponse, GetUsageTrendsResponse } from "@contract/metrics_service_pb.js";
import { useQuestion } from "../api/question";
import type { Asked } from "../api/question";
import { Card } from "../components/Card";
import { Page } from "../components/Page";
import { Answered, Link, Tile, Whole } from "../components/basics";
import { bucket, metricInfo, ms, num, valuesOf } from "../contract";
import { ago, day, figure } from "../format";
import { useLive } from "../live/useLive";
import { LIVE_FIGURES, liveFigure } from "../live/figures";
import { LinkState } from "../live/parts";
import { comparison, param, setParams } from "../state/address";
import { may } from "../state/session";
import { comparisonAsked, dayCount, now, timeRange, zone } from "../state/period";
import { dayOf } from "../state/zone";
import { t } from "../text";
import { Figure, caption, rowsLink } from "./common";
import { LateDrawer } from "./LateDrawer";
import { ConversationList } from "./ConversationList";
import { BehindChange } from "./BehindChange";
import type { OutcomeName } from "./BehindChange";
import { TileMaker } from "./TileMaker";
import { chartTile } from "./tilesOfPages";
import { OutcomeBar } from "./OutcomeBar";
import type { OutcomeRate } from "./OutcomeBar";
import { MetricChart, ResponseChart } from "./courses";

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
  const { title } = metricInfo(metric);
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
          {(answer) => <MetricChart answer={answer} metric={metric} name={`${id}: ${title}`} height={180} />}
        </Answered>
      </Tile>
      <Tile title={t.overview.response} hint={t.overview.within} width={6}>
        <Answered asked={asked} height={214}>
          {(answer) => <ResponseChart answer={answer} name={`${id}: ${t.overview.response}`} height={180} />}
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

function outcomesOf({ agent, earlier }: GetAgentMetricsResponse): OutcomeRate[] {
  return [
    {
      metric: "conversations_resolved",
      label: t.outcomes.resolved,
      color: 1,
      rate: agent?.resolutionRate,
      before: earlier?.resolutionRate,
      amount: num(agent?.conversationsResolved),
    },
    {
      metric: "conversations_escalated",
      label: t.outcomes.escalated,
      color: 2,
      rate: agent?.escalationRate,
      before: earlier?.escalationRate,
      amount: num(agent?.conversationsEscalated),
    },
    {
      metric: "conversations_abandoned",
      label: t.outcomes.abandoned,
      color: 3,
      rate: agent?.abandonmentRate,
      before: earlier?.abandonmentRate,
      amount: num(agent?.conversationsAbandoned),
    },
    {
      metric: "conversations_ended",
      label: t.outcomes.ended,
      color: 6,
      rate: agent?.endedRate,
      before: earlier?.endedRate,
      amount: num(agent?.conversationsEnded),
    },
  ];
}

interface OfAgent {
  answer: GetAgentMetricsResponse;
  id: string;
}

function Cards({ answer, id, trends }: OfAgent & { trends: GetUsageTrendsResponse | undefined }): JSX.Element {
  const { agent, earlier, rowsTokens, compared } = answer;
  const buckets = (trends?.buckets ?? []).map(bucket);
  const focus = focusMetric();
  return (
    <>
      {CARDS.map(([name, field]) => (
        <Card
          key={name}
          metric={name}
          value={of(agent, field)}
          before={of(earlier, field)}
          compares={comparison.value !== "none"}
          absence={compared?.absenceReason}
          rows={rowsLink(name, rowsTokens[name], { agent: id })}
          series={{ buckets, values: valuesOf(trends?.series ?? [], name) }}
          focused={focus === name}
          onFocus={() => {
            setParams({ focus: name === CARDS[0]?.[0] ? undefined : name }, { replace: true });
          }}
        />
      ))}
    </>
  );
}

function Known({ answer, id }: OfAgent): JSX.Element {
  const { agent, earlier, rowsTokens, compared } = answer;
  const trends = useQuestion(MetricsService.method.getUsageTrends, {
    timeRange: timeRange.value,
    comparison: comparisonAsked.value,
    filter: { agentId: id },
    metrics: [...CARDS.map(([name]) => name), "p95_response_time_ms"],
  });
  return (
    <>
      <Cards answer={answer} id={id} trends={trends.data} />
      <Tile title={t.agents.outcomes} hint={t.overview.atClosing} width={8}>
        <OutcomeBar rates={outcomesOf(answer)} tokens={rowsTokens} narrowed={{ agent: id }} />
      </Tile>
      <Strip id={id} />
      {earlier !== undefined && compared !== undefined && may("events") && (
        <BehindChange id={id} compared={compared} grown={grownMost(agent, earlier)} />
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

/** Why there is nothing to show of an agent; undefined where there is. */
function missing(id: string, reason: string | undefined): ComponentChildren {
  if (reason === "AGENT_NOT_FOUND") return t.agents.never(id);
  if (reason !== "CARDINALITY_OVERFLOW") return undefined;
  return (
    <>
      {t.agents.overflow} <Link to="/agents/_other">_other</Link>.
    </>
  );
}

function Its({ id }: { id: string }): JSX.Element {
  const all = (
    <Link to="/conversations" changes={{ agent: id }}>
      {t.agents.all}
    </Link>
  );
  return (
    <Tile title={t.agents.conversations} tools={all}>
      <ConversationList narrowed={{ agentId: id }} pageSize={10} compact />
    </Tile>
  );
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
  const nothing = missing(id, asked.error?.reason);
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
      {nothing !== undefined ? (
        <p class="wide">{nothing}</p>
      ) : (
        <>
          <Whole asked={asked} title={id} height={500}>
            {(answer) => <Known answer={answer} id={id} />}
          </Whole>
          <Its id={id} />
          <LateDrawer />
        </>
      )}
    </Page>
  );
}
