/** The rows behind a figure: whatever the figure counts, with the same count. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { DirectoryService } from "@contract/directory_service_pb.js";
import { EventService } from "@contract/event_service_pb.js";
import type { EventRow } from "@contract/list_events_pb.js";
import type { Lead } from "@contract/lead_pb.js";
import type { User } from "@contract/user_pb.js";
import { MetricsService } from "@contract/metrics_service_pb.js";
import { RowsKind } from "@contract/rows_pb.js";
import { usePages } from "../api/paged";
import type { Paged } from "../api/paged";
import { useQuestion } from "../api/question";
import { isoInstant } from "../csv";
import { call } from "../api/transport";
import { Page } from "../components/Page";
import { Answered, Link, Tile } from "../components/basics";
import { Table } from "../components/Table";
import { metricInfo, ms, num } from "../contract";
import { instant } from "../format";
import { param } from "../state/address";
import { filterAsked, filterOf, timeRange, zone } from "../state/period";
import { t } from "../text";
import { ConversationDrawer, detailText } from "./ConversationDrawer";
import { ConversationList, FigureLine } from "./ConversationList";

const PAGE = 100;

function Shown<R>({ pages, children }: { pages: Paged<R>; children: JSX.Element }): JSX.Element {
  if (pages.error?.reason === "ROWS_TOKEN_EXPIRED" && pages.rows.length === 0)
    return <p class="muted">{t.conversations.expired}</p>;
  return (
    <Answered asked={pages.asked} height={500}>
      {() => (
        <>
          <FigureLine figure={pages.figure} />
          {children}
        </>
      )}
    </Answered>
  );
}

function at(time: number): string {
  return instant(time, zone.value, {
    day: "numeric",
    month: "short",
    hour: "numeric",
    minute: "2-digit",
    second: "2-digit",
  });
}

function ending<R>(pages: Paged<R>): {
  shown: number;
  all: number | "?";
  more: (() => void) | undefined;
  everything: () => Promise<readonly R[]>;
} {
  return {
    everything: pages.everything,
    shown: pages.rows.length,
    all: pages.next === "" ? pages.rows.length : "?",
    more: pages.next === "" ? undefined : pages.more,
  };
}

function Events({ token }: { token: string }): JSX.Element {
  const pages = usePages<EventRow>(token, async (pageToken, signal) => {
    const answer = await call(EventService.method.listEvents, { rowsToken: token, pageSize: PAGE, pageToken }, signal);
    return { rows: answer.rows, next: answer.nextPageToken, figure: answer.figure };
  });
  return (
    <Shown pages={pages}>
      <Table
        name={t.rows.events}
        rows={pages.rows}
        id={(row) => row.event?.eventId ?? ""}
        {...ending(pages)}
        whole={{ of: "rows", rows: { case: "events", value: { rowsToken: token } } }}
        columns={[
          {
            key: "time",
            title: t.rows.time,
            value: (row) => isoInstant(ms(row.event?.occurredAt), zone.value),
            show: (row) => at(ms(row.event?.occurredAt)),
          },
          { key: "type", title: t.rows.type, value: (row) => row.event?.eventType },
          {
            key: "conversation",
            title: t.rows.conversation,
            value: (row) => row.event?.conversationId,
            show: (row) =>
              row.event?.conversationId ? (
                <Link to="/conversations" changes={{ c: row.event.conversationId }}>
                  <code>{row.event.conversationId}</code>
                </Link>
              ) : (
                ""
              ),
          },
          { key: "agent", title: t.rows.agent, value: (row) => row.event?.agentId },
          { key: "user", title: t.rows.user, value: (row) => row.event?.userId },
          { key: "channel", title: t.rows.channel, value: (row) => row.event?.channel },
          { key: "amount", title: t.rows.amount, unit: "1", value: (row) => num(row.amount) },
          {
            key: "detail",
            title: t.conversations.properties,
            plain: true,
            value: (row) => (row.event === undefined ? "" : detailText(row.event)),
            show: (row) => <span class="small">{row.event === undefined ? "" : detailText(row.event)}</span>,
          },
        ]}
      />
    </Shown>
  );
}

function Users({ token }: { token: string }): JSX.Element {
  const pages = usePages<User>(token, async (pageToken, signal) => {
    const answer = await call(
      DirectoryService.method.listUsers,
      { rowsToken: token, pageSize: PAGE, pageToken },
      signal,
    );
    return { rows: answer.users, next: answer.nextPageToken, figure: answer.figure };
  });
  return (
    <Shown pages={pages}>
      <Table
        name={t.pages.users}
        rows={pages.rows}
        id={(row) => row.userId}
        {...ending(pages)}
        whole={{ of: "rows", rows: { case: "users", value: { rowsToken: token } } }}
        columns={[
          {
            key: "user",
            title: t.users.user,
            value: (row) => row.userId,
            show: (row) => <Link to={`/users/${encodeURIComponent(row.userId)}`}>{row.name || row.userId}</Link>,
          },
          { key: "events", title: t.users.events, unit: "1", value: (row) => num(row.figures?.events) },
          {
            key: "conversations",
            title: t.users.conversations,
            unit: "1",
            value: (row) => num(row.figures?.conversations),
          },
          {
            key: "first",
            title: t.users.first,
            value: (row) => isoInstant(ms(row.firstSeenAt), zone.value),
            show: (row) => at(ms(row.firstSeenAt)),
          },
          {
            key: "last",
            title: t.users.last,
            value: (row) => isoInstant(ms(row.lastSeenAt), zone.value),
            show: (row) => at(ms(row.lastSeenAt)),
          },
        ]}
      />
    </Shown>
  );
}

function Leads({ token }: { token: string }): JSX.Element {
  const pages = usePages<Lead>(token, async (pageToken, signal) => {
    const answer = await call(
      DirectoryService.method.listLeads,
      { rowsToken: token, pageSize: PAGE, pageToken },
      signal,
    );
    return { rows: answer.leads, next: answer.nextPageToken, figure: answer.figure };
  });
  return (
    <Shown pages={pages}>
      <Table
        name={t.rows.leads}
        rows={pages.rows}
        id={(row) => row.leadId}
        {...ending(pages)}
        whole={{ of: "rows", rows: { case: "leads", value: { rowsToken: token } } }}
        columns={[
          { key: "lead", title: t.rows.lead, value: (row) => row.leadId },
          { key: "stage", title: t.rows.stage, value: (row) => row.stage },
          { key: "agent", title: t.rows.agent, value: (row) => row.agentId },
          { key: "channel", title: t.rows.channel, value: (row) => row.channel },
          { key: "value", title: t.rows.value, unit: "micros", value: (row) => num(row.valueMicros) },
          {
            key: "created",
            title: t.rows.created,
            value: (row) => isoInstant(ms(row.createdAt), zone.value),
            show: (row) => at(ms(row.createdAt)),
          },
        ]}
      />
    </Shown>
  );
}

/** Lists rows of a kind by their token. */
export function RowsOf({ token, kind }: { token: string; kind: RowsKind }): JSX.Element {
  if (kind === RowsKind.CONVERSATIONS) return <ConversationList rowsToken={token} />;
  if (kind === RowsKind.EVENTS) return <Events token={token} />;
  if (kind === RowsKind.USERS) return <Users token={token} />;
  if (kind === RowsKind.LEADS) return <Leads token={token} />;
  return <p class="muted">{t.rows.none}</p>;
}

function given(): { token: string; kind: RowsKind } | undefined {
  const state = history.state as { token?: unknown; kind?: unknown } | null;
  return typeof state?.token === "string" && typeof state.kind === "number"
    ? { token: state.token, kind: state.kind as RowsKind }
    : undefined;
}

/** The page: by the token of the figure that was opened, or, from a link, by the figure of now. */
export default function Rows(): JSX.Element {
  const metric = param("metric");
  const [opened] = useState(given);
  const dimension = param("dim");
  const asked = useQuestion(
    MetricsService.method.queryMetrics,
    opened !== undefined || metric === ""
      ? undefined
      : {
          timeRange: timeRange.value,
          filter: dimension === "" ? filterAsked.value : filterOf(dimension, param("val")),
          metrics: [metric],
          includeRowsTokens: true,
        },
  );
  const info = metricInfo(metric);
  return (
    <Page
      title={t.rows.title(info.title)}
      compares={false}
      context={asked.data?.context}
      lead={dimension === "" ? undefined : `${t.dimensions[dimension] ?? dimension}: ${param("val")}`}
    >
      <Tile title={info.title}>
        {opened !== undefined ? (
          <RowsOf token={opened.token} kind={opened.kind} />
        ) : metric === "" ? (
          <p class="muted">{t.rows.none}</p>
        ) : (
          <Answered asked={asked} height={500}>
            {(answer) => {
              const token = answer.total?.rowsTokens[metric];
              return token === undefined ? (
                <p class="muted">{t.rows.none}</p>
              ) : (
                <RowsOf token={token.token} kind={token.kind} />
              );
            }}
          </Answered>
        )}
      </Tile>
      <ConversationDrawer />
    </Page>
  );
}
