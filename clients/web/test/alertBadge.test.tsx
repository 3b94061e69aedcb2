// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AlertService, WatchAlertsResponseSchema } from "@contract/alert_service_pb.js";
import AlertBadge from "../src/components/AlertBadge";
import { followAlerts, openIncidents } from "../src/live/alerts";
import { useQuestion } from "../src/api/question";
import { create, toBinary } from "../src/wire";
import { Service, leave, only, show, signIn, textOf, until } from "./service";

const { listAlertRules, watchAlerts } = AlertService.method;

let service: Service;
let told: (open: number, states?: { ok?: number; alert?: number }) => void;
let cut: () => void;
let streams: number;
let ended: boolean;

function envelope(data: Uint8Array): Uint8Array {
  const whole = new Uint8Array(5 + data.length);
  new DataView(whole.buffer).setUint32(1, data.length);
  whole.set(data, 5);
  return whole;
}

/** The locks of a browser: whoever asks for a name waits until those before are done with it. */
function locks(): Pick<LockManager, "request"> {
  const last = new Map<string, Promise<unknown>>();
  const request = async (name: string, _: LockOptions, work: () => Promise<unknown>): Promise<unknown> => {
    const mine = (last.get(name) ?? Promise.resolve()).then(work);
    last.set(name, mine);
    return mine;
  };
  return { request: request as LockManager["request"] };
}

beforeEach(async () => {
  Object.defineProperty(navigator, "locks", { configurable: true, value: locks() });
  service = new Service();
  streams = 0;
  ended = false;
  openIncidents.value = undefined;
  service.handle(watchAlerts, (_, signal) => {
    streams += 1;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        told = (open, states = {}) => {
          const state = create(WatchAlertsResponseSchema, { openIncidents: open, ...states });
          controller.enqueue(envelope(toBinary(WatchAlertsResponseSchema, state)));
        };
        cut = () => {
          controller.error(new TypeError("the connection is gone"));
        };
        signal?.addEventListener("abort", () => {
          ended = true;
          controller.error(new TypeError("aborted"));
        });
      },
    });
    return new Response(body as never);
  });
  await signIn("read");
});

afterEach(async () => {
  await leave();
  vi.unstubAllGlobals();
});

async function watched(): Promise<void> {
  await show(<AlertBadge />);
  await until(() => {
    expect(streams).toBe(1);
  });
}

describe("the badge of open incidents", () => {
  it("is not there until some are known, and says how many there are for those who do not see it", async () => {
    await watched();
    expect(document.querySelector("[data-badge]")).toBeNull();
    told(2);
    await until(() => {
      expect(textOf(only("[data-badge]"))).toBe("2 2 open incidents");
    });
    expect(textOf(only("[data-badge] [aria-hidden]"))).toBe("2");
    told(1);
    await until(() => {
      expect(textOf(only("[data-badge] .hidden"))).toBe("1 open incident");
    });
    told(0);
    await until(() => {
      expect(document.querySelector("[data-badge]")).toBeNull();
    });
  });

  it("stays while the stream is cut, and follows the next one", async () => {
    await watched();
    told(3);
    await until(() => {
      expect(textOf(only("[data-badge] [aria-hidden]"))).toBe("3");
    });
    cut();
    await until(() => {
      expect(streams).toBe(2);
    });
    expect(textOf(only("[data-badge] [aria-hidden]"))).toBe("3");
    told(4);
    await until(() => {
      expect(textOf(only("[data-badge] [aria-hidden]"))).toBe("4");
    });
  });

  it("ends its stream with the page", async () => {
    await watched();
    await leave();
    await until(() => {
      expect(ended).toBe(true);
    });
  });

  it("needs one stream for all tabs, of which another one takes over once the first is closed", async () => {
    const close = followAlerts("tabs");
    await until(() => {
      expect(streams).toBe(1);
    });
    told(6);
    await until(() => {
      expect(openIncidents.value).toBe(6);
    });
    openIncidents.value = undefined;
    const closeOther = followAlerts("tabs");
    await until(() => {
      expect([openIncidents.value, streams]).toEqual([6, 1]);
    });
    close();
    await until(() => {
      expect(streams).toBe(2);
    });
    told(7);
    await until(() => {
      expect(openIncidents.value).toBe(7);
    });
    closeOther();
  });

  it("has pages ask anew once something stands otherwise, and not before", async () => {
    let asked = 0;
    service.answer(listAlertRules, () => {
      asked += 1;
      return {};
    });
    function Rules(): null {
      useQuestion(listAlertRules, {});
      return null;
    }
    await show(
      <>
        <AlertBadge />
        <Rules />
      </>,
    );
    await until(() => {
      expect([streams, asked]).toEqual([1, 1]);
    });
    told(1, { ok: 2, alert: 1 });
    await until(() => {
      expect(openIncidents.value).toBe(1);
    });
    const before = asked;
    told(1, { ok: 2, alert: 1 });
    told(5, { ok: 1, alert: 2 });
    await until(() => {
      expect([openIncidents.value, asked]).toEqual([5, before + 1]);
    });
  });
});
