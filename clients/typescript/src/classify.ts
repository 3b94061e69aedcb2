import type { Metadata, ServiceError } from "@grpc/grpc-js";
import { CODES, type Code, TallywireError } from "./errors.js";
import { decodeDetails } from "./status_details.js";

const DETAILS = "grpc-status-details-bin";
const PUSHBACK = "grpc-retry-pushback-ms";
const DOMAIN = "tallywire";
/** What somebody between, such as a proxy, may refuse for good. */
const FINAL: ReadonlySet<Code> = new Set<Code>([
  "RESOURCE_EXHAUSTED",
  "UNIMPLEMENTED",
  "INVALID_ARGUMENT",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "NOT_FOUND",
]);

/** Returns the milliseconds that gRPC's own trailer asks to wait; Infinity if it asks for no retry, or is unreadable. */
function pushback(trailers: Metadata): number | undefined {
  const value = trailers.get(PUSHBACK)[0];
  if (value === undefined) {
    return undefined;
  }
  return /^\d+$/.test(String(value)) ? Number(value) : Infinity;
}

function codeOf(number: number): Code {
  return CODES[number] ?? "UNKNOWN";
}

/**
 * Returns what a failed attempt comes to. Stacks, proxies and dying servers end calls with all kinds of statuses: what is
 * neither the service's own word, nor the caller's doing, nor a final refusal is a lost connection.
 */
export function classify(failure: ServiceError, isPastDeadline: boolean): TallywireError {
  const code = codeOf(failure.code);
  // An error that gRPC makes by itself has no trailers.
  const trailers = failure.metadata as Metadata | undefined;
  const bytes = trailers?.get(DETAILS)[0];
  const details = bytes instanceof Uint8Array ? decodeDetails(bytes) : undefined;
  if (details?.domain === DOMAIN) {
    const pushed = code === "UNAVAILABLE" && trailers !== undefined ? pushback(trailers) : undefined;
    return new TallywireError(code, details.message === "" ? failure.details : details.message, {
      reason: details.reason,
      field: details.field,
      metadata: details.metadata,
      retryAfterMs: details.retryAfterMs ?? pushed,
      hasRetryInfo: details.retryAfterMs !== undefined,
      cause: failure,
    });
  }
  const text = failure.details === "" ? "no details" : failure.details;
  if (isPastDeadline) {
    return new TallywireError("DEADLINE_EXCEEDED", text, { cause: failure });
  }
  if (FINAL.has(code)) {
    return new TallywireError(code, text, { cause: failure });
  }
  return new TallywireError("UNAVAILABLE", code === "UNAVAILABLE" ? text : `${text} (${code})`, {
    // On other codes the trailer means nothing.
    retryAfterMs: code === "UNAVAILABLE" && trailers !== undefined ? pushback(trailers) : undefined,
    cause: failure,
  });
}
