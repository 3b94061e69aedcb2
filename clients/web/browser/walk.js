// Walks through the pages in Chromium, against a server that runs, and prints what it found as JSON.
// Arguments: a link that signs in once, an agent's id. CHROMIUM names the program; PICTURES a folder for pictures.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [link = "", agent = ""] = process.argv.slice(2);
const { origin } = new URL(link);
const pictures = process.env.PICTURES;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PAGES = [
  "overview",
  "agents",
  `agents/${agent}`,
  "live",
  "usage",
  "conversations",
  "gaps",
  "quality",
  "funnels",
  "campaigns",
  "calls",
  "api",
  "users",
  "dashboards",
  "settings",
  "rows?metric=total_messages",
];
const LOOKS = [
  { name: "light", width: 1320, colorScheme: "light" },
  { name: "dark", width: 1320, colorScheme: "dark" },
  { name: "narrow", width: 360, colorScheme: "light" },
];

const report = { violations: [], overflow: [], problems: [], bytes: {}, walk: {} };
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
const context = await browser.newContext({ viewport: { width: 1320, height: 900 }, locale: "en-GB" });
const page = await context.newPage();
page.on("pageerror", (error) => report.problems.push(String(error)));
page.on("response", async (response) => {
  // Before the sign-in the page asks who is there, and hears that nobody is.
  if (response.status() >= 400 && response.status() !== 401) {
    report.problems.push(`${page.url()}: ${response.url()} ${response.status()} ${await response.text()}`);
  }
});
page.on("console", (message) => {
  if (message.type() === "error" && !message.text().startsWith("Failed to load")) report.problems.push(message.text());
});

/** Waits until the page has what it asked for. */
async function settled() {
  await page.waitForSelector("h1");
  await page.waitForFunction(
    () => document.querySelector("[aria-busy=true], .old") === null && document.querySelector("h1") !== null,
  );
}

/** Bytes of scripts and styles as they came over the wire, by the first page. */
function countBytes() {
  page.on("response", (response) => {
    const path = new URL(response.url()).pathname;
    const kind = path.endsWith(".js") ? "script" : path.endsWith(".css") ? "style" : "other";
    const length = Number(response.headers()["content-length"] ?? 0);
    if (report.bytes.open !== false) report.bytes[kind] = (report.bytes[kind] ?? 0) + length;
  });
}

/** Looks at every page with axe, light, dark and narrow, and for what overflows. */
async function lookAtAll() {
  for (const { name, width, colorScheme } of LOOKS) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    for (const path of PAGES) {
      await page.goto(`${origin}/${path}`);
      await settled();
      const over = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      if (over > 0) report.overflow.push(`${path} ${name}: ${over}`);
      if (pictures !== undefined) {
        await page.screenshot({ path: `${pictures}/${path.replace(/\W+/g, "-")}-${name}.png`, fullPage: true });
      }
      const session = await context.newCDPSession(page);
      await session.send("Runtime.evaluate", { expression: axe });
      await session.detach();
      const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
      for (const { id, nodes } of found.violations) report.violations.push(`${path} ${name}: ${id} ${nodes[0].target}`);
    }
  }
  await page.setViewportSize({ width: 1320, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

/** Goes to an element by the Tab key alone. */
async function tabTo(selector) {
  for (let i = 0; i < 200; i += 1) {
    if (await page.evaluate((one) => document.activeElement?.matches(one) === true, selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`the Tab key does not reach ${selector}`);
}

/** Everything without a mouse: period, definition, chart, a day and back, order, CSV, rows. */
async function byKeyboard() {
  await page.goto(`${origin}/overview`);
  await settled();
  await page.keyboard.press("w");
  await page.waitForURL(/range=7d/);
  await settled();
  await tabTo(".card .question");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".definition:popover-open code");
  await page.keyboard.press("Escape");
  await tabTo("[data-tile=focus] svg.chart-svg");
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  report.walk.reading = await page.locator("[data-tile=focus] [aria-live]").textContent();
  await page.keyboard.press("Enter");
  await page.waitForURL(/range=\d{4}-\d\d-\d\d\.\./);
  await page.goBack();
  await page.waitForURL(/range=7d/);
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.waitForURL(/\/agents\?range=7d/);
  await settled();
  report.walk.focusAfterNavigation = await page.evaluate(() => document.activeElement?.tagName);
  await tabTo("th button[title*=Messages]");
  await page.keyboard.press("Enter");
  report.walk.order = await page.locator("th[aria-sort=descending]").textContent();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.keyboard.press("Shift+Tab").then(() => pressCsv()),
  ]);
  report.walk.file = download.suggestedFilename();
}

async function pressCsv() {
  await page.locator(".table-tools button", { hasText: "CSV" }).first().focus();
  await page.keyboard.press("Enter");
}

/** A stranger's walk: the busiest agent, its conversations, a timeline, the rows behind a figure, and a tile of it. */
async function stranger() {
  await page.goto(`${origin}/overview`);
  await settled();
  const card = page.locator(".card[data-metric=total_messages] .figure a");
  report.walk.figure = (await card.textContent())?.replace(/\D/g, "");
  await card.click();
  const line = page.locator("[data-figure]");
  await line.waitFor();
  report.walk.figureOfRows = await line.getAttribute("data-figure");
  await page.goBack();
  await settled();
  await page.locator(".table .name").first().click();
  await page.waitForURL(/\/agents\//);
  await settled();
  report.walk.busiest = await page.locator("h1").textContent();
  await page.getByRole("link", { name: "All its conversations" }).click();
  await page.waitForURL(/\/conversations\?.*agent=/);
  await settled();
  await page.locator("#list table button.link").first().click();
  await page.waitForSelector("dialog[open] .timeline li");
  report.walk.events = await page.locator("dialog[open] .timeline li").count();
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.querySelector("dialog[open]") === null);
  await page.goto(`${origin}/overview`);
  await settled();
  await page.locator("[data-tile=focus]").getByRole("button", { name: "Make a tile of this" }).click();
  await page.locator("#make-focus .item").last().click();
  await page.waitForSelector(".said");
  await page.goto(`${origin}/dashboards`);
  await settled();
  await page.locator(".questions a").first().click();
  await page.waitForURL(/\/dashboards\/.+/);
  await settled();
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  await page.getByRole("button", { name: "Add a tile" }).first().click();
  await page.selectOption("#tile-kind", "bars");
  await page.locator("form.form button[type=submit]").click();
  const move = page.getByRole("button", { name: /^Move: Conversations: Agent/ });
  await move.focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Edit", exact: true }).waitFor();
  await settled();
  report.walk.tiles = await page.locator("[data-tile] h2").allTextContents();
}

/** What of the key or the code is left anywhere that a script could read. */
async function leftovers() {
  return page.evaluate(() => [
    location.href,
    document.cookie,
    ...Object.values(localStorage),
    ...Object.values(sessionStorage),
  ]);
}

try {
  countBytes();
  await page.goto(link.replace("/#", "/overview#"));
  await settled();
  report.bytes.open = false;
  report.walk.leftovers = await leftovers();
  await byKeyboard();
  await stranger();
  await lookAtAll();
} catch (error) {
  process.stderr.write(`${page.url()}\n${await page.locator("body").innerText()}\n`);
  throw error;
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(report));
