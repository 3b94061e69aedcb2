import { inspect } from "node:util";
import type { Message } from "@bufbuild/protobuf";
import { type CallOptions, type CallSpec, Caller } from "./caller.js";
import { type ConnectionOptions, connection } from "./connection.js";
import { ConversationTracker } from "./conversation.js";
import type { Id } from "./context.js";
import { ArgumentError, TallywireError } from "./errors.js";
import { type EncodedEvent, type EventContext, type EventFields, type EventType, encodeEvent } from "./events.js";
import { type EventBatches, EventStream, type EventStreamOptions } from "./event_stream.js";
import { parts, requestBytes } from "./event_requests.js";
import { Calls } from "./gen/calls.js";
import type {
  EventInit,
  EventResult,
  WatchMetricsRequest,
  WatchMetricsResponse,
  WatchUpdatesRequest,
  WatchUpdatesResponse,
} from "./gen/messages.js";
import {
  EventService,
  TrackEventResponseSchema,
  TrackEventsResponseSchema,
} from "./gen/tallywire/v1/event_service_pb.js";
import { toPlain } from "./plain.js";
import { StateProgress, UpdateProgress } from "./progress.js";
import { Subscription, type UpdatesOptions, type WatchOptions } from "./subscription.js";
import { Transport } from "./transport.js";
import type { Milliseconds } from "./values.js";

/** Options of a client. */
export interface ClientOptions extends ConnectionOptions {
  /** The time of a call with all its attempts, unless the call is given its own. Default 30 seconds. */
  readonly timeoutMs?: Milliseconds | undefined;
  /**
   * Whether requests with events say what this machine's clock shows, so that the server can warn of one that is more
   * than five minutes off. Default true; false is for imports of events that were recorded elsewhere.
   */
  readonly stampSentAt?: boolean | undefined;
  /**
   * Asks the server to move the times of events by that difference: for devices whose clocks are known to be wrong, and
   * never for events that are old or whose times come from elsewhere.
   */
  readonly correctClock?: boolean | undefined;
}

const TRACK_EVENT: CallSpec = { method: EventService.method.trackEvent, kind: "events", attemptMs: 10_000 };
const TRACK_EVENTS: CallSpec = { method: EventService.method.trackEvents, kind: "events", attemptMs: 30_000 };

/**
 * Tracks events and reads figures over one connection, which all of a process may share.
 *
 * There is a method for each RPC. Calls reject with {@link TallywireError}. One that sends events is tried again with the
 * same ids until its time is over when the outcome is unknown; a question is tried again a few times.
 */
export class Client extends Calls implements AsyncDisposable {
  readonly #addresses: readonly string[];
  readonly #transport: Transport;
  readonly #caller: Caller;

  /** Throws {@link ArgumentError} for options that contradict each other. It connects with the first call. */
  constructor(addresses: string | readonly string[], options: ClientOptions) {
    const { timeoutMs = 30_000, stampSentAt = true, correctClock = false } = options;
    if (correctClock && !stampSentAt) {
      throw new ArgumentError("correctClock", "needs stampSentAt: the server compares that with its own clock");
    }
    const to = connection(addresses, options);
    const transport = new Transport(to, "the client");
    const caller = new Caller(transport, timeoutMs, { stamp: stampSentAt, correct: correctClock });
    super(caller);
    this.#addresses = to.addresses;
    this.#transport = transport;
    this.#caller = caller;
  }

  /**
   * Stores one event and returns ACCEPTED or DUPLICATE; an event that is refused rejects with the error of its reason.
   *
   * To send an event again later, make it with `event()`, and keep it: its id makes that safe.
   */
  async track(event: EventInit, options?: CallOptions): Promise<EventResult>;
  async track<T extends EventType>(eventType: T, fields?: EventFields<T>, options?: CallOptions): Promise<EventResult>;
  async track(given: string | EventInit, second?: object, third?: CallOptions): Promise<EventResult> {
    const isType = typeof given === "string";
    const event = isType ? encodeEvent(given, second) : encodeEvent(given);
    const response = await this.#send(TRACK_EVENT, [event], isType ? third : second);
    const { result } = toPlain<{ result?: EventResult }>(TrackEventResponseSchema, response);
    if (result === undefined) {
      throw new TallywireError("INTERNAL", "the server gave no result");
    }
    return result;
  }

  /**
   * Stores any number of events and returns a result for each, in their order; read them, since some may be REJECTED.
   *
   * Over 1,000 events or 3.5 MiB they go as several requests, each with the whole timeout. If one fails for good, the
   * error's `results` are those of the events before it.
   */
  async trackBatch(events: Iterable<EventInit>, options?: CallOptions): Promise<EventResult[]> {
    // All are built before any is sent, so that a wrong one does not leave half of them stored.
    const encoded = Array.from(events, (event) => encodeEvent(event));
    const results: EventResult[] = [];
    try {
      for (const part of parts(encoded)) {
        if (part.refused !== undefined) {
          results.push(part.refused);
          continue;
        }
        const response = await this.#send(TRACK_EVENTS, part.events, options);
        results.push(...toPlain<{ results: EventResult[] }>(TrackEventsResponseSchema, response).results);
      }
    } catch (error) {
      if (error instanceof TallywireError) {
        error.results = results;
      }
      throw error;
    }
    return results;
  }

  /**
   * Sends batches over one stream and yields an acknowledgement for each, in their order, as they come: for programs that
   * have batches of their own, such as those that read a queue. Others have a `Tracker`.
   *
   * Up to `maxUnacked` batches are under way; the next one is taken when there is room. A connection that breaks is
   * replaced, and what is not acknowledged is sent again with the same ids. A batch of more than 1,000 events or 3.5 MiB is
   * an {@link ArgumentError}, which is thrown, as an error of the source is, after the acknowledgements of the batches
   * before it.
   *
   * ```ts
   * for await (const ack of client.streamEvents(batches)) {
   *   await commit(ack.sequence); // the first batch is 1
   * }
   * ```
   */
  streamEvents(batches: EventBatches, options: EventStreamOptions = {}): EventStream {
    return new EventStream(this.#transport, this.#caller.clock, batches, options);
  }

  /** Returns a conversation, through which events are tracked that carry its id, and its agent, user and channel. */
  conversation(conversationId: Id, context: EventContext = {}): ConversationTracker<Promise<EventResult>> {
    const track = (eventType: string, fields: object): Promise<EventResult> => this.track(eventType, fields);
    return new ConversationTracker(track, { ...context, conversationId });
  }

  /**
   * Yields the newest state at once and whenever it has changed, every `minInterval` at most (1 second unless given).
   *
   * It outlasts servers: a connection that is lost is replaced after a jittered wait. Revisions never go back.
   *
   * ```ts
   * for await (const { state } of client.watch()) …
   * ```
   */
  watch(request: WatchMetricsRequest = {}, options: WatchOptions = {}): Subscription<WatchMetricsResponse> {
    return new Subscription(this.#transport, new StateProgress(request, options.heartbeats ?? false), options);
  }

  /**
   * Yields every revision once, in order, without a gap and whole, from now on or after `resumeAfter`.
   *
   * Connections are replaced as in `watch`. To go on in another process, keep the subscription's `resumeToken` once an
   * update is dealt with, and pass it as `resumeAfter` with the same filter.
   *
   * It ends with an error of the reason RESTORED when the service was restored from a backup: begin anew; with COMPACTED
   * when the token is older than what is kept (`metadata.oldest_token` is the first that is); with
   * {@link OutOfSequenceError} for a revision that does not follow the last one.
   */
  updates(request: WatchUpdatesRequest = {}, options: UpdatesOptions = {}): Subscription<WatchUpdatesResponse> {
    return new Subscription(this.#transport, new UpdateProgress(request, options.bookmarks ?? false), options);
  }

  /** Closes the connection; calls that are under way, and later ones, reject with CANCELLED. */
  close(): void {
    this.#transport.close();
  }

  /** Closes the connection at the end of an `await using` block. */
  // eslint-disable-next-line @typescript-eslint/require-await -- closing takes no time; the protocol wants a promise
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** Shows the addresses, and never the key. */
  [inspect.custom](): string {
    return this.toString();
  }

  /** Returns the class and the addresses; never the key. */
  override toString(): string {
    return `Client(${this.#addresses.join(", ")})`;
  }

  #send(spec: CallSpec, events: readonly EncodedEvent[], options: CallOptions | undefined): Promise<Message> {
    return this.#caller.send(spec, () => requestBytes(events, this.#caller.clock), options);
  }
}
