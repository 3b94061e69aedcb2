/** A list of conversations, page by page, each of which opens its timeline. */
import type { JSX } from "preact";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ConversationOrder,
  ConversationOutcome,
  ConversationPhase,
  ConversationTime,
} from "@contract/conversation_pb.js";
import type { Conversation, ListConversationsRequestSchema } from "@contract/conversation_pb.js";
import { DirectoryService } from "@contract/directory_service_pb.js";
import { SortDirection } from "@contract/metrics_service_pb.js";
import type { FigureRows } from "@contract/rows_pb.js";
import { isoInstant } from "../csv";
import { keyOf, usePages } from "../api/paged";
import { call } from "../api/transport";
import { Answered, Link } from "../components/basics";
import { Table } from "../components/Table";
import type { Column } from "../components/Table";
import { ms, num } from "../contract";
import { count, instant } from "../format";
import { setParams } from "../state/address";
import { timeRange, zone } from "../state/period";
import { may } from "../state/session";
import { t } from "../text";

export type Narrowed = Exclude<MessageInitShape<typeof ListConversationsRequestSchema>, { $typeName: string }>;

/** How a conversation ended, or how it stands. */
export function Outcome({ one }: { one: Conversation }): JSX.Element {
  const names: Readonly<Record<number, string>> = {
    [ConversationOutcome.RESOLVED]: t.outcomes.resolved,
    [ConversationOutcome.ESCALATED]: t.outcomes.escalated,
    [ConversationOutcome.ABANDONED]: t.outcomes.abandoned,
    [ConversationOutcome.ENDED]: t.outcomes.ended,
  };
  const open = one.phase === ConversationPhase.WITH_HUMAN ? t.outcomes.human : t.outcomes.open;
  const ended = one.outcome !== ConversationOutcome.UNSPECIFIED;
  return <span class={`status s${String(ended ? one.outcome + 1 : 1)}`}>{ended ? names[one.outcome] : open}</span>;
}

function who(): Column<Conversation>[] {
  return [
    {
      key: "id",
      title: t.conversations.id,
      value: (one) => one.conversationId,
      show: (one) => (
        <button
          type="button"
          class="link"
          onClick={() => {
            setParams({ c: one.conversationId });
          }}
        >
          <code>{one.conversationId}</code>
        </button>
      ),
    },
    {
      key: "outcome",
      title: t.conversations.outcome,
      value: (one) => ConversationOutcome[one.outcome].toLowerCase(),
      show: (one) => <Outcome one={one} />,
    },
    {
      key: "agent",
      title: t.conversations.agent,
      value: (one) => one.agents.at(-1)?.name || one.agents.at(-1)?.agentId,
      show: (one) => {
        const last = one.agents.at(-1);
        return last === undefined ? (
          ""
        ) : (
          <Link to={`/agents/${encodeURIComponent(last.agentId)}`}>{last.name || last.agentId}</Link>
        );
      },
    },
    { key: "channel", title: t.conversations.channel, value: (one) => one.channel },
    { key: "topic", title: t.conversations.topic, value: (one) => one.topic },
    { key: "user", title: t.conversations.user, extra: true, value: (one) => one.userId },
  ];
}

const SHORT = { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" } as const;

function columns(): Column<Conversation>[] {
  const at = (one: Conversation): number => ms(one.beganAt) || ms(one.lastActivityAt);
  return [
    ...who(),
    { key: "messages", title: t.conversations.messages, unit: "1", value: (one) => Number(one.messages) },
    { key: "duration", title: t.conversations.duration, unit: "ms", value: (one) => num(one.durationMs) },
    {
      key: "first",
      title: t.conversations.first,
      unit: "ms",
      extra: true,
      value: (one) => num(one.firstResponseMs),
    },
    { key: "rating", title: t.conversations.rating, unit: "1", value: (one) => one.rating },
    { key: "cost", title: t.conversations.cost, unit: "micros", value: (one) => Number(one.costMicros) },
    {
      key: "gap",
      title: t.conversations.gap,
      unit: "1",
      value: (one) => Number(one.contentGaps),
      show: (one) => (one.contentGaps > 0n ? count(one.contentGaps) : ""),
    },
    { key: "reason", title: t.conversations.reason, extra: true, value: (one) => one.handoffReason },
    {
      key: "began",
      title: t.conversations.began,
      value: (one) => isoInstant(at(one), zone.value),
      show: (one) => <span class="nowrap">{instant(at(one), zone.value, SHORT)}</span>,
    },
  ];
}

/** What the rows of a figure come to: listed of all, and what is no longer kept. */
export function FigureLine({ figure: rows }: { figure: FigureRows | undefined }): JSX.Element | null {
  if (rows === undefined) return null;
  const same = rows.listedRows === rows.listedFigure;
  return (
    <p class="muted" data-figure={String(rows.figure)}>
      {same ? (
        t.conversations.figure(count(rows.listedRows), count(rows.figure))
      ) : (
        <>
          {count(rows.listedRows)}. {t.conversations.figureSum(count(rows.listedFigure), count(rows.figure))}
        </>
      )}
      {rows.missingFigure !== undefined && rows.missingFigure > 0n && (
        <> {t.conversations.missing(count(rows.missingFigure))}</>
      )}
    </p>
  );
}

/** Returns what is asked for: the rows of a figure, or those of the page's period. */
function requestOf(narrowed: Narrowed | undefined, rowsToken: string | undefined, pageSize: number): Narrowed {
  if (rowsToken !== undefined) return { rowsToken, pageSize };
  return {
    timeRange: timeRange.value,
    time: ConversationTime.ACTIVE,
    orderBy: ConversationOrder.LAST_ACTIVITY_AT,
    direction: SortDirection.DESCENDING,
    ...narrowed,
    pageSize,
  };
}

/** The list; it needs the scope events. */
export function ConversationList({
  narrowed,
  rowsToken,
  pageSize = 50,
  compact = false,
}: {
  narrowed?: Narrowed;
  rowsToken?: string | undefined;
  pageSize?: number;
  compact?: boolean;
}): JSX.Element {
  const request = requestOf(narrowed, rowsToken, pageSize);
  const pages = usePages(keyOf(request), async (pageToken, signal) => {
    const answer = await call(DirectoryService.method.listConversations, { ...request, pageToken }, signal);
    const { conversations: rows, nextPageToken: next, figure, context } = answer;
    return { rows, next, figure, context };
  });
  if (!may("events")) return <p class="muted">{t.conversations.needsEvents}</p>;
  if (pages.error?.reason === "ROWS_TOKEN_EXPIRED" && pages.rows.length === 0)
    return <p class="muted">{t.conversations.expired}</p>;
  return (
    <Answered asked={pages.asked} height={compact ? 380 : 600}>
      {(rows) => (
        <>
          <FigureLine figure={pages.figure} />
          <Table
            name={t.conversations.list}
            rows={rows}
            columns={columns()}
            id={(one) => one.conversationId}
            find={!compact}
            shown={rows.length}
            all={pages.next === "" ? rows.length : "?"}
            more={pages.next === "" || compact ? undefined : pages.more}
            everything={pages.everything}
            whole={{ of: "rows", rows: { case: "conversations", value: request } }}
          />
        </>
      )}
    </Answered>
  );
}
