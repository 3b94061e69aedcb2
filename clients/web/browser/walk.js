// Walks through the pages in Chromium, against a server that runs, and prints what it found as JSON.
// Arguments: a link that signs in once, an agent's id. CHROMIUM names the program; PICTURES a folder for pictures.
import { readFileSync } from "node:fs";
import { open, overflow, run, settled, stored, tabTo, violations } from "./common.js";

const [link = "", agent = ""] = process.argv.slice(2);
const { origin } = new URL(link);
const pictures = process.env.PICTURES;
// A funnel that is edited, with every kind of field.
const DRAFT = JSON.stringify({
  entity: "FUNNEL_ENTITY_CONVERSATION",
  stages: [
    { eventType: "conversation.started", filter: { path: "channel", text: "web" } },
    { eventType: "lead.stage_entered", leadStage: "won", filter: { path: "properties.plan", text: "pro" } },
  ],
});
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
  `funnels?draft=${encodeURIComponent(DRAFT)}`,
  "campaigns",
  "calls",
  "api",
  "users",
  "dashboards",
  "reports",
  "destinations",
  "alerts",
  "settings",
  "rows?metric=total_messages",
];
const LOOKS = [
  { name: "light", width: 1320, colorScheme: "light" },
  { name: "dark", width: 1320, colorScheme: "dark" },
  { name: "narrow", width: 360, colorScheme: "light" },
];

/** Bytes of scripts and styles as they came over the wire, by the first page. */
function countBytes(page, report) {
  page.on("response", (response) => {
    const path = new URL(response.url()).pathname;
    const kind = path.endsWith(".js") ? "script" : path.endsWith(".css") ? "style" : "other";
    const length = Number(response.headers()["content-length"] ?? 0);
    if (report.bytes.open !== false) report.bytes[kind] = (report.bytes[kind] ?? 0) + length;
  });
}

/** Looks at every page with axe, light, dark and narrow, and for what overflows. */
async function lookAtAll(page, report) {
  for (const { name, width, colorScheme } of LOOKS) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    for (const path of PAGES) {
      await page.goto(`${origin}/${path}`);
      await settled(page);
      const over = await overflow(page);
      if (over > 0) report.overflow.push(`${path} ${name}: ${over}`);
      if (pictures !== undefined) {
        await page.screenshot({ path: `${pictures}/${path.replace(/\W+/g, "-")}-${name}.png`, fullPage: true });
      }
      for (const found of await violations(page)) report.violations.push(`${path} ${name}: ${found}`);
    }
  }
  await page.setViewportSize({ width: 1320, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

/** Everything without a mouse: period, definition, chart, a day and back, order, CSV, rows. */
async function byKeyboard(page, report) {
  await page.goto(`${origin}/overview`);
  await settled(page);
  await page.keyboard.press("w");
  await page.waitForURL(/range=7d/);
  await settled(page);
  await tabTo(page, ".card .question");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".definition:popover-open code");
  await page.keyboard.press("Escape");
  await tabTo(page, "[data-tile=focus] svg.chart-svg");
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
  await settled(page);
  report.walk.focusAfterNavigation = await page.evaluate(() => document.activeElement?.tagName);
  await tabTo(page, "th button[title*=Messages]");
  await page.keyboard.press("Enter");
  report.walk.order = await page.locator("th[aria-sort=descending]").textContent();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.keyboard.press("Shift+Tab").then(() => pressCsv(page)),
  ]);
  report.walk.file = download.suggestedFilename();
}

async function pressCsv(page) {
  await page.locator(".table-tools button", { hasText: "CSV" }).first().focus();
  await page.keyboard.press("Enter");
}

/** Whole files by the service: a list, and a table by a dimension. */
async function wholeFiles(page, report) {
  await page.goto(`${origin}/conversations`);
  await settled(page);
  await page.getByRole("button", { name: "Export: Conversations", exact: true }).click();
  const [csv] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "CSV", exact: true }).click(),
  ]);
  const [head, ...lines] = readFileSync(await csv.path(), "utf8")
    .trimEnd()
    .split("\r\n");
  report.walk.exported = { name: csv.suggestedFilename(), head, lines: lines.length };
  const done = page.locator("[data-exported]");
  report.walk.exportedRows = Number(await done.getAttribute("data-exported"));
  report.walk.exportSays = await done.textContent();
  report.violations.push(...(await violations(page)));
  await page.goto(`${origin}/agents`);
  await settled(page);
  await page.getByRole("button", { name: "Export: Agents", exact: true }).click();
  const [xlsx] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "XLSX", exact: true }).click(),
  ]);
  report.walk.xlsx = readFileSync(await xlsx.path())
    .subarray(0, 2)
    .toString();
}

/** The rows behind a figure, and a dashboard that is edited: a tile is made, moved by the keyboard, and saved. */
async function rowsAndDashboard(page, report) {
  await page.goto(`${origin}/overview`);
  await settled(page);
  const card = page.locator(".card[data-metric=total_messages] .figure a");
  report.walk.figure = (await card.textContent())?.replace(/\D/g, "");
  await card.click();
  const line = page.locator("[data-figure]");
  await line.waitFor();
  report.walk.figureOfRows = await line.getAttribute("data-figure");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.locator(".table-tools button", { hasText: "CSV" }).first().click(),
  ]);
  report.walk.rowsOfFile =
    readFileSync(await download.path(), "utf8")
      .trimEnd()
      .split("\r\n").length - 1;
  await page.goto(`${origin}/overview`);
  await settled(page);
  await page.locator("[data-tile=focus]").getByRole("button", { name: "Make a tile of this" }).click();
  await Promise.all([stored(page), page.locator("#make-focus .item").last().click()]);
  await page.goto(`${origin}/dashboards`);
  await settled(page);
  await page.locator(".questions a").first().click();
  await page.waitForURL(/\/dashboards\/.+/);
  await settled(page);
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
  await settled(page);
  report.walk.tiles = await page.locator("[data-tile] h2").allTextContents();
}

/** The list of conversations on paper. */
async function onPaper(page, report) {
  await page.goto(`${origin}/conversations?outcome=resolved`);
  await settled(page);
  await page.locator("#list tbody tr").nth(40).waitFor();
  report.paper = (await page.pdf({ format: "A4" })).toString("base64");
}

/** What of the key or the code is left anywhere that a script could read. */
function leftovers(page) {
  return page.evaluate(() => [
    location.href,
    document.cookie,
    ...Object.values(localStorage),
    ...Object.values(sessionStorage),
  ]);
}

await run(async (browser, report) => {
  Object.assign(report, { violations: [], overflow: [], bytes: {}, walk: {} });
  const page = await open(browser, report.problems, { acceptDownloads: true });
  countBytes(page, report);
  await page.goto(link.replace("/#", "/overview#"));
  await settled(page);
  report.bytes.open = false;
  report.walk.leftovers = await leftovers(page);
  await byKeyboard(page, report);
  await wholeFiles(page, report);
  await rowsAndDashboard(page, report);
  await lookAtAll(page, report);
  await onPaper(page, report);
});
