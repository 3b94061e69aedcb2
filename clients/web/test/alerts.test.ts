import { fileURLToPath } from "node:url";
import { ScalarType } from "@bufbuild/protobuf";
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { AlertDirection, AlertObservationSchema, AlertRuleSchema } from "@contract/alert_service_pb.js";
import type { AlertRule } from "@contract/alert_service_pb.js";
import { prepare } from "../src/charts/prepare";
import { fieldOf } from "../src/pages/alertProblems";
import {
  KINDS,
  chartLimits,
  course,
  draftOf,
  isPair,
  limitsOf,
  newDraft,
  newMute,
  ruleOf,
  saysMore,
  strip,
  unitOf,
  whole,
  withKind,
  withMetric,
} from "../src/pages/alertRules";
import type { Draft, Kind } from "../src/pages/alertRules";
import { minutes, spanChoices, spanName } from "../src/pages/alertSpans";
import { create, toBinary } from "../src/wire";
import { timestampFromMs } from "../src/wire/timestamps";
import { fileOf } from "../tools/contract";

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
    ["a recovery and samples", { hysteresis: 0.01, samples: 20 }],
    ["an end, reminders and a delay", { close: 60, remind: 240, delay: 1 }],
    ["a zone and a night", { timeZone: "Asia/Tokyo", mutes: [newMute()] }],
    ["a longer hold", { hold: 15, noData: 2, severity: 3, destinationIds: ["dst_1"] }],
  ];
  it.each(drafts)("come back as the form had them: %s", (_, change) => {
    const draft = { ...base, ...change };
    expect({ ...draftOf(ruleOf(draft)), kept: undefined }).toEqual({ ...draft, kept: undefined });
  });

  it("say more than most where anything is set that the service has a default for", () => {
    expect([base, { ...base, samples: 1 }].map(saysMore)).toEqual([false, false]);
    const changes: Partial<Draft>[] = [
      { hysteresis: 0.1 },
      { samples: 2 },
      { close: 5 },
      { remind: 5 },
      { delay: 0 },
      { mutes: [newMute()] },
      { timeZone: "UTC" },
    ];
    expect(changes.map((one) => saysMore({ ...base, ...one }))).toEqual(changes.map(() => true));
  });

  it("have no limits and no metric where absence is wrong", () => {
    const rule = ruleOf({ ...base, kind: "absence" });
    expect([rule.metric, rule.condition?.critical, rule.condition?.direction]).toEqual(["", undefined, 0]);
  });

  it("leave out lower limits on one side", () => {
    expect(limitsOf({ ...base, limits: { critical: 5, lowCritical: 1 } })).toEqual({ critical: 5 });
  });

  it("leave the step to the service once the window or the condition is another one", () => {
    const kept = stored("value");
    expect(ruleOf(draftOf(kept)).step).toEqual(kept.step);
    expect(ruleOf({ ...draftOf(kept), window: 5 }).step).toBeUndefined();
    expect(ruleOf({ ...draftOf(kept), kind: "change" }).step).toBeUndefined();
  });
});

/** Gives every field of a message a value that it does not have by itself, also those that the contract gets one day. */
function filledIn(desc: DescMessage): Record<string, unknown> {
  const value = (field: DescField): unknown => {
    if (field.message?.typeName === "google.protobuf.Duration") return { seconds: 5401n, nanos: 250_000_000 };
    if (field.message?.typeName === "google.protobuf.Timestamp") return { seconds: 1_800_000_000n, nanos: 5 };
    if (field.message !== undefined) return filledIn(field.message);
    if (field.enum !== undefined) return 2;
    if (field.scalar === ScalarType.STRING) return `a ${field.name}`;
    if (field.scalar === ScalarType.BOOL) return true;
    if (field.scalar === ScalarType.INT64) return 2n ** 53n + 1n;
    return field.scalar === ScalarType.DOUBLE ? 1.25 : 7;
  };
  return Object.fromEntries(
    desc.fields
      .filter((field) => field.oneof === undefined)
      .map((field) => [field.localName, field.fieldKind === "list" ? [value(field), value(field)] : value(field)]),
  );
}

const CONTRACT = fileOf(
  fileURLToPath(new URL("../../typescript/src/gen/tallywire/v1/alert_service_pb.ts", import.meta.url)),
);

function descriptor(name: string): DescMessage {
  const found = CONTRACT.messages.find((one) => one.name === name);
  if (found === undefined) throw new Error(`the contract has no ${name}`);
  return found;
}

/** Returns a rule as the service may have stored it, with everything that goes with a kind of condition. */
function stored(kind: Kind): AlertRule {
  const field = descriptor("AlertCondition").fields.find((one) => one.localName === kind);
  const condition = {
    ...filledIn(descriptor("AlertCondition")),
    kind: { case: kind, value: field?.message === undefined ? {} : filledIn(field.message) },
    direction: kind === "budget" ? AlertDirection.ABOVE : AlertDirection.OUTSIDE,
  };
  const without = {
    absence: { direction: 0, hysteresis: 0, warning: undefined, critical: undefined },
    budget: {},
  }[kind as string];
  const sides = kind === "absence" || kind === "budget" ? { lowWarning: undefined, lowCritical: undefined } : {};
  return create(AlertRuleSchema, {
    ...filledIn(descriptor("AlertRule")),
    ...(kind === "absence" ? { metric: "" } : {}),
    condition: { ...condition, ...without, ...sides },
  });
}

const bytes = (rule: AlertRule): number[] => [...toBinary(AlertRuleSchema, rule)];

describe("a stored rule that was opened and stored again", () => {
  it.each(KINDS)("is what it was, with every field of the contract: %s", (kind) => {
    const rule = stored(kind);
    expect(ruleOf(draftOf(rule))).toEqual(rule);
    expect(bytes(ruleOf(draftOf(rule)))).toEqual(bytes(rule));
  });

  it("is what it was where it has next to nothing", () => {
    const rule = create(AlertRuleSchema, {
      name: "a",
      metric: "events",
      window: { seconds: 60n },
      condition: { kind: { case: "value", value: {} }, direction: 1, critical: 0 },
    });
    expect(bytes(ruleOf(draftOf(rule)))).toEqual(bytes(rule));
  });

  it.each([
    ["an agent", { agentId: "bot" }],
    ["a team", { teamId: "night" }],
    ["a topic", { dimensions: [{ dimension: "topic", value: "refund" }] }],
    ["a channel and a topic", { channel: "web", dimensions: [{ dimension: "topic", value: "refund" }] }],
  ])("is of the part that it was of: %s", (_, filter) => {
    const rule = create(AlertRuleSchema, { ...stored("value"), $typeName: undefined, groupBy: "", filter } as never);
    const draft = draftOf(rule);
    expect(bytes(ruleOf(draft))).toEqual(bytes(rule));
    expect(isPair(draft)).toBe(Object.keys(filter).length > 1);
  });

  it.each(KINDS)("keeps what a newer service has added: %s", (kind) => {
    const rule = stored(kind);
    // Field 999 with one byte of text, in the rule, the condition, what it compares, and a mute window.
    const unknown = [Uint8Array.of(0xba, 0x3e, 0x01, 0x78)];
    const { condition, muteWindows } = rule;
    for (const one of [rule, condition, condition?.kind.value, muteWindows[0]])
      Object.assign(one ?? {}, { $unknown: unknown });
    expect(bytes(ruleOf(draftOf(rule)))).toEqual(bytes(rule));
  });
});

describe("a change in the form", () => {
  const rule = stored("value");
  const changes: [keyof Draft, Partial<Draft>, Record<string, unknown>][] = [
    ["name", { name: "b" }, { name: "b" }],
    ["description", { description: "b" }, { description: "b" }],
    ["metric", { metric: "events" }, { metric: "events" }],
    ["dimension", { dimension: "channel" }, { groupBy: "channel", filter: undefined }],
    ["hold", { hold: 5 }, { holdFor: minutes(5) }],
    ["hold", { hold: 0 }, { holdFor: undefined }],
    ["samples", { samples: 3 }, { minimumSamples: 3n }],
    ["samples", { samples: 0 }, { minimumSamples: 0n }],
    ["noData", { noData: 3 }, { noData: 3 }],
    ["close", { close: 15 }, { closeAfter: minutes(15) }],
    ["close", { close: 0 }, { closeAfter: undefined }],
    ["remind", { remind: 30 }, { remindAfter: minutes(30) }],
    ["remind", { remind: 0 }, { remindAfter: undefined }],
    ["delay", { delay: 0 }, { delay: minutes(0) }],
    ["delay", { delay: 10 / 60 }, { delay: undefined }],
    ["severity", { severity: 3 }, { severity: 3 }],
    ["runbookUrl", { runbookUrl: "" }, { runbookUrl: "" }],
    ["destinationIds", { destinationIds: [] }, { destinationIds: [] }],
    ["mutes", { mutes: [] }, { muteWindows: [] }],
    ["mutes", { mutes: [newMute()] }, { muteWindows: [newMute()] }],
    ["timeZone", { timeZone: "UTC" }, { timeZone: "UTC" }],
    ["hysteresis", { hysteresis: 2 }, { condition: { ...rule.condition, hysteresis: 2 } }],
    [
      "direction",
      { direction: 2 },
      { condition: { ...rule.condition, direction: 2, lowWarning: undefined, lowCritical: undefined } },
    ],
    [
      "limits",
      { limits: {} },
      {
        condition: {
          ...rule.condition,
          warning: undefined,
          critical: undefined,
          lowWarning: undefined,
          lowCritical: undefined,
        },
      },
    ],
  ];
  it.each(changes)("of %s changes that and nothing else: %o", (_, change, expected) => {
    expect(ruleOf({ ...draftOf(rule), ...change })).toEqual({ ...rule, ...expected });
  });

  it("of the condition takes along what has another unit or another meaning then", () => {
    const draft: Draft = { ...base, hysteresis: 0.5, samples: 10, window: 5 };
    expect(withKind(draft, "change")).toMatchObject({ hysteresis: 0, window: 60 });
    expect(withKind(draft, "absence")).toMatchObject({ hysteresis: 0, samples: 0 });
    expect(withKind({ ...draft, metric: "" }, "value").metric).toBe("events");
    expect(withKind({ ...draftOf(rule), kind: "change" }, "value").hysteresis).toBe(rule.condition?.hysteresis);
  });

  it("of the metric leaves a sample that rates need to the service", () => {
    expect(withMetric({ ...base, samples: 1 }, "events")).toEqual({ metric: "events", samples: 0 });
    expect(withMetric({ ...base, samples: 20 }, "events")).toEqual({ metric: "events", samples: 20 });
  });
});

describe("numbers of samples", () => {
  it("are whole and not negative, whatever is typed", () => {
    expect([12, 12.7, -3, NaN, Infinity, 2 ** 60].map(whole)).toEqual([12, 12, 0, 0, 0, 0]);
  });
});

describe("spans", () => {
  it("are named in the largest unit of which they are a whole number", () => {
    const named = [10 / 60, 0.5, 1, 45, 60, 90, 100, 180, 1440, 1500, 10_080].map(spanName);
    expect(named.join(", ")).toBe("10 s, 30 s, 1 min, 45 min, 1 h, 90 min, 100 min, 3 h, 1 d, 25 h, 7 d");
  });

  it("are offered with the one that a rule has, in order", () => {
    expect(spanChoices([0, 15, 60], 30, "never").map(([, name]) => name)).toEqual(["never", "15 min", "30 min", "1 h"]);
    expect(spanChoices([0, 15], 15).map(([, name]) => name)).toEqual(["at once", "15 min"]);
  });
});

describe("what is wrong", () => {
  it.each([
    ["rule.name", "name"],
    ["rule.mute_windows", "mutes"],
    ["rule.mute_windows.cron", "mutes"],
    ["rule.mute_windows.time_zone", "mutes"],
    ["rule.time_zone", "timeZone"],
    ["rule.condition", "kind"],
    ["rule.condition.hysteresis", "hysteresis"],
    ["rule.condition.forecast", "kind"],
    ["rule.condition.forecast.within", "within"],
    ["rule.filter.dimensions.value", "value"],
    ["rule.step", "window"],
    ["rule.etag", undefined],
    ["rule.toString", undefined],
    ["rule", undefined],
    ["rule_id", undefined],
    ["time_range.start", undefined],
    ["", undefined],
  ])("is beside the field of %s: %s", (path, id) => {
    expect(fieldOf(path)).toBe(id);
  });

  it("has a field for whatever people set in a rule", () => {
    const set = [
      "rule_id",
      "disabled",
      "owner",
      "version",
      "etag",
      "created_at",
      "updated_at",
      "updated_by",
      "snoozed_until",
      "restriction",
    ];
    const missing = descriptor("AlertRule").fields.filter(({ name }) => fieldOf(`rule.${name}`) === undefined);
    expect(missing.map(({ name }) => name)).toEqual(set);
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

describe("the course of a rule", () => {
  const at = (minute: number): { windowEnd: ReturnType<typeof timestampFromMs> } => ({
    windowEnd: timestampFromMs(minute * 60_000),
  });
  const observations = [
    create(AlertObservationSchema, { ...at(5), figure: 10, measured: 50 }),
    create(AlertObservationSchema, { ...at(10), figure: 0 }),
    create(AlertObservationSchema, at(15)),
  ];

  it("has what is compared, as wide as a step, and a gap where there was nothing", () => {
    const { buckets, values } = course(base, observations);
    expect(buckets.map((one) => [one.start / 60_000, one.end / 60_000])).toEqual([
      [0, 5],
      [5, 10],
      [10, 15],
    ]);
    expect(values).toEqual([50, null, null]);
  });

  it("has the figure where the axis has no place for limits", () => {
    for (const kind of ["change", "anomaly"] as const) {
      expect(course({ ...base, kind }, observations).values).toEqual([10, 0, null]);
      expect(chartLimits({ ...base, kind })).toEqual([]);
    }
  });

  it("is a minute wide with one window, and nothing without any", () => {
    expect(course(base, observations.slice(0, 1)).buckets.map((one) => one.end - one.start)).toEqual([60_000]);
    expect(course(base, [])).toEqual({ buckets: [], values: [] });
  });

  it("has the unit of what is compared", () => {
    const units = (["value", "forecast", "budget", "absence"] as const).map((kind) => unitOf({ ...base, kind }));
    expect(units).toEqual(["fraction", "fraction", "fraction", "1"]);
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
