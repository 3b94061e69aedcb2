// Changes things on the pages against a server that runs, and prints what came of it as JSON: a funnel that is made,
// changed and changed by somebody else, a dashboard that somebody else has changed, one as JSON and back, the live page on
// the full screen, a period that cannot be loaded, and an erasure. Arguments: a link of somebody who may do all of that,
// a user's id, a folder for the file. PICTURES names a folder for pictures.
import { readFileSync } from "node:fs";
import { open, overflow, run, settled, stored, violations } from "./common.js";

const [link = "", user = "", folder = ""] = process.argv.slice(2);
const { origin } = new URL(link);
const pictures = process.env.PICTURES;

/** Looks at the page as it is, with axe and on a phone. */
async function look(page, report, name) {
  if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
  for (const found of await violations(page)) report.violations.push(`${name}: ${found}`);
  await page.setViewportSize({ width: 360, height: 800 });
  if ((await overflow(page)) > 0) report.overflow.push(name);
  if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}-narrow.png`, fullPage: true });
  await page.setViewportSize({ width: 1320, height: 900 });
}

function go(page, path) {
  return page.goto(`${origin}/${path}`).then(() => settled(page));
}

/** What the funnel on the page comes to: its steps with how many entered. */
function steps(page) {
  return page
    .locator(".funnel-step")
    .evaluateAll((rows) =>
      rows.map((row) =>
        `${row.querySelector("b").textContent} ${row.querySelector(".number").firstChild.textContent}`.trim(),
      ),
    );
}

/** Makes a funnel by the keyboard, saves it, and finds it under its name. */
async function makeFunnel(page, report) {
  await go(page, "funnels");
  await page.getByRole("button", { name: "New funnel" }).click();
  const types = page.locator(".steps .event-type");
  await types.first().fill("conversation.resolved");
  await types.nth(1).fill("conversation.started");
  await types.nth(1).press("Enter");
  await page.selectOption("[data-tile=editor] select >> nth=0", { label: "conversations" });
  report.suggested = await page.locator("#event-types option").evaluateAll((all) => all.map((one) => one.value));
  // The steps are the wrong way round: the second one goes up, and the focus with it.
  const up = page.getByRole("button", { name: "Move conversation.started up" });
  await up.focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(
    () => document.activeElement?.getAttribute("aria-label") === "Move conversation.started down",
  );
  await page.locator(".funnel-step").first().waitFor();
  await settled(page);
  report.unsaved = await steps(page);
  await page.locator("input[name=funnel-name]").fill("Service");
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.searchParams.get("funnel") === "Service" && !url.searchParams.has("draft"));
  await page.locator("[data-tile=funnel] h2", { hasText: "Service" }).waitFor();
  await settled(page);
  report.saved = await steps(page);
}

/** Begins to change a funnel in two tabs: the second one to save is told, and saves its own under another name. */
async function changeFunnel(page, other, report) {
  for (const tab of [page, other]) {
    await go(tab, "funnels?funnel=Service");
    await tab.getByRole("button", { name: "Edit", exact: true }).click();
    await tab.locator(".steps li").first().waitFor();
  }
  const name = (tab) => tab.getByRole("textbox", { name: "Step 1: Name" });
  await name(page).fill("Begun");
  await name(page).press("Tab");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.waitForURL((url) => !url.searchParams.has("draft"));
  await page.locator(".funnel-step b", { hasText: "Begun" }).waitFor();
  await name(other).fill("Started");
  await name(other).press("Tab");
  await other.getByRole("button", { name: "Save", exact: true }).click();
  report.funnelConflict = await other.locator("[data-tile=editor] [role=alert] p").first().textContent();
  await other.locator("input[name=funnel-name]").fill("Mine");
  await other.getByRole("button", { name: "Save as another one" }).click();
  await other.waitForURL((url) => url.searchParams.get("funnel") === "Mine");
  await other.locator(".funnel-step b", { hasText: "Started" }).waitFor();
  other.once("dialog", (dialog) => dialog.accept());
  await other.getByRole("button", { name: "Delete", exact: true }).click();
  await other.waitForURL((url) => !url.searchParams.has("funnel"));
  await go(page, "funnels");
  report.funnels = await page.locator("[data-tile=funnel] select").first().locator("option").allTextContents();
}

/** Changes the title of the dashboard that is open. */
async function rename(page, title) {
  await page.getByRole("textbox", { name: "Title" }).first().fill(title);
  await page.keyboard.press("Tab");
  await page.getByRole("button", { name: "Save", exact: true }).click();
}

/** Saves a dashboard in two tabs: the second one to save is told, and keeps its own as a copy. */
async function conflict(page, other, report) {
  await go(page, "dashboards");
  await Promise.all([stored(page), page.getByRole("button", { name: "An empty dashboard" }).click()]);
  await page.waitForURL(/\/dashboards\/.+/);
  const address = new URL(page.url()).pathname.slice(1);
  await page.getByRole("button", { name: "Add a tile" }).first().click();
  await page.locator("form.form button[type=submit]").click();
  await rename(page, "First");
  await page.getByRole("button", { name: "Edit", exact: true }).waitFor();
  await go(other, `${address}?edit=1`);
  await go(page, `${address}?edit=1`);
  await rename(page, "Second");
  await page.getByRole("button", { name: "Edit", exact: true }).waitFor();
  await rename(other, "Third");
  const alert = other.locator("[role=alert]", { hasText: "newer version" });
  await alert.waitFor();
  await Promise.all([stored(other), alert.getByRole("button", { name: "Save as a copy" }).click()]);
  await other.waitForURL((url) => url.pathname !== `/${address}` && url.pathname.startsWith("/dashboards/"));
  await other.locator("[data-tile]").first().waitFor();
  report.copy = await other.locator("h1").textContent();
  report.kept = await page.locator("h1").textContent();
  return address;
}

/** Takes a dashboard out as JSON and puts it in again. */
async function asJson(page, address, report) {
  await go(page, address);
  await page.locator("button[popovertarget=more]").click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.locator("#more .item", { hasText: "Download JSON" }).click(),
  ]);
  const file = `${folder}/${download.suggestedFilename()}`;
  await download.saveAs(file);
  report.json = JSON.parse(readFileSync(file, "utf8"));
  await go(page, "dashboards");
  await Promise.all([stored(page), page.locator("input[type=file]").setInputFiles(file)]);
  await page.waitForURL(/\/dashboards\/.+edit=1/);
  await settled(page);
  report.again = { title: await page.locator("h1").textContent(), tiles: await page.locator("[data-tile]").count() };
}

/** The live page on the full screen, and back. */
async function fullScreen(page, report) {
  await go(page, "live");
  const size = () =>
    page
      .locator(".figure")
      .first()
      .evaluate((one) => getComputedStyle(one).fontSize);
  report.small = await size();
  await page.getByRole("button", { name: "Full screen" }).click();
  await page.waitForFunction(() => document.fullscreenElement !== null && document.querySelector(".full") !== null);
  report.large = await size();
  await page.getByRole("button", { name: "Leave full screen" }).click();
  await page.waitForFunction(() => document.fullscreenElement === null && document.querySelector(".full") === null);
}

/** While another period comes its figures stay, dimmed; where it does not come, the page says that they are old. */
async function oldFigures(page, report) {
  await go(page, "overview?range=7d");
  const card = page.locator(".card[data-metric=total_messages] .figure");
  const before = await card.textContent();
  const held = [];
  await page.route("**/GetOverview", (route) => held.push(route));
  await page.keyboard.press("n");
  await page.locator(".kept.old[aria-busy=true]").waitFor();
  report.dimmed = (await card.textContent()) === before;
  for (const route of held) await route.abort();
  report.old = await page.locator(".kept .stale").textContent();
  report.staysOld = (await card.textContent()) === before;
  // Nothing comes any more that they would be dimmed for.
  await page.locator(".kept.old").waitFor({ state: "detached" });
  await page.unroute("**/GetOverview");
  await page.locator(".kept .stale button").click();
  await page.locator(".kept .stale").waitFor({ state: "detached" });
  await settled(page);
}

/** The rows of a list stay, too. */
async function oldRows(page, report) {
  await go(page, "conversations");
  const rows = page.locator("#list tbody tr");
  const before = await rows.count();
  await page.route("**/ListConversations", (route) => route.abort());
  await page.keyboard.press("n");
  await page.locator("#list .stale").waitFor();
  report.rowsStay = before > 0 && (await rows.count()) === before;
  await page.unroute("**/ListConversations");
  await page.locator("#list .stale button").click();
  await page.locator("#list .stale").waitFor({ state: "detached" });
}

/** A chart of the largest values, and of those that somebody chooses. */
async function byDimension(page, report) {
  await go(page, "agents");
  const tile = page.locator("[data-tile=by-agent]");
  await tile.locator("svg.chart-svg").waitFor();
  report.top = await tile.locator(".tile-head .muted").textContent();
  report.legend = await tile.locator(".legend-key").allTextContents();
  await tile.getByRole("button", { name: "Choose" }).click();
  await page.locator("#choose-agent input[type=checkbox]:not(:checked)").first().click();
  await page.waitForURL(/top=/);
  report.chosen = (await tile.locator(".legend-key").allTextContents()).length;
  await look(page, report, "agents");
}

/** Makes a token of a panel, and what goes into a page. */
async function embed(page, report) {
  await go(page, "settings");
  await page.locator("#embed-origins").fill("https://app.example.com");
  await page.getByRole("button", { name: "Make a token" }).click();
  await page.locator("[data-embed=made] pre").first().waitFor();
  report.snippets = await page.locator("[data-embed=made] pre").allTextContents();
  await look(page, report, "settings");
}

/** Erases a user, who is on no page afterwards. */
async function erase(page, report) {
  await go(page, "users");
  report.before = await page.locator("main a", { hasText: user }).count();
  await page.locator("main a", { hasText: user }).first().click();
  const tile = page.locator("[data-tile=erase]");
  await tile.locator("input").fill(user);
  await tile.getByRole("button", { name: "Erase this user" }).click();
  report.receipt = JSON.parse(await tile.locator("pre").textContent());
  report.person = await page.locator("main > .grid > p").first().textContent();
  report.activities = await page.getByRole("region", { name: "What this user did" }).count();
  await page.locator("nav a", { hasText: "Users" }).click();
  await page.locator("main .table").first().waitFor();
  await settled(page);
  report.after = await page.locator("main a", { hasText: user }).count();
}

await run(async (browser, report) => {
  Object.assign(report, { violations: [], overflow: [] });
  const page = await open(browser, [], { acceptDownloads: true });
  await page.goto(link.replace("/#", "/overview#"));
  await settled(page);
  // A window of its own: what lies behind another tab draws but once a second.
  const other = await open(browser, [], { storageState: await page.context().storageState() });
  await makeFunnel(page, report);
  await changeFunnel(page, other, report);
  await asJson(page, await conflict(page, other, report), report);
  await other.context().close();
  await fullScreen(page, report);
  await oldFigures(page, report);
  await oldRows(page, report);
  await byDimension(page, report);
  await embed(page, report);
  await erase(page, report);
});
