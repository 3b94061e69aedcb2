// Opens the page of usage, and reads what is expected. Argument: a link of somebody who may read.
// Prints the text below the cost, how the band is drawn, what the keyboard reads of its last point, the quota, and what axe
// finds.
import { open, overflow, run, settled, violations } from "./common.js";

const [link = ""] = process.argv.slice(2);

await run(async (browser, report) => {
  const page = await open(browser, report.problems);
  await page.goto(link.replace("/#", "/usage?range=28d&g=day#"));
  await settled(page);
  const tile = page.locator(".tile", { has: page.locator(".band") });
  await tile.waitFor();
  report.caption = await tile.locator("p.small").textContent();
  report.outlines = await tile.locator(".band").count();
  report.hollow = await tile.locator(".hollow").count();
  const chart = tile.locator("svg.chart-svg");
  await chart.focus();
  await page.keyboard.press("End");
  report.reading = await tile.locator("[aria-live=polite]").textContent();
  report.quota = await page.locator(".tile", { has: page.locator("meter") }).textContent();
  report.violations = await violations(page);
  await page.setViewportSize({ width: 360, height: 800 });
  report.overflow = await overflow(page);
});
