import { isMessage } from "@bufbuild/protobuf";
import type { ClientClock } from "./caller.js";
import { TallywireError } from "./errors.js";
import type { Batch, EventBuffer, Outcomes } from "./event_buffer.js";
import { requestBytes } from "./event_requests.js";
import type { EncodedEvent } from "./events.js";
import { ErrorReasonSchema } from "./gen/tallywire/v1/error_reason_pb.js";
import {
  EventService,
  EventStatus,
  type Rejection,
  type TrackEventsResponse,
  TrackEventsResponseSchema,
} from "./gen/tallywire/v1/event_service_pb.js";
import type { LostEvent, LostEvents } from "./lost_events.js";
import { enumName } from "./plain.js";
import { Attempts } from "./retries.js";
import type { Transport } from "./transport.js";
import { onAbort } from "./waiting.js";

const ATTEMPT_MS = 30_000;

/** How a sender works. */
export interface SenderOptions {
  readonly batchSize: number;
  readonly flushIntervalMs: number;
  readonly retryForMs: number;
  readonly clock: ClientClock;
}

/**
 * Sends the events of a buffer: one batch at a time, again while its outcome is unknown. Its timers do not keep a process
 * alive.
 */
export class Sender {
  readonly #transport: Transport;
  readonly #buffer: EventBuffer;
  readonly #lost: LostEvents;
  readonly #options: SenderOptions;
  readonly #settling = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #isSending = false;
  #flushTo = 0;
  #closeBy = Infinity;
  #hurry: (() => void) | undefined;

  constructor(transport: Transport, buffer: EventBuffer, lost: LostEvents, options: SenderOptions) {
    this.#transport = transport;
    this.#buffer = buffer;
    this.#lost = lost;
    this.#options = options;
  }

  /** Looks whether a batch is due; if none is, looks again when one will be. Never waits. */
  look(): void {
    const oldest = this.#buffer.oldest;
    if (this.#isSending || oldest === undefined) {
      return;
    }
    const isUrgent = this.#buffer.settled < this.#flushTo || this.#closeBy !== Infinity;
    const isFull = this.#buffer.waiting >= this.#options.batchSize;
    const wait = isUrgent || isFull ? 0 : oldest + this.#options.flushIntervalMs - performance.now();
    if (wait <= 0) {
      this.#isSending = true;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      // Not within track(), whose caller does not wait for the encoding of a batch.
      setImmediate(() => void this.#run());
    } else {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.look();
      }, wait).unref();
    }
  }

  /** Sends at once; resolves with true once each event taken before has an outcome, with false after `timeoutMs`. */
  async flush(timeoutMs: number): Promise<boolean> {
    const goal = this.#buffer.taken;
    this.#flushTo = goal;
    this.#hurry?.();
    this.look();
    return this.#settledUpTo(goal, timeoutMs);
  }

  /** Sends what waits for up to `timeoutMs`, then cancels what is under way. */
  async close(timeoutMs: number): Promise<boolean> {
    const failedBefore = this.#buffer.stats().failed;
    this.#closeBy = performance.now() + timeoutMs;
    this.#hurry?.();
    this.look();
    await this.#settledUpTo(this.#buffer.taken, timeoutMs);
    this.#transport.close();
    // What was under way has its outcome as soon as its call is cancelled.
    while (this.#isSending) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const left = this.#buffer.take(Infinity);
    const dropped = this.#drop(left);
    return !dropped && this.#buffer.stats().failed === failedBefore;
  }

  #drop(left: Batch): boolean {
    for (let batch = left; batch.events.length > 0; batch = this.#buffer.take(Infinity)) {
      this.#buffer.settle(batch, { dropped: batch.events.length });
      const reason = "the tracker was closed before it was sent";
      this.#lost.add(batch.events.map((event) => ({ event, kind: reason, reason })));
    }
    this.#wakeAll();
    return left.events.length > 0;
  }

  #settledUpTo(goal: number, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isSettled: boolean): void => {
        clearTimeout(timer);
        this.#settling.delete(check);
        resolve(isSettled);
      };
      const check = (): void => {
        if (this.#buffer.settled >= goal) {
          end(true);
        }
      };
      const timer = setTimeout(() => {
        end(this.#buffer.settled >= goal);
      }, timeoutMs);
      this.#settling.add(check);
      check();
    });
  }

  #wakeAll(): void {
    for (const check of this.#settling) {
      check();
    }
  }

  async #run(): Promise<void> {
    const batch = this.#buffer.take(this.#options.batchSize);
    const [outcomes, lost] = await this.#deliver(batch).catch((fault: unknown) => allFailed(batch, String(fault)));
    this.#lost.add(lost); // first: onDrop has been called when flush() returns
    this.#buffer.settle(batch, outcomes);
    this.#isSending = false;
    this.#wakeAll();
    if (!this.#transport.closing.aborted) {
      this.look();
    }
  }

  /** Sends a batch, again while that may help and time is left. */
  async #deliver(batch: Batch): Promise<[Outcomes, LostEvent[]]> {
    const attempts = new Attempts("tracker", this.#options.retryForMs, ATTEMPT_MS);
    for (;;) {
      try {
        const response = await this.#transport.unary({
          method: EventService.method.trackEvents,
          request: requestBytes(batch.events, this.#options.clock),
          timeoutMs: Math.min(attempts.nextTimeout(), Math.max(0, this.#closeBy - performance.now())),
          signal: undefined,
        });
        return counted(batch, isMessage(response, TrackEventsResponseSchema) ? response : undefined);
      } catch (error) {
        const isFinal = !(error instanceof TallywireError) || this.#transport.closing.aborted;
        const wait = isFinal ? undefined : attempts.nextWait(error);
        if (wait === undefined || !(await this.#pause(wait, (error as TallywireError).retryAfterMs === undefined))) {
          return allFailed(batch, `given up: ${String(error instanceof Error ? error.message : error)}`);
        }
      }
    }
  }

  /** Waits before the next attempt; a flush or the end cuts it short if the server asked for none. False: no time left. */
  #pause(ms: number, mayHurry: boolean): Promise<boolean> {
    const isTooLate = (): boolean => performance.now() + ms > this.#closeBy;
    if (isTooLate()) {
      return Promise.resolve(false);
    }
    return new Promise((resolve) => {
      const end = (goesOn: boolean): void => {
        clearTimeout(timer);
        this.#hurry = undefined;
        this.#transport.closing.removeEventListener("abort", onClose);
        resolve(goesOn);
      };
      const onClose = (): void => {
        end(false);
      };
      const timer = setTimeout(() => {
        end(true);
      }, ms).unref();
      onAbort(this.#transport.closing, onClose);
      this.#hurry = () => {
        if (mayHurry) {
          end(true);
        } else if (isTooLate()) {
          end(false);
        }
      };
    });
  }
}

function allFailed(batch: Batch, reason: string): [Outcomes, LostEvent[]] {
  return [{ failed: batch.events.length }, batch.events.map((event) => ({ event, kind: `failed ${reason}`, reason }))];
}

/** Counts the results of a batch; those that were rejected or have no result are lost events. */
function counted(batch: Batch, response: TrackEventsResponse | undefined): [Outcomes, LostEvent[]] {
  const outcomes = { sent: 0, duplicates: 0, rejected: 0, failed: 0 };
  const lost: LostEvent[] = [];
  for (const [index, event] of batch.events.entries()) {
    const result = response?.results[index];
    switch (result?.status) {
      case EventStatus.ACCEPTED:
        outcomes.sent += 1;
        break;
      case EventStatus.DUPLICATE:
        outcomes.duplicates += 1;
        break;
      case EventStatus.REJECTED:
        outcomes.rejected += 1;
        lost.push(rejectedEvent(event, result.rejection));
        break;
      default:
        outcomes.failed += 1;
        lost.push({ event, kind: "no result", reason: "the server gave no result" });
    }
  }
  return [outcomes, lost];
}

function rejectedEvent(event: EncodedEvent, rejection: Rejection | undefined): LostEvent {
  const reason = enumName(ErrorReasonSchema, rejection?.reason ?? 0);
  const kind = `rejected ${event.type} ${reason} ${rejection?.field ?? ""}`;
  return { event, kind, reason: `${kind}: ${rejection?.message ?? ""}` };
}
