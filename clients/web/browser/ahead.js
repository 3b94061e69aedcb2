// Opens the overview, and reads what is expected of the figure in its large chart. Argument: a link of somebody who may read.
// Prints the line below the chart, how band and rings are drawn, what is there with another figure and with a filter, by how
// much the page moved, and what axe finds.
import { open, overflow, run, settled, violations } from "./common.js";

const [link = ""] = process.argv.slice(2);
const { origin } = new URL(link);
const RANGE = "range=28d&g=day";

/** Adds up by how much what is shown moves by itself. */
function observeShifts() {
  window.shift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
}

function tile(page) {
  return page.locator("[data-tile=focus]");
}

async function read(page) {
  await tile(page).locator(".band").waitFor();
  return {
    caption: await tile(page).locator("p.small").textContent(),
    bands: await tile(page).locator(".band").count(),
    hollow: await tile(page).locator(".hollow").count(),
  };
}

await run(async (browser, report) => {
  const page = await open(browser, report.problems);
  await page.addInitScript(observeShifts);
  await page.goto(link.replace("/#", `/overview?${RANGE}&focus=cost_micros#`));
  await settled(page);
  report.whole = await read(page);
  await tile(page).locator(".ring").first().waitFor();
  report.rings = await tile(page).locator(".ring").count();
  const chart = tile(page).locator("svg.chart-svg");
  await chart.focus();
  await page.keyboard.press("End");
  report.reading = await tile(page).locator("[aria-live=polite]").textContent();
  report.tooltip = await tile(page).locator(".tooltip").textContent();
  report.shift = await page.evaluate("window.shift");
  report.violations = await violations(page);
  await page.goto(`${origin}/overview?${RANGE}&focus=cost_micros&agent=bot&cmp=none`);
  await settled(page);
  report.part = await read(page);
  await page.goto(`${origin}/overview?range=lastmonth&g=day&focus=cost_micros`);
  await settled(page);
  await tile(page).locator("svg.chart-svg").waitFor();
  report.over = await tile(page).locator(".band").count();
  await page.setViewportSize({ width: 360, height: 800 });
  report.overflow = await overflow(page);
});
