// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ForecastService } from "@contract/forecast_service_pb.js";
import { GetUsageTrendsResponseSchema, PartialBucket } from "@contract/metrics_service_pb.js";
import type { GetUsageTrendsResponse } from "@contract/metrics_service_pb.js";
import { Granularity } from "@contract/time_pb.js";
import { prepare } from "../src/charts/prepare";
import { bucket } from "../src/contract";
import type * as ahead from "../src/pages/ahead";
import type { Ahead } from "../src/pages/ahead";
import { create } from "../src/wire";
import { timestampFromMs } from "../src/wire/timestamps";
import { Service, leave, settled, show, until } from "./service";

const DAY = 86_400_000;
const TODAY = Math.floor(Date.now() / DAY) * DAY;
const { getForecast } = ForecastService.method;

let service: Service;
let useAhead: typeof ahead.useAhead;
let seen: Ahead | undefined;
/** The metric of each test is its own, so that no answer of another test is at hand. */
let metric: string;
let tests = 0;

function day(n: number, running = false): { start: object; end: object; partial: PartialBucket } {
  return {
    start: timestampFromMs(TODAY + n * DAY),
    end: timestampFromMs(TODAY + (n + 1) * DAY),
    partial: running ? PartialBucket.RUNNING : PartialBucket.UNSPECIFIED,
  };
}

/** A week that still runs, of an organization that has had events for so many days. */
function week(days = 100, over: object = {}): GetUsageTrendsResponse {
  return create(GetUsageTrendsResponseSchema, {
    granularity: Granularity.DAY,
    context: { stillRunning: true, firstEventAt: timestampFromMs(TODAY - days * DAY) },
    buckets: [-2, -1, 0].map((n) => day(n, n === 0)),
    ...over,
  });
}

function forecast(): object {
  return {
    points: [0, 1, 2].map((n) => ({ bucket: day(n), expected: { point: 10 + n, low80: 8, high80: 20 + n } })),
    error: { mase: 0.5, naiveMase: 1, coverage80: 0.83, coverage95: 0.95, origins: 8 },
  };
}

function Watch({ trends, filter }: { trends: GetUsageTrendsResponse; filter?: { agentId: string } | undefined }): null {
  seen = useAhead(metric, trends, filter);
  return null;
}

/** Waits until so many questions have been answered. */
async function answered(times: number): Promise<void> {
  await until(() => {
    expect(service.asked(getForecast).length).toBe(times);
  });
  await settled();
}

beforeEach(async () => {
  // What a page was told of its service holds for all of it: each test has a page of its own.
  vi.resetModules();
  ({ useAhead } = await import("../src/pages/ahead"));
  tests += 1;
  metric = `metric_${String(tests)}`;
  seen = undefined;
  service = new Service();
  service.answer(getForecast, forecast);
});

afterEach(async () => {
  await leave();
  vi.unstubAllGlobals();
});

describe("what is expected of a metric", () => {
  it("is asked of the same part, and joined at the running point", async () => {
    await show(<Watch trends={week()} filter={{ agentId: "bot" }} />);
    await until(() => {
      expect(seen?.buckets.length).toBe(5);
    });
    expect(seen?.expected.map((one) => one?.point)).toEqual([undefined, undefined, 10, 11, 12]);
    expect(seen?.caption).toBe(
      "The band holds 80 of 100 points; on the past it held 83%. Errors were 50% of those of a repetition.",
    );
    expect(service.asked(getForecast)).toMatchObject([
      { metric, filter: { agentId: "bot" }, granularity: Granularity.DAY, horizon: 14 },
    ]);
  });

  it("is drawn beside the rings of what is unusual", async () => {
    const trends = week();
    await show(<Watch trends={trends} />);
    await until(() => {
      expect(seen).toBeDefined();
    });
    const series = [
      { key: "a", label: "A", color: 1, values: [4, 9, 3], remarks: new Map([[1, "unusual"]]), ahead: seen?.expected },
    ];
    const { lines, bands } = prepare(
      { kind: "line", buckets: seen?.buckets ?? [], series, unit: "1", zone: "UTC", width: 640, height: 200 },
      40,
    );
    expect(trends.buckets.map(bucket)).toEqual(seen?.buckets.slice(0, 3));
    expect(lines[0]?.rings).toEqual([lines[0]?.parts[0]?.points[1]]);
    expect(bands[0]?.points[0]).toEqual(lines[0]?.parts[0]?.points[1]);
    expect([lines[0]?.hollow?.x, bands[0]?.points.length]).toEqual([bands[0]?.points[1]?.x, 4]);
  });

  it.each([
    ["a period that is over", week(100, { context: { firstEventAt: timestampFromMs(TODAY - 100 * DAY) } })],
    ["a history that is too short", week(20)],
    ["a width that has no forecasts", week(100, { granularity: Granularity.MINUTE })],
    ["an organization without events", week(100, { context: { stillRunning: true } })],
  ])("is not asked for with %s", async (_, trends) => {
    await show(<Watch trends={trends} />);
    await show(<Watch trends={week()} filter={{ agentId: "last" }} />);
    await answered(1);
    expect(service.asked(getForecast)[0]?.filter?.agentId).toBe("last");
  });

  it("is nothing where the forecast begins elsewhere", async () => {
    service.answer(getForecast, () => ({ points: [{ bucket: day(5), expected: {} }] }));
    await show(<Watch trends={week()} />);
    await answered(1);
    expect(seen).toBeUndefined();
  });

  it("is nothing where the service refuses it, and the next metric is asked for all the same", async () => {
    service.refuse(getForecast, {
      code: "failed_precondition",
      message: "a forecast needs more",
      reason: "HISTORY_TOO_SHORT",
    });
    await show(<Watch trends={week()} />);
    await answered(1);
    expect(seen).toBeUndefined();
    service.answer(getForecast, forecast);
    await show(<Watch trends={week()} filter={{ agentId: "other" }} />);
    await until(() => {
      expect(seen).toBeDefined();
    });
  });

  it("is not asked for again where the service has no forecasts", async () => {
    service.refuse(getForecast, {
      code: "failed_precondition",
      message: "this server computes no forecasts",
      reason: "FORECAST_NOT_INSTALLED",
    });
    await show(<Watch trends={week()} />);
    await answered(1);
    await show(<Watch trends={week()} filter={{ agentId: "other" }} />);
    await settled();
    expect(seen).toBeUndefined();
    expect(service.asked(getForecast).length).toBe(1);
  });
});
