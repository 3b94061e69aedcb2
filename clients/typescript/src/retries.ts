import type { Code, TallywireError } from "./errors.js";

/** What may be repeated: see the table of SPEC.md. */
export type RetryPolicy = "events" | "correction" | "tracker" | "question" | "change";

const FIRST_BACKOFF = 100;
const MAX_BACKOFF = 5_000;
const MOST_QUESTIONS = 3;
const EVENT_CODES: ReadonlySet<Code> = new Set<Code>(["UNAVAILABLE", "DEADLINE_EXCEEDED"]);

/** Returns whether another attempt could help, after this many attempts have failed. */
function isRetryable(policy: RetryPolicy, error: TallywireError, failures: number): boolean {
  if (error.retryAfterMs === Infinity) {
    return false;
  }
  const isLimit = error.code === "RESOURCE_EXHAUSTED" && error.hasRetryInfo;
  switch (policy) {
    case "events":
    case "correction":
      return isLimit || EVENT_CODES.has(error.code);
    case "tracker":
      return isLimit || error.outcomeUnknown;
    case "question":
      return error.hasRetryInfo || (error.code === "UNAVAILABLE" && failures < MOST_QUESTIONS);
    case "change":
      return isLimit || error.reason === "OVERLOADED";
  }
}

/** Returns the milliseconds to wait before the next attempt, jittered, so that callers do not come back together. */
export function backoff(failures: number, retryAfterMs: number | undefined): number {
  if (retryAfterMs !== undefined) {
    return retryAfterMs * (1 + 0.2 * Math.random());
  }
  return Math.min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** Math.min(failures, 16)) * (0.5 + 0.5 * Math.random());
}

/** The attempts of one call against one deadline: decisions without any waiting. */
export class Attempts {
  readonly #policy: RetryPolicy;
  readonly #attemptMs: number;
  readonly #deadline: number;
  #failures = 0;
  #last: TallywireError | undefined;
  #open: TallywireError | undefined;

  constructor(policy: RetryPolicy, timeoutMs: number, attemptMs: number) {
    this.#policy = policy;
    this.#attemptMs = attemptMs;
    this.#deadline = performance.now() + timeoutMs;
  }

  /** Returns the milliseconds that are left of the whole. */
  left(): number {
    return Math.max(0, this.#deadline - performance.now());
  }

  /** Returns the milliseconds that the next attempt may take. */
  nextTimeout(): number {
    return Math.min(this.#attemptMs, this.left());
  }

  /** Returns the milliseconds to wait before trying again, or undefined if the error is final or no time is left. */
  nextWait(error: TallywireError): number | undefined {
    const wait = backoff(this.#failures, error.retryAfterMs);
    this.#failures += 1;
    const isWorth = isRetryable(this.#policy, error, this.#failures) && performance.now() + wait < this.#deadline;
    if (error.code !== "DEADLINE_EXCEEDED") {
      this.#last = error;
    }
    if (error.outcomeUnknown) {
      this.#open = error;
    }
    return isWorth ? wait : undefined;
  }

  /** Returns the error to raise: if the last attempt merely ran out of time, the one before it. */
  verdict(error: TallywireError): TallywireError {
    return error.code === "DEADLINE_EXCEEDED" && this.#last !== undefined ? this.#last : error;
  }

  /** Returns the error to raise where no further attempt is made: an earlier one that leaves the outcome open, if any. */
  givenUp(refusal: TallywireError): TallywireError {
    return this.#open ?? refusal;
  }
}
