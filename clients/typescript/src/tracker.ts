import { inspect } from "node:util";
import type { ClientClock } from "./caller.js";
import { type ConnectionOptions, connection } from "./connection.js";
import { ConversationTracker } from "./conversation.js";
import type { Id } from "./context.js";
import { ArgumentError } from "./errors.js";
import { EventBuffer, type TrackerStats } from "./event_buffer.js";
import { MAX_BYTES, MAX_EVENTS } from "./event_requests.js";
import { type EventContext, type EventFields, type EventType, encodeEvent } from "./events.js";
import type { EventInit } from "./gen/messages.js";
import { LostEvents, type OnDrop } from "./lost_events.js";
import { type Finishing, finishAtEnd, forget } from "./process_end.js";
import { Sender } from "./sender.js";
import { Transport } from "./transport.js";
import type { Milliseconds } from "./values.js";

/** Options of a tracker. */
export interface TrackerOptions extends ConnectionOptions {
  /** The most events that wait or are under way; when they are reached, the newest is dropped. Default 10,000. */
  readonly maxEvents?: number | undefined;
  /** The most bytes that these take up. Default 16 MiB. */
  readonly maxBytes?: number | undefined;
  /** How many waiting events are sent at once, 1 to 1,000. Default 500. */
  readonly batchSize?: number | undefined;
  /** How long an event waits at most for others to be sent with. Default 1 second. */
  readonly flushIntervalMs?: Milliseconds | undefined;
  /** How long a batch is sent again while its outcome is unknown. Default 300 seconds. */
  readonly retryForMs?: Milliseconds | undefined;
  /** How long `close()`, and the end of the process, wait unless told otherwise. Default 5 seconds. */
  readonly shutdownTimeoutMs?: Milliseconds | undefined;
  /** As in `ClientOptions`. */
  readonly correctClock?: boolean | undefined;
  /** Called with each event that is lost, or undefined if none could be built, and the reason. */
  readonly onDrop?: OnDrop | undefined;
  /** Where lines about lost events go, at most one a minute. Default: `console.warn`. */
  readonly log?: ((line: string) => void) | undefined;
}

/**
 * Records events without ever waiting or throwing: batches are sent in the background.
 *
 * A batch whose outcome is unknown is sent again with the same ids, so nothing counts twice. Every event that is lost is
 * counted in `stats()`, and a line in the log says why.
 *
 * A process that has nothing else to do sends what is left before it ends. `process.exit()` and signals do not wait for
 * that: call and await `close()` first.
 */
export class Tracker implements AsyncDisposable {
  readonly #addresses: readonly string[];
  readonly #buffer: EventBuffer;
  readonly #lost: LostEvents;
  readonly #sender: Sender;
  readonly #shutdownTimeoutMs: Milliseconds;
  readonly #atEnd: Finishing;
  #closing: Promise<boolean> | undefined;
  #finishedAt = -1;

  /** Throws {@link ArgumentError} for options that make no sense. Nothing throws later. */
  constructor(addresses: string | readonly string[], options: TrackerOptions) {
    const { maxEvents = 10_000, maxBytes = 16 * 1024 * 1024, batchSize = 500, flushIntervalMs = 1_000 } = options;
    const { retryForMs = 300_000, shutdownTimeoutMs = 5_000, correctClock = false } = options;
    checkRange("batchSize", batchSize, 1, MAX_EVENTS);
    checkRange("maxEvents", maxEvents, 1, Infinity);
    checkRange("maxBytes", maxBytes, 1, Infinity);
    checkRange("flushIntervalMs", flushIntervalMs, 0, 2 ** 31 - 1);
    checkRange("retryForMs", retryForMs, 0, Infinity);
    checkRange("shutdownTimeoutMs", shutdownTimeoutMs, 0, 2 ** 31 - 1);
    const to = connection(addresses, options);
    const clock: ClientClock = { stamp: true, correct: correctClock };
    this.#addresses = to.addresses;
    this.#buffer = new EventBuffer(maxEvents, maxBytes);
    this.#lost = new LostEvents(options.log ?? warn, options.onDrop);
    const transport = new Transport(to, "the tracker");
    this.#sender = new Sender(transport, this.#buffer, this.#lost, { batchSize, flushIntervalMs, retryForMs, clock });
    this.#shutdownTimeoutMs = shutdownTimeoutMs;
    this.#atEnd = { finish: () => this.#finish() };
    finishAtEnd(this.#atEnd);
  }

  /** Takes an event in: one that is built, or a type and its fields. Returns whether it was taken; never throws. */
  track(event: EventInit): boolean;
  track<T extends EventType>(eventType: T, fields?: EventFields<T>): boolean;
  track(given: string | EventInit, fields?: object): boolean {
    try {
      const event = encodeEvent(given, fields);
      if (event.size > MAX_BYTES) {
        throw new ArgumentError(event.type, "does not fit in a request");
      }
      const refusal = this.#closing !== undefined ? "the tracker was closed before it came" : this.#put(event);
      if (refusal === undefined) {
        return true;
      }
      this.#buffer.count({ dropped: 1 });
      this.#lost.add([{ event, kind: refusal, reason: refusal }]);
    } catch (error) {
      this.#buffer.count({ invalid: 1 });
      this.#lost.add([invalidEvent(given, error)]);
    }
    return false;
  }

  /** Returns a conversation, through which events are tracked that carry its id, and its agent, user and channel. */
  conversation(conversationId: Id, context: EventContext = {}): ConversationTracker<boolean> {
    const track = (eventType: string, fields: object): boolean => this.track(eventType, fields);
    return new ConversationTracker(track, { ...context, conversationId });
  }

  /** Returns what became of the events so far. */
  stats(): TrackerStats {
    return this.#buffer.stats();
  }

  /** Sends the buffered events at once; resolves with true once each event taken before has an outcome. Never rejects. */
  flush(timeoutMs: Milliseconds = 5_000): Promise<boolean> {
    return this.#sender.flush(timeoutMs);
  }

  /**
   * Sends the buffered events for up to `timeoutMs` (default: `shutdownTimeoutMs`), and takes no more. Resolves with
   * whether every event had its outcome in time; those without are counted as dropped, or as failed if they were under
   * way. Closing again does nothing. Never rejects.
   */
  close(timeoutMs: Milliseconds = this.#shutdownTimeoutMs): Promise<boolean> {
    this.#closing ??= this.#sender.close(timeoutMs).then((isWhole) => {
      forget(this.#atEnd);
      this.#lost.log();
      return isWhole;
    });
    return this.#closing;
  }

  /** Closes the tracker at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Shows the addresses, and never the key. */
  [inspect.custom](): string {
    return this.toString();
  }

  /** Returns the class and the addresses; never the key. */
  toString(): string {
    return `Tracker(${this.#addresses.join(", ")})`;
  }

  #put(event: ReturnType<typeof encodeEvent>): string | undefined {
    if (!this.#buffer.put(event)) {
      return "the buffer of the tracker is full";
    }
    this.#sender.look();
    return undefined;
  }

  /** Sends what is left at the end of the process: once for all that has come until then. */
  async #finish(): Promise<void> {
    if (this.#buffer.stats().pending === 0 || this.#finishedAt === this.#buffer.taken) {
      return;
    }
    this.#finishedAt = this.#buffer.taken;
    if (!(await this.#sender.flush(this.#shutdownTimeoutMs))) {
      this.#lost.say(`the process ends with ${String(this.#buffer.stats().pending)} events that are not sent`);
    }
  }
}

function warn(line: string): void {
  // eslint-disable-next-line no-console -- where else, unless the application says
  console.warn(`tallywire: ${line}`);
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (typeof value !== "number" || !(value >= least && value <= most)) {
    const range = most === Infinity ? `at least ${String(least)}` : `from ${String(least)} to ${String(most)}`;
    throw new ArgumentError(name, `is ${range}, not ${String(value)}`);
  }
}

function invalidEvent(given: unknown, error: unknown): { event: undefined; kind: string; reason: string } {
  const type = typeof given === "object" && given !== null && "eventType" in given ? given.eventType : given;
  const name = typeof type === "string" ? type : typeof type;
  const field = error instanceof ArgumentError ? error.field : "";
  return { event: undefined, kind: `invalid ${name} ${field}`, reason: `${name}: ${messageOf(error)}` };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : typeof error;
}
