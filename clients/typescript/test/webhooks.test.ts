import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { WebhookError, verifyWebhook } from "../src/webhooks.js";

interface Case {
  name: string;
  secrets: string[];
  headers: Record<string, string>;
  body?: string;
  body_base64?: string;
  now: number;
  event?: { message_id: string; type: string; timestamp: string; data: Record<string, unknown> };
  error?: string;
}

// What receivers of all languages are held to; tests run in the client's folder.
const { cases } = JSON.parse(readFileSync("../conformance/webhooks.json", "utf8")) as { cases: Case[] };

function bodyOf(one: Case): Buffer {
  return one.body_base64 === undefined ? Buffer.from(one.body ?? "") : Buffer.from(one.body_base64, "base64");
}

describe("what a webhook gets", () => {
  for (const one of cases) {
    it(one.name, async () => {
      const verified = verifyWebhook(one.secrets, one.headers, bodyOf(one), { now: () => one.now * 1_000 });
      if (one.error === undefined) {
        const { messageId, type, timestamp, data } = await verified;
        assert.deepEqual({ message_id: messageId, type, timestamp: timestamp.toISOString(), data }, one.event);
      } else {
        const code = one.error.toUpperCase();
        await assert.rejects(verified, (error) => error instanceof WebhookError && error.code === code);
      }
    });
  }

  const valid = cases.find((one) => one.name === "valid");
  assert.ok(valid?.secrets[0] !== undefined && valid.body !== undefined);
  const [secret, body] = [valid.secrets[0], valid.body];
  const now = (): number => valid.now * 1_000;

  it("is taken from all kinds of bodies and headers", async () => {
    const bytes = new TextEncoder().encode(body);
    for (const content of [body, bytes, bytes.buffer]) {
      assert.equal((await verifyWebhook(secret, new Headers(valid.headers), content, { now })).type, "report.finished");
    }
    const lists = Object.fromEntries(Object.entries(valid.headers).map(([name, value]) => [name, [value]]));
    assert.equal((await verifyWebhook(secret, { ...lists, other: undefined }, body, { now })).messageId, "dlv_1");
  });

  it("is as old as the caller allows", async () => {
    const later = { now: () => now() + 9_500, toleranceSeconds: 11 };
    await assert.rejects(verifyWebhook(secret, valid.headers, body, later), /more than 11 s ago/);
    await verifyWebhook(secret, valid.headers, body, { ...later, toleranceSeconds: 12 });
  });

  it("is verified without anything of Node", () => {
    assert.doesNotMatch(readFileSync("src/webhooks.ts", "utf8"), /^import|\bBuffer\b|\bprocess\b|require\(/m);
  });
});
