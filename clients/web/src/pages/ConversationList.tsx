/** A list of conversations, page by page, each of which opens its timeline. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
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
import type { AnswerContext } from "@contract/answer_pb.js";
import type { FigureRows } from "@contract/rows_pb.js";
import { isoInstant } from "../csv";
import { say } from "../components/announce";
import { newestContext } from "../api/question";
import { call } from "../api/transport";
import { CallError } from "../api/errors";
import { Failure, Link, Loading } from "../components/basics";
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

function columns(): Column<Conversation>[] {
  const at = (one: Conversation): number => ms(one.beganAt) || ms(one.lastActivityAt);
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
      show: (one) => (
        <span class="nowrap">
          {instant(at(one), zone.value, {
            day: "numeric",
            month: "short",
            hour: "numeric",
            minute: "2-digit",
          })}
        </span>
      ),
    },
  ];
}

/** Rows that come page by page: those there are, and what fetches more. */
export interface Paged<R> {
  rows: R[];
  figure?: FigureRows | undefined;
  next: string;
  error?: CallError;
  loading: boolean;
  more: () => void;
  /** Fetches every page anew, at most 10,000 rows. */
  everything: () => Promise<R[]>;
}

const MOST_IN_FILE = 10_000;

interface PageAnswer<R> {
  rows: R[];
  next: string;
  figure?: FigureRows | undefined;
  context?: AnswerContext | undefined;
}

/** Fetches a list page by page; a new key begins anew. */
export function usePages<R>(
  key: string,
  fetchPage: (token: string, signal: AbortSignal) => Promise<PageAnswer<R>>,
): Paged<R> {
  const [state, setState] = useState<{
    key: string;
    rows: R[];
    next: string;
    figure?: FigureRows | undefined;
    error?: CallError;
    loading: boolean;
  }>({ key: "", rows: [], next: "", loading: true });
  const [ask, setAsk] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    const begin = state.key !== key;
    const before = begin ? [] : state.rows;
    setState((old) => ({ ...old, loading: true }));
    fetchPage(begin ? "" : state.next, abort.signal).then(
      (page) => {
        // The file of the list names the revision and the period.
        if (page.context?.start !== undefined) newestContext.value = page.context;
        setState({
          key,
          rows: [...before, ...page.rows],
          next: page.next,
          figure: page.figure,
          loading: false,
        });
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        setState({
          key,
          rows: before,
          next: begin ? "" : state.next,
          loading: false,
          error: error instanceof CallError ? error : new CallError("internal", String(error)),
        });
      },
    );
    return () => {
      abort.abort();
    };
  }, [key, ask]);
  const everything = async (): Promise<R[]> => {
    const rows: R[] = [];
    let token = "";
    do {
      const page = await fetchPage(token, new AbortController().signal);
      rows.push(...page.rows);
      token = page.next;
    } while (token !== "" && rows.length < MOST_IN_FILE);
    if (token !== "") say(t.table.cutFile(count(rows.length)));
    return rows;
  };
  return {
    ...state,
    more: () => {
      setAsk(ask + 1);
    },
    everything,
  };
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
  const request: Narrowed =
    rowsToken === undefined
      ? {
          timeRange: timeRange.value,
          time: ConversationTime.ACTIVE,
          orderBy: ConversationOrder.LAST_ACTIVITY_AT,
          direction: SortDirection.DESCENDING,
          ...narrowed,
          pageSize,
        }
      : { rowsToken, pageSize };
  const key = JSON.stringify(request, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
  const pages = usePages(key, async (pageToken, signal) => {
    const answer = await call(DirectoryService.method.listConversations, { ...request, pageToken }, signal);
    return {
      rows: answer.conversations,
      next: answer.nextPageToken,
      figure: answer.figure,
      context: answer.context,
    };
  });
  if (!may("events")) return <p class="muted">{t.conversations.needsEvents}</p>;
  if (pages.error !== undefined && pages.rows.length === 0) {
    return pages.error.reason === "ROWS_TOKEN_EXPIRED" ? (
      <p class="muted">{t.conversations.expired}</p>
    ) : (
      <Failure error={pages.error} again={pages.more} />
    );
  }
  if (pages.loading && pages.rows.length === 0) return <Loading height={compact ? 380 : 600} />;
  return (
    <>
      <FigureLine figure={pages.figure} />
      <Table
        name={t.conversations.list}
        rows={pages.rows}
        columns={columns()}
        id={(one) => one.conversationId}
        find={!compact}
        shown={pages.rows.length}
        all={pages.next === "" ? pages.rows.length : "?"}
        more={pages.next === "" || compact ? undefined : pages.more}
        everything={pages.everything}
      />
    </>
  );
}
