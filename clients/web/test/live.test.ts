import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { GetRealtimeMetricsResponseSchema, WatchMetricsResponseSchema } from "@contract/realtime_service_pb.js";
import { follow } from "../src/live/live";
import type { Live } from "../src/live/live";
import { create, toBinary } from "../src/wire";

const STATE = { asOfTime: { seconds: 1_800_000_000n, nanos: 0 }, asOfRevision: 7n };

let cut: () => void = () => undefined;

/** The answer of a stream that stays open, with one state. */
function streamed(): Response {
  const data = toBinary(WatchMetricsResponseSchema, create(WatchMetricsResponseSchema, { state: STATE }));
  const whole = new Uint8Array(5 + data.length);
  new DataView(whole.buffer).setUint32(1, data.length);
  whole.set(data, 5);
  return new Response(
    new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(whole);
        cut = () => {
          controller.error(new TypeError("the connection is gone"));
        };
      },
    }),
  );
}

/** What the service does: serves, serves calls but no streams, or is away. */
let service: "serves" | "calls" | "away";
let live: Live | undefined;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", (path: string) => {
    if (service === "away") return Promise.reject(new TypeError("failed"));
    if (!path.endsWith("/WatchMetrics")) {
      const answer = create(GetRealtimeMetricsResponseSchema, { state: STATE });
      return Promise.resolve(new Response(toBinary(GetRealtimeMetricsResponseSchema, answer)));
    }
    return service === "serves" ? Promise.resolve(streamed()) : Promise.reject(new TypeError("failed"));
  });
});

afterEach(() => {
  live?.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("live figures", () => {
  it("stay while the service is away for long, and are live within ten seconds after it is back", async () => {
    service = "serves";
    live = follow(undefined, {});
    await vi.advanceTimersByTimeAsync(100);
    expect(live.link.value).toBe("live");
    service = "away";
    cut();
    await vi.advanceTimersByTimeAsync(80_000);
    expect([live.link.value, live.state.value?.asOfRevision]).toEqual(["trying", 7n]);
    service = "serves";
    await vi.advanceTimersByTimeAsync(10_000);
    expect(live.link.value).toBe("live");
  });

  it("are asked for where streams do not come through", async () => {
    service = "calls";
    live = follow(undefined, {});
    await vi.advanceTimersByTimeAsync(30_000);
    expect([live.link.value, live.state.value?.asOfRevision]).toEqual(["polling", 7n]);
    service = "serves";
    await vi.advanceTimersByTimeAsync(61_000);
    expect(live.link.value).toBe("live");
  });
});
