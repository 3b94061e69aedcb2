// Makes a report of a template, looks at it, runs it, schedules it, and solves a conflict of versions, against a server that
// runs. Arguments: a link of somebody who may change what is shared, one of somebody who may only read; PICTURES names a
// folder for pictures.
import { readFileSync } from "node:fs";
import { open, overflow, run, settled, tabTo, violations } from "./common.js";

const [link = "", readersLink = ""] = process.argv.slice(2);
const { origin } = new URL(link);
const pictures = process.env.PICTURES;
const LOOKS = [
  { name: "light", width: 1320, colorScheme: "light" },
  { name: "dark", width: 1320, colorScheme: "dark" },
  { name: "narrow", width: 360, colorScheme: "light" },
];

/** Looks at the page as it is with axe, light, dark and narrow, and for what overflows. */
async function look(page, report, state) {
  for (const { name, width, colorScheme } of LOOKS) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    const over = await overflow(page);
    if (over > 0) report.overflow.push(`${state} ${name}: ${over}`);
    if (pictures !== undefined)
      await page.screenshot({ path: `${pictures}/${state}-${name}.png`, fullPage: !state.includes("drawer") });
    // What is narrow has the same parts: that it fits is what can be wrong with it.
    if (name === "narrow") continue;
    for (const found of await violations(page)) report.violations.push(`${state} ${name}: ${found}`);
  }
  await page.setViewportSize({ width: 1320, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

function button(page, name) {
  return page.getByRole("button", { name, exact: true });
}

function answered(page, rpc) {
  return page.waitForResponse((response) => response.url().endsWith(`/${rpc}`) && response.ok());
}

/** From a template: another title and period, a block more, which the keyboard moves, and a figure more. */
async function build(page, report) {
  await page.goto(link.replace("/#", "/reports#"));
  await settled(page);
  await look(page, report, "empty-list");
  await page.locator(".templates button", { hasText: "Overview" }).click();
  await page.waitForURL(/\/reports\/.+edit=1/);
  await page.locator("#report-title").waitFor();
  await page.locator("#report-title").fill("Numbers of the week");
  await page.locator("#report-title").press("Tab");
  await page.selectOption("#report-range", "last_7_days");
  await page.selectOption("#report-visibility", "2");
  await page.getByRole("checkbox", { name: "XLSX" }).uncheck();
  await button(page, "Add a block").first().click();
  await page.selectOption("#block-kind", "text");
  await page.locator("#add-block button[type=submit]").click();
  const title = button(page, "Move: Text");
  await title.focus();
  for (const key of ["Enter", "ArrowUp", "ArrowUp", "Enter"]) await page.keyboard.press(key);
  report.order = await page.locator("[data-place] h2").allTextContents();
  await button(page, "Settings: Key figures").click();
  await page.getByLabel("Add a figure …").selectOption("events");
  await settled(page);
  await look(page, report, "settings");
  await page.keyboard.press("Escape");
  await settled(page);
  await look(page, report, "builder");
  await Promise.all([answered(page, "UpdateReport"), button(page, "Save").click()]);
  await button(page, "Run now").waitFor();
  await settled(page);
  await look(page, report, "preview");
  report.about = await page.locator(".report-about").textContent();
  report.preview = await page.locator(".card[data-metric=events] .figure").textContent();
}

/** Waits until the run in the drawer is over, and returns what it came to: 3 is done. */
async function over(page) {
  await page.waitForFunction(() =>
    ["3", "4", "5"].includes(document.querySelector("[data-run-state]")?.getAttribute("data-run-state")),
  );
  return page.locator("[data-run-state]").getAttribute("data-run-state");
}

async function runIt(page, report) {
  await button(page, "Run now").click();
  await page.waitForURL(/run=\d+/);
  report.state = await over(page);
  await look(page, report, "run-drawer");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.locator(".drawer button", { hasText: "PDF" }).click(),
  ]);
  report.file = download.suggestedFilename();
  report.head = readFileSync(await download.path())
    .subarray(0, 5)
    .toString();
  report.run = new URL(page.url()).searchParams.get("run");
  await button(page, "Run again as of then").click();
  await page.waitForFunction((before) => !location.search.includes(`run=${before}`), report.run);
  report.again = await over(page);
  await page.getByText("No figure differs").waitFor();
  await look(page, report, "again-drawer");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !location.search.includes("run="));
  await settled(page);
  report.runs = await page.locator("[data-tile=runs] tbody tr").count();
  await look(page, report, "runs");
}

async function schedule(page, report) {
  await button(page, "Schedules").click();
  await button(page, "Add a schedule").click();
  await page.locator("#schedule-when").fill("sometimes");
  await page.getByText("This is no time.").waitFor();
  await page.locator("#schedule-when").fill("weekdays at 07:15");
  await page.locator("#schedule-zone").fill("Europe/Berlin");
  const times = () => page.locator(".next-runs time").evaluateAll((all) => all.map((one) => one.dateTime));
  await page.locator(".next-runs time").first().waitFor();
  report.typed = await times();
  await look(page, report, "schedule-form");
  await Promise.all([answered(page, "CreateReportSchedule"), button(page, "Save").click()]);
  await page.locator("[data-tile^=schedule-] .next-runs").waitFor();
  await settled(page);
  report.stored = await times();
  await look(page, report, "schedules");
  await button(page, "Pause: weekdays at 07:15").click();
  await button(page, "Resume: weekdays at 07:15").waitFor();
}

/** Two windows change the report; the second one is told what differs, and stores its own over the first one's. */
async function conflict(page, report) {
  const path = new URL(page.url()).pathname;
  await page.goto(`${origin}${path}?edit=1`);
  await page.locator("#report-title").fill("Mine");
  await page.locator("#report-title").press("Tab");
  const other = await page.context().newPage();
  await other.goto(`${origin}${path}?edit=1`);
  await other.locator("#report-description").fill("Somebody else's words.");
  await other.locator("#report-description").press("Tab");
  await Promise.all([answered(other, "UpdateReport"), button(other, "Save").click()]);
  await other.close();
  await button(page, "Save").click();
  await page.getByRole("alert").getByText("Yours is not stored yet").waitFor();
  report.differences = await page.locator(".notice li").allTextContents();
  await settled(page);
  await look(page, report, "conflict");
  await Promise.all([answered(page, "UpdateReport"), button(page, "Store yours over it").click()]);
  await button(page, "Run now").waitFor();
  report.title = await page.locator("h1").textContent();
}

/** Who may only read sees the report and its runs, may run it, and finds no button that would be refused. */
async function read(page, report, path) {
  await page.goto(readersLink.replace("/#", `${path}#`));
  await button(page, "Run now").waitFor();
  await settled(page);
  await button(page, "Schedules").click();
  await page.locator("[data-tile^=schedule-]").waitFor();
  report.readersButtons = await page.locator("main button").allTextContents();
  await look(page, report, "reader");
}

await run(async (browser, report) => {
  Object.assign(report, { violations: [], overflow: [] });
  const problems = [];
  const page = await open(browser, problems, { acceptDownloads: true });
  await build(page, report);
  await runIt(page, report);
  await schedule(page, report);
  await conflict(page, report);
  const path = new URL(page.url()).pathname;
  await page.goto(`${origin}/reports`);
  await settled(page);
  await tabTo(page, "main .table a");
  await look(page, report, "list");
  const reader = await open(browser, problems);
  await read(reader, report, path);
  // The refusal of the second change is what the conflict is about.
  report.problems = problems.filter((one) => !one.includes("/UpdateReport "));
});
