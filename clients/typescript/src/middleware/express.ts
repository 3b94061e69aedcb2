/**
 * Middleware for Express 5: each call of a route becomes an event `api.called`.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { type ApiCallOptions, NO_ROUTE, type Recorder, recorderOf } from "./api_calls.js";
import { followExchange } from "./http_call.js";

export type { ApiCallOptions, Recorder } from "./api_calls.js";

/** What the middleware reads of a request of Express. */
export interface RoutedRequest extends IncomingMessage {
  baseUrl?: string;
  params?: Record<string, string | readonly string[]>;
  route?: { path?: unknown };
}

/** A middleware of Express. */
export type Middleware<Request> = (request: Request, response: ServerResponse, next: () => void) => void;

/**
 * Returns a middleware that records each call: its route's template (`/orders/:id`, never the path), method, status,
 * latency and sizes of the bodies. Put it in front of the routes:
 *
 * ```ts
 * app.use(apiCalls(tracker, { identify: (request) => ({ agentId: request.get("x-agent") }) }));
 * ```
 *
 * A call counts when its response has ended, also when a handler fails (500) or the peer hangs up (499). Nothing of
 * bodies, queries or headers is read, and a request is never slowed or failed.
 */
export function apiCalls<Request extends IncomingMessage = RoutedRequest>(
  tracker: Recorder,
  options: ApiCallOptions<Request> = {},
): Middleware<Request> {
  const record = recorderOf(tracker, options);
  return (request, response, next) => {
    const template = followRoutes(request);
    followExchange(request, response, (exchange) => {
      record({ ...exchange, request, endpoint: template() });
    });
    next();
  };
}

/**
 * Returns a function that tells the template of the route that has matched.
 *
 * Express tells the path under which a router is mounted by `baseUrl` alone, filled with values; at the moment in which it
 * sets that, `params` are those of the mount, so its template can be told. And it sets it back when a router has passed an
 * error on, so the template is kept when the route is set.
 */
function followRoutes(request: RoutedRequest): () => string {
  let { baseUrl, route } = request; // undefined outside of a router
  let template = NO_ROUTE;
  const templates = new Map([[baseUrl ?? "", withNames(baseUrl ?? "", request.params ?? {})]]);
  const mountedAt = (): string => templates.get(baseUrl ?? "") ?? "/*";
  const define = (name: "baseUrl" | "route", get: () => unknown, set: (value: never) => void): void => {
    // Somebody else may follow, too, such as this middleware used twice.
    const other = Object.getOwnPropertyDescriptor(request, name);
    const setAll = (value: never): void => {
      other?.set?.call(request, value);
      set(value);
    };
    Object.defineProperty(request, name, { configurable: true, enumerable: true, get, set: setAll });
  };
  define(
    "baseUrl",
    () => baseUrl,
    (value: string | undefined) => {
      const before = baseUrl ?? "";
      if (value?.startsWith(before) === true && !templates.has(value)) {
        templates.set(value, `${mountedAt()}${withNames(value.slice(before.length), request.params ?? {})}`);
      }
      baseUrl = value;
    },
  );
  define(
    "route",
    () => route,
    (value: RoutedRequest["route"]) => {
      route = value;
      template = value?.path === undefined ? NO_ROUTE : `${mountedAt()}${ownTemplate(value.path)}`;
    },
  );
  return () => template;
}

/** Returns the template of a route within its router: it may have several paths, and regular expressions among them. */
function ownTemplate(path: unknown): string {
  return Array.isArray(path) ? path.map(String).join("|") : String(path);
}

/** Returns a path with names in the places of values. A part that cannot be told is a star, and never a value. */
function withNames(path: string, params: Readonly<Record<string, string | readonly string[]>>): string {
  let template = path;
  for (const [name, value] of Object.entries(params)) {
    const isWildcard = typeof value !== "string";
    const text = isWildcard ? value.join("/") : value;
    const replaced = replaceSegments(template, text, `${isWildcard ? "*" : ":"}${name}`);
    if (replaced === undefined && text !== "") {
      return "/*";
    }
    template = replaced ?? template;
  }
  return template;
}

function replaceSegments(path: string, value: string, name: string): string | undefined {
  const encoded = value.split("/").map(encodeURIComponent).join("/");
  for (const written of [value, encoded]) {
    const at = `${path}/`.indexOf(`/${written}/`);
    if (written !== "" && at !== -1) {
      return `${path.slice(0, at)}/${name}${path.slice(at + 1 + written.length)}`;
    }
  }
  const within = value === "" ? -1 : path.indexOf(value);
  return within === -1 ? undefined : `${path.slice(0, within)}${name}${path.slice(within + value.length)}`;
}
