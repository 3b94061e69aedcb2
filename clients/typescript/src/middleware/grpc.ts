/**
 * An interceptor for servers of grpc-js: each call of a method becomes an event `api.called`.
 *
 * @module
 */

import * as grpc from "@grpc/grpc-js";
import { type ApiCallOptions, type Recorder, recorderOf } from "./api_calls.js";

export type { ApiCallOptions, Recorder } from "./api_calls.js";

/** What `identify` gets of a call. */
export interface IncomingCall {
  /** The path of the method: `/package.Service/Method`. */
  readonly path: string;
  /** What the peer sent along. */
  readonly metadata: grpc.Metadata;
  /** The address of the peer. */
  readonly peer: string;
}

/** The statuses of HTTP that stand for those of gRPC, as google.rpc.Code says. */
const HTTP_STATUS: readonly number[] = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
];

/**
 * Returns an interceptor that records each call: the method's path as the endpoint, `GRPC`, the status of HTTP that stands
 * for that of gRPC, and the latency.
 *
 * ```ts
 * new grpc.Server({ interceptors: [apiCalls(tracker)] });
 * ```
 *
 * A call counts when its status is sent, or the peer cancels it. Nothing of messages is read, and a call is never slowed
 * or failed.
 */
export function apiCalls(tracker: Recorder, options: ApiCallOptions<IncomingCall> = {}): grpc.ServerInterceptor {
  const record = recorderOf(tracker, options);
  return (method, call) => {
    const begun = performance.now();
    let metadata = new grpc.Metadata();
    let hasEnded = false;
    const end = (code: number): void => {
      if (hasEnded) {
        return;
      }
      hasEnded = true;
      record({
        request: { path: method.path, metadata, peer: call.getPeer() },
        path: method.path,
        endpoint: method.path,
        method: "GRPC",
        statusCode: HTTP_STATUS[code] ?? 500,
        latencyMs: performance.now() - begun,
      });
    };
    const listener = new grpc.ServerListenerBuilder()
      .withOnReceiveMetadata((received, next) => {
        metadata = received;
        next(received);
      })
      .withOnCancel(() => {
        end(grpc.status.CANCELLED);
      })
      .build();
    return new grpc.ServerInterceptingCall(call, {
      start: (next) => {
        next(listener);
      },
      sendStatus: (status, next) => {
        end(status.code);
        next(status);
      },
    });
  };
}
