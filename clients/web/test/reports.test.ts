import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { reportBounds } from "../src/reports/periods";
import { cronOf, nextRuns } from "../src/reports/schedules";

interface Calendar {
  periods: [string, string, string, string, number, number, number, [number, number] | null][];
  schedules: [string, string, string, string, number[]][];
  no_schedules: string[];
}

const calendar = JSON.parse(
  readFileSync(new URL("report_calendar.json", import.meta.url), "utf8"),
) as unknown as Calendar;

describe("the days of a report", () => {
  it("are those of the service, for each period and comparison", () => {
    expect(calendar.periods.length).toBeGreaterThan(70);
    for (const [range, comparison, zone, at, weekStart, start, end, earlier] of calendar.periods) {
      const found = reportBounds(range, comparison, zone, Date.parse(at), weekStart);
      const compared = earlier === null ? undefined : { start: earlier[0], end: earlier[1] };
      expect(found, `${range} ${comparison} ${zone} ${at}`).toEqual({ start, end, earlier: compared });
    }
  });

  it("are none for names that mean nothing", () => {
    expect(reportBounds("last_week", "", "UTC", 0, 1)).toBeUndefined();
    expect(reportBounds("", "before", "UTC", 0, 1)).toBeUndefined();
    expect(reportBounds("2026-02-30..2026-03-01", "", "UTC", 0, 1)).toBeUndefined();
  });
});

describe("the next runs of a schedule", () => {
  it("are those of the service, around changes of the clocks in several zones", () => {
    for (const [said, zone, after, cron, times] of calendar.schedules) {
      expect(cronOf(said), said).toBe(cron);
      expect(nextRuns(said, zone, Date.parse(after)), `${said} ${zone} ${after}`).toEqual(times);
    }
  });

  it("are none of what the service refuses", () => {
    for (const said of calendar.no_schedules) expect(nextRuns(said, "UTC", 0), said).toBeUndefined();
  });
});
