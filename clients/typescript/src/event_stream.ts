import { toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import type { ClientClock } from "./caller.js";
import { ArgumentError, TallywireError, closedError } from "./errors.js";
import { type EncodedEvent, encodeEvent } from "./events.js";
import { MAX_BYTES, MAX_EVENTS } from "./event_requests.js";
import type { EventInit, StreamAck } from "./gen/messages.js";
import {
  EventService,
  type StreamAck as AckMessage,
  StreamAckSchema,
  type StreamEventsResponse,
} from "./gen/tallywire/v1/event_service_pb.js";
import { timestamp } from "./parse.js";
import { toPlain } from "./plain.js";
import { Attempts } from "./retries.js";
import type { Transport } from "./transport.js";
import type { Milliseconds } from "./values.js";
import { pause } from "./waiting.js";

// The server stops reading beyond.
const MOST_UNACKED = 32;
// A connection is replaced then, so that one that died silently is noticed.
const CONNECTION_MS = 120_000;

/** Batches of events as a program has them: an array, a generator, or whatever `for await` takes. */
export type EventBatches = AsyncIterable<Iterable<EventInit>> | Iterable<Iterable<EventInit>>;

/** Options of `streamEvents`. */
export interface EventStreamOptions {
  /** How many batches may be under way, from 1 to 32. Default 16. */
  readonly maxUnacked?: number | undefined;
  /** How long to try in a row without a new acknowledgement before the error is thrown. Default 60 seconds. */
  readonly retryForMs?: Milliseconds | undefined;
  /** Ends the stream, which then throws CANCELLED. */
  readonly signal?: AbortSignal | undefined;
}

interface Batch {
  readonly sequence: number;
  readonly events: readonly EncodedEvent[];
}

/** The batches without an acknowledgement, oldest first. */
class Window {
  readonly #most: number;
  readonly #unacked: Batch[] = [];
  #sent = 0; // of them, on this connection
  #last = 0;
  #hasEnded = false;
  #wake: (() => void) | undefined;
  /** Called when there is something to send. */
  onChange: (() => void) | undefined;
  /** The error that has ended the source. */
  failure: unknown;

  constructor(most: number) {
    this.#most = most;
  }

  get isIdle(): boolean {
    return this.#unacked.length === 0;
  }

  get isFinished(): boolean {
    return this.#hasEnded && this.isIdle;
  }

  /** Takes batches from their source while there is room. Never rejects: an error of the source is due later. */
  async fill(batches: EventBatches, ended: AbortSignal): Promise<void> {
    try {
      for await (const given of batches) {
        const events = batchOf(given);
        while (this.#unacked.length >= this.#most && !ended.aborted) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        if (ended.aborted) {
          return;
        }
        this.#last += 1;
        this.#unacked.push({ sequence: this.#last, events });
        this.onChange?.();
      }
    } catch (error) {
      this.failure = error;
    }
    this.#hasEnded = true;
    this.onChange?.();
  }

  /** Lets the source go on, to find that there is room or that the stream has ended. */
  wake(): void {
    this.#wake?.();
  }

  /** Counts every batch as unsent, for a new connection. */
  rewind(): void {
    this.#sent = 0;
  }

  /** Returns the batches that this connection has not sent, and counts them as sent. */
  unsent(): Batch[] {
    const batches = this.#unacked.slice(this.#sent);
    this.#sent = this.#unacked.length;
    return batches;
  }

  /** Drops the batch of an acknowledgement. Returns whether that is new. */
  acknowledge(ack: AckMessage): boolean {
    if (this.#unacked[0] === undefined || BigInt(this.#unacked[0].sequence) !== ack.sequence) {
      return false;
    }
    this.#unacked.shift();
    this.#sent -= 1;
    this.wake();
    return true;
  }
}

/**
 * An iterator over the acknowledgements of batches, in their order, which reconnects by itself. It connects, and takes the
 * first batch, with the first step.
 *
 * The end of `for await`, of `await using`, `close()` and the signal end the call at the server.
 */
export class EventStream implements AsyncIterableIterator<StreamAck, undefined>, AsyncDisposable {
  readonly #ended = new AbortController();
  readonly #acks: AsyncGenerator<StreamAck, undefined, undefined>;

  /** @internal */
  constructor(transport: Transport, clock: ClientClock, batches: EventBatches, options: EventStreamOptions) {
    const { maxUnacked = 16, retryForMs = 60_000 } = options;
    if (!(Number.isInteger(maxUnacked) && maxUnacked >= 1 && maxUnacked <= MOST_UNACKED)) {
      throw new ArgumentError("maxUnacked", `is a whole number from 1 to ${String(MOST_UNACKED)}`);
    }
    const signals = [this.#ended.signal, transport.closing, options.signal].filter((one) => one !== undefined);
    const sender = new Sender(transport, clock, new Window(maxUnacked), retryForMs, AbortSignal.any(signals));
    this.#acks = sender.run(batches, this.#ended.signal);
  }

  /** Returns the next acknowledgement; waits through lost connections. Rejects with {@link TallywireError}. */
  next(): Promise<IteratorResult<StreamAck, undefined>> {
    return this.#acks.next();
  }

  /** Ends the stream; called by `for await` when its loop is left. */
  return(): Promise<IteratorResult<StreamAck, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Ends the stream: a step that waits, and later ones, find its end. */
  close(): void {
    if (!this.#ended.signal.aborted) {
      this.#ended.abort(closedError("the stream"));
    }
  }

  /** Returns the stream itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the stream at the end of an `await using` block. */
  // eslint-disable-next-line @typescript-eslint/require-await -- closing takes no time; the protocol wants a promise
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

/** Has one connection after the other. */
class Sender {
  readonly #transport: Transport;
  readonly #clock: ClientClock;
  readonly #window: Window;
  readonly #retryForMs: Milliseconds;
  readonly #signal: AbortSignal;
  #attempts: Attempts;

  constructor(transport: Transport, clock: ClientClock, window: Window, retryForMs: Milliseconds, signal: AbortSignal) {
    this.#transport = transport;
    this.#clock = clock;
    this.#window = window;
    this.#retryForMs = retryForMs;
    this.#signal = signal;
    this.#attempts = this.#fresh();
  }

  async *run(batches: EventBatches, ended: AbortSignal): AsyncGenerator<StreamAck, undefined, undefined> {
    const over = new AbortController();
    ended.addEventListener("abort", () => {
      over.abort();
      this.#window.wake();
    });
    this.#attempts = this.#fresh();
    void this.#window.fill(batches, over.signal);
    try {
      while (!this.#window.isFinished && !ended.aborted) {
        yield* this.#connection(ended);
      }
    } finally {
      over.abort();
      this.#window.wake();
    }
    if (this.#window.failure !== undefined && !ended.aborted) {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- the caller's own, whatever it is
      throw this.#window.failure;
    }
    return undefined;
  }

  /** Yields the acknowledgements of a connection to its end, and waits before the next one. Throws what is final. */
  async *#connection(ended: AbortSignal): AsyncGenerator<StreamAck, void, undefined> {
    const arrived: StreamAck[] = [];
    const acks = this.#acks();
    for (;;) {
      try {
        const step = await acks.next();
        if (step.done === true) {
          return;
        }
        this.#attempts = this.#fresh();
        arrived.push(step.value);
      } catch (error) {
        await this.#recover(error, ended);
        return;
      }
      let hasReturned = true;
      try {
        yield* arrived.splice(0);
        hasReturned = false;
      } finally {
        if (hasReturned) {
          await acks.return();
        }
      }
    }
  }

  async *#acks(): AsyncGenerator<StreamAck, void, undefined> {
    this.#window.rewind();
    const call = await this.#transport.openDuplex(
      EventService.method.streamEvents,
      Math.min(CONNECTION_MS, Math.max(1, this.#attempts.left())),
      this.#signal,
    );
    const flush = (): void => {
      for (const batch of this.#window.unsent()) {
        call.write(batchBytes(batch, this.#clock));
      }
      if (this.#window.isFinished) {
        call.end();
      }
    };
    this.#window.onChange = flush;
    flush();
    try {
      for (;;) {
        const message = (await call.answers.next()) as StreamEventsResponse | undefined;
        if (message === undefined) {
          if (this.#window.isFinished) {
            return;
          }
          throw new TallywireError("UNAVAILABLE", "the server ended the stream early");
        }
        for (const ack of message.acks) {
          if (this.#window.acknowledge(ack)) {
            yield toPlain<StreamAck>(StreamAckSchema, ack);
          }
        }
        if (this.#window.isFinished) {
          return;
        }
      }
    } finally {
      this.#window.onChange = undefined;
      call.answers.cancel();
    }
  }

  /** Waits before the next connection, or throws the error that ends the stream. */
  async #recover(error: unknown, ended: AbortSignal): Promise<void> {
    const hasEnded = (): boolean => ended.aborted;
    if (hasEnded() || this.#window.isFinished) {
      return;
    }
    if (!(error instanceof TallywireError) || this.#signal.aborted) {
      throw error;
    }
    if (this.#window.isIdle) {
      this.#attempts = this.#fresh(); // nothing was outstanding: no failure
    }
    const wait = this.#attempts.nextWait(error);
    if (wait === undefined) {
      throw error;
    }
    try {
      await pause(wait, [this.#signal]);
    } catch (stopped) {
      if (!hasEnded()) {
        throw stopped;
      }
    }
  }

  #fresh(): Attempts {
    return new Attempts("events", this.#retryForMs, CONNECTION_MS);
  }
}

/** Returns the events of a batch, which must fit in a request. */
function batchOf(given: Iterable<EventInit>): EncodedEvent[] {
  const events = Array.from(given, (event) => encodeEvent(event));
  const bytes = events.reduce((total, event) => total + event.size, 0);
  if (events.length > MAX_EVENTS || bytes > MAX_BYTES) {
    throw new ArgumentError("batches", `have at most ${String(MAX_EVENTS)} events and 3.5 MiB each`);
  }
  return events;
}

/** Returns the bytes of a StreamEventsRequest, stamped with the time of sending. */
function batchBytes(batch: Batch, clock: ClientClock): Buffer {
  const inner = new BinaryWriter();
  inner.tag(1, WireType.Varint).int64(batch.sequence);
  for (const event of batch.events) {
    inner.tag(2, WireType.LengthDelimited).bytes(event.bytes);
  }
  if (clock.stamp) {
    inner.tag(3, WireType.LengthDelimited).bytes(toBinary(TimestampSchema, timestamp("sentAt", new Date())));
  }
  if (clock.correct) {
    inner.tag(4, WireType.Varint).bool(true);
  }
  const bytes = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(inner.finish()).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
