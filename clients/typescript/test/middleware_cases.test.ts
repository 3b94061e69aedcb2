import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { type EndedCall, type Recorder, recorderOf } from "../src/middleware/api_calls.js";
import { apiCalls as forGrpc } from "../src/middleware/grpc.js";

interface Cases {
  left_out: { protocol: "http" | "grpc"; exclude: string[] | null; path: string; left_out: boolean }[];
  methods: Record<string, string>;
  grpc_method: string;
  statuses: Record<string, number>;
  endpoints: { template: string; repeated: number; endpoint_bytes: number }[];
  sampled: { sample_rate: number; property: number | null }[];
}

interface Recorded {
  endpoint: string;
  method: string;
  statusCode: number;
  properties?: Record<string, unknown>;
}

// What middleware of all languages is held to; tests run in the client's folder.
const cases = JSON.parse(readFileSync("../conformance/middleware.json", "utf8")) as Cases;

/** Keeps what it is given. */
class Kept implements Recorder {
  readonly calls: Recorded[] = [];

  track(_eventType: unknown, fields?: unknown): boolean {
    this.calls.push(fields as Recorded);
    return true;
  }
}

/** Returns what becomes of a call that has ended. */
function recorded(
  call: Partial<EndedCall<object>>,
  options: { exclude?: string[]; sampleRate?: number } = {},
): Recorded[] {
  const kept = new Kept();
  const known = { request: {}, path: "/x", endpoint: "/x", method: "GET", statusCode: 200, latencyMs: 1 };
  recorderOf(kept, options)({ ...known, ...call });
  return kept.calls;
}

describe("the cases of every client's middleware", () => {
  it("says what is left out", () => {
    for (const { exclude, path, left_out } of cases.left_out) {
      const calls = recorded({ path }, exclude === null ? {} : { exclude });
      assert.equal(calls.length === 0, left_out, `${path} ${String(exclude)}`);
    }
  });

  it("says methods", () => {
    for (const [method, wanted] of Object.entries(cases.methods)) {
      assert.equal(recorded({ method })[0]?.method, wanted);
    }
  });

  it("cuts endpoints between characters", () => {
    for (const { template, repeated, endpoint_bytes } of cases.endpoints) {
      const whole = template.repeat(repeated);
      const endpoint = recorded({ endpoint: whole })[0]?.endpoint ?? "";
      assert.equal(Buffer.byteLength(endpoint), endpoint_bytes);
      assert.ok(whole.startsWith(endpoint));
    }
  });

  it("says the sample rate", () => {
    for (const { sample_rate, property } of cases.sampled) {
      let calls: Recorded[] = [];
      while (calls.length === 0) {
        calls = recorded({}, { sampleRate: sample_rate }); // by chance
      }
      assert.equal(calls[0]?.properties?.["sample_rate"] ?? null, property);
    }
  });

  it("says the statuses of gRPC", () => {
    for (const [name, wanted] of Object.entries(cases.statuses)) {
      const kept = new Kept();
      const code = grpc.status[name as keyof typeof grpc.status];
      const call = { getPeer: () => "peer", sendStatus: () => undefined } as unknown as grpc.ServerInterceptingCall;
      const method = { path: "/shop.v1.OrderService/GetOrder" } as grpc.ServerMethodDefinition<unknown, unknown>;
      forGrpc(kept)(method, call).sendStatus({ code, details: "scripted" });
      assert.equal(kept.calls[0]?.statusCode, wanted, name);
      assert.equal(kept.calls[0].method, cases.grpc_method);
    }
  });
});
