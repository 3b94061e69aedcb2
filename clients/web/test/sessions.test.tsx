// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AccountService } from "@contract/account_service_pb.js";
import Sessions from "../src/pages/Sessions";
import { session } from "../src/state/session";
import { timestampFromMs } from "../src/wire/timestamps";
import { Service, button, click, leave, only, show, signIn, textOf, until } from "./service";

const { listOwnSessions, revokeOwnSession, revokeOtherSessions } = AccountService.method;
const NOON = Date.UTC(2026, 10, 3, 12);
const HOUR = 3_600_000;

let service: Service;
let kept: string[];

function one(sessionId: string): object {
  return {
    sessionId,
    subject: "user:ada",
    keyId: "k1",
    keyName: sessionId === "phone" ? "" : "shop",
    scopes: ["read", "events"],
    createdAt: timestampFromMs(NOON + HOUR * ["here", "phone", "office"].indexOf(sessionId)),
    expiresAt: timestampFromMs(NOON + 170 * HOUR),
    idleUntil: timestampFromMs(NOON + 24 * HOUR),
    isCurrent: sessionId === "here",
  };
}

beforeEach(async () => {
  kept = ["here", "phone", "office"];
  service = new Service();
  service.answer(listOwnSessions, ({ pageToken }) => ({
    sessions: kept.slice(pageToken === "" ? 0 : 2, pageToken === "" ? 2 : 3).map(one),
    nextPageToken: pageToken === "" && kept.length > 2 ? "more" : "",
  }));
  service.answer(revokeOwnSession, ({ sessionId }) => {
    kept = kept.filter((each) => each !== sessionId);
    return {};
  });
  service.answer(revokeOtherSessions, () => {
    const revokedCount = kept.length - 1;
    kept = ["here"];
    return { revokedCount };
  });
  await signIn("read");
});

afterEach(async () => {
  await leave();
  vi.unstubAllGlobals();
});

const rows = (): string[] => [...document.querySelectorAll("[data-tile=sessions] tbody tr")].map(textOf);

async function listed(number: number): Promise<void> {
  await until(() => {
    expect(rows().length).toBe(number);
  });
}

describe("where somebody is signed in", () => {
  it("says when, with what, and which session is the one that asks", async () => {
    await show(<Sessions />);
    await listed(2);
    expect(rows()[0]).toMatch(/2026.*shop.*read, events.*This session/);
    expect(rows()[1]).toMatch(/k1.*Revoke/);
    expect(document.querySelectorAll("[data-tile=sessions] tbody button").length).toBe(1);
    await click(button("Show more"));
    await listed(3);
  });

  it("ends one session, and then no other is left to end", async () => {
    kept = ["here", "phone"];
    await show(<Sessions />);
    await listed(2);
    await click(only("[data-tile=sessions] tbody button"));
    await listed(1);
    expect(service.asked(revokeOwnSession).map(({ sessionId }) => sessionId)).toEqual(["phone"]);
    expect(document.querySelectorAll("[data-tile=sessions] tbody button").length).toBe(0);
    expect(textOf(only("[data-tile=sessions]"))).not.toContain("Sign out");
  });

  it("signs out everywhere else", async () => {
    await show(<Sessions />);
    await listed(2);
    await click(button("Sign out everywhere else"));
    await listed(1);
    expect(service.asked(revokeOtherSessions).length).toBe(1);
  });

  it("shows why a session could not be ended, and the list as it is", async () => {
    service.refuse(revokeOwnSession, { code: "not_found", message: "it ended long ago", reason: "SESSION_NOT_FOUND" });
    kept = ["here", "phone"];
    await show(<Sessions />);
    await listed(2);
    kept = ["here"];
    await click(only("[data-tile=sessions] tbody button"));
    await listed(1);
    expect(textOf(only("[data-tile=sessions] [role=alert]"))).toContain("it ended long ago");
  });

  it("says that a key is shared by all who sign in with it", async () => {
    await show(<Sessions />);
    await listed(2);
    expect(textOf(only("[data-tile=sessions]"))).not.toContain("signed in with a key");
    await leave();
    if (session.value !== undefined) session.value = { ...session.value, subject: "key:k1" };
    await show(<Sessions />);
    await listed(2);
    expect(textOf(only("[data-tile=sessions]"))).toContain("signed in with a key");
  });
});
