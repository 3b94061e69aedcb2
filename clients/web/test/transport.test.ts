import { afterEach, describe, expect, it, vi } from "vitest";
import { create, toBinary } from "../src/wire";
import { RealtimeService, WatchMetricsResponseSchema } from "@contract/realtime_service_pb.js";
import { MetricsService } from "@contract/metrics_service_pb.js";
import { CallError, errorFrom } from "../src/api/errors";
import { call, connection, envelopes, stream } from "../src/api/transport";

function envelope(flags: number, data: Uint8Array): Uint8Array {
  const whole = new Uint8Array(5 + data.length);
  whole[0] = flags;
  new DataView(whole.buffer).setUint32(1, data.length);
  whole.set(data, 5);
  return whole;
}

function answer(parts: readonly Uint8Array[], status = 200): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
  return new Response(body, { status });
}

const STATE = toBinary(WatchMetricsResponseSchema, create(WatchMetricsResponseSchema, { revision: 7n }));
const END = envelope(2, new TextEncoder().encode("{}"));

async function read(response: Response): Promise<Uint8Array[]> {
  vi.stubGlobal("fetch", () => Promise.resolve(response));
  const found = [];
  for await (const bytes of stream(RealtimeService.method.watchMetrics, {}, new AbortController().signal))
    found.push(bytes);
  return found;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("streams", () => {
  it("are cut into messages, however the bytes come", async () => {
    const whole = new Uint8Array([...envelope(0, STATE), ...envelope(0, STATE), ...END]);
    const single = Array.from(whole, (byte) => new Uint8Array([byte]));
    expect(await read(answer([whole]))).toEqual([STATE, STATE]);
    expect(await read(answer(single))).toEqual([STATE, STATE]);
  });

  it("fail where the message that ends them is missing", async () => {
    await expect(read(answer([envelope(0, STATE)]))).rejects.toThrow("cut");
    await expect(read(answer([envelope(0, STATE).slice(0, 6)]))).rejects.toThrow("cut");
    await expect(read(answer([]))).rejects.toThrow("cut");
  });

  it("fail with what ended them", async () => {
    const error = new TextEncoder().encode(
      JSON.stringify({ error: { code: "unavailable", message: "the server stops" } }),
    );
    await expect(read(answer([envelope(2, error)]))).rejects.toMatchObject({
      code: "unavailable",
      message: "the server stops",
    });
  });

  it("have no envelope without bytes", async () => {
    const found = [];
    for await (const one of envelopes((async function* () {})())) found.push(one);
    expect(found).toEqual([]);
  });
});

describe("refusals", () => {
  // google.rpc.ErrorInfo{reason: "AGENT_NOT_FOUND", metadata: {"agent_id": "x"}} and RetryInfo of 2.5 seconds
  const info = "Cg9BR0VOVF9OT1RfRk9VTkQaDQoIYWdlbnRfaWQSAXg";
  const retry = "CggIAhCAyrXuAQ";
  const json = JSON.stringify({
    code: "not_found",
    message: "no such agent",
    details: [
      { type: "google.rpc.ErrorInfo", value: info },
      { type: "google.rpc.RetryInfo", value: retry },
    ],
  });

  it("tell reason, what it is about, and when to try again", () => {
    const error = errorFrom(json, 404, null);
    expect(error).toMatchObject({
      code: "not_found",
      reason: "AGENT_NOT_FOUND",
      about: { agent_id: "x" },
      retryAfterMs: 2500,
    });
  });

  it("that are no JSON come from something in between", () => {
    expect(errorFrom("<html>", 502, null)).toMatchObject({ code: "unavailable", reason: "" });
    expect(errorFrom("", 429, "7")).toMatchObject({ code: "resource_exhausted", retryAfterMs: 7000 });
  });

  it("show sign-in where nobody is signed in", async () => {
    let out = 0;
    connection.onSignedOut = () => {
      out += 1;
    };
    vi.stubGlobal("fetch", () =>
      Promise.resolve(new Response('{"code":"unauthenticated","message":"no session"}', { status: 401 })),
    );
    await expect(call(MetricsService.method.getQuota, {})).rejects.toBeInstanceOf(CallError);
    expect(out).toBe(1);
  });

  it("of the network are told as such", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed")));
    await expect(call(MetricsService.method.getQuota, {})).rejects.toMatchObject({ code: "unavailable" });
  });
});
