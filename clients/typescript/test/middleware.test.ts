import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import express from "express";
import fastify from "fastify";
import { Tracker } from "../src/index.js";
import type { Recorder } from "../src/middleware/api_calls.js";
import { apiCalls as forExpress } from "../src/middleware/express.js";
import { apiCalls as forFastify } from "../src/middleware/fastify.js";
import { apiCalls as forGrpc } from "../src/middleware/grpc.js";
import { EventService, MetricsService, TrackEventResponseSchema, grpcService } from "../src/v1.js";
import { until } from "./support/server.js";

interface Recorded {
  endpoint: string;
  method: string;
  statusCode: number;
  latencyMs: number;
  requestBytes?: number;
  responseBytes?: number;
  agentId?: string;
}

/** Keeps what it is given. */
class Kept implements Recorder {
  readonly calls: Recorded[] = [];

  track(eventType: unknown, fields?: unknown): boolean {
    assert.equal(eventType, "api.called");
    this.calls.push(fields as Recorded);
    return true;
  }

  get short(): string[] {
    return this.calls.map(({ method, endpoint, statusCode }) => `${method} ${endpoint} ${String(statusCode)}`);
  }
}

async function get(port: number, path: string, method = "GET", body = ""): Promise<number> {
  const asked = httpRequest({ host: "127.0.0.1", port, path, method, agent: false });
  asked.end(body);
  const [response] = (await once(asked, "response")) as [NodeJS.ReadableStream & { statusCode: number }];
  response.resume();
  await once(response, "end");
  return response.statusCode;
}

/** Lets an application listen while it is used. */
async function serving(app: express.Express, use: (port: number) => Promise<void>): Promise<void> {
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await use(portOf(server));
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** Asks, and hangs up before there is an answer. */
async function hangUp(port: number, path: string, hasBegun: () => boolean): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await until(hasBegun);
  socket.destroy();
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** A tracker whose server is away. */
function trackerInVain(): Tracker {
  return new Tracker("127.0.0.1:1", { apiKey: "k", retryForMs: 10, shutdownTimeoutMs: 10, log: () => undefined });
}

describe("the middleware of Express", () => {
  function application(recorder: Recorder, state: { begun: boolean }): express.Express {
    const app = express();
    app.use(
      forExpress<express.Request>(recorder, {
        identify: (request) => {
          if (request.path.includes("broken-identify")) {
            throw new Error("identify fails");
          }
          return { agentId: "bot" };
        },
      }),
    );
    const orders = express.Router();
    orders.get("/orders/:id", (_, response) => void response.send("an order"));
    orders.get("/fails", () => {
      throw new Error("a fault of the handler");
    });
    app.use("/tenants/:tenant", orders);
    app.use("/v1", orders);
    app.get("/healthz", (_, response) => void response.send("ok"));
    app.get("/broken-identify", (_, response) => void response.send("ok"));
    app.get("/slow", () => {
      state.begun = true;
    });
    app.get("/torn", (_, response) => {
      response.write("the beginning");
      response.flushHeaders();
      setImmediate(() => response.socket?.destroy());
    });
    app.post(/^\/upload/, (request, response) => {
      request.resume().on("end", () => response.status(201).end());
    });
    const onError: express.ErrorRequestHandler = (_error, _request, response, next) => {
      response.status(500).end();
      next();
    };
    app.use(onError);
    return app;
  }

  it("records routes by their templates, and never by what was in the path", async () => {
    const kept = new Kept();
    const state = { begun: false };
    await serving(application(kept, state), async (port) => {
      await get(port, "/tenants/acme%20inc/orders/42?secret=1");
      await get(port, "/v1/orders/7");
      await get(port, "/v1/fails");
      await get(port, "/nothing/here");
      await get(port, "/healthz");
      await get(port, "/broken-identify");
      await get(port, "/upload", "POST", "x".repeat(1_000));
      await hangUp(port, "/slow", () => state.begun);
      await assert.rejects(get(port, "/torn"));
      await get(port, "/v1/orders/7", "PURGE");
      await until(() => kept.calls.length === 9);
    });
    assert.deepEqual(kept.short, [
      "GET /tenants/:tenant/orders/:id 200",
      "GET /v1/orders/:id 200",
      "GET /v1/fails 500",
      "GET (none) 404",
      "GET /broken-identify 200",
      "POST /^\\/upload/ 201",
      "GET /slow 499",
      "GET /torn 500",
      "(other) (none) 404",
    ]);
    assert.equal(kept.calls[0]?.agentId, "bot");
    assert.equal(kept.calls[4]?.agentId, undefined);
    const upload = kept.calls[5];
    assert.deepEqual([upload?.requestBytes, upload?.responseBytes], [1_000, 0]);
    assert.deepEqual([kept.calls[0].requestBytes, kept.calls[0].responseBytes], [0, "an order".length]);
    assert.ok(!JSON.stringify(kept.calls).includes("acme") && !JSON.stringify(kept.calls).includes("secret"));
  });

  it("does not fail a request when the service is away, or what records throws", async () => {
    await using tracker = trackerInVain();
    const throwing: Recorder = {
      track: () => {
        throw new Error("no tracker");
      },
    };
    for (const recorder of [tracker, throwing]) {
      await serving(application(recorder, { begun: false }), async (port) => {
        assert.equal(await get(port, "/v1/orders/7"), 200);
      });
    }
    assert.equal(tracker.stats().pending + tracker.stats().failed, 1);
  });

  it("records a share of the calls if asked to, and leaves out what it is told to", async () => {
    const kept = new Kept();
    const app = express();
    app.use(forExpress(kept, { exclude: ["/a", "/internal/*"] }));
    const sampled = new Kept();
    app.use(forExpress(sampled, { sampleRate: 1e-9 }));
    assert.throws(() => forExpress(sampled, { sampleRate: 0 }), /sampleRate/);
    for (const path of ["/a", "/internal/x", "/b"]) {
      app.get(path, (_, response) => void response.end());
    }
    await serving(app, async (port) => {
      for (const path of ["/a", "/internal/x", "/b"]) {
        await get(port, path);
      }
      await until(() => kept.calls.length === 1);
    });
    assert.deepEqual(kept.short, ["GET /b 200"]);
    assert.equal(sampled.calls.length, 0);
  });
});

describe("the plugin of Fastify", () => {
  it("records routes by their templates, also when the handler fails or the peer hangs up", async () => {
    const kept = new Kept();
    await using tracker = trackerInVain();
    const both: Recorder = {
      track: (...event: [never, never?]) => kept.track(...event) && tracker.track(...event),
    };
    const app = fastify();
    await app.register(forFastify, { tracker: both, identify: (request) => ({ agentId: request.id }) });
    let hasBegun = false;
    await app.register(
      (part, _, done) => {
        part.get("/orders/:id", () => "an order");
        part.get("/fails", () => {
          throw new Error("a fault of the handler");
        });
        part.get("/slow", () => {
          hasBegun = true;
          return new Promise(() => undefined);
        });
        done();
      },
      { prefix: "/tenants/:tenant" },
    );
    app.get("/readyz", () => "ok");
    await app.listen({ port: 0, host: "127.0.0.1" });
    try {
      const port = portOf(app.server);
      assert.equal(await get(port, "/tenants/acme/orders/42?secret=1"), 200);
      assert.equal(await get(port, "/tenants/acme/fails"), 500);
      assert.equal(await get(port, "/nothing"), 404);
      assert.equal(await get(port, "/readyz"), 200);
      await hangUp(port, "/tenants/acme/slow", () => hasBegun);
      await until(() => kept.calls.length === 4);
    } finally {
      app.server.closeAllConnections();
      await app.close();
    }
    assert.deepEqual(kept.short, [
      "GET /tenants/:tenant/orders/:id 200",
      "GET /tenants/:tenant/fails 500",
      "GET (none) 404",
      "GET /tenants/:tenant/slow 499",
    ]);
    assert.ok(kept.calls.every((call) => (call.agentId?.length ?? 0) > 0));
  });
});

describe("the interceptor of grpc-js", () => {
  it("records methods with the status of HTTP that stands for theirs", async () => {
    const kept = new Kept();
    await using tracker = trackerInVain();
    const both: Recorder = {
      track: (...event: [never, never?]) => kept.track(...event) && tracker.track(...event),
    };
    const interceptor = forGrpc(both, { identify: (call) => ({ agentId: String(call.metadata.get("x-agent")[0]) }) });
    const server = new grpc.Server({ interceptors: [interceptor] });
    // Services of a stranger: the paths of the service itself are left out.
    const definition = Object.fromEntries(
      Object.entries(grpcService(MetricsService)).map(([name, method]) => [
        name,
        {
          ...method,
          path: method.path.replace("tallywire.v1.MetricsService", "shop.Orders"),
          responseSerialize: () => Buffer.alloc(0),
        },
      ]),
    );
    const handlers: grpc.UntypedServiceImplementation = {
      getOverview: (_call: unknown, callback: grpc.sendUnaryData<unknown>) => {
        callback(null, {});
      },
      getQuota: (_call: unknown, callback: grpc.sendUnaryData<unknown>) => {
        callback({ code: grpc.status.NOT_FOUND });
      },
      getCosts: () => undefined,
    };
    server.addService(definition, handlers);
    server.addService(grpcService(EventService), {
      trackEvent: (_call: unknown, callback: grpc.sendUnaryData<unknown>) => {
        callback(null, create(TrackEventResponseSchema));
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) {
          resolve(bound);
        } else {
          reject(error);
        }
      });
    });
    const client = new grpc.Client(`127.0.0.1:${String(port)}`, grpc.credentials.createInsecure());
    const metadata = new grpc.Metadata();
    metadata.set("x-agent", "bot");
    const call = (path: string, deadlineMs = 30_000): Promise<number> =>
      new Promise((resolve) => {
        const deadline = Date.now() + deadlineMs;
        const same = (bytes: Buffer): Buffer => bytes;
        client.makeUnaryRequest(path, same, same, Buffer.alloc(0), metadata, { deadline }, (error) => {
          resolve(error?.code ?? 0);
        });
      });
    try {
      assert.equal(await call("/shop.Orders/GetOverview"), 0);
      assert.equal(await call("/shop.Orders/GetQuota"), grpc.status.NOT_FOUND);
      assert.equal(await call("/tallywire.v1.EventService/TrackEvent"), 0);
      assert.equal(await call("/shop.Orders/GetCosts", 100), grpc.status.DEADLINE_EXCEEDED);
      await until(() => kept.calls.length === 3);
    } finally {
      client.close();
      server.forceShutdown();
    }
    assert.deepEqual(kept.short.slice(0, 2), ["GRPC /shop.Orders/GetOverview 200", "GRPC /shop.Orders/GetQuota 404"]);
    assert.match(kept.short[2] ?? "", /^GRPC \/shop\.Orders\/GetCosts (?:499|504)$/);
    assert.equal(kept.calls[0]?.agentId, "bot");
  });
});
