import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type ServerWritableStream, type ServiceError, status } from "@grpc/grpc-js";
import { Client, OutOfSequenceError, TallywireError } from "../src/index.js";
import {
  ExportUserResponseSchema,
  WatchMetricsResponseSchema,
  type WatchUpdatesRequest,
  WatchUpdatesResponseSchema,
} from "../src/v1.js";
import { FakeServer, type Handlers, refusal, until } from "./support/server.js";

interface Update {
  revision: bigint;
  resumeToken?: string;
  bookmark?: boolean;
  more?: boolean;
  changes?: { measure: string }[];
}
type Step = Update | Partial<ServiceError> | "end" | "open";

/** Plays the streams of WatchUpdates one after the other; a stream that is not told to end stays open. */
function updates(requests: WatchUpdatesRequest[], cancelled: number[], ...streams: Step[][]): Handlers {
  return {
    watchUpdates: (call: ServerWritableStream<never, unknown>) => {
      const stream = streams[requests.length] ?? [];
      requests.push(call.request);
      call.on("cancelled", () => cancelled.push(requests.length));
      for (const step of stream) {
        if (step === "end") {
          call.end();
        } else if (step !== "open" && "code" in step) {
          call.emit("error", step);
        } else if (step !== "open") {
          call.write(create(WatchUpdatesResponseSchema, { ...(step as Update) }));
        }
      }
    },
  };
}

async function using(handlers: Handlers, use: (client: Client) => Promise<void>): Promise<void> {
  await using server = await FakeServer.start(handlers);
  await using client = new Client(server.address, { apiKey: "k" });
  await use(client);
}

const revision = (number: number): Update => ({ revision: BigInt(number), resumeToken: `t${String(number)}` });

describe("updates", () => {
  it("come once each, in order and whole, however often the stream ends", async () => {
    const requests: WatchUpdatesRequest[] = [];
    const cancelled: number[] = [];
    const draining = refusal(status.UNAVAILABLE, { reason: "DRAINING", retryMs: 5 });
    const piece = (number: number, measure: string): Update => ({
      revision: BigInt(number),
      more: true,
      changes: [{ measure }],
    });
    const handlers = updates(
      requests,
      cancelled,
      [revision(1), piece(2, "cut off"), draining],
      [piece(2, "a"), { ...revision(2), changes: [{ measure: "b" }] }, refusal(status.INTERNAL)],
      [{ ...revision(2), bookmark: true, resumeToken: "later" }, "end"],
      [revision(3)],
    );
    const retries: string[] = [];
    await using(handlers, async (client) => {
      const subscription = client.updates({ resumeAfter: "t0" }, { onRetry: (error) => retries.push(error.reason) });
      const seen: string[] = [];
      for await (const update of subscription) {
        seen.push(`${String(update.revision)}${update.changes.map((change) => change.measure).join("")}`);
        if (update.revision === 3) {
          break;
        }
      }
      assert.deepEqual(seen, ["1", "2ab", "3"]);
      assert.equal(subscription.resumeToken, "t3");
      await until(() => cancelled.includes(4)); // leaving the loop ends the call at the server
    });
    assert.deepEqual(
      requests.map((request) => request.resumeAfter),
      ["t0", "t1", "t2", "later"],
    );
    assert.deepEqual(retries, ["DRAINING", "", ""]);
  });

  it("end with an error for what does not follow, and for what the service refuses", async () => {
    await using(updates([], [], [revision(1), revision(3)]), async (client) => {
      const subscription = client.updates();
      assert.equal((await subscription.next()).value?.revision, 1);
      await assert.rejects(subscription.next(), (error) => {
        assert.ok(error instanceof OutOfSequenceError);
        assert.deepEqual(error.metadata, { expected: "2", revision: "3" });
        return true;
      });
      assert.deepEqual(await subscription.next(), { done: true, value: undefined });
    });
    const compacted = refusal(status.OUT_OF_RANGE, { reason: "COMPACTED", metadata: { oldest_token: "t7" } });
    await using(updates([], [], [compacted]), async (client) => {
      await assert.rejects(client.updates({ resumeAfter: "t1" }).next(), (error) => {
        return error instanceof TallywireError && error.metadata["oldest_token"] === "t7";
      });
    });
  });

  it("replace a connection that is silent", async () => {
    const requests: WatchUpdatesRequest[] = [];
    await using(updates(requests, [], [revision(1), "open"], [revision(2)]), async (client) => {
      const subscription = client.updates({}, { silenceMs: 60 });
      await subscription.next();
      assert.equal((await subscription.next()).value?.revision, 2);
      subscription.close();
    });
  });

  it("end with the signal, with retryForMs, and with the client", async () => {
    await using(updates([], [], ["open"]), async (client) => {
      const controller = new AbortController();
      const step = client.updates({}, { signal: controller.signal }).next();
      setImmediate(() => {
        controller.abort();
      });
      await assert.rejects(step, { code: "CANCELLED" });
      const waiting = client.updates().next();
      setImmediate(() => {
        client.close();
      });
      await assert.rejects(waiting, { code: "CANCELLED" });
    });
    await using client = new Client("127.0.0.1:1", { apiKey: "k" });
    await assert.rejects(client.updates({}, { retryForMs: 120 }).next(), { code: "UNAVAILABLE" });
  });
});

describe("watch", () => {
  it("never goes back, and leaves out heartbeats", async () => {
    const handlers: Handlers = {
      watchMetrics: (call: ServerWritableStream<never, unknown>) => {
        for (const [number, hasState] of [
          [5, true],
          [4, true],
          [6, false],
          [7, true],
        ] as const) {
          const state = hasState ? { state: { asOfRevision: BigInt(number), metrics: { messagesToday: 1n } } } : {};
          call.write(create(WatchMetricsResponseSchema, { revision: BigInt(number), ...state }));
        }
      },
    };
    await using(handlers, async (client) => {
      await using states = client.watch({ minInterval: 250 });
      const first = await states.next();
      assert.equal(first.value?.revision, 5);
      assert.equal(first.value.state?.metrics?.messagesToday, 1);
      assert.ok(!("successRate" in first.value.state.metrics), "an absent figure is no 0");
      assert.equal((await states.next()).value?.revision, 7);
    });
  });
});

describe("streams of the server", () => {
  it("give every message, and the error after them", async () => {
    const handlers: Handlers = {
      exportUser: (call: ServerWritableStream<never, unknown>) => {
        for (let i = 0; i < 50; i++) {
          call.write(create(ExportUserResponseSchema));
        }
        call.emit("error", refusal(status.NOT_FOUND, { reason: "USER_NOT_FOUND" }));
      },
    };
    await using(handlers, async (client) => {
      let count = 0;
      await assert.rejects(
        async () => {
          for await (const part of client.exportUser({ userId: "u" })) {
            count += Object.keys(part).length >= 0 ? 1 : 0;
          }
        },
        { code: "NOT_FOUND", reason: "USER_NOT_FOUND" },
      );
      assert.equal(count, 50);
    });
  });
});
