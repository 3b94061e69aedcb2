import { beforeEach, describe, expect, it } from "vitest";
import { csv, csvCell, fileName, isoInstant } from "../src/csv";
import { ABSENT, changed, figure, isBetter, money, percent, shown } from "../src/format";
import { metricInfo } from "../src/contract";
import { bucketName } from "../src/charts/labels";
import { chooseLanguage } from "../src/text";

beforeEach(async () => {
  await chooseLanguage("en-GB", []);
});

describe("figures", () => {
  it("are a dash where they are absent, and 0 where they are 0", () => {
    expect(figure(undefined, "1")).toBe(ABSENT);
    expect(figure(null, "ms")).toBe(ABSENT);
    expect(figure(0, "1")).toBe("0");
    expect(figure(0, "fraction")).toBe("0.0%");
  });

  it("have their unit", () => {
    expect(figure(1_750, "ms")).toBe("1.75 s");
    expect(figure(596, "ms")).toBe("596 ms");
    expect(figure(146_400, "ms")).toBe("2.44 min");
    expect(figure(1536, "By")).toBe("1.5 KiB");
    expect(figure(3.97, "rating")).toBe("3.97 / 5");
    expect(percent(0.715)).toBe("71.5%");
  });

  it("are compact from 100,000 on cards, and in full elsewhere", () => {
    expect(shown(99_999, "1").text).toBe("99,999");
    expect(shown(190_400, "1").text).toBe("190.4k");
    expect(figure(190_400, "1")).toBe("190,400");
  });

  it("are in the currency of the organization", () => {
    money.currency = "EUR";
    expect(figure(20_980_000, "micros")).toBe("€20.98");
    expect(figure(2_800, "micros")).toBe("€0.0028");
  });

  it("follow the language", async () => {
    await chooseLanguage("de", []);
    expect(figure(1234.5, "1")).toBe("1.235");
    expect(metricInfo("total_conversations").title).toBe("Gespräche");
  });
});

describe("changes", () => {
  it("are good in the direction of their metric alone", () => {
    expect([isBetter(1, "+"), isBetter(-1, "+"), isBetter(1, "-"), isBetter(-1, "-")]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect([isBetter(1, ""), isBetter(-1, ""), isBetter(0, "+")]).toEqual([undefined, undefined, undefined]);
    expect(isBetter(1, metricInfo("resolution_rate").better)).toBe(true);
    expect(isBetter(1, metricInfo("p50_response_time_ms").better)).toBe(false);
    expect(isBetter(1, metricInfo("total_messages").better)).toBeUndefined();
  });

  it("are in percent, of rates in points", () => {
    expect(changed(112, 100, "1")).toEqual({ direction: 1, text: "+12 %" });
    expect(changed(0.715, 0.727, "fraction")).toEqual({ direction: -1, text: "-1.2 pts" });
  });

  it("are none from nothing", () => {
    expect(changed(5, 0, "1")).toBeUndefined();
    expect(changed(5, undefined, "1")).toBeUndefined();
    expect(changed(undefined, 5, "1")).toBeUndefined();
  });

  it("are = below what can be seen", () => {
    expect(changed(10_001, 10_000, "1")).toEqual({ direction: 0, text: "0 %" });
  });

  it("know which direction is good", () => {
    expect(metricInfo("resolution_rate").better).toBe("+");
    expect(metricInfo("error_rate").better).toBe("-");
    expect(metricInfo("total_conversations").better).toBe("");
  });
});

describe("CSV", () => {
  it("keeps full precision and makes other people's text harmless", () => {
    expect(csvCell(0.1 + 0.2)).toBe("0.30000000000000004");
    expect(csvCell("=1+1")).toBe("'=1+1");
    expect(csvCell('a "b", c')).toBe('"a ""b"", c"');
    expect(csv(["a"], [[undefined], [0]])).toBe("a\r\n\r\n0\r\n");
  });

  it("has instants with their offset, and period, zone and revision in its name", () => {
    expect(isoInstant(Date.parse("2026-11-28T00:00:00Z"), "Europe/Paris")).toBe("2026-11-28T01:00:00+01:00");
    expect(isoInstant(Date.parse("2026-11-28T00:00:00Z"), "UTC")).toBe("2026-11-28T00:00:00Z");
    expect(isoInstant(Date.parse("2026-11-28T00:00:00Z"), "Asia/Kolkata")).toBe("2026-11-28T05:30:00+05:30");
    const context = {
      start: Date.parse("2026-10-31T23:00:00Z"),
      end: Date.parse("2026-11-28T23:00:00Z"),
      zone: "Europe/Paris",
      revision: "812",
    };
    expect(fileName("Top agents", context)).toBe("top-agents_2026-11-01_2026-11-28_Europe-Paris_r812.csv");
  });
});

describe("names of buckets", () => {
  it("are of the zone", () => {
    const bucket = {
      start: Date.parse("2026-11-27T23:00:00Z"),
      end: Date.parse("2026-11-28T23:00:00Z"),
      partial: "" as const,
    };
    expect(bucketName(bucket, "Europe/Paris")).toContain("28 Nov");
  });

  it("tell hours that occur twice apart", () => {
    const first = {
      start: Date.parse("2026-10-25T00:00:00Z"),
      end: Date.parse("2026-10-25T01:00:00Z"),
      partial: "" as const,
    };
    const second = {
      start: Date.parse("2026-10-25T01:00:00Z"),
      end: Date.parse("2026-10-25T02:00:00Z"),
      partial: "" as const,
    };
    expect(bucketName(first, "Europe/Paris")).not.toBe(bucketName(second, "Europe/Paris"));
  });
});
