// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AlertService, IncidentEntryKind } from "@contract/alert_service_pb.js";
import { Incidents } from "../src/pages/Incidents";
import { param, setParams } from "../src/state/address";
import { timestampFromMs } from "../src/wire/timestamps";
import { Service, button, click, leave, only, show, signIn, textOf, type, until } from "./service";

const { listIncidents, getIncident, commentIncident, acknowledgeIncident } = AlertService.method;
const NOON = Date.UTC(2026, 10, 3, 12);
const HOUR = 3_600_000;

let service: Service;
/** Incidents of each test have ids of their own, so that no answer of another test is at hand. */
let id: string;
let tests = 0;
let entries: {
  number: number;
  kind: IncidentEntryKind;
  text?: string;
  by?: string;
  restated?: boolean;
  muted?: boolean;
}[];
let acknowledgedBy: string;

beforeEach(() => {
  tests += 1;
  id = `inc_${String(tests)}`;
  entries = [{ number: 1, kind: IncidentEntryKind.OPENED, text: "0.3 is above 0.2" }];
  acknowledgedBy = "";
  service = new Service();
  const incident = (): object => ({
    incidentId: id,
    ruleName: "Errors",
    value: "bot",
    state: 3,
    worst: 3,
    openedAt: timestampFromMs(NOON),
    reason: "0.3 is above 0.2",
    acknowledgedBy,
  });
  const ended = { closedAt: timestampFromMs(NOON + HOUR), closeReason: 4, state: 1, acknowledgedBy: "" };
  service.answer(listIncidents, () => ({
    incidents: [incident(), { ...incident(), ...ended, incidentId: "inc_0", value: "clerk" }],
  }));
  service.answer(getIncident, () => ({ incident: incident(), entries }));
  service.answer(commentIncident, ({ text }) => {
    entries = [...entries, { number: entries.length + 1, kind: IncidentEntryKind.COMMENTED, text, by: "ann" }];
    return {};
  });
  service.answer(acknowledgeIncident, ({ comment }) => {
    acknowledgedBy = "ann";
    entries = [...entries, { number: entries.length + 1, kind: IncidentEntryKind.ACKNOWLEDGED, text: comment }];
    return {};
  });
});

afterEach(async () => {
  setParams({ incident: undefined });
  await leave();
  vi.unstubAllGlobals();
});

async function list(): Promise<void> {
  await show(<Incidents ruleId={`rule of ${id}`} />);
  await until(() => {
    expect(document.querySelectorAll("[data-tile=incidents] tbody tr").length).toBe(2);
  });
}

async function opened(): Promise<void> {
  await list();
  await click(button("Errors bot"));
  await until(() => {
    expect(document.querySelectorAll(".timeline li").length).toBeGreaterThan(0);
  });
}

const drawer = (): HTMLDialogElement => only("dialog") as HTMLDialogElement;
const comment = (): HTMLTextAreaElement => only("#incident-comment") as HTMLTextAreaElement;
const kinds = (): string[] => [...document.querySelectorAll(".timeline li b")].map(textOf);

describe("the list of incidents", () => {
  it("says how each stands, when it began, and how it ended", async () => {
    await signIn("read");
    await list();
    const rows = [...document.querySelectorAll("[data-tile=incidents] tbody tr")].map(textOf);
    expect(rows[0]).toMatch(/Errors bot ?Alert.*open/);
    expect(rows[1]).toMatch(/Errors clerk ?OK.*late events: nothing was wrong/);
    expect(service.asked(listIncidents)[0]?.ruleId).toBe(`rule of ${id}`);
  });

  it("says that there is none", async () => {
    await signIn("read");
    service.answer(listIncidents, () => ({}));
    await show(<Incidents ruleId={`rule of ${id}`} />);
    await until(() => {
      expect(textOf(only("[data-tile=incidents]"))).toContain("No incident.");
    });
  });

  it("says why it cannot be shown", async () => {
    await signIn("read");
    service.refuse(listIncidents, { code: "permission_denied", message: "this key may not read" });
    await show(<Incidents ruleId={`rule of ${id}`} />);
    await until(() => {
      expect(textOf(only("[data-tile=incidents]"))).toContain("this key may not read");
    });
  });
});

describe("an incident", () => {
  it("is opened from the list, is in the address, and is closed", async () => {
    await signIn("read");
    await opened();
    expect(param("incident")).toBe(id);
    expect(drawer().open).toBe(true);
    expect(textOf(only("dialog"))).toContain("Alert 0.3 is above 0.2");
    await click(button("Close"));
    await until(() => {
      expect([param("incident"), drawer().open]).toEqual(["", false]);
    });
  });

  it("has a timeline that says who has done what, and what was late or muted", async () => {
    await signIn("read");
    entries = [
      { number: 1, kind: IncidentEntryKind.OPENED, text: "0.3 is above 0.2", muted: true },
      { number: 2, kind: IncidentEntryKind.UNMUTED },
      { number: 3, kind: IncidentEntryKind.REMINDED },
      { number: 4, kind: IncidentEntryKind.ACKNOWLEDGED, by: "ann", text: "on it" },
      { number: 5, kind: IncidentEntryKind.CHANGED, restated: true },
      { number: 6, kind: IncidentEntryKind.CLOSED },
    ];
    await opened();
    expect(kinds()).toEqual(["Began", "Told after it was muted", "Reminded", "Acknowledged", "Changed", "Ended"]);
    const said = [...document.querySelectorAll(".timeline li")].map(textOf);
    expect(said[0]).toContain("nobody was told");
    expect(said[3]).toMatch(/ann.*on it/);
    expect(said[4]).toContain("late events");
    expect(said.filter((one) => one.includes("nobody was told")).length).toBe(1);
  });

  it("is commented and acknowledged, which its timeline shows", async () => {
    await signIn("read", "edit");
    await opened();
    expect(button("Add").disabled).toBe(true);
    await type(only("#incident-comment"), "It was the model");
    await click(button("Add"));
    await until(() => {
      expect(kinds()).toEqual(["Began", "Comment"]);
    });
    expect(service.asked(commentIncident)).toMatchObject([{ incidentId: id, text: "It was the model" }]);
    expect(comment().value).toBe("");
    await type(only("#incident-comment"), "Rolled back");
    await click(button("I am on it"));
    await until(() => {
      expect(kinds()).toEqual(["Began", "Comment", "Acknowledged"]);
      expect(textOf(only("dialog"))).toContain("ann is on it");
    });
    expect(service.asked(acknowledgeIncident)).toMatchObject([{ incidentId: id, comment: "Rolled back" }]);
    expect([...document.querySelectorAll("button")].map(textOf)).not.toContain("I am on it");
  });

  it("keeps what was typed where it could not be added, and says why", async () => {
    await signIn("read", "edit");
    service.refuse(commentIncident, { code: "resource_exhausted", message: "200 comments are the most" });
    await opened();
    await type(only("#incident-comment"), "One more");
    await click(button("Add"));
    await until(() => {
      expect(textOf(only("dialog [role=alert]"))).toBe("200 comments are the most");
    });
    expect(comment().value).toBe("One more");
  });

  it("is only looked at by those who may not edit", async () => {
    await signIn("read");
    await opened();
    expect(document.querySelector("#incident-comment")).toBeNull();
  });
});
