/**
 * A plugin for Fastify 4 and 5: each call of a route becomes an event `api.called`.
 *
 * @module
 */

import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from "fastify";
import { type ApiCallOptions, NO_ROUTE, PEER_HUNG_UP, type Recorder, recorderOf } from "./api_calls.js";

export type { ApiCallOptions, Recorder } from "./api_calls.js";

/** Options of the plugin. */
export interface PluginOptions extends ApiCallOptions<FastifyRequest> {
  /** Where the events go. */
  readonly tracker: Recorder;
}

/**
 * Records each call of a Fastify application: its route's template (`/orders/:id`, never the path), method, status and
 * latency. Register it before the routes:
 *
 * ```ts
 * await app.register(apiCalls, { tracker, identify: (request) => ({ userId: request.user.id }) });
 * ```
 *
 * A call counts when its response has ended, also when a handler fails or the peer hangs up (status 499). Nothing of
 * bodies, queries or headers is read, and a request is never slowed or failed.
 */
export const apiCalls: FastifyPluginCallback<PluginOptions> = (app, { tracker, ...options }, registered) => {
  const record = recorderOf(tracker, options);
  const ended = new WeakSet<FastifyRequest>();
  const end = (request: FastifyRequest, reply: FastifyReply): void => {
    if (ended.has(request)) {
      return;
    }
    ended.add(request);
    record({
      request,
      endpoint: request.routeOptions.url ?? NO_ROUTE,
      method: request.method,
      statusCode: reply.raw.writableFinished ? reply.statusCode : PEER_HUNG_UP,
      latencyMs: reply.elapsedTime,
    });
  };
  app.addHook("onRequest", (request, reply, done) => {
    // A peer that hangs up before there is an answer: onResponse does not tell.
    reply.raw.on("close", () => {
      end(request, reply);
    });
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    end(request, reply);
    done();
  });
  registered();
};

// For the whole application, and not for the plugin's own part of it.
Object.assign(apiCalls, {
  [Symbol.for("skip-override")]: true,
  [Symbol.for("fastify.display-name")]: "tallywire",
});
