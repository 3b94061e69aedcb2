/**
 * What is happening now: one stream for all tabs of a browser. Whoever holds the lock watches, and passes the bytes on;
 * a newcomer asks and gets the last state at once.
 */
import { signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import { fromBinary, toBinary, create } from "../wire";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { RealtimeFilterSchema, RealtimeService, WatchMetricsResponseSchema } from "@contract/realtime_service_pb.js";
import type { RealtimeState } from "@contract/realtime_service_pb.js";
import { call, stream } from "../api/transport";
import { CallError } from "../api/errors";

export type Filter = MessageInitShape<typeof RealtimeFilterSchema>;
export type Link = "connecting" | "live" | "polling" | "trying";

const LEAST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5_000;
const POLL_MS = 5_000;
const STREAM_AGAIN_MS = 60_000;
const ALL_HIDDEN_MS = 60_000;
const SILENCE_MS = 40_000;
const TRIES = 3;

/** The newest state, and how it came. */
export interface Live {
  state: ReadonlySignal<RealtimeState | undefined>;
  link: ReadonlySignal<Link>;
  leads: ReadonlySignal<boolean>;
  /** When the newest state came, in milliseconds of the browser. */
  at: ReadonlySignal<number>;
  stop: () => void;
}

type Word = { kind: "state"; bytes: Uint8Array } | { kind: "link"; link: Link } | { kind: "ask" } | { kind: "visible" };

/** Returns how long to wait before another try, in milliseconds: twice as long each time, with jitter. */
export function backoff(failures: number, random: () => number = Math.random): number {
  return Math.min(LONGEST_WAIT_MS, LEAST_WAIT_MS * 2 ** (failures - 1)) * (0.5 + random() / 2);
}

/** Tells whether a signal has come, also after a wait that it may have come in. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

function pause(ms: number, abort: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    abort.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

/** Receives states one after the other, until the signal: by a stream, or, where that fails again and again, by asking. */
async function receive(
  filter: Filter,
  take: (bytes: Uint8Array) => void,
  say: (link: Link) => void,
  abort: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!abort.aborted) {
    try {
      await watch(
        filter,
        (bytes) => {
          failures = 0;
          say("live");
          take(bytes);
        },
        abort,
      );
      failures = 0;
    } catch (error) {
      if (isOver(abort)) return;
      failures += 1;
      if (error instanceof CallError && error.code === "unauthenticated") {
        say("trying");
        await pause(POLL_MS, abort);
        continue;
      }
    }
    if (failures >= TRIES) await poll(filter, take, say, abort);
    else {
      say("trying");
      await pause(backoff(Math.max(1, failures)), abort);
    }
  }
}

async function watch(filter: Filter, take: (bytes: Uint8Array) => void, outer: AbortSignal): Promise<void> {
  const abort = new AbortController();
  const end = (): void => {
    abort.abort();
  };
  outer.addEventListener("abort", end, { once: true });
  let silence = setTimeout(end, SILENCE_MS);
  try {
    for await (const bytes of stream(RealtimeService.method.watchMetrics, { filter }, abort.signal)) {
      clearTimeout(silence);
      silence = setTimeout(end, SILENCE_MS);
      take(bytes);
    }
  } finally {
    clearTimeout(silence);
    outer.removeEventListener("abort", end);
  }
}

async function poll(
  filter: Filter,
  take: (bytes: Uint8Array) => void,
  say: (link: Link) => void,
  abort: AbortSignal,
): Promise<void> {
  const until = Date.now() + STREAM_AGAIN_MS;
  let away = false;
  while (!abort.aborted && Date.now() < until) {
    try {
      const { state } = await call(RealtimeService.method.getRealtimeMetrics, { filter }, abort);
      if (state === undefined) return;
      take(
        toBinary(
          WatchMetricsResponseSchema,
          create(WatchMetricsResponseSchema, { state, revision: state.asOfRevision }),
        ),
      );
      say("polling");
      if (away) return; // It has been down and is back: streams will work again, too.
    } catch {
      if (isOver(abort)) return;
      away = true;
      say("trying"); // The figures stay, and the page says so.
    }
    await pause(POLL_MS, abort);
  }
}

function newer(state: RealtimeState, old: RealtimeState | undefined): boolean {
  return old === undefined || (state.asOfTime?.seconds ?? 0n) >= (old.asOfTime?.seconds ?? 0n);
}

/**
 * Follows what is happening now. `session` is the session's public id, so that tabs of another sign-in never hear these
 * figures; without one nothing is shared.
 */
export function follow(session: string | undefined, filter: Filter): Live {
  const state = signal<RealtimeState | undefined>(undefined);
  const link = signal<Link>("connecting");
  const leads = signal(false);
  const at = signal(0);
  const over = new AbortController();
  let last: Uint8Array | undefined;
  const show = (bytes: Uint8Array): void => {
    const next = fromBinary(WatchMetricsResponseSchema, bytes).state;
    at.value = Date.now();
    if (next === undefined || !newer(next, state.peek())) return;
    last = bytes;
    state.value = next;
  };
  const result = { state, link, leads, at };
  if (session === undefined || !("locks" in navigator)) {
    leads.value = true;
    void receive(
      filter,
      show,
      (next) => {
        link.value = next;
      },
      over.signal,
    );
    return {
      ...result,
      stop: () => {
        over.abort();
      },
    };
  }
  const name = `tallywire-live ${session} ${String(toBinary(RealtimeFilterSchema, create(RealtimeFilterSchema, filter)))}`;
  const stop = share(name, filter, { show, link, leads, last: () => last }, over);
  return { ...result, stop };
}

interface Sharing {
  show: (bytes: Uint8Array) => void;
  link: { value: Link };
  leads: { value: boolean };
  last: () => Uint8Array | undefined;
}

/** Watches for all tabs, until this one ends; not while nobody has looked at any of them for a minute. */
async function lead(
  filter: Filter,
  tab: Sharing,
  tell: (word: Word) => void,
  isForgotten: () => boolean,
  over: AbortController,
): Promise<void> {
  tab.leads.value = true;
  const say = (next: Link): void => {
    tab.link.value = next;
    tell({ kind: "link", link: next });
  };
  while (!over.signal.aborted) {
    const round = new AbortController();
    const end = (): void => {
      round.abort();
    };
    over.signal.addEventListener("abort", end, { once: true });
    const quiet = setInterval(() => {
      if (isForgotten()) end();
    }, 5_000);
    await receive(
      filter,
      (bytes) => {
        tab.show(bytes);
        tell({ kind: "state", bytes });
      },
      say,
      round.signal,
    );
    clearInterval(quiet);
    over.signal.removeEventListener("abort", end);
    while (!isOver(over.signal) && isForgotten()) await pause(1_000, over.signal);
  }
}

function share(name: string, filter: Filter, tab: Sharing, over: AbortController): () => void {
  const channel = new BroadcastChannel(name);
  const tell = (word: Word): void => {
    channel.postMessage(word);
  };
  let lastVisible = Date.now();
  channel.onmessage = ({ data }: MessageEvent<Word>) => {
    if (data.kind === "visible") lastVisible = Date.now();
    else if (data.kind === "ask") {
      const bytes = tab.last();
      if (tab.leads.value && bytes !== undefined) {
        tell({ kind: "state", bytes });
        tell({ kind: "link", link: tab.link.value });
      }
    } else if (!tab.leads.value) {
      if (data.kind === "state") tab.show(data.bytes);
      else tab.link.value = data.link;
    }
  };
  // Tabs that are seen say so, that the one that leads knows when all have been hidden for a minute.
  const beat = setInterval(() => {
    if (document.hidden) return;
    lastVisible = Date.now();
    tell({ kind: "visible" });
  }, ALL_HIDDEN_MS / 4);
  tell({ kind: "ask" });
  const isForgotten = (): boolean => document.hidden && Date.now() - lastVisible > ALL_HIDDEN_MS;
  const leading = (): Promise<void> => lead(filter, tab, tell, isForgotten, over);
  navigator.locks.request(name, { signal: over.signal }, leading).catch((error: unknown) => {
    if (!isOver(over.signal)) throw error; // Aborted while it waited for the lock: this tab never led.
  });
  return () => {
    clearInterval(beat);
    over.abort();
    channel.close();
  };
}
