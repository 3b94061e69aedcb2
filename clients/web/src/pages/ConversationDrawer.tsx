/** One conversation: what its events come to, and the events in order. */
import type { JSX } from "preact";
import { toJson } from "../wire";
import { EventSchema } from "@contract/event_pb.js";
import type { Event } from "@contract/event_pb.js";
import { DirectoryService } from "@contract/directory_service_pb.js";
import type { Conversation } from "@contract/conversation_pb.js";
import { useQuestion } from "../api/question";
import { Drawer } from "../components/Drawer";
import { Failure, Link, Loading } from "../components/basics";
import { ms, num } from "../contract";
import { count, figure, instant } from "../format";
import { param, setParams } from "../state/address";
import { zone } from "../state/period";
import { t } from "../text";
import { Outcome } from "./ConversationList";

const UNIT_OF_SUFFIX: readonly (readonly [string, string])[] = [
  ["Ms", "ms"],
  ["Micros", "micros"],
  ["Tokens", "1"],
  ["bytes", "By"],
];

/** Returns the fields of an event's detail as text. */
export function detailText(event: Event): string {
  if (event.detail.case === undefined) return "";
  const json = toJson(EventSchema, event) as Record<string, unknown>;
  const detail = json[event.detail.case] as Record<string, unknown> | undefined;
  return Object.entries(detail ?? {})
    .filter(([, field]) => field !== false)
    .map(([name, field]) => {
      const unit = UNIT_OF_SUFFIX.find(([suffix]) => name.endsWith(suffix))?.[1];
      const words = name.replace(/(Ms|Micros)$/, "").replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
      return `${words}: ${unit === undefined ? String(field) : figure(Number(field), unit)}`;
    })
    .join(" · ");
}

function Facts({ one }: { one: Conversation }): JSX.Element {
  const rows: (readonly [string, JSX.Element | string | undefined])[] = [
    [t.conversations.agent, one.agents.map((agent) => agent.name || agent.agentId).join(", ")],
    [t.conversations.user, one.userId],
    [t.conversations.channel, one.channel],
    [t.conversations.topic, one.topic],
    [t.conversations.reason, one.handoffReason],
    [t.conversations.began, one.beganAt === undefined ? undefined : instant(ms(one.beganAt), zone.value)],
    [t.conversations.closed, one.closedAt === undefined ? undefined : instant(ms(one.closedAt), zone.value)],
    [t.conversations.duration, one.durationMs === undefined ? undefined : figure(num(one.durationMs), "ms")],
    [t.conversations.first, one.firstResponseMs === undefined ? undefined : figure(num(one.firstResponseMs), "ms")],
    [t.conversations.messages, count(one.messages)],
    [t.conversations.tokens, count(one.tokens)],
    [t.conversations.cost, figure(Number(one.costMicros), "micros")],
    [t.conversations.rating, one.rating === undefined ? undefined : `${count(one.rating)} ${t.units.per}`],
    [t.conversations.reopenings, one.reopenings > 0n ? count(one.reopenings) : undefined],
    [t.conversations.gap, one.contentGaps > 0n ? count(one.contentGaps) : undefined],
  ];
  return (
    <dl class="pairs left">
      {rows
        .filter(([, value]) => value !== undefined && value !== "")
        .map(([label, value]) => (
          <>
            <dt key={label}>{label}</dt>
            <dd>{value}</dd>
          </>
        ))}
    </dl>
  );
}

function Inside({ id }: { id: string }): JSX.Element {
  const asked = useQuestion(DirectoryService.method.getConversation, { conversationId: id, pageSize: 1000 });
  if (asked.error !== undefined)
    return asked.error.reason === "CONVERSATION_NOT_FOUND" ? (
      <p>{t.conversations.notFound(id)}</p>
    ) : (
      <Failure error={asked.error} again={asked.again} />
    );
  const one = asked.stale ? undefined : asked.data?.conversation;
  if (one === undefined || asked.data === undefined) return <Loading height={400} />;
  return (
    <>
      <p>
        <Outcome one={one} />
      </p>
      <Facts one={one} />
      <h3>{t.conversations.timeline}</h3>
      {asked.data.droppedEvents > 0n && (
        <p class="muted small">{t.conversations.dropped(count(asked.data.droppedEvents))}</p>
      )}
      <ol class="timeline">
        {asked.data.timeline.map(
          ({ event }) =>
            event !== undefined && (
              <li key={event.eventId}>
                <b>{event.eventType}</b>{" "}
                <span class="muted small">
                  {instant(ms(event.occurredAt), zone.value, {
                    dateStyle: "medium",
                    timeStyle: "medium",
                  })}
                  {event.agentId !== "" && ` · ${event.agentId}`}
                </span>
                <div class="small">{detailText(event)}</div>
                {event.properties !== undefined && (
                  <div class="small muted">
                    <code>{JSON.stringify(event.properties)}</code>
                  </div>
                )}
              </li>
            ),
        )}
      </ol>
      {one.userId !== "" && (
        <p class="small">
          <Link to={`/users/${encodeURIComponent(one.userId)}`} changes={{ c: undefined }}>
            {t.users.activities}
          </Link>
        </p>
      )}
    </>
  );
}

/** The drawer, open while the address names a conversation. */
export function ConversationDrawer(): JSX.Element {
  const id = param("c");
  return (
    <Drawer
      open={id !== ""}
      title={<code>{id}</code>}
      close={() => {
        setParams({ c: undefined });
      }}
    >
      <Inside id={id} />
    </Drawer>
  );
}
