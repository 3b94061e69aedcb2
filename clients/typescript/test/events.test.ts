import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type DescMessage, create, toBinary } from "@bufbuild/protobuf";
import { Instant, event, microsToDecimal, uuid7, withContext } from "../src/index.js";
import { isLocal } from "../src/connection.js";
import { fromPlain } from "../src/parse.js";
import { toPlain } from "../src/plain.js";
import * as v1 from "../src/v1.js";

describe("event()", () => {
  it("puts fields where they belong, with an id and a time", () => {
    const made = event("message.sent", {
      agentId: 7,
      responseTimeMs: 820,
      properties: { plan: "pro", n: [1, null] },
    });
    assert.match(made.eventId, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(made.agentId, "7");
    assert.ok(made.occurredAt !== undefined && Math.abs(made.occurredAt.getTime() - Date.now()) < 60_000);
    assert.deepEqual(made.detail, { case: "message", value: { responseTimeMs: 820 } });
    assert.equal(JSON.stringify(made.properties), '{"plan":"pro","n":[1,null]}');
  });

  it("rounds times and money, halves to the even one, and nothing else", () => {
    const rounded = [12.5, 13.5, 12.4].map((costMicros) => event("message.sent", { costMicros }).detail?.value);
    assert.deepEqual(rounded, [{ costMicros: 12 }, { costMicros: 14 }, { costMicros: 12 }]);
    assert.throws(() => event("message.sent", { promptTokens: 1.5 }), {
      name: "ArgumentError",
      field: "promptTokens",
    });
  });

  it("refuses what a type does not take", () => {
    const wrong: [string, object, string][] = [
      ["message.sent", { rating: 5 }, "rating"],
      ["feedback.submitted", { rating: "5" }, "rating"],
      ["feedback.submitted", { rating: 2 ** 31 }, "rating"],
      ["message.sent", { promptTokens: 2 ** 60 }, "promptTokens"],
      ["message.sent", { failed: 1 }, "failed"],
      ["message.sent", { channel: 5 }, "channel"],
      ["message.sent", { agentId: {} }, "agentId"],
      ["agent.status_changed", { status: "asleep" }, "status"],
      ["order.placed", { responseTimeMs: 5 }, "responseTimeMs"],
      ["message.sent", { detail: { case: "feedback", value: {} } }, "detail"],
      ["message.sent", { occurredAt: new Date(NaN) }, "occurredAt"],
      ["message.sent", { occurredAt: "2026-01-01" }, "occurredAt"],
      ["message.sent", { properties: { a: { b: [0, 2 ** 60] } } }, "properties.a.b[1]"],
      ["message.sent", { properties: { a: NaN } }, "properties.a"],
      ["message.sent", { properties: { a: new Map() } }, "properties.a"],
      ["message.sent", { properties: { " ": 1 } }, "properties"],
    ];
    for (const [type, fields, field] of wrong) {
      assert.throws(() => event(type, fields), { name: "ArgumentError", field }, `${type} ${JSON.stringify(fields)}`);
    }
  });

  it("refuses properties that contain themselves", () => {
    const round: Record<string, unknown> = {};
    round["self"] = round;
    assert.throws(() => event("message.sent", { properties: round as never }), /contains itself/);
  });

  it("takes enums by name, and numbers that are newer than this client", () => {
    const status = (name: string): unknown => event("agent.status_changed", { status: name as never }).detail?.value;
    assert.deepEqual(status("available"), { status: "AVAILABLE" });
    assert.deepEqual(status("AGENT_STATUS_BUSY"), { status: "BUSY" });
    assert.deepEqual(status("UNKNOWN_77"), { status: "UNKNOWN_77" });
  });
});

describe("withContext()", () => {
  it("fills what events that are made in the block are not given", async () => {
    const made = await withContext({ conversationId: 5, agentId: "bot", channel: "web" }, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return withContext({ agentId: "ada", channel: undefined }, () => event("message.sent", { channel: "" }));
    });
    assert.deepEqual([made.conversationId, made.agentId, made.channel], ["5", "ada", ""]);
    assert.equal(event("message.sent").agentId, "");
  });
});

describe("plain objects", () => {
  it("hold every message of the contract", () => {
    const schemas = (Object.values(v1) as unknown[]).filter(
      (member): member is DescMessage =>
        typeof member === "object" && member !== null && "kind" in member && member.kind === "message",
    );
    assert.ok(schemas.length > 100);
    for (const schema of schemas) {
      const message = filled(schema, 0);
      const plain = toPlain<object>(schema, message);
      const back = fromPlain(schema, plain);
      assert.deepEqual(toBinary(schema, back), toBinary(schema, message), schema.typeName);
    }
  });
});

/** Returns a message with a value in every field. */
function filled(schema: DescMessage, depth: number): ReturnType<typeof create> {
  const message = create(schema) as ReturnType<typeof create> & Record<string, unknown>;
  const one = (field: { message?: DescMessage | undefined; enum?: unknown; scalar?: number | undefined }): unknown => {
    if (field.message?.typeName === "google.protobuf.Struct") {
      return { a: 1 };
    }
    if (field.message?.typeName === "google.protobuf.Timestamp") {
      return create(field.message, { seconds: -5n, nanos: 7_000 });
    }
    if (field.message !== undefined) {
      return filled(field.message, depth + 1);
    }
    if (field.enum !== undefined) {
      return 1;
    }
    return { 9: "text", 8: true, 3: 5n, 5: 6, 1: 1.5, 12: new Uint8Array([0, 255]) }[field.scalar ?? 0];
  };
  for (const member of depth > 6 ? [] : schema.members) {
    if (member.kind === "oneof") {
      const chosen = member.fields.at(-1);
      message[member.localName] = { case: chosen?.localName, value: one(chosen ?? {}) };
    } else if (member.fieldKind === "list") {
      message[member.localName] = [one(member), one(member)];
    } else if (member.fieldKind === "map") {
      message[member.localName] = { key: one(member) };
    } else {
      message[member.localName] = one(member);
    }
  }
  return message;
}

describe("values", () => {
  it("keep microseconds of instants", () => {
    const instant = new Instant(-1_500n);
    assert.equal(instant.getTime(), -1);
    assert.equal(instant.epochNanoseconds, -1_500n);
    assert.equal(instant.toISOString(), "1969-12-31T23:59:59.999998Z");
    assert.equal(new Instant(1_000_000n).toISOString(), "1970-01-01T00:00:00.001Z");
  });

  it("write money as decimals, exactly", () => {
    const texts = [1_250_000, 0, -1, 9_007_199_254_740_993n].map(microsToDecimal);
    assert.deepEqual(texts, ["1.25", "0", "-0.000001", "9007199254.740993"]);
  });

  it("make ids that ascend", () => {
    const ids = Array.from({ length: 10_000 }, uuid7);
    assert.deepEqual(ids, [...ids].sort());
    assert.equal(new Set(ids).size, ids.length);
  });

  it("know which addresses are of this machine", () => {
    const local = [
      "localhost:1",
      "127.0.0.1:1",
      "127.9.9.9",
      "[::1]:1",
      "::1",
      "unix:/tmp/x",
      "ipv4:127.0.0.1:1,127.0.0.2:1",
    ];
    const remote = [
      "example.org:1",
      "10.0.0.1:1",
      "ipv4:127.0.0.1:1,10.0.0.1:1",
      "dns://1.1.1.1/localhost:1",
      "[::2]:1",
    ];
    assert.deepEqual(
      local.filter((address) => !isLocal(address)),
      [],
    );
    assert.deepEqual(remote.filter(isLocal), []);
  });
});
