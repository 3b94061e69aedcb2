import { describe, expect, it } from "vitest";
import { create } from "../src/wire";
import { timestampFromMs } from "../src/wire/timestamps";
import {
  AnomalyMethod,
  AnomalySchema,
  AnomalySeason,
  ChangeAccountSchema,
  ListChangesResponseSchema,
} from "@contract/anomaly_service_pb.js";
import type { Anomaly } from "@contract/anomaly_service_pb.js";
import { prepare } from "../src/charts/prepare";
import type { Bucket } from "../src/charts/prepare";
import { reasonOf, remarksOf } from "../src/pages/anomalies";
import { hasContributions, partsOf } from "../src/pages/WhatChanged";
import { signed } from "../src/format";
import { chooseLanguage } from "../src/text";

const HOUR = 3_600_000;
const NOON = Date.UTC(2026, 10, 3, 12);
const HOURS: Bucket[] = [0, 1, 2].map((n) => ({ start: NOON + n * HOUR, end: NOON + (n + 1) * HOUR, partial: "" }));

function unusual(over: Partial<Anomaly> = {}): Anomaly {
  return create(AnomalySchema, {
    peak: { start: timestampFromMs(NOON + HOUR) },
    low: 340.4,
    high: 409.6,
    score: 5.23,
    buckets: 1,
    method: AnomalyMethod.ROBUST_Z,
    basis: { season: AnomalySeason.HOUR_OF_WEEK, buckets: 8, weekday: 2, hour: 14 },
    ...over,
  } as never);
}

describe("why a point is unusual", () => {
  it("is said beside what is usual, at which hour of the week", () => {
    expect(reasonOf(unusual(), "1")).toBe("5.2 σ above the usual 340–410 for Tuesdays 14:00");
    expect(reasonOf(unusual({ score: -6, low: 0.05, high: 0.15, buckets: 3 }), "fraction")).toBe(
      "6.0 σ below the usual 5.0%–15.0% for Tuesdays 14:00, the most unusual of 3 in a row",
    );
  });

  it("is said of drifts without a range", () => {
    expect(reasonOf(unusual({ method: AnomalyMethod.EWMA }), "1")).toBe(
      "for a while higher than usual: 5.2 σ together",
    );
  });

  it("is said in German", async () => {
    await chooseLanguage("de", []);
    expect(reasonOf(unusual(), "1")).toBe("5,2 σ über den üblichen 340–410 dienstags 14:00");
    await chooseLanguage("en", []);
  });

  it("stands at its bucket and at no other", () => {
    expect([...(remarksOf([unusual()], HOURS, "total_messages")?.keys() ?? [])]).toEqual([1]);
    const elsewhere = unusual({ peak: { start: timestampFromMs(NOON - HOUR) } } as never);
    expect(remarksOf([elsewhere], HOURS, "total_messages")).toBeUndefined();
  });

  it("rings the figure, and nothing where there is none", () => {
    const remarks = new Map([
      [1, "unusual"],
      [2, "absent"],
      [9, "beyond"],
    ]);
    const series = [{ key: "a", label: "A", color: 1, values: [4, 8, null], remarks }];
    const { lines } = prepare(
      { kind: "line", buckets: HOURS, series, unit: "1", zone: "UTC", width: 640, height: 200 },
      40,
    );
    expect(lines[0]?.rings).toEqual([lines[0]?.parts[0]?.points[1]]);
  });
});

function integer(value: bigint): { value: { case: "integer"; value: bigint } } {
  return { value: { case: "integer", value } };
}

describe("what a change is made of", () => {
  const account = create(ChangeAccountSchema, {
    dimension: "agent",
    rows: [
      { value: "b", displayName: "Bob", now: integer(9n), before: integer(2n), change: integer(7n) },
      { value: "a", now: integer(4n), before: integer(10n), change: integer(-6n) },
    ],
    rest: { now: integer(2n), before: integer(4n), change: integer(-2n) },
    other: { now: integer(1n), before: integer(1n), change: integer(0n) },
  });

  it("has the rest, adds up, and leaves out what has done nothing", () => {
    const parts = partsOf(account);
    expect(parts.map((one) => [one.kind, one.name, one.change])).toEqual([
      ["value", "Bob", 7],
      ["value", "a", -6],
      ["rest", "", -2],
    ]);
    const answer = create(ListChangesResponseSchema, { metrics: [{ change: integer(-1n), accounts: [account] }] });
    expect(parts.reduce((sum, one) => sum + one.change, 0)).toBe(Number(answer.metrics[0]?.change?.value.value));
  });

  it("tells mix and rate of ratios", () => {
    const ratio = create(ChangeAccountSchema, { rows: [{ value: "a", mix: 0.042, rate: 0, change: {} }] });
    expect(partsOf(ratio)[0]?.effects).toEqual([0.042, 0]);
  });

  it("is not told of percentiles and distinct counts", () => {
    expect(["total_messages", "error_rate", "p95_response_time_ms", "unique_users"].map(hasContributions)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe("differences", () => {
  it("have a sign, and those of rates are points", () => {
    expect([signed(12, "1"), signed(-3, "1"), signed(0, "1")]).toEqual(["+12", "−3", "0"]);
    expect([signed(0.042, "fraction"), signed(-0.1, "fraction"), signed(0.0001, "fraction")]).toEqual([
      "+4.2 pts",
      "-10 pts",
      "0 pts",
    ]);
  });
});
