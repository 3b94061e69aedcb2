// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AlertService } from "@contract/alert_service_pb.js";
import type { TestAlertRuleRequest } from "@contract/alert_service_pb.js";
import { AlertBacktest, AlertCourse } from "../src/pages/AlertPreview";
import { newDraft, newMute } from "../src/pages/alertRules";
import type { Draft } from "../src/pages/alertRules";
import { timestampFromMs } from "../src/wire/timestamps";
import { Service, button, choose, click, leave, only, show, signIn, textOf, until } from "./service";

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

const { testAlertRule, backtestAlertRule } = AlertService.method;
let service: Service;
/** Drafts of each test are of its own metric, so that no answer of another test is at hand. */
let base: Draft;
let tests = 0;

beforeEach(async () => {
  service = new Service();
  tests += 1;
  base = { ...newDraft(`metric_${String(tests)}`), name: "Errors", limits: { critical: 0.1 } };
  await signIn("read");
});

afterEach(async () => {
  await leave();
  vi.unstubAllGlobals();
});

function observed(reason: string): { windowEnd: ReturnType<typeof timestampFromMs>; figure: number; reason: string } {
  return { windowEnd: timestampFromMs(5 * MINUTE), figure: 0.2, reason };
}

function asked(): TestAlertRuleRequest[] {
  return service.asked(testAlertRule);
}

async function shown(draft: Draft): Promise<void> {
  await show(<AlertCourse draft={draft} />);
  await until(() => {
    expect(document.querySelector("[aria-busy=true]")).toBeNull();
  });
}

/** Waits until what was typed has been asked for. A later change of the window says that nothing else was. */
async function changed(draft: Draft): Promise<void> {
  await show(<AlertCourse draft={draft} />);
  await show(<AlertCourse draft={{ ...draft, window: 15 }} />);
  await until(() => {
    expect(asked().at(-1)?.rule?.window?.seconds).toBe(900n);
  });
}

describe("the course of a rule", () => {
  it("is asked for as if its limit were never reached while it has none", async () => {
    service.answer(testAlertRule, () => ({ values: [{ state: 1, observations: [observed("0.2 is fine")] }] }));
    await shown({ ...base, name: "", limits: {} });
    expect(textOf(only("[data-tile=alert-course]"))).toContain("Now: OK. 0.2 is fine");
    const [first] = asked();
    expect([first?.rule?.name, first?.rule?.condition?.critical]).toEqual(["-", 1e300]);
  });

  it("is not asked for anew where texts, receivers and mute windows change", async () => {
    service.answer(testAlertRule, () => ({}));
    await shown(base);
    expect(textOf(only("[data-tile=alert-course]"))).toContain("Nothing");
    await show(<AlertCourse draft={{ ...base, description: "Look", runbookUrl: "htt", remind: 30 }} />);
    await changed({ ...base, name: "E", destinationIds: ["dst_1"], mutes: [{ ...newMute(), cron: "0 2" }] });
    expect(asked().length).toBe(2);
  });

  it("goes by the organization's zone while another one is typed", async () => {
    service.answer(testAlertRule, () => ({}));
    await shown({ ...base, timeZone: "Asia/Tok" });
    expect(asked()[0]?.rule?.timeZone).toBe("");
    await show(<AlertCourse draft={{ ...base, timeZone: "Asia/Tokyo" }} />);
    await until(() => {
      expect(asked().at(-1)?.rule?.timeZone).toBe("Asia/Tokyo");
    });
  });

  it("shows the value that somebody chooses, the worst one first", async () => {
    service.answer(testAlertRule, () => ({
      values: [
        { value: "bot", state: 3, observations: [observed("0.2 is above 0.1")] },
        { value: "clerk", state: 1, observations: [observed("0.05 is fine")] },
      ],
    }));
    await shown({ ...base, how: "each", dimension: "agent" });
    expect(textOf(only("[data-tile=alert-course]"))).toContain("Now: Alert. 0.2 is above 0.1");
    await choose(only("select[aria-label=Value]"), "clerk");
    expect(textOf(only("[data-tile=alert-course]"))).toContain("Now: OK. 0.05 is fine");
  });

  it("says why it cannot be shown", async () => {
    service.refuse(testAlertRule, { code: "invalid_argument", message: "no such metric", field: "rule.metric" });
    await shown(base);
    expect(textOf(only("[data-tile=alert-course]"))).toContain("no such metric");
  });
});

describe("trying a rule on the past", () => {
  const TRY = "Try on 90 days";

  it("asks for the whole rule and for 90 days, and shows what there would have been", async () => {
    const now = Date.now();
    service.answer(backtestAlertRule, () => ({
      totalIncidents: 3,
      openTime: { seconds: 7200n },
      incidents: [
        { openedAt: timestampFromMs(now - 45 * DAY), closedAt: timestampFromMs(now - 36 * DAY) },
        { openedAt: timestampFromMs(now - 9 * DAY) },
      ],
    }));
    await show(<AlertBacktest draft={{ ...base, name: "", samples: 5, mutes: [newMute()] }} />);
    await click(button(TRY));
    await until(() => {
      expect(textOf(only("[data-backtest]"))).toBe("It would have fired 3 times in 90 days. Open for 2 h in all.");
    });
    const [request] = service.asked(backtestAlertRule);
    expect([request?.rule?.name, request?.rule?.minimumSamples, request?.rule?.muteWindows.length]).toEqual([
      "-",
      5n,
      1,
    ]);
    const { start, end } = request?.timeRange ?? {};
    expect(Number((end?.seconds ?? 0n) - (start?.seconds ?? 0n))).toBe(90 * 86_400);
    const bars = [...document.querySelectorAll(".incident-strip rect")];
    const places = bars.map((one) => ["x", "width"].map((name) => Math.round(Number(one.getAttribute(name)))));
    expect(places).toEqual([
      [500, 100],
      [900, 100],
    ]);
    expect(only(".incident-strip").getAttribute("aria-label")).toBe("Incidents there would have been");
  });

  it("says that it would have fired once", async () => {
    service.answer(backtestAlertRule, () => ({ totalIncidents: 1 }));
    await show(<AlertBacktest draft={base} />);
    await click(button(TRY));
    await until(() => {
      expect(textOf(only("[data-backtest]"))).toContain("It would have fired once in 90 days.");
    });
  });

  it("can be done once at a time, and says why it failed in place of what it found before", async () => {
    service.answer(backtestAlertRule, () => ({ totalIncidents: 2 }));
    await show(<AlertBacktest draft={base} />);
    await click(button(TRY));
    await until(() => {
      expect(document.querySelectorAll("[data-backtest]").length).toBe(1);
      expect(button(TRY).disabled).toBe(false);
    });
    service.refuse(backtestAlertRule, {
      code: "failed_precondition",
      message: "raw events are kept for 30 days",
      reason: "RAW_EVENTS_GONE",
    });
    const again = button(TRY);
    again.click();
    await until(() => {
      expect(textOf(only(".bad"))).toBe("raw events are kept for 30 days");
    });
    expect(document.querySelectorAll("[data-backtest]").length).toBe(0);
    await until(() => {
      expect(button(TRY).disabled).toBe(false);
    });
  });
});
