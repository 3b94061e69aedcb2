import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { addDays, dayOf, firstOfMonth, isDay, isZone, startOfDay } from "../src/state/zone";

// Each line: zone, day, and the first instant of the day as Python's zoneinfo has it, in seconds since 1970.
const FIXTURE = readFileSync(new URL("./zones.tsv", import.meta.url), "utf8")
  .trim()
  .split("\n");

describe("days of time zones", () => {
  it("begin when zoneinfo says they do, in every zone and on every change of the clocks", () => {
    const wrong = FIXTURE.filter((line) => {
      const [zone = "", day = "", seconds = ""] = line.split("\t");
      return startOfDay(day, zone) !== Number(seconds) * 1000;
    });
    expect(FIXTURE.length).toBeGreaterThan(3000);
    expect(wrong).toEqual([]);
  });

  it("are named by the wall of the zone", () => {
    expect(dayOf(Date.parse("2026-11-27T23:30:00Z"), "Europe/Paris")).toBe("2026-11-28");
    expect(dayOf(Date.parse("2026-11-28T04:30:00Z"), "America/New_York")).toBe("2026-11-27");
  });

  it("are counted on the calendar", () => {
    expect(addDays("2026-10-31", 1)).toBe("2026-11-01");
    expect(firstOfMonth("2026-01-31", -1)).toBe("2025-12-01");
    expect(isDay("2026-02-29")).toBe(false);
    expect(isDay("2028-02-29")).toBe(true);
    expect(isZone("Europe/Paris")).toBe(true);
    expect(isZone("+02:00")).toBe(false);
    expect(isZone("Nowhere/Land")).toBe(false);
  });
});
