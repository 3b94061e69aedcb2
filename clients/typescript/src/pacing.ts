import { TallywireError } from "./errors.js";
import { onAbort } from "./waiting.js";

// Other refusals say nothing about how much is sent.
const REASONS: ReadonlySet<string> = new Set(["OVERLOADED", "EVENT_RATE"]);
const MOST = 90;
const LONGEST_HOLD_MS = 5_000;

/** No slot became free in time; `refusal` is what all calls wait for. */
export class NoSlotError extends Error {
  readonly refusal: TallywireError;

  constructor(refusal: TallywireError) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

interface Waiting {
  grant(): void;
}

/**
 * A limit on how many calls with events a client has under way, once a server has refused one for overload.
 *
 * A refusal costs a server almost as much as a small call, so a client that goes on sending while it is refused makes the
 * overload worse. A refusal holds all calls back for as long as the server asks, and halves how many may be under way;
 * every success raises the limit a little: additive increase, multiplicative decrease. A client that is never refused
 * never waits. The newest call that waits gets the next slot: in the order of arrival every call would wait until its
 * time is nearly over.
 */
export class Pacing {
  #limit = Infinity;
  #underWay = 0;
  #heldUntil = -Infinity;
  #cutAt = -Infinity;
  #refusal = new TallywireError("UNAVAILABLE", "the server is overloaded");
  readonly #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

  /**
   * Runs a call once it may begin. Rejects with NoSlotError if it may not within `timeoutMs`, and with the reason of an
   * abort as soon as `aborted` rejects.
   */
  async run<T>(timeoutMs: number, signals: readonly (AbortSignal | undefined)[], call: () => Promise<T>): Promise<T> {
    if (this.#mayBegin()) {
      this.#underWay += 1;
    } else {
      await this.#granted(timeoutMs, signals);
    }
    const begun = performance.now();
    try {
      const result = await call();
      this.#succeeded();
      return result;
    } catch (error) {
      this.#failed(begun, error);
      throw error;
    } finally {
      this.#admit();
    }
  }

  #mayBegin(): boolean {
    return performance.now() >= this.#heldUntil && this.#underWay + 1 <= this.#limit;
  }

  #succeeded(): void {
    this.#underWay -= 1;
    this.#limit += 1 / this.#limit;
    if (this.#limit >= MOST) {
      this.#limit = Infinity;
    }
  }

  #failed(begun: number, error: unknown): void {
    const underWay = this.#underWay;
    this.#underWay -= 1;
    if (!(error instanceof TallywireError) || !REASONS.has(error.reason)) {
      return;
    }
    this.#refusal = error;
    const now = performance.now();
    this.#heldUntil = Math.max(this.#heldUntil, now + holdOf(error));
    // What was under way at the last cut says nothing about it.
    if (begun > this.#cutAt) {
      this.#cutAt = now;
      this.#limit = Math.max(1, Math.min(this.#limit, underWay) / 2);
    }
  }

  /** Waits for a slot and counts the call as under way. */
  #granted(timeoutMs: number, signals: readonly (AbortSignal | undefined)[]): Promise<void> {
    if (this.#heldUntil - performance.now() >= timeoutMs) {
      return Promise.reject(new NoSlotError(this.#refusal));
    }
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        for (const signal of signals) {
          signal?.removeEventListener("abort", stopWaiting);
        }
        const index = this.#waiting.indexOf(waiting);
        if (index !== -1) {
          this.#waiting.splice(index, 1);
        }
      };
      const waiting: Waiting = {
        grant: () => {
          stop();
          resolve();
        },
      };
      const stopWaiting = (): void => {
        stop();
        // The attempt that follows rejects with the caller's reason.
        this.#underWay += 1;
        resolve();
      };
      const timer = setTimeout(() => {
        stop();
        reject(new NoSlotError(this.#refusal));
      }, timeoutMs);
      for (const signal of signals) {
        if (signal !== undefined) {
          onAbort(signal, stopWaiting);
        }
      }
      this.#waiting.push(waiting);
      this.#admit();
    });
  }

  /** Grants the slots that are free, and looks again when the hold ends. */
  #admit(): void {
    while (this.#waiting.length > 0 && this.#mayBegin()) {
      this.#underWay += 1;
      this.#waiting.at(-1)?.grant();
    }
    const held = this.#heldUntil - performance.now();
    if (this.#waiting.length > 0 && held > 0 && this.#timer === undefined) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#admit();
      }, Math.ceil(held));
    }
  }
}

/** Returns for how long nothing is sent after a refusal. A hold is short: a call now and then finds out how things are. */
function holdOf(refusal: TallywireError): number {
  const asked = refusal.retryAfterMs ?? 0;
  return Number.isFinite(asked) ? Math.min(asked, LONGEST_HOLD_MS) : 0;
}
