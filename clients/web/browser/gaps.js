// Merges a content gap into another one on its page, and undoes that. Argument: a link of somebody who may do that.
// Prints the table before, between and after, and what axe finds on the page before and between.
import { open, overflow, run, settled, violations } from "./common.js";

const [link = ""] = process.argv.slice(2);

/** Topics and how often they were found. */
function read(page) {
  return page
    .locator("main .table tbody tr")
    .evaluateAll((rows) =>
      Object.fromEntries(rows.map(({ cells }) => [cells[0].textContent.trim(), cells[1].textContent.trim()])),
    );
}

await run(async (browser, report) => {
  const page = await open(browser, report.problems);
  await page.goto(link.replace("/#", "/gaps#"));
  await settled(page);
  report.before = await read(page);
  await page.locator("main .table button.link", { hasText: "Parcels" }).click();
  const into = page.locator("input[list=gap-topics]");
  await into.fill("Delivery");
  report.violations = await violations(page);
  await page.setViewportSize({ width: 360, height: 800 });
  report.overflow = await overflow(page);
  await into.press("Enter");
  const undo = page.locator("button", { hasText: "count for itself again" });
  await undo.waitFor();
  await settled(page);
  report.title = await page.locator(".tile h2").first().textContent();
  await page.waitForFunction(() => document.querySelectorAll("main .table tbody tr").length === 2);
  report.merged = await read(page);
  report.violations.push(...(await violations(page)));
  await undo.click();
  await page.waitForFunction(() => document.querySelectorAll("main .table tbody tr").length === 3);
  await settled(page);
  report.after = await read(page);
});
