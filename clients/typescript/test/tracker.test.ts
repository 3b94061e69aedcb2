import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { create } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { type Event, type EventInit, Tracker, type TrackerOptions, event } from "../src/index.js";
import { ErrorReason, EventStatus, type TrackEventsRequest, TrackEventsResponseSchema } from "../src/v1.js";
import { FakeServer, type Handlers, acceptAll, refusal, steps, until } from "./support/server.js";

const KEY = "tw_secret_of_the_test";
const ALL = { sent: 0, duplicates: 0, rejected: 0, invalid: 0, dropped: 0, failed: 0, pending: 0 };

async function using(
  handlers: Handlers,
  options: Partial<TrackerOptions>,
  use: (tracker: Tracker, log: string[], address: string) => Promise<void>,
): Promise<void> {
  const log: string[] = [];
  await using server = await FakeServer.start(handlers);
  await using tracker = new Tracker(server.address, { apiKey: KEY, log: (line) => log.push(line), ...options });
  await use(tracker, log, server.address);
}

describe("a tracker", () => {
  it("sends by itself when the oldest event has waited, or enough wait", async () => {
    const seen: TrackEventsRequest[] = [];
    await using({ trackEvents: steps(seen, acceptAll) }, { batchSize: 3, flushIntervalMs: 50 }, async (tracker) => {
      assert.ok(tracker.track("message.sent", { agentId: "bot" }));
      await until(() => tracker.stats().sent === 1);
      for (let i = 0; i < 7; i++) {
        tracker.track("message.sent");
      }
      assert.ok(await tracker.flush());
      assert.deepEqual(tracker.stats(), { ...ALL, sent: 8 });
    });
    assert.ok(seen.every((request) => request.events.length <= 3 && request.sentAt !== undefined));
  });

  it("sends the same ids again while the outcome is unknown, and takes its events as they were", async () => {
    const seen: TrackEventsRequest[] = [];
    const internal = (): object => refusal(status.INTERNAL, { reason: "INTERNAL" });
    const unknown = (): object => refusal(status.UNKNOWN, { reason: "LATER" });
    await using({ trackEvents: steps(seen, internal, unknown, acceptAll) }, {}, async (tracker) => {
      const mutable = { ...event("message.sent", { agentId: "before" }) };
      tracker.track(mutable);
      mutable.agentId = "after";
      assert.ok(await tracker.flush(30_000));
    });
    assert.equal(seen.length, 3);
    assert.equal(new Set(seen.map((request) => request.events[0]?.eventId)).size, 1);
    assert.ok(seen.every((request) => request.events[0]?.agentId === "before"));
  });

  it("counts what is lost, says it in a line, and hands it to onDrop", async () => {
    const dropped: [Event | undefined, string][] = [];
    const answer = (request: TrackEventsRequest): object =>
      create(TrackEventsResponseSchema, {
        results: request.events.map(({ eventId }, index) =>
          index === 0
            ? {
                eventId,
                status: EventStatus.REJECTED,
                rejection: { reason: ErrorReason.DETAIL_MISMATCH, field: "message", message: "no" },
              }
            : { eventId, status: EventStatus.DUPLICATE },
        ),
      });
    const options: Partial<TrackerOptions> = {
      maxEvents: 3,
      flushIntervalMs: 60_000,
      onDrop: (lost, reason) => {
        dropped.push([lost, reason]);
        throw new Error("a fault of the callback");
      },
    };
    await using({ trackEvents: steps<TrackEventsRequest>([], answer) }, options, async (tracker, log) => {
      const taken = ["a", "b", "c", "d"].map((agentId) => tracker.track("message.sent", { agentId }));
      assert.deepEqual(taken, [true, true, true, false]);
      assert.equal(tracker.track("message.sent", { responseTimeMs: "slow" } as never), false);
      assert.equal(tracker.track(undefined as never), false);
      assert.equal(tracker.track("order.placed", { properties: { text: "x".repeat(4_000_000) } }), false);
      assert.ok(await tracker.flush());
      assert.deepEqual(tracker.stats(), { ...ALL, duplicates: 2, rejected: 1, invalid: 3, dropped: 1 });
      assert.ok(await tracker.close());
      assert.equal(tracker.track("message.sent"), false);
      assert.equal(tracker.stats().dropped, 2);
      assert.match(log.join("\n"), /1 event is lost: 1 × the buffer of the tracker is full/);
      assert.match(log.join("\n"), /responseTimeMs is a whole number, not "slow"/);
      assert.match(log.join("\n"), /DETAIL_MISMATCH/);
    });
    assert.equal(dropped[0]?.[0]?.agentId, "d");
    assert.equal(dropped.length, 6);
  });

  it("closes in time, cancels what is under way, and closes again without doing anything", async () => {
    await using({ trackEvents: () => undefined }, { batchSize: 1 }, async (tracker) => {
      tracker.track("message.sent");
      tracker.track("message.sent");
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(await tracker.flush(20), false);
      assert.equal(await tracker.close(50), false);
      assert.deepEqual(tracker.stats(), { ...ALL, failed: 1, dropped: 1 });
      assert.equal(await tracker.close(), false);
    });
  });

  it("gives a batch up after its time, and one that is refused as a whole at once", async () => {
    await using({}, { retryForMs: 100 }, async (tracker) => {
      tracker.track("message.sent"); // a server without the method: UNIMPLEMENTED
      await tracker.flush();
      assert.equal(tracker.stats().failed, 1);
    });
    await using tracker = new Tracker("127.0.0.1:1", { apiKey: KEY, retryForMs: 150, log: () => undefined });
    tracker.track("message.sent");
    await tracker.flush(30_000);
    assert.equal(tracker.stats().failed, 1);
  });

  it("stamps the events of a conversation", async () => {
    const seen: TrackEventsRequest[] = [];
    await using({ trackEvents: steps(seen, acceptAll) }, {}, async (tracker) => {
      const talk = tracker.conversation(17, { agentId: "bot", channel: "web", properties: { plan: "pro" } });
      assert.ok(talk.track("conversation.started"));
      assert.ok(talk.track("message.sent", { responseTimeMs: 4, properties: { tone: "kind" } }));
      assert.ok(await tracker.flush());
    });
    const [, second] = seen[0]?.events ?? [];
    assert.deepEqual([second?.conversationId, second?.agentId, second?.channel], ["17", "bot", "web"]);
    assert.deepEqual({ ...second?.properties }, { plan: "pro", tone: "kind" });
  });

  it("takes what a list of events gave", async () => {
    const seen: TrackEventsRequest[] = [];
    await using({ trackEvents: steps(seen, acceptAll) }, {}, async (tracker) => {
      const made: EventInit = event("call.ended", { talkMs: 5, direction: "INBOUND" });
      tracker.track(made);
      assert.ok(await tracker.flush());
    });
    assert.equal(seen[0]?.events[0]?.detail.case, "call");
  });

  it("never shows its key, and refuses options that make no sense", () => {
    const tracker = new Tracker("127.0.0.1:1", { apiKey: KEY });
    for (const text of [inspect(tracker, { depth: 9 }), String(tracker), JSON.stringify(tracker)]) {
      assert.ok(!text.includes(KEY));
    }
    void tracker.close(0);
    for (const wrong of [{ batchSize: 0 }, { batchSize: 1_001 }, { maxEvents: 0 }, { flushIntervalMs: NaN }]) {
      assert.throws(() => new Tracker("127.0.0.1:1", { apiKey: KEY, ...wrong }), { name: "ArgumentError" });
    }
  });
});

describe("the end of a process", () => {
  async function run(address: string, lines: string): Promise<{ code: number; errors: string }> {
    const index = new URL("../src/index.js", import.meta.url).href;
    const program = `import { Tracker } from ${JSON.stringify(index)};
      const tracker = new Tracker(${JSON.stringify(address)}, { apiKey: "k", shutdownTimeoutMs: 300 });
      ${lines}`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      stdio: ["ignore", "inherit", "pipe"],
    });
    let errors = "";
    child.stderr.on("data", (text: Buffer) => (errors += text.toString()));
    const [code] = (await once(child, "close")) as [number];
    return { code, errors };
  }

  it("waits for what is left", async () => {
    const seen: TrackEventsRequest[] = [];
    await using server = await FakeServer.start({ trackEvents: steps(seen, acceptAll) });
    const { code } = await run(server.address, 'tracker.track("message.sent");');
    assert.deepEqual([code, seen.length], [0, 1]);
  });

  it("does not wait for ever for a server that is away, and says what is lost", async () => {
    const { code, errors } = await run("127.0.0.1:1", 'tracker.track("message.sent");');
    assert.equal(code, 0);
    assert.match(errors, /the process ends with 1 events/);
  });
});
