// A stranger's walk, without a hint and without an address: signs in by the link, finds the busiest agent, why it resolved
// less last week, the conversations behind that, the timeline of one, and makes a file and a tile of them.
// Arguments: "mouse" or "keyboard", and the link. Prints what the stranger has seen as JSON.
import { readFileSync } from "node:fs";
import { open, run, settled, stored, tabTo } from "./common.js";

const [way = "", link = ""] = process.argv.slice(2);

/** What the mouse does. */
function mouse(page) {
  return {
    press: (selector) => page.locator(selector).first().click(),
    async lastWeek() {
      await page.locator("button[popovertarget=period]").click();
      await page.locator("#period .item", { hasText: "Last 7 days" }).click();
    },
    close: () => page.locator("dialog[open] .drawer-head button").click(),
    dashboards: () => page.locator("nav a", { hasText: "Dashboards" }).click(),
    choose: (selector) => page.locator(selector).click(),
  };
}

/** What the keyboard does: Tab, Enter, Escape and the letters that "?" lists. */
function keyboard(page) {
  const press = async (selector) => {
    await tabTo(page, selector);
    await page.keyboard.press("Enter");
  };
  return {
    press,
    lastWeek: () => page.keyboard.press("w"),
    close: () => page.keyboard.press("Escape"),
    async dashboards() {
      await page.keyboard.press("g");
      await page.keyboard.press("b");
    },
    choose: press,
  };
}

async function why(page, by, report) {
  await page.waitForURL(/\/agents\//);
  await settled(page);
  report.agent = await page.locator("h1").textContent();
  await by.lastWeek();
  await page.waitForURL(/range=7d/);
  await settled(page);
  const card = page.locator(".card[data-metric=resolution_rate]");
  await card.locator(".change").waitFor();
  report.resolution = await card.locator(".change-line").textContent();
  const behind = page.locator("[data-tile=behind]");
  await behind.locator("tbody tr").first().waitFor();
  report.outcome = await behind.locator("select").inputValue();
  report.causes = await behind.locator("tbody tr:first-child th").allTextContents();
}

async function conversations(page, by, report) {
  await page.waitForURL(/\/conversations\?/);
  await settled(page);
  await page.waitForSelector("#list tbody tr");
  report.rows = await page.locator("#list tbody tr").count();
  report.outcomes = [...new Set(await page.locator("#list tbody td:nth-child(2)").allTextContents())];
  await by.press("#list tbody button.link");
  await page.waitForSelector("dialog[open] .timeline li");
  report.timeline = await page.locator("dialog[open] .timeline li").allTextContents();
  await by.close();
  await page.waitForFunction(() => document.querySelector("dialog[open]") === null);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    by.press("#list .table-tools button[aria-label^=CSV]"),
  ]);
  report.file = download.suggestedFilename();
  report.lines = readFileSync(await download.path(), "utf8")
    .trimEnd()
    .split("\r\n");
}

async function tile(page, by, report) {
  await by.press("#list button[popovertarget=make-list]");
  await page.waitForSelector("#make-list .item");
  await Promise.all([stored(page), by.choose("#make-list .item:last-of-type")]);
  await by.dashboards();
  await page.waitForURL(/\/dashboards/);
  await settled(page);
  await by.press(".questions a");
  await page.waitForURL(/\/dashboards\/.+/);
  await settled(page);
  await page.waitForSelector("[data-tile] tbody tr");
  report.tiles = await page.locator("[data-tile] h2").allTextContents();
  report.inTile = await page.locator("[data-tile] tbody td:nth-child(2)").allTextContents();
}

await run(async (browser, report) => {
  const page = await open(browser, report.problems, { acceptDownloads: true });
  const by = way === "mouse" ? mouse(page) : keyboard(page);
  await page.goto(link);
  await page.waitForURL(/\/overview/);
  await settled(page);
  report.address = page.url();
  await by.press("main .table tbody a.name");
  await why(page, by, report);
  await by.press("[data-tile=behind] tbody a");
  await conversations(page, by, report);
  await tile(page, by, report);
});
