import type { EventResult } from "./gen/messages.js";
import type { Milliseconds } from "./values.js";

/** The statuses of gRPC by number. */
export const CODES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** A status of gRPC. */
export type Code = (typeof CODES)[number];

/** Statuses that say that nothing was stored. After any other one the outcome is unknown. */
const NOTHING_STORED: ReadonlySet<Code> = new Set<Code>([
  "INVALID_ARGUMENT",
  "OUT_OF_RANGE",
  "ALREADY_EXISTS",
  "NOT_FOUND",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "FAILED_PRECONDITION",
  "RESOURCE_EXHAUSTED",
  "UNIMPLEMENTED",
]);

/** What an error says beside its code and text. */
export interface ErrorFacts {
  readonly reason?: string | undefined;
  readonly field?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly retryAfterMs?: Milliseconds | undefined;
  readonly hasRetryInfo?: boolean | undefined;
  readonly cause?: unknown;
}

/**
 * A call failed. Tell errors apart by `code`, and by `reason` where that matters:
 *
 * ```ts
 * if (error instanceof TallywireError && error.code === "NOT_FOUND") …
 * ```
 */
export class TallywireError extends Error {
  /** The status of gRPC. */
  readonly code: Code;
  /** The service's word for the cause, a name of `ErrorReason`; empty if the service has not spoken. */
  readonly reason: string;
  /** The path of the request's field at fault, or empty. */
  readonly field: string;
  /** Further facts, as documented beside each `ErrorReason`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** After how long the server asks to be called again; `Infinity` if it asks not to be. */
  readonly retryAfterMs: Milliseconds | undefined;
  /** Of `trackBatch`: the results of the leading events that were acknowledged before the failure. */
  results: readonly EventResult[] = [];
  /** @internal */
  readonly hasRetryInfo: boolean;

  /** @internal */
  constructor(code: Code, text: string, facts: ErrorFacts = {}) {
    const reason = facts.reason ?? "";
    const field = facts.field ?? "";
    const head = reason === "" ? code : `${code} (${reason})`;
    const where = field === "" || text.startsWith(field) ? "" : ` ${field}:`;
    super(`${head}:${where} ${text}`, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "TallywireError";
    this.code = code;
    this.reason = reason;
    this.field = field;
    this.metadata = facts.metadata ?? {};
    this.retryAfterMs = facts.retryAfterMs;
    this.hasRetryInfo = facts.hasRetryInfo ?? false;
    Object.defineProperty(this, "hasRetryInfo", { enumerable: false });
  }

  /** Whether events may or may not be stored; to send them again with the same ids is always safe. */
  get outcomeUnknown(): boolean {
    return !NOTHING_STORED.has(this.code);
  }
}

/**
 * A subscription got a revision that cannot follow the last one (code DATA_LOSS); `metadata.revision` has it. Never seen
 * from a sound server. Read the figures anew, and subscribe from there.
 */
export class OutOfSequenceError extends TallywireError {
  /** @internal */
  constructor(what: string, revision: bigint, expected: bigint | undefined) {
    const known = expected === undefined ? {} : { expected: String(expected) };
    super("DATA_LOSS", `the server sent ${what}`, { metadata: { ...known, revision: String(revision) } });
    this.name = "OutOfSequenceError";
  }
}

/** An argument that the client refuses by itself, without a call. */
export class ArgumentError extends TypeError {
  /** The path of the argument at fault, as the caller spells it. */
  readonly field: string;

  /** @internal */
  constructor(field: string, text: string) {
    super(field === "" ? text : `${field} ${text}`);
    this.name = "ArgumentError";
    this.field = field;
  }
}

/** Returns the error for a call of a client that is closed, or is closed meanwhile. */
export function closedError(what: string): TallywireError {
  return new TallywireError("CANCELLED", `${what} is closed`);
}

/** Returns the error for a call that the caller has cancelled, or whose `AbortSignal.timeout` has passed. */
export function cancelledError(signal: AbortSignal): TallywireError {
  const reason: unknown = signal.reason;
  const isTimeout = reason instanceof Error && reason.name === "TimeoutError";
  return isTimeout
    ? new TallywireError("DEADLINE_EXCEEDED", "the time for the call has run out", { cause: reason })
    : new TallywireError("CANCELLED", "the caller has cancelled the call", { cause: reason });
}
