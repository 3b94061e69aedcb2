/** German texts of what the catalogue names in English. */
import { expect, it } from "vitest";
import catalogue from "../src/catalogue.json";
import { de } from "../src/text/de";

it("every metric has a title in German", () => {
  const titles = Object.entries(catalogue as unknown as Record<string, readonly [string, ...unknown[]]>);
  const missing = titles.filter(([name]) => (de.metrics[name] ?? "") === "").map(([name]) => name);
  expect(missing).toEqual([]);
  expect(titles.filter(([name, [title]]) => de.metrics[name] === title).map(([name]) => name)).toEqual([]);
});

it("no title is of a metric that there is not", () => {
  const shapes = /^(avg|p\d\d)_/;
  const gone = Object.keys(de.metrics).filter((name) => !(name in catalogue) && !shapes.test(name));
  expect(gone).toEqual([]);
});
