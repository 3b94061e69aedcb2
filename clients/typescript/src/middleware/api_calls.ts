import type { EventContext } from "../events.js";
import type { Tracker } from "../tracker.js";

/** What stands for the template of a request that no route has matched. */
export const NO_ROUTE = "(none)";
/** The status of a request whose peer hung up before the response had ended. */
export const PEER_HUNG_UP = 499;
const MAX_ENDPOINT_BYTES = 256;
const HEALTH_CHECKS: readonly RegExp[] = [
  /^\/(?:health|healthz|livez|readyz|ping)\/?$/,
  /^\/grpc\.(?:health|reflection)\./,
];
// Calls of the service itself.
const OWN_CALLS = /^\/tallywire\.v1\./;

/** Takes events in without waiting, as a {@link Tracker} does. */
export type Recorder = Pick<Tracker, "track">;

/** Options of the middleware. */
export interface ApiCallOptions<Request> {
  /**
   * Says who served whom: the agent, user, conversation and so on of a request. Called when the response has ended, so
   * that it sees what handlers have found out. An error in it leaves these out.
   */
  readonly identify?: ((request: Request) => EventContext | undefined) | undefined;
  /**
   * Which routes are left out, by their template. Default: health checks (`/health`, `/healthz`, `/livez`, `/readyz`,
   * `/ping`, and the health and reflection services of gRPC). A text is the whole template.
   */
  readonly exclude?: readonly (string | RegExp)[] | undefined;
  /** The share of the calls that is recorded, above 0 to 1, chosen at random. Default 1: figures are exact. */
  readonly sampleRate?: number | undefined;
}

/** What is known of a call that has ended. */
export interface EndedCall<Request> {
  readonly request: Request;
  readonly endpoint: string;
  readonly method: string;
  readonly statusCode: number;
  readonly latencyMs: number;
  readonly requestBytes?: number | undefined;
  readonly responseBytes?: number | undefined;
}

/** Returns a function that records calls. It never throws. */
export function recorderOf<Request>(
  recorder: Recorder,
  options: ApiCallOptions<Request>,
): (call: EndedCall<Request>) => void {
  const { identify, exclude = HEALTH_CHECKS, sampleRate = 1 } = options;
  const excluded = [...exclude, OWN_CALLS];
  return ({ request, ...call }) => {
    try {
      const isExcluded = excluded.some((one) =>
        typeof one === "string" ? one === call.endpoint : call.endpoint.search(one) !== -1,
      );
      if (isExcluded || (sampleRate < 1 && Math.random() >= sampleRate)) {
        return;
      }
      const { endpoint, method } = call;
      const latencyMs = Math.max(0, Math.round(call.latencyMs));
      recorder.track("api.called", {
        ...identified(identify, request),
        ...call,
        endpoint: cut(endpoint, MAX_ENDPOINT_BYTES),
        method: method.slice(0, 32),
        latencyMs,
      });
    } catch {
      // A recorder that throws is no Tracker; the request does not suffer for it.
    }
  };
}

function identified<Request>(
  identify: ((request: Request) => EventContext | undefined) | undefined,
  request: Request,
): EventContext {
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
