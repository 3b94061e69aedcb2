// Makes a rule of alerts, tries it on the past, looks at it, and works on an incident, against a server that runs.
// Arguments: a link of somebody with the scope edit, and the id of an incident; PICTURES names a folder for pictures.
import { open, overflow, run, settled, violations } from "./common.js";

const [link = "", incident = ""] = process.argv.slice(2);
const { origin } = new URL(link);
const pictures = process.env.PICTURES;

/** Looks at the page as it is: with axe in light and dark, and for what overflows where it is narrow. */
async function look(page, report, state) {
  for (const [name, width, colorScheme] of [
    ["light", 1320, "light"],
    ["dark", 1320, "dark"],
    ["narrow", 360, "light"],
  ]) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${state}-${name}.png` });
    const over = await overflow(page);
    if (over > 0) report.overflow.push(`${state} ${name}: ${over}`);
    if (name === "narrow") continue;
    for (const found of await violations(page)) report.violations.push(`${state} ${name}: ${found}`);
  }
  await page.setViewportSize({ width: 1320, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

function button(page, name) {
  return page.getByRole("button", { name, exact: true });
}

async function rule(page, report) {
  await page.goto(link.replace("/#", "/alerts#"));
  await page.locator("[data-badge]").waitFor();
  report.badge = await page.locator("[data-badge]").textContent();
  await button(page, "Add a rule").click();
  await page.locator("#alert-name").fill("Many messages");
  await page.selectOption("#alert-metric", "events");
  await page.selectOption("#alert-window", "60");
  await page.locator("#alert-critical").fill("2");
  await page.locator(".limit.critical").waitFor();
  await page.locator("#alert-critical").press("ArrowUp");
  report.moved = await page.locator("#alert-critical").inputValue();
  await button(page, "Try on 90 days").click();
  await page.locator("[data-backtest]").waitFor();
  report.backtest = await page.locator("[data-backtest]").textContent();
  await look(page, report, "form");
  await button(page, "Save").click();
  await page.waitForURL(/\/alerts\/.+/);
  await settled(page);
  await look(page, report, "rule");
  await button(page, "Snooze").click();
  await button(page, "4 hours").click();
  await button(page, "Tell again").waitFor();
}

async function work(page, report) {
  await page.goto(`${origin}/alerts?incident=${incident}`);
  await page.locator(".timeline li").first().waitFor();
  await page.locator("#incident-comment").fill("It was the model");
  await button(page, "Add").click();
  await page.locator(".timeline li").nth(1).waitFor();
  await look(page, report, "incident");
  await button(page, "I am on it").click();
  await page.locator(".timeline li").nth(2).waitFor();
  report.timeline = await page.locator(".timeline li b").allTextContents();
}

await run(async (browser, report) => {
  Object.assign(report, { violations: [], overflow: [] });
  const problems = [];
  const page = await open(browser, problems);
  await rule(page, report);
  await work(page, report);
  report.problems = problems;
});
