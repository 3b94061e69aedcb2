/**
 * A plugin for Fastify 5: each call of a route becomes an event `api.called`.
 *
 * @module
 */

import type { FastifyPluginCallback, FastifyRequest } from "fastify";
import { type ApiCallOptions, NO_ROUTE, type Recorder, recorderOf } from "./api_calls.js";
import { followExchange } from "./http_call.js";

export type { ApiCallOptions, Recorder } from "./api_calls.js";

/** Options of the plugin. */
export interface PluginOptions extends ApiCallOptions<FastifyRequest> {
  /** Where the events go. */
  readonly tracker: Recorder;
}

/**
 * Records each call of a Fastify application: its route's template (`/orders/:id`, never the path), method, status,
 * latency and sizes of the bodies. Register it before the routes:
 *
 * ```ts
 * await app.register(apiCalls, { tracker, identify: (request) => ({ userId: request.user.id }) });
 * ```
 *
 * A call counts when its response has ended, also when a handler fails (500) or the peer hangs up (499). Nothing of
 * bodies, queries or headers is read, and a request is never slowed or failed.
 */
export const apiCalls: FastifyPluginCallback<PluginOptions> = (app, { tracker, ...options }, registered) => {
  const record = recorderOf(tracker, options);
  app.addHook("onRequest", (request, reply, done) => {
    followExchange(request.raw, reply.raw, (exchange) => {
      record({ ...exchange, request, endpoint: request.routeOptions.url ?? NO_ROUTE });
    });
    done();
  });
  registered();
};

// For the whole application, and not for the plugin's own part of it.
Object.assign(apiCalls, {
  [Symbol.for("skip-override")]: true,
  [Symbol.for("fastify.display-name")]: "tallywire",
});
