// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AlertRuleSchema, AlertService } from "@contract/alert_service_pb.js";
import type { AlertRule } from "@contract/alert_service_pb.js";
import { DeliveryService } from "@contract/delivery_service_pb.js";
import { AlertForm } from "../src/pages/AlertForm";
import { draftOf, newDraft } from "../src/pages/alertRules";
import { create, toJson } from "../src/wire";
import { Service, button, choose, click, leave, only, show, signIn, textOf, type, until } from "./service";

const span = (minutes: number): { seconds: bigint } => ({ seconds: BigInt(minutes * 60) });

const STORED = create(AlertRuleSchema, {
  ruleId: "alr_1",
  etag: "e1",
  name: "Slow",
  metric: "avg_response_time_ms",
  window: span(15),
  step: span(1),
  holdFor: span(0),
  delay: span(5),
  condition: { kind: { case: "value", value: {} }, direction: 1, critical: 2000, hysteresis: 0.25 },
  minimumSamples: 20n,
  closeAfter: span(45),
  remindAfter: span(60),
  timeZone: "Asia/Kathmandu",
  muteWindows: [
    { cron: "0 22 * * *", duration: span(480) },
    { cron: "30 6 * * 6", duration: span(100), timeZone: "UTC" },
  ],
});

let service: Service;
let kept: (AlertRule | undefined)[];

async function open(initial = newDraft("error_rate")): Promise<void> {
  await show(<AlertForm initial={initial} stored={(rule) => kept.push(rule)} leave={() => undefined} />);
}

const input = (id: string): HTMLInputElement => only(`#alert-${id}`) as HTMLInputElement;
const menu = (id: string): HTMLSelectElement => only(`#alert-${id}`) as HTMLSelectElement;
const more = (): HTMLDetailsElement => only("details") as HTMLDetailsElement;

async function save(): Promise<void> {
  await click(button("Save"));
}

beforeEach(async () => {
  kept = [];
  service = new Service();
  service.answer(DeliveryService.method.listDestinations, () => ({
    destinations: [{ destinationId: "dst_1", name: "On call" }],
  }));
  service.answer(AlertService.method.testAlertRule, () => ({}));
  service.answer(AlertService.method.createAlertRule, ({ rule }) => (rule === undefined ? {} : { rule }));
  service.answer(AlertService.method.updateAlertRule, ({ rule }) => (rule === undefined ? {} : { rule }));
  await signIn("read", "edit");
});

afterEach(async () => {
  await leave();
  vi.unstubAllGlobals();
});

describe("the form of a rule", () => {
  it("begins with what most rules need, and the rest closed", async () => {
    await open();
    expect(more().open).toBe(false);
    expect(["hysteresis", "samples", "timeZone"].map((id) => input(id).value)).toEqual(["", "", ""]);
    expect(["close", "remind", "delay"].map((id) => textOf(menu(id).selectedOptions[0] ?? null))).toEqual([
      "never",
      "never",
      "10 s",
    ]);
    expect(input("timeZone").placeholder).toBe("Europe/Paris");
    expect(document.querySelectorAll(".mute").length).toBe(0);
    expect(button("Save").disabled).toBe(true);
  });

  it("shows all of a stored rule", async () => {
    await open(draftOf(STORED));
    expect(more().open).toBe(true);
    expect(["name", "critical", "hysteresis", "samples", "timeZone"].map((id) => input(id).value)).toEqual([
      "Slow",
      "2000",
      "0.25",
      "20",
      "Asia/Kathmandu",
    ]);
    expect(["window", "close", "remind", "delay"].map((id) => textOf(menu(id).selectedOptions[0] ?? null))).toEqual([
      "15 min",
      "45 min",
      "1 h",
      "5 min",
    ]);
    const mutes = [...document.querySelectorAll(".mute")].map((one) => [
      ...[...one.querySelectorAll("input")].map(({ value }) => value),
      textOf(one.querySelector("select")?.selectedOptions[0] ?? null),
    ]);
    expect(mutes).toEqual([
      ["0 22 * * *", "", "8 h"],
      ["30 6 * * 6", "UTC", "100 min"],
    ]);
  });

  it("stores a rule that was only looked at as it was", async () => {
    await open(draftOf(STORED));
    await save();
    await until(() => {
      expect(kept.length).toBe(1);
    });
    expect(service.asked(AlertService.method.updateAlertRule)[0]?.rule).toEqual(STORED);
  });

  it("stores what is typed, also a number that begins with 0", async () => {
    await open();
    await type(input("name"), "Errors");
    await type(input("critical"), "0.05");
    await type(input("hysteresis"), "0.01");
    expect(input("hysteresis").value).toBe("0.01");
    await type(input("samples"), "30");
    await choose(menu("close"), "60");
    await choose(menu("remind"), "240");
    await choose(menu("delay"), "1");
    await type(input("timeZone"), "Asia/Tokyo ");
    await click(button("Add a mute window"));
    await type(only(".mute input:not([list])"), "0 20 * * 1-5");
    await choose(only(".mute select"), "720");
    await type(only(".mute input[list]"), "UTC");
    await save();
    await until(() => {
      expect(kept.length).toBe(1);
    });
    const [asked] = service.asked(AlertService.method.createAlertRule);
    expect(toJson(AlertRuleSchema, asked?.rule ?? create(AlertRuleSchema, {}))).toMatchObject({
      name: "Errors",
      condition: { critical: 0.05, hysteresis: 0.01 },
      minimumSamples: "30",
      closeAfter: "3600s",
      remindAfter: "14400s",
      delay: "60s",
      timeZone: "Asia/Tokyo",
      muteWindows: [{ cron: "0 20 * * 1-5", duration: "43200s", timeZone: "UTC" }],
    });
  });

  it("takes things away again", async () => {
    await open(draftOf(STORED));
    for (const id of ["hysteresis", "samples", "timeZone"]) await type(input(id), "");
    await choose(menu("close"), "0");
    await choose(menu("remind"), "0");
    await click(only(".mute:first-child button"));
    await save();
    await until(() => {
      expect(kept.length).toBe(1);
    });
    const rule = service.asked(AlertService.method.updateAlertRule)[0]?.rule;
    expect([rule?.condition?.hysteresis, rule?.minimumSamples, rule?.timeZone]).toEqual([0, 0n, ""]);
    expect([rule?.closeAfter, rule?.remindAfter]).toEqual([undefined, undefined]);
    expect(rule?.muteWindows).toEqual(STORED.muteWindows.slice(1));
  });

  it("offers twenty mute windows and no more", async () => {
    await open();
    for (let n = 0; n < 20; n += 1) await click(button("Add a mute window"));
    expect(document.querySelectorAll(".mute").length).toBe(20);
    expect(button("Add a mute window").disabled).toBe(true);
  });

  it("asks for no samples and no recovery where absence is wrong", async () => {
    await open();
    await choose(menu("kind"), "absence");
    expect(document.querySelectorAll("#alert-hysteresis, #alert-samples, #alert-metric, #alert-critical").length).toBe(
      0,
    );
    await choose(menu("kind"), "change");
    expect([menu("window").value, menu("metric").value]).toEqual(["60", "error_rate"]);
  });

  it("chooses who is told", async () => {
    await open();
    await type(input("name"), "Errors");
    await until(() => {
      expect(textOf(only("label.choice"))).toBe("On call");
    });
    await click(only("label.choice input"));
    await save();
    await until(() => {
      expect(kept[0]?.destinationIds).toEqual(["dst_1"]);
    });
  });
});

describe("what the service finds wrong with a rule", () => {
  it("is beside its field until that is changed, and opens the part that has it", async () => {
    const message = "must be from 5 minutes to 31 days";
    service.refuse(AlertService.method.createAlertRule, {
      code: "invalid_argument",
      message,
      field: "rule.remind_after",
    });
    await open();
    await type(input("name"), "Errors");
    await save();
    await until(() => {
      expect(textOf(only("#alert-remind-problem"))).toBe(message);
      expect(more().open).toBe(true);
    });
    expect(menu("remind").getAttribute("aria-invalid")).toBe("true");
    expect(menu("remind").getAttribute("aria-describedby")).toBe("alert-remind-hint alert-remind-problem");
    expect(textOf(only("[role=alert]"))).toBe(message);
    await choose(menu("remind"), "60");
    expect(document.querySelector("#alert-remind-problem")).toBeNull();
    expect(menu("remind").getAttribute("aria-invalid")).toBe("false");
    expect(kept).toEqual([]);
  });

  it("is beside the mute windows, whichever part of them it is", async () => {
    service.refuse(AlertService.method.updateAlertRule, {
      code: "invalid_argument",
      message: "begins at most once an hour: name one minute",
      field: "rule.mute_windows.cron",
    });
    await open(draftOf(STORED));
    await save();
    await until(() => {
      expect(textOf(only("#alert-mutes-problem"))).toBe("begins at most once an hour: name one minute");
    });
  });

  it("is said below where no field has it", async () => {
    service.refuse(AlertService.method.createAlertRule, {
      code: "resource_exhausted",
      message: "the organization has 500 alert rules",
      reason: "ALERT_RULE_LIMIT",
    });
    await open();
    await type(input("name"), "Errors");
    await save();
    await until(() => {
      expect(textOf(only("[role=alert]"))).toBe("the organization has 500 alert rules");
    });
    expect(document.querySelector("[id$=-problem]")).toBeNull();
  });

  it("is said in other words where somebody was faster", async () => {
    service.refuse(AlertService.method.updateAlertRule, {
      code: "failed_precondition",
      message: "the rule was changed since it was read",
      reason: "ETAG_MISMATCH",
      field: "rule.etag",
    });
    await open(draftOf(STORED));
    await save();
    await until(() => {
      expect(textOf(only("[role=alert]"))).toContain("Somebody has changed the rule meanwhile.");
    });
  });
});
