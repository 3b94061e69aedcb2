/**
 * Questions of pages: four at once, cancelled when nobody needs them, the last answer kept on screen while a newer one
 * comes, and asked again while their period runs.
 */
import { batch, signal } from "@preact/signals";
import type { ReadonlySignal, Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { create, toBinary } from "../wire";
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { AnswerContext } from "@contract/answer_pb.js";
import { money } from "../format";
import { signIns } from "../state/session";
import { CallError } from "./errors";
import { call } from "./transport";

const AT_ONCE = 4;
const KEPT = 60;
const AGAIN_MS = 30_000;
const LONGEST_WAIT_MS = 60_000;

/** What is known of a question. */
export interface Answer<T> {
  /** The newest answer, which may be of the question before (then stale is true). */
  data?: T;
  error?: CallError;
  /** True from the beginning until there is an answer or an error. */
  loading: boolean;
  /** When data came, in milliseconds of the browser. */
  at?: number;
}

const waiting: (() => void)[] = [];
let running = 0;

async function slot<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  if (running >= AT_ONCE) {
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
  running += 1;
  try {
    signal.throwIfAborted();
    return await work();
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

interface Entry {
  answer: Signal<Answer<unknown>>;
  abort?: AbortController;
  readers: number;
  /** True once what it asks about has changed: its answer is not fresh, however new it is. */
  isOutdated: boolean;
  timer?: ReturnType<typeof setTimeout>;
  ask: () => void;
}

const entries = new Map<string, Entry>();

/** The context of the newest answer on the page, for the footer and the line at the head. */
export const newestContext = signal<AnswerContext | undefined>(undefined);

function keyOf(method: { name: string; input: DescMessage }, request: MessageInitShape<DescMessage>): string {
  const bytes = toBinary(method.input, create(method.input, request));
  let key = method.name;
  for (const byte of bytes) key += String.fromCharCode(byte);
  return key;
}

function contextOf(data: unknown): AnswerContext | undefined {
  return (data as { context?: AnswerContext }).context;
}

function make<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  isAside: boolean,
): Entry {
  const answer = signal<Answer<unknown>>({ loading: true });
  const entry: Entry = { answer, readers: 0, isOutdated: false, ask: () => undefined };
  const later = (ms: number): void => {
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => {
      if (entry.readers === 0) return;
      if (document.hidden) later(ms);
      else entry.ask();
    }, ms);
  };
  entry.ask = () => {
    entry.abort?.abort();
    const abort = new AbortController();
    entry.abort = abort;
    answer.value = { ...answer.peek(), loading: true };
    slot(() => call(method, request, abort.signal), abort.signal).then(
      (data) => {
        if (entry.abort !== abort) return;
        delete entry.abort;
        // Not before: who asked may go away meanwhile, and the answer from before the change would be left.
        entry.isOutdated = false;
        const context = isAside ? undefined : contextOf(data);
        batch(() => {
          answer.value = { data, loading: false, at: Date.now() };
          if (context !== undefined) {
            if (context.currency !== "") money.currency = context.currency;
            // One conversation or user has no period: it does not take the place of what the page is about.
            if (context.start !== undefined || newestContext.peek() === undefined) newestContext.value = context;
          }
        });
        if (context?.stillRunning) later(AGAIN_MS);
      },
      (reason: unknown) => {
        if (entry.abort !== abort || abort.signal.aborted) return;
        delete entry.abort;
        const error = reason instanceof CallError ? reason : new CallError("internal", String(reason));
        answer.value = { ...answer.peek(), error, loading: false };
        if (error.retryAfterMs !== undefined) later(Math.min(LONGEST_WAIT_MS, Math.max(500, error.retryAfterMs)));
        else if (error.code === "unavailable" || error.code === "deadline_exceeded") later(5_000);
      },
    );
  };
  return entry;
}

function forgetOld(): void {
  for (const [key, entry] of entries) {
    if (entries.size <= KEPT) return;
    if (entry.readers === 0) entries.delete(key);
  }
}

function release(entry: Entry): void {
  entry.readers -= 1;
  if (entry.readers > 0) return;
  clearTimeout(entry.timer);
  if (entry.abort !== undefined) {
    entry.abort.abort();
    delete entry.abort;
    const before = entry.answer.peek();
    if (before.data !== undefined) entry.answer.value = { ...before, loading: false };
    else for (const [key, one] of entries) if (one === entry) entries.delete(key);
  }
}

const NOTHING: ReadonlySignal<Answer<unknown>> = signal({ loading: true });

/** What a component sees of its question, with a way to ask once more. */
export interface Asked<T> extends Answer<T> {
  /** True if data is the answer to the question before this one. */
  stale: boolean;
  again: () => void;
}

/**
 * Asks a question for as long as the component is there; undefined asks nothing yet. One that is aside is about another
 * time than the page: it says nothing in the footer, and is not asked again while its period runs.
 */
export function useQuestion<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I> | undefined,
  isAside = false,
): Asked<MessageShape<O>> {
  const last = useRef<Answer<unknown>>({ loading: true });
  const key = request === undefined ? undefined : keyOf(method, request);
  let entry = key === undefined ? undefined : entries.get(key);
  if (key !== undefined && request !== undefined && entry === undefined) {
    entry = make(method, request, isAside);
    entries.set(key, entry);
  }
  const refused = signIns.value;
  useEffect(() => {
    if (entry === undefined || key === undefined) return undefined;
    entries.delete(key);
    entries.set(key, entry);
    forgetOld();
    entry.readers += 1;
    const { data, at = 0 } = entry.answer.peek();
    const isFresh = data !== undefined && !entry.isOutdated && Date.now() - at <= AGAIN_MS / 2;
    if (entry.abort === undefined && !isFresh) entry.ask();
    return () => {
      release(entry);
    };
  }, [key, refused]);
  const answer = (entry?.answer ?? NOTHING).value;
  const stale = answer.data === undefined && last.current.data !== undefined;
  if (answer.data !== undefined) last.current = answer;
  const seen = stale ? { ...answer, data: last.current.data, at: last.current.at } : answer;
  return { ...(seen as Answer<MessageShape<O>>), stale, again: () => entry?.ask() };
}

/** Forgets all answers without asking anew: nothing of them may be shown again. */
export function forget(method: { name: string }): void {
  for (const key of [...entries.keys()]) if (key.startsWith(method.name)) entries.delete(key);
}

/** Forgets all answers, so that the next questions are asked anew: after a change that they depend on. */
export function askAnew(method: { name: string }): void {
  for (const [key, entry] of entries) {
    if (!key.startsWith(method.name)) continue;
    // A component that is drawn for the first time holds its entry before it counts as a reader.
    entry.isOutdated = true;
    if (entry.readers > 0) entry.ask();
    else entries.delete(key);
  }
}

/** Takes in what a change has answered as the answer to a question, so that no page shows what was before. */
export function takeIn<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  data: MessageInitShape<O>,
): void {
  const entry = entries.get(keyOf(method, request));
  if (entry === undefined) return;
  entry.abort?.abort();
  delete entry.abort;
  entry.isOutdated = false;
  entry.answer.value = { data: create(method.output, data), loading: false, at: Date.now() };
}
