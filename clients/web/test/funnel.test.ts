/** Funnels that are edited: the draft in the address, and its steps. */
import { describe, expect, it } from "vitest";
import { FunnelEntity } from "@contract/funnel_service_pb.js";
import {
  askable,
  changeStep,
  draftOf,
  draftText,
  moveStep,
  standardFunnel,
  versionOf,
  windowOf,
  withStep,
  withWindow,
  withoutStep,
} from "../src/pages/funnelDraft";

const types = (draft: ReturnType<typeof standardFunnel>): string[] => draft.stages.map((one) => one.eventType);

describe("a draft", () => {
  it("comes out of the address as it went in", () => {
    const draft = withWindow(standardFunnel(), 2, 3_600);
    draft.entity = FunnelEntity.USER;
    expect(draftOf(draftText(draft))).toEqual(draft);
  });

  it("is none where the address has something else", () => {
    expect([draftOf(""), draftOf("{"), draftOf('{"stages": 1}'), draftOf("7")]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("moves its steps, and no further than to the ends", () => {
    const draft = standardFunnel();
    expect(types(moveStep(draft, 2, 0))).toEqual(["lead.converted", "lead.created", "lead.contacted"]);
    expect(types(moveStep(draft, 0, 9))).toEqual(["lead.contacted", "lead.converted", "lead.created"]);
    expect(types(moveStep(draft, 0, -1))).toEqual(types(draft));
  });

  it("is asked without the steps that are still empty, and not with fewer than two", () => {
    const draft = withStep(standardFunnel());
    expect(askable(draft)?.stages).toHaveLength(3);
    expect(askable(withoutStep(withoutStep(draft, 0), 0))).toBeUndefined();
    expect(draft.stages).toHaveLength(4);
  });

  it("changes one step and leaves the draft before as it was", () => {
    const draft = standardFunnel();
    const next = changeStep(draft, 1, (stage) => {
      stage.eventType = "lead.qualified";
    });
    expect(types(next)).toEqual(["lead.created", "lead.qualified", "lead.converted"]);
    expect(types(draft)[1]).toBe("lead.contacted");
  });
});

describe("a window", () => {
  it.each([
    [90, 1, { amount: 90, unit: 1 }],
    [90, 60, { amount: 90, unit: 60 }],
    [48, 3_600, { amount: 2, unit: 86_400 }],
    [1.5, 60, { amount: 90, unit: 1 }],
  ])("of %d × %d s is shown in the largest unit that it is whole in", (amount, unit, shown) => {
    expect(windowOf(withWindow(standardFunnel(), amount, unit))).toEqual(shown);
  });

  it("is 30 days where none is set", () => {
    expect(windowOf(standardFunnel())).toEqual({ amount: 30, unit: 86_400 });
  });
});

describe("a version", () => {
  it("tells two funnels apart that were saved in the same second", () => {
    const at = (nanos: number): string =>
      versionOf({ $typeName: "google.protobuf.Timestamp", seconds: 1_790_000_000n, nanos });
    expect(at(1_000)).not.toBe(at(2_000));
    expect(versionOf(undefined)).toBe("");
  });
});
