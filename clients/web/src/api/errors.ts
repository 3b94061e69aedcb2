/** Refusals of the service as pages see them. */
import { Reader } from "../wire/bytes";

/** A call that failed: a Connect code, and what the service said of it. */
export class CallError extends Error {
  constructor(
    /** The code as Connect spells it, such as "not_found". */
    readonly code: string,
    message: string,
    /** The service's reason without its prefix, such as "AGENT_NOT_FOUND". Empty: none was given. */
    readonly reason = "",
    /** How long to wait before another try, in milliseconds. */
    readonly retryAfterMs?: number,
    /** What the reason is about, such as {"agent_id": "…"}. */
    readonly about: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

interface WireDetail {
  type?: string;
  value?: string;
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}

/** Calls `take` with each field of a message; `take` reads it or returns false. */
function eachField(bytes: Uint8Array, take: (field: number, reader: Reader) => boolean): void {
  const reader = new Reader(bytes);
  while (reader.more) {
    const tag = reader.varint();
    if (!take(tag >>> 3, reader)) reader.skip(tag & 7);
  }
}

function durationMs(bytes: Uint8Array): number {
  let ms = 0;
  eachField(bytes, (field, reader) => {
    if (field === 1) ms += Number(reader.int64()) * 1000;
    else if (field === 2) ms += (reader.varint() | 0) / 1_000_000;
    else return false;
    return true;
  });
  return ms;
}

function pair(bytes: Uint8Array): [string, string] {
  const parts: [string, string] = ["", ""];
  eachField(bytes, (field, reader) => {
    if (field !== 1 && field !== 2) return false;
    parts[field - 1] = reader.text();
    return true;
  });
  return parts;
}

function detailsOf(details: readonly WireDetail[]): {
  reason: string;
  retryMs?: number;
  about: Record<string, string>;
} {
  const found: { reason: string; retryMs?: number; about: Record<string, string> } = { reason: "", about: {} };
  for (const { type = "", value = "" } of details) {
    if (type.endsWith("ErrorInfo")) {
      eachField(bytesOf(value), (field, reader) => {
        if (field === 1) found.reason = reader.text();
        else if (field === 3) {
          const [key, text] = pair(reader.data());
          found.about[key] = text;
        } else return false;
        return true;
      });
    } else if (type.endsWith("RetryInfo")) {
      eachField(bytesOf(value), (field, reader) => {
        if (field !== 1) return false;
        found.retryMs = durationMs(reader.data());
        return true;
      });
    }
  }
  return found;
}

const CODE_OF_STATUS: Readonly<Record<number, string>> = {
  401: "unauthenticated",
  403: "permission_denied",
  404: "unimplemented",
  429: "resource_exhausted",
};

/** Reads the JSON of a refusal; what is no JSON comes from something between the page and the service. */
export function errorFrom(text: string, status: number, retryAfter: string | null): CallError {
  const waitMs = retryAfter === null ? undefined : Number(retryAfter) * 1000;
  let parsed: { code?: string; message?: string; details?: WireDetail[] };
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch {
    return new CallError(CODE_OF_STATUS[status] ?? "unavailable", `the server answered ${String(status)}`, "", waitMs);
  }
  const { reason, retryMs, about } = detailsOf(parsed.details ?? []);
  const code = parsed.code ?? CODE_OF_STATUS[status] ?? "unknown";
  return new CallError(code, parsed.message ?? "", reason.replace("ERROR_REASON_", ""), retryMs ?? waitMs, about);
}

/** Returns what a reader is told of something that failed. */
export function problemOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
