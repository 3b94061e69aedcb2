/** Parts of what is happening now, for the live page and the embedded panel. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ConversationStatus } from "@contract/realtime_service_pb.js";
import type { ConversationState, RealtimeState } from "@contract/realtime_service_pb.js";
import { Chart } from "../charts/Chart";
import type { Bucket } from "../charts/prepare";
import { ms } from "../contract";
import { ago, count, shown } from "../format";
import { now } from "../state/period";
import { t } from "../text";
import { liveFigure } from "./figures";
import type { LiveFigure } from "./figures";
import type { Link as State, Live } from "./live";

/** One figure of now. */
export function LiveCard({
  name,
  unit,
  state,
}: {
  name: LiveFigure;
  unit: string;
  state: RealtimeState | undefined;
}): JSX.Element {
  const { text, unit: small } = shown(liveFigure(state, name), unit);
  return (
    <section class="card live-card">
      <h2>{t.live[name]}</h2>
      <p class="figure">
        {text}
        {small !== "" && <small> {small}</small>}
      </p>
    </section>
  );
}

const WORDS: Readonly<Record<State, () => string>> = {
  live: () => t.live.live,
  polling: () => t.live.polling,
  trying: () => t.live.trying,
  connecting: () => t.live.connecting,
};

/** Whether figures are live. Screen readers are told of changes. */
export function LinkState({ live }: { live: Live | undefined }): JSX.Element {
  const link = live?.link.value ?? "connecting";
  return (
    <span class={`link-state small muted ${link}`} role="status" data-at={live?.at.value}>
      <span class="state-dot" aria-hidden="true" /> {WORDS[link]()}
    </span>
  );
}

/** Seconds since the newest state came, told anew each second. */
export function Updated({ live }: { live: Live }): JSX.Element {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => {
      tick((n) => n + 1);
    }, 1000);
    return () => {
      clearInterval(timer);
    };
  }, []);
  const at = live.at.value;
  return <span class="small muted">{at === 0 ? "" : t.live.updated(ago(Date.now() - at))}</span>;
}

function minutes(state: RealtimeState): Bucket[] {
  return state.minutes.map((minute, i) => ({
    start: ms(minute.start),
    end: ms(minute.start) + 60_000,
    partial: i === state.minutes.length - 1 ? "running" : "",
  }));
}

/** Messages of each minute of the last hour. */
export function MessagesChart({
  state,
  zone,
  height,
}: {
  state: RealtimeState;
  zone: string;
  height: number;
}): JSX.Element {
  const values = state.minutes.map((minute) => Number(minute.messages));
  return (
    <Chart
      name={t.live.perMinute}
      kind="bars"
      buckets={minutes(state)}
      series={[{ key: "messages", label: t.metrics["total_messages"] ?? "", color: 1, values }]}
      unit="1"
      zone={zone}
      height={height}
    />
  );
}

/** Median and p95 of each minute of the last hour. */
export function ResponseChart({
  state,
  zone,
  height,
}: {
  state: RealtimeState;
  zone: string;
  height: number;
}): JSX.Element {
  return (
    <Chart
      name={t.live.responseMinute}
      buckets={minutes(state)}
      series={[
        {
          key: "p50",
          label: t.overview.median,
          color: 1,
          values: state.minutes.map((one) => one.p50ResponseTimeMs ?? null),
        },
        {
          key: "p95",
          label: t.overview.p95,
          color: 2,
          values: state.minutes.map((one) => one.p95ResponseTimeMs ?? null),
        },
      ]}
      unit="ms"
      zone={zone}
      height={height}
    />
  );
}

/** How a conversation stands, as a word with a shape. */
export function StatusPill({ status }: { status: ConversationStatus }): JSX.Element {
  const words: Readonly<Record<number, string>> = {
    [ConversationStatus.ACTIVE]: t.outcomes.active,
    [ConversationStatus.RESOLVED]: t.outcomes.resolved,
    [ConversationStatus.ESCALATED]: t.outcomes.escalated,
    [ConversationStatus.ABANDONED]: t.outcomes.abandoned,
    [ConversationStatus.ENDED]: t.outcomes.ended,
  };
  return <span class={`status s${String(status)}`}>{words[status] ?? ""}</span>;
}

/**
 * Puts the newest conversations into the places of those that were there: a row changes in place, and a newcomer takes
 * the place of one that has left, so that rows do not run about.
 */
export function inPlace(before: readonly ConversationState[], next: readonly ConversationState[]): ConversationState[] {
  const fresh = new Map(next.map((one) => [one.conversationId, one]));
  const rows: (ConversationState | undefined)[] = before.map((one) => {
    const found = fresh.get(one.conversationId);
    fresh.delete(one.conversationId);
    return found;
  });
  const newcomers = [...fresh.values()];
  const filled = rows.map((row) => row ?? newcomers.shift());
  return [...newcomers, ...filled.filter((row) => row !== undefined)].slice(0, next.length);
}

/** The latest conversations. They hold still under the pointer or the focus. */
export function Feed({
  state,
  limit,
  row,
}: {
  state: RealtimeState;
  limit: number;
  row: (one: ConversationState, ago: string) => JSX.Element;
}): JSX.Element {
  const rows = useRef<ConversationState[]>([]);
  const [held, setHeld] = useState(false);
  const next = state.conversations.slice(0, limit);
  const waiting = held
    ? next.filter((one) => {
        const mine = rows.current.find(({ conversationId }) => conversationId === one.conversationId);
        return mine?.messageCount !== one.messageCount || mine.status !== one.status;
      }).length
    : 0;
  if (!held) rows.current = rows.current.length === 0 ? next : inPlace(rows.current, next);
  const at = now();
  return (
    <div
      class="feed"
      onPointerEnter={() => {
        setHeld(true);
      }}
      onPointerLeave={() => {
        setHeld(false);
      }}
      onFocusIn={() => {
        setHeld(true);
      }}
      onFocusOut={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setHeld(false);
      }}
    >
      <p class="small muted feed-note">{waiting > 0 ? t.live.held(waiting) : " "}</p>
      <div class="scroll" tabIndex={0} role="region" aria-label={t.live.latest}>
        <table class="table">
          <caption class="hidden">{t.live.latest}</caption>
          <tbody>{rows.current.map((one) => row(one, ago(at - ms(one.lastActivityAt))))}</tbody>
        </table>
      </div>
    </div>
  );
}

/** Number of messages of a conversation. */
export function messagesOf(one: ConversationState): string {
  return t.live.messages(count(one.messageCount));
}
