import { describe, expect, it } from "vitest";
import { AlertDirection, AlertRuleSchema } from "@contract/alert_service_pb.js";
import { prepare } from "../src/charts/prepare";
import { chartLimits, draftOf, limitsOf, newDraft, ruleOf, strip } from "../src/pages/alertRules";
import type { Draft } from "../src/pages/alertRules";
import { create } from "../src/wire";

const base: Draft = { ...newDraft("error_rate"), name: "Errors", limits: { warning: 0.05, critical: 0.1 } };

describe("rules of alerts", () => {
  const drafts: [string, Partial<Draft>][] = [
    ["the figure", {}],
    ["each agent", { how: "each", dimension: "agent" }],
    ["one channel", { how: "one", dimension: "channel", value: "web" }],
    ["a change", { kind: "change", baseline: 3 }],
    ["both sides", { direction: AlertDirection.OUTSIDE, limits: { critical: 5, lowCritical: 1 } }],
    ["a forecast", { kind: "forecast", within: 360 }],
    ["a budget", { kind: "budget", budget: 12.5 }],
    ["a longer hold", { hold: 15, noData: 2, severity: 3, destinationIds: ["dst_1"] }],
  ];
  it.each(drafts)("come back as the form had them: %s", (_, change) => {
    const draft = { ...base, ...change };
    expect({ ...draftOf(ruleOf(draft)), kept: undefined }).toEqual({ ...draft, kept: undefined });
  });

  it("have no limits and no metric where absence is wrong", () => {
    const rule = ruleOf({ ...base, kind: "absence" });
    expect([rule.metric, rule.condition?.critical, rule.condition?.direction]).toEqual(["", undefined, 0]);
  });

  it("leave out lower limits on one side", () => {
    expect(limitsOf({ ...base, limits: { critical: 5, lowCritical: 1 } })).toEqual({ critical: 5 });
  });

  it("keep what the form does not show, and leave the step to the service once the window is another one", () => {
    const kept = create(AlertRuleSchema, {
      ruleId: "alr_1",
      etag: "e",
      maxValues: 7,
      window: { seconds: 3600n, nanos: 0 },
      step: { seconds: 900n, nanos: 0 },
      condition: { kind: { case: "value", value: {} }, hysteresis: 0.5 },
    });
    const same = ruleOf(draftOf(kept));
    expect([same.ruleId, same.etag, same.maxValues, same.step?.seconds]).toEqual(["alr_1", "e", 7, 900n]);
    expect(same.condition?.hysteresis).toBe(0.5);
    expect(ruleOf({ ...draftOf(kept), window: 5 }).step).toBeUndefined();
  });
});

describe("limits in a chart", () => {
  it("are drawn where the axis has room for them", () => {
    const limits = chartLimits(base);
    const input = {
      kind: "line" as const,
      buckets: [{ start: 0, end: 60_000, partial: "" as const }],
      series: [{ key: "a", label: "a", color: 1, values: [0.01] }],
      unit: "fraction",
      zone: "UTC",
      width: 400,
      height: 200,
      limits: [...limits, { value: -1, label: "below", tone: "warning" as const }],
    };
    const prepared = prepare(input, 40);
    expect(prepared.limits.map((one) => one.value)).toEqual([0.05, 0.1]);
    expect(prepared.y.high).toBeGreaterThanOrEqual(0.1);
    expect(prepared.limits[0]?.y).toBeGreaterThan(prepared.limits[1]?.y ?? 0);
  });
});

describe("the strip of incidents", () => {
  it("has each where it was, and open ones to the end", () => {
    expect(
      strip(
        [
          { start: 25, end: 50 },
          { start: 90, end: undefined },
        ],
        0,
        100,
      ),
    ).toEqual([
      { x: 0.25, width: 0.25 },
      { x: 0.9, width: 0.09999999999999998 },
    ]);
  });
});
