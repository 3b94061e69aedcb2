// @vitest-environment happy-dom
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RestrictionSchema } from "@contract/answer_pb.js";
import { DeliveryService } from "@contract/delivery_service_pb.js";
import { Restricted, partOf } from "../src/components/Restricted";
import { ChooseRecipients } from "../src/pages/Recipients";
import { session } from "../src/state/session";
import { create } from "../src/wire";
import { Service, leave, only, show, signIn, textOf, until } from "./service";

const SALES = create(RestrictionSchema, { dimension: "team", values: ["sales", "support"] });

beforeEach(() => {
  const service = new Service();
  service.answer(DeliveryService.method.listDestinations, () => ({
    destinations: [
      { destinationId: "ops", name: "Ops", target: { case: "mail" as const, value: { addresses: ["a@b.c"] } } },
    ],
  }));
});

afterEach(leave);

async function chooser(): Promise<void> {
  await show(<ChooseRecipients ids={[]} choose={() => undefined} />);
}

describe("a part of the organization", () => {
  it("is told in words", async () => {
    expect(partOf(SALES)).toBe("Restricted to Team sales, support");
    await show(<Restricted to={SALES} />);
    expect(textOf(only(".restricted"))).toBe(partOf(SALES));
  });

  it("is nothing for the whole", async () => {
    expect(partOf(undefined)).toBe("");
    await show(<Restricted to={undefined} />);
    expect(document.querySelector(".restricted")).toBeNull();
  });

  it("comes without destinations, which are the whole organization's", async () => {
    await signIn("read", "edit");
    await chooser();
    await until(() => {
      expect(textOf(document.body)).toContain("Ops");
    });
    await leave();
    await act(() => {
      if (session.value !== undefined) session.value = { ...session.value, restriction: SALES };
    });
    await chooser();
    expect(textOf(document.body)).toBe("Destinations are shown to those who see the whole organization.");
  });
});
