import type { Message } from "@bufbuild/protobuf";
import type { StreamOptions } from "./caller.js";
import { TallywireError, closedError } from "./errors.js";
import type { MessageStream } from "./message_stream.js";
import type { Progress } from "./progress.js";
import { backoff } from "./retries.js";
import type { Transport } from "./transport.js";
import type { Milliseconds } from "./values.js";
import { pause } from "./waiting.js";

// Messages come every 15 seconds at least: a connection that is silent for longer has died without telling.
const SILENCE_MS = 45_000;
// Connections end by their age every few minutes: nothing to tell anybody.
const ROUTINE: ReadonlySet<string> = new Set(["STREAM_AGE"]);
// These end a connection, whatever their code: the reader goes on where it was.
const GO_ON: ReadonlySet<string> = new Set(["SLOW_CONSUMER", "DEADLINE"]);

/** Options of all subscriptions. */
export interface SubscriptionOptions extends StreamOptions {
  /** How long to try in a row without a connection before the error is thrown. Default: for ever. */
  readonly retryForMs?: Milliseconds | undefined;
  /** Called with each error after which the subscription connects again, and with the wait before that. */
  readonly onRetry?: ((error: TallywireError, waitMs: Milliseconds) => void) | undefined;
  /** After how long without a message a connection counts as dead. Default 45 seconds. */
  readonly silenceMs?: Milliseconds | undefined;
}

/** Options of `watch`. */
export interface WatchOptions extends SubscriptionOptions {
  /** Whether to yield heartbeats, too: every 15 seconds while nothing changes, with a revision and no state. */
  readonly heartbeats?: boolean | undefined;
}

/** Options of `updates`. */
export interface UpdatesOptions extends SubscriptionOptions {
  /** Whether to yield bookmarks, too: they move the token while nothing happens. */
  readonly bookmarks?: boolean | undefined;
}

/**
 * An iterator over the messages of the server, which reconnects by itself. It connects with the first step.
 *
 * The end of `for await`, of `await using`, `close()` and the signal end the call at the server.
 */
export class Subscription<T> implements AsyncIterableIterator<T, undefined>, AsyncDisposable {
  readonly #transport: Transport;
  readonly #progress: Progress<T>;
  readonly #options: SubscriptionOptions;
  readonly #ended = new AbortController();
  #stream: MessageStream | undefined;
  #steps: Promise<unknown> = Promise.resolve();
  #hasHeard = false;
  #failures = 0;
  #failingSince = 0;

  /** @internal */
  constructor(transport: Transport, progress: Progress<T>, options: SubscriptionOptions) {
    this.#transport = transport;
    this.#progress = progress;
    this.#options = options;
  }

  /** The token after the last update that was yielded, for `resumeAfter`; empty before that, and for `watch`. */
  get resumeToken(): string {
    return this.#progress.resumeToken;
  }

  /** Returns the next message; waits through lost connections. Rejects with {@link TallywireError}. */
  next(): Promise<IteratorResult<T, undefined>> {
    // Steps that are asked for at once are taken one after the other.
    const step = this.#steps.then(() => this.#step());
    this.#steps = step.catch(() => undefined);
    return step;
  }

  /** Ends the subscription; called by `for await` when its loop is left. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Ends the subscription: a step that waits, and later ones, find its end. */
  close(): void {
    if (!this.#ended.signal.aborted) {
      this.#ended.abort(closedError("the subscription"));
      this.#drop();
    }
  }

  /** Returns the subscription itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the subscription at the end of an `await using` block. */
  // eslint-disable-next-line @typescript-eslint/require-await -- closing takes no time; the protocol wants a promise
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  async #step(): Promise<IteratorResult<T, undefined>> {
    while (!this.#ended.signal.aborted) {
      try {
        const taken = this.#progress.take(await this.#received());
        if (taken !== undefined) {
          return { done: false, value: taken };
        }
      } catch (error) {
        await this.#recover(error);
      }
    }
    return { done: true, value: undefined };
  }

  /** Returns the next message of the connection, which is opened if there is none. */
  async #received(): Promise<Message> {
    this.#stream ??= await this.#transport.open(this.#progress.method, this.#progress.request(), this.#options.signal);
    const stream = this.#stream;
    if (this.#ended.signal.aborted) {
      this.#drop(); // closed while it was being opened
    }
    const silenceMs = this.#options.silenceMs ?? SILENCE_MS;
    const timer = setTimeout(() => {
      stream.cancel(new TallywireError("UNAVAILABLE", `nothing was heard for ${String(silenceMs / 1_000)} seconds`));
    }, silenceMs);
    try {
      const message = await stream.next();
      if (message === undefined) {
        throw new TallywireError("UNAVAILABLE", "the server ended the stream");
      }
      this.#hasHeard = true;
      this.#failures = 0;
      return message;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits before the next connection, or ends the subscription with an error that is final. */
  async #recover(error: unknown): Promise<void> {
    this.#drop();
    if (this.#ended.signal.aborted) {
      return;
    }
    const wait = error instanceof TallywireError ? this.#waitAfter(error) : undefined;
    if (wait === undefined) {
      this.close();
      throw error;
    }
    try {
      await pause(wait, [this.#ended.signal, this.#options.signal, this.#transport.closing]);
    } catch (reason) {
      if (!this.#isClosed()) {
        this.close();
        throw reason;
      }
    }
  }

  /** Returns the wait before a new connection; undefined if the error is final. */
  #waitAfter(error: TallywireError): Milliseconds | undefined {
    const hasStopped = this.#transport.closing.aborted || this.#options.signal?.aborted === true;
    const isWaitedFor = this.#hasHeard && error.code === "RESOURCE_EXHAUSTED" && error.hasRetryInfo;
    const goesOn = error.code === "UNAVAILABLE" || GO_ON.has(error.reason) || isWaitedFor;
    if (hasStopped || !goesOn || error.retryAfterMs === Infinity) {
      return undefined;
    }
    const now = performance.now();
    if (this.#failures === 0) {
      this.#failingSince = now;
    }
    const wait = backoff(this.#failures, error.retryAfterMs);
    this.#failures += 1;
    if (now + wait - this.#failingSince > (this.#options.retryForMs ?? Infinity)) {
      return undefined;
    }
    if (!ROUTINE.has(error.reason)) {
      this.#options.onRetry?.(error, wait);
    }
    return wait;
  }

  #isClosed(): boolean {
    return this.#ended.signal.aborted;
  }

  #drop(): void {
    this.#stream?.cancel();
    this.#stream = undefined;
  }
}
