import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { status } from "@grpc/grpc-js";
import { create } from "@bufbuild/protobuf";
import { Client, type ClientOptions, TallywireError, event, raw } from "../src/index.js";
import {
  EventStatus,
  GetOverviewResponseSchema,
  ListUsersResponseSchema,
  type TrackEventRequest,
  TrackEventResponseSchema,
  type TrackEventsRequest,
} from "../src/v1.js";
import { FakeServer, type Handlers, acceptAll, refusal, steps } from "./support/server.js";

const KEY = "tw_secret_of_the_test";

async function failure(promise: Promise<unknown>): Promise<TallywireError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof TallywireError, String(error));
    return error;
  }
  return assert.fail("no error");
}

async function using(
  handlers: Handlers,
  use: (client: Client, address: string) => Promise<void>,
  options: Partial<ClientOptions> = {},
): Promise<void> {
  await using server = await FakeServer.start(handlers);
  await using client = new Client(server.address, { apiKey: KEY, ...options });
  await use(client, server.address);
}

const accepted = (request: TrackEventRequest): object =>
  create(TrackEventResponseSchema, {
    result: { eventId: request.event?.eventId ?? "", status: EventStatus.ACCEPTED },
    revision: 1n,
  });

describe("questions", () => {
  it("give plain answers that keep presence, and the message behind them", async () => {
    const asked: unknown[] = [];
    const answer = create(GetOverviewResponseSchema, {
      context: { asOfRevision: 12n, start: { seconds: 1_700_000_000n, nanos: 123_456_000 } },
      overview: { totalMessages: 3n, costMicros: 9_007_199_254_740_993n },
    });
    const start = new Date("2026-01-01T00:00:00Z");
    await using({ getOverview: steps(asked, () => answer) }, async (client) => {
      const response = await client.getOverview({
        timeRange: { start, end: new Date(), timeZone: "Europe/Paris" },
      });
      assert.equal(response.overview?.totalMessages, 3);
      assert.ok(!("satisfactionScore" in (response.overview ?? {})), "an absent figure is no 0");
      assert.equal(response.context?.start?.toISOString(), "2023-11-14T22:13:20.123456Z");
      assert.throws(() => response.overview?.costMicros, /9007199254740993/);
      const message = raw(response) as typeof answer;
      assert.equal(message.overview?.costMicros, 9_007_199_254_740_993n);
    });
    const [request] = asked as { timeRange: { start: { seconds: bigint } } }[];
    assert.equal(request?.timeRange.start.seconds, BigInt(start.getTime() / 1_000));
  });

  it("are tried three times after a lost connection, and not after a final refusal", async () => {
    const asked: unknown[] = [];
    await using({ getOverview: steps(asked, () => refusal(status.UNKNOWN)) }, async (client) => {
      const error = await failure(client.getOverview());
      assert.equal(error.code, "UNAVAILABLE");
      assert.equal(asked.length, 3);
    });
    const refused: unknown[] = [];
    await using({ getOverview: steps(refused, () => refusal(status.PERMISSION_DENIED)) }, async (client) => {
      assert.equal((await failure(client.getOverview())).code, "PERMISSION_DENIED");
      assert.equal(refused.length, 1);
    });
  });

  it("tell what the service has said", async () => {
    const said = { reason: "METRIC_X_OF_LATER", field: "metrics", metadata: { metric: "x" }, domain: "tallywire" };
    await using({ getOverview: steps([], () => refusal(status.INVALID_ARGUMENT, said)) }, async (client) => {
      const error = await failure(client.getOverview());
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.equal(error.reason, "METRIC_X_OF_LATER");
      assert.equal(error.field, "metrics");
      assert.deepEqual(error.metadata, { metric: "x" });
      assert.equal(error.outcomeUnknown, false);
    });
  });

  it("wait as long as RetryInfo asks, and never after a pushback that forbids it", async () => {
    const asked: number[] = [];
    const busy = refusal(status.RESOURCE_EXHAUSTED, { reason: "QUERY_CONCURRENCY", retryMs: 120 });
    const handler = steps([], () => (asked.push(performance.now()), busy));
    const second = steps([], () => create(GetOverviewResponseSchema));
    let calls = 0;
    const both: typeof handler = (call, callback) => {
      (calls++ === 0 ? handler : (asked.push(performance.now()), second))(call, callback);
    };
    await using({ getOverview: both }, async (client) => {
      await client.getOverview();
      assert.ok((asked[1] ?? 0) - (asked[0] ?? 0) >= 119);
    });
    const forbidden: unknown[] = [];
    await using(
      { getOverview: steps(forbidden, () => refusal(status.UNAVAILABLE, { pushback: "-1" })) },
      async (client) => {
        assert.equal((await failure(client.getOverview())).retryAfterMs, Infinity);
        assert.equal(forbidden.length, 1);
      },
    );
  });

  it("end with the caller's deadline, signal, or the closing of the client", async () => {
    const silent: Handlers = { getOverview: () => undefined };
    await using(silent, async (client) => {
      assert.equal((await failure(client.getOverview({}, { timeoutMs: 30 }))).code, "DEADLINE_EXCEEDED");
      const timed = client.getOverview({}, { signal: AbortSignal.timeout(20) });
      assert.equal((await failure(timed)).code, "DEADLINE_EXCEEDED");
      const controller = new AbortController();
      const cancelled = failure(client.getOverview({}, { signal: controller.signal }));
      controller.abort();
      assert.equal((await cancelled).code, "CANCELLED");
      const open = failure(client.getOverview());
      client.close();
      assert.equal((await open).code, "CANCELLED");
      assert.equal((await failure(client.getOverview())).code, "CANCELLED");
    });
  });

  it("give all rows of a list, page after page", async () => {
    const asked: { pageToken: string }[] = [];
    const page = (userId: string, nextPageToken: string) => () =>
      create(ListUsersResponseSchema, { users: [{ userId }], nextPageToken });
    await using({ listUsers: steps(asked, page("a", "more"), page("b", "")) }, async (client) => {
      const users: string[] = [];
      for await (const user of client.listUsersAll({ pageSize: 1 })) {
        users.push(user.userId);
      }
      assert.deepEqual(users, ["a", "b"]);
      assert.deepEqual(
        asked.map((request) => request.pageToken),
        ["", "more"],
      );
    });
  });

  it("refuse what the contract does not have, without a call", async () => {
    await using({}, async (client) => {
      await assert.rejects(client.getOverview({ timeRanges: {} } as never), /timeRanges is not known/);
      await assert.rejects(client.getUsageTrends({ granularity: "DAYS" as never }), /granularity is one of HOUR, DAY/);
    });
  });
});

describe("changes", () => {
  it("are not repeated when the outcome is unknown", async () => {
    const asked: unknown[] = [];
    await using({ eraseUser: steps(asked, () => refusal(status.UNAVAILABLE)) }, async (client) => {
      assert.equal((await failure(client.eraseUser({ userId: "u" }))).code, "UNAVAILABLE");
      assert.equal(asked.length, 1);
    });
  });
});

describe("events", () => {
  it("are sent again with the same id and another time of sending", async () => {
    const seen: TrackEventRequest[] = [];
    const lost = (): object => refusal(status.UNAVAILABLE);
    await using({ trackEvent: steps(seen, lost, lost, accepted) }, async (client) => {
      const result = await client.track("message.sent", { agentId: "bot", responseTimeMs: 12.5 });
      assert.equal(result.status, "ACCEPTED");
    });
    assert.equal(new Set(seen.map((request) => request.event?.eventId)).size, 1);
    const times = seen.map(({ sentAt }) => Number(sentAt?.seconds) * 1e9 + (sentAt?.nanos ?? 0));
    assert.equal(new Set(times).size, 3);
    const detail = seen[0]?.event?.detail;
    assert.equal(detail?.case === "message" ? detail.value.responseTimeMs : undefined, 12n);
  });

  it("also by the method of the RPC", async () => {
    const seen: TrackEventRequest[] = [];
    await using({ trackEvent: steps(seen, () => refusal(status.UNAVAILABLE), accepted) }, async (client) => {
      await client.trackEvent({ event: { eventType: "message.sent" } });
    });
    assert.equal(seen.length, 2);
    assert.ok(seen[0]?.event?.eventId !== "" && seen[0]?.event?.eventId === seen[1]?.event?.eventId);
    assert.ok(seen[0]?.sentAt !== undefined);
  });

  it("go in as many requests as they need, and one that fits in none has its result", async () => {
    const seen: TrackEventsRequest[] = [];
    await using({ trackEvents: steps(seen, acceptAll) }, async (client) => {
      const events = Array.from({ length: 2_500 }, () => event("message.sent", { agentId: "bot" }));
      events.splice(1_200, 0, event("order.placed", { properties: { text: "x".repeat(4_000_000) } }));
      const results = await client.trackBatch(events);
      assert.deepEqual(
        results.map((result) => result.eventId),
        events.map((one) => one.eventId),
      );
      assert.equal(results[1_200]?.rejection?.reason, "EVENT_TOO_LARGE");
    });
    assert.deepEqual(
      seen.map((request) => request.events.length),
      [1_000, 200, 1_000, 300],
    );
  });

  it("whose part fails carry the results of the parts before", async () => {
    const no = (): object => refusal(status.RESOURCE_EXHAUSTED, { reason: "EVENT_QUOTA" });
    await using({ trackEvents: steps<TrackEventsRequest>([], acceptAll, no) }, async (client) => {
      const events = Array.from({ length: 1_001 }, () => event("message.sent"));
      const error = await failure(client.trackBatch(events));
      assert.equal(error.reason, "EVENT_QUOTA");
      assert.equal(error.results.length, 1_000);
    });
  });

  it("of a conversation carry what it was given", async () => {
    const seen: TrackEventRequest[] = [];
    await using({ trackEvent: steps(seen, accepted) }, async (client) => {
      const talk = client.conversation("c1", { agentId: "bot", userId: 7, channel: "web" });
      await talk.track("conversation.started");
      await talk.with({ agentId: "ada" }).track("message.sent", { responseTimeMs: 5 });
    });
    const [first, second] = seen.map((request) => request.event);
    assert.deepEqual([first?.conversationId, first?.agentId, first?.userId], ["c1", "bot", "7"]);
    assert.deepEqual([second?.conversationId, second?.agentId, second?.channel], ["c1", "ada", "web"]);
  });

  it("are held back together when the server is overloaded", async () => {
    const times: number[] = [];
    const overloaded = refusal(status.UNAVAILABLE, { reason: "OVERLOADED", retryMs: 150 });
    const handler = steps<TrackEventRequest>(
      [],
      () => (times.push(performance.now()), overloaded),
      (request) => (times.push(performance.now()), accepted(request)),
    );
    await using({ trackEvent: handler }, async (client) => {
      const first = client.track("message.sent");
      while (times.length === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      await new Promise((resolve) => setTimeout(resolve, 20)); // until the refusal has arrived
      await Promise.all([first, client.track("message.sent"), client.track("message.sent")]);
      const gaps = times.slice(1).map((time) => time - (times[0] ?? 0));
      assert.ok(
        gaps.every((gap) => gap >= 149),
        String(gaps),
      );
    });
  });
});

describe("a client", () => {
  it("makes 300 calls at once", async () => {
    await using({ trackEvent: steps([], accepted) }, async (client) => {
      const results = await Promise.all(Array.from({ length: 300 }, () => client.track("message.sent")));
      assert.equal(results.length, 300);
    });
  });

  it("goes on with another address", async () => {
    await using server = await FakeServer.start({ trackEvent: steps([], accepted) });
    await using other = await FakeServer.start({ trackEvent: steps([], accepted) });
    await using client = new Client(["127.0.0.1:1", server.address, other.address], { apiKey: KEY });
    assert.equal((await client.track("message.sent")).status, "ACCEPTED");
    server.server.forceShutdown();
    assert.equal((await client.track("message.sent")).status, "ACCEPTED");
  });

  it("never shows its key", async () => {
    await using({ getOverview: steps([], () => refusal(status.UNAUTHENTICATED)) }, async (client, address) => {
      const error = await failure(client.getOverview());
      const shown = [inspect(client, { depth: 9 }), String(client), JSON.stringify(client)];
      for (const text of [...shown, inspect(error, { depth: 9 }), JSON.stringify(error)]) {
        assert.ok(!text.includes(KEY), text);
      }
      assert.ok(shown[0]?.includes(address));
    });
  });

  it("refuses options that make no sense", () => {
    const wrong: [string | string[], object, RegExp][] = [
      ["", { apiKey: KEY }, /addresses/],
      [[], { apiKey: KEY }, /addresses/],
      ["127.0.0.1:1", { apiKey: "" }, /apiKey/],
      ["127.0.0.1:1", { apiKey: "a\nb" }, /apiKey/],
      ["127.0.0.1:1", { apiKey: KEY, certificateChain: "x" }, /privateKey/],
      ["127.0.0.1:1", { apiKey: KEY, insecure: true, rootCertificates: "x" }, /insecure/],
      ["127.0.0.1:1", { apiKey: KEY, correctClock: true, stampSentAt: false }, /correctClock/],
      ["127.0.0.1:1", { apiKey: KEY, timeoutMs: 0 }, /timeoutMs/],
      ["127.0.0.1:1", { apiKey: KEY, connections: 0 }, /connections/],
    ];
    for (const [addresses, options, message] of wrong) {
      assert.throws(() => new Client(addresses, options as ClientOptions), { name: "ArgumentError", message });
    }
  });
});
