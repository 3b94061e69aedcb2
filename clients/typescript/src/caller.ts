import { type DescMethod, type Message, toBinary } from "@bufbuild/protobuf";
import { ArgumentError, TallywireError } from "./errors.js";
import { stamped } from "./event_requests.js";
import { NoSlotError, Pacing } from "./pacing.js";
import { fromPlain } from "./parse.js";
import { toPlain } from "./plain.js";
import { Attempts, type RetryPolicy } from "./retries.js";
import type { Transport } from "./transport.js";
import type { Milliseconds } from "./values.js";
import { pause } from "./waiting.js";

/** Options of a call. */
export interface CallOptions {
  /** The time for all attempts together. Default: that of the client, 30 seconds. */
  readonly timeoutMs?: Milliseconds | undefined;
  /** Cancels the call, which rejects with CANCELLED, or with DEADLINE_EXCEEDED for a signal of `AbortSignal.timeout`. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a stream of the server. */
export interface StreamOptions {
  /** Ends the stream, as in {@link CallOptions}. */
  readonly signal?: AbortSignal | undefined;
}

/** What a call is: its method, how it is repeated, and how long one attempt may take. */
export interface CallSpec {
  readonly method: DescMethod;
  readonly kind: Exclude<RetryPolicy, "tracker">;
  readonly attemptMs: Milliseconds;
}

/** What requests with events say of this machine's clock. */
export interface ClientClock {
  /** Whether to say what it shows, read anew for each attempt. */
  readonly stamp: boolean;
  /** Whether to ask the server to move the times of events by its error. */
  readonly correct: boolean;
}

/** Calls with their retries: what all methods of a client are made of. */
export class Caller {
  readonly clock: ClientClock;
  readonly transport: Transport;
  readonly #timeoutMs: Milliseconds;
  readonly #pacing = new Pacing();

  constructor(transport: Transport, timeoutMs: Milliseconds, clock: ClientClock) {
    this.transport = transport;
    this.clock = clock;
    this.#timeoutMs = checkedTimeout(timeoutMs);
  }

  /** Makes a call with plain objects. */
  async unary<T>(spec: CallSpec, request: object, options?: CallOptions): Promise<T> {
    const message = fromPlain(spec.method.input, request);
    const encode =
      spec.kind === "events" ? stamped(spec.method, message, this.clock) : once(encoded(spec.method, message));
    return toPlain<T>(spec.method.output, await this.send(spec, encode, options));
  }

  /** Makes a call of which `encode` gives the bytes, anew for each attempt. */
  async send(spec: CallSpec, encode: () => Buffer, options: CallOptions = {}): Promise<Message> {
    const timeoutMs = options.timeoutMs === undefined ? this.#timeoutMs : checkedTimeout(options.timeoutMs);
    const attempts = new Attempts(spec.kind, timeoutMs, spec.attemptMs);
    const signals = [this.transport.closing, options.signal];
    const attempt = (): Promise<Message> =>
      this.transport.unary({
        ...spec,
        request: encode(),
        timeoutMs: attempts.nextTimeout(),
        signal: options.signal,
      });
    for (;;) {
      try {
        return await (spec.kind === "events" ? this.#pacing.run(attempts.left() / 2, signals, attempt) : attempt());
      } catch (error) {
        if (error instanceof NoSlotError) {
          throw attempts.givenUp(error.refusal);
        }
        if (!(error instanceof TallywireError) || signals.some((signal) => signal?.aborted)) {
          throw error;
        }
        const wait = attempts.nextWait(error);
        if (wait === undefined) {
          throw attempts.verdict(error);
        }
        await pause(wait, signals);
      }
    }
  }

  /** Yields all rows of a list in pages. */
  async *pages<T>(
    spec: CallSpec,
    rows: string,
    request: object,
    options?: CallOptions,
  ): AsyncGenerator<T, void, undefined> {
    let page: { nextPageToken: string } & Record<string, unknown>;
    let next = request;
    do {
      page = await this.unary(spec, next, options);
      yield* page[rows] as T[];
      next = { ...request, pageToken: page.nextPageToken };
    } while (page.nextPageToken !== "");
  }

  /** Yields the messages of a stream of the server, made once. Letting go of the iterator ends the call. */
  async *serverStream<T>(spec: CallSpec, request: object, options?: StreamOptions): AsyncGenerator<T, void, undefined> {
    const bytes = encoded(spec.method, fromPlain(spec.method.input, request));
    const stream = await this.transport.open(spec.method, bytes, options?.signal);
    try {
      for (;;) {
        const message = await stream.next();
        if (message === undefined) {
          return;
        }
        yield toPlain<T>(spec.method.output, message);
      }
    } finally {
      stream.cancel();
    }
  }
}

/** Returns the bytes of a request. */
export function encoded(method: DescMethod, message: Message): Buffer {
  const bytes = toBinary(method.input, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function once(bytes: Buffer): () => Buffer {
  return () => bytes;
}

function checkedTimeout(timeoutMs: Milliseconds): Milliseconds {
  if (typeof timeoutMs !== "number" || !(timeoutMs > 0)) {
    throw new ArgumentError("timeoutMs", `is a number of milliseconds above 0, not ${String(timeoutMs)}`);
  }
  return timeoutMs;
}
