import { type Context } from "../context.js";
import { ArgumentError } from "../errors.js";
import type { Tracker } from "../tracker.js";

/** What stands for the template of a request that no route has matched. */
export const NO_ROUTE = "(none)";
const MAX_ENDPOINT_BYTES = 256;
const METHODS: ReadonlySet<string> = new Set([
  ...["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY", "GRPC"],
]);
const LEFT_OUT: readonly string[] = [
  ...["/health", "/healthz", "/livez", "/readyz", "/ping"],
  ...["/grpc.health.v1.Health/*", "/grpc.reflection.*"],
];

/** Takes events in without waiting, as a `Tracker` does. */
export type Recorder = Pick<Tracker, "track">;

/** Options of the middleware. */
export interface ApiCallOptions<Request> {
  /**
   * Says who served whom. Called when the response has ended, so that it sees what handlers have found out. If it throws,
   * the call is recorded without.
   */
  readonly identify?: ((request: Request) => Context | undefined) | undefined;
  /**
   * Patterns of the paths of requests that are left out, in which `*` is any text; a slash at the end does not count.
   * Default: `/health`, `/healthz`, `/livez`, `/readyz` and `/ping`, and for gRPC `/grpc.health.v1.Health/*` and
   * `/grpc.reflection.*`.
   */
  readonly exclude?: readonly string[] | undefined;
  /**
   * The share of the calls that is recorded, above 0 to 1, chosen at random. Default 1: figures are exact. Below it events
   * carry the property `sample_rate`: counts and bytes are then the figure ÷ rate.
   */
  readonly sampleRate?: number | undefined;
}

/** What is known of a call that has ended. */
export interface EndedCall<Request> {
  readonly request: Request;
  readonly path: string;
  readonly endpoint: string;
  readonly method: string;
  readonly statusCode: number;
  readonly latencyMs: number;
  readonly requestBytes?: number | undefined;
  readonly responseBytes?: number | undefined;
}

/** Returns a function that records calls, which never throws. Throws ArgumentError for a wrong sample rate. */
export function recorderOf<Request>(
  recorder: Recorder,
  options: ApiCallOptions<Request>,
): (call: EndedCall<Request>) => void {
  const { identify, exclude = LEFT_OUT, sampleRate = 1 } = options;
  if (!(sampleRate > 0 && sampleRate <= 1)) {
    throw new ArgumentError("sampleRate", `is above 0 and at most 1, not ${String(sampleRate)}`);
  }
  // The client's own calls are none of the application.
  const excluded = [...exclude, "/tallywire.v1.*"].map(patternOf);
  return ({ request, path, ...call }) => {
    try {
      const isLeftOut = excluded.some((pattern) => pattern.test(path));
      if (isLeftOut || (sampleRate < 1 && Math.random() >= sampleRate)) {
        return;
      }
      recorder.track("api.called", {
        ...identified(identify, request),
        ...call,
        endpoint: cut(call.endpoint, MAX_ENDPOINT_BYTES),
        method: METHODS.has(call.method) ? call.method : "(other)",
        latencyMs: Math.max(0, call.latencyMs),
        ...(sampleRate < 1 ? { properties: { sample_rate: sampleRate } } : {}),
      });
    } catch {
      // A recorder that throws is no Tracker; the request does not suffer for it.
    }
  };
}

function patternOf(pattern: string): RegExp {
  const parts = pattern.replace(/\/$/, "").split("*");
  return new RegExp(`^${parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join(".*")}/?$`, "s");
}

function identified<Request>(
  identify: ((request: Request) => Context | undefined) | undefined,
  request: Request,
): Context {
  try {
    return identify?.(request) ?? {};
  } catch {
    return {}; // the call counts all the same
  }
}

/** Returns the beginning of a text that has at most so many bytes, without a torn character at its end. */
function cut(text: string, most: number): string {
  const bytes = Buffer.from(text);
  return bytes.length <= most
    ? text
    : bytes
        .subarray(0, most)
        .toString()
        .replace(/\uFFFD+$/, "");
}
