/** Charts by a dimension: what is drawn on its own, in which colours, and what the others come to. */
import { describe, expect, it } from "vitest";
import { MOST, colors, fold } from "../src/charts/fold";

const ROWS = Array.from({ length: 9 }, (_, i) => ({
  id: `agent-${String(i)}`,
  label: `Agent ${String(i)}`,
  values: [10 - i, i === 0 ? null : 1],
}));
const TOTAL = [100, 20];

describe("fold", () => {
  it("draws the greatest six, and what the total has beside them", () => {
    const { series, drawn } = fold(ROWS, TOTAL, [], "3 others");
    expect(drawn).toBe(MOST);
    expect(series.map((one) => one.key)).toEqual([...ROWS.slice(0, MOST).map((one) => one.id), "_others"]);
    // 100 − (10 + 9 + 8 + 7 + 6 + 5), and 20 − five times 1.
    expect(series.at(-1)).toEqual({ key: "_others", label: "3 others", color: 0, values: [55, 15] });
  });

  it("draws those that were chosen, with the colours of their ranks", () => {
    const { series, drawn } = fold(ROWS, TOTAL, ["agent-7", "agent-2"], "7 others");
    expect(drawn).toBe(2);
    expect(series.map(({ key, color }) => [key, color])).toEqual([
      ["agent-2", 3],
      ["agent-7", 2],
      ["_others", 0],
    ]);
  });

  it("goes back to the greatest where none of the chosen ones is there", () => {
    expect(fold(ROWS, TOTAL, ["gone"], "").drawn).toBe(MOST);
  });

  it("has no others where nothing is left, and a gap where the total has none", () => {
    const rows = ROWS.slice(0, 1);
    expect(fold(rows, [10, null], [], "others").series).toHaveLength(1);
    expect(fold(rows, [11, null], [], "others").series.at(-1)?.values).toEqual([1, null]);
  });
});

describe("colors", () => {
  it("are six different ones, whichever were chosen", () => {
    const all = ROWS.map((one) => one.id);
    const chosen = ["agent-0", "agent-6", "agent-1", "agent-7", "agent-2", "agent-8"];
    expect(new Set(colors(all, chosen)).size).toBe(MOST);
  });
});
