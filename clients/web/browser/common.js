// What every script in a browser needs. CHROMIUM names the program.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Starts a browser. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

/** Opens a page; what goes wrong in it is put into the list of problems. */
export async function open(browser, problems, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1320, height: 900 }, locale: "en-GB", ...options });
  const page = await context.newPage();
  // A slow machine is late, and not wrong.
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("response", (response) => {
    // Before the sign-in the page asks who is there, and hears that nobody is.
    if (response.status() >= 400 && response.status() !== 401)
      problems.push(`${page.url()}: ${response.url()} ${response.status()}`);
  });
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load")) problems.push(message.text());
  });
  return page;
}

/** Waits until the page has what it asked for. */
export async function settled(page) {
  await page.waitForSelector("h1");
  await page.waitForFunction(
    () => document.querySelector("[aria-busy=true], .old") === null && document.querySelector("h1") !== null,
  );
}

/** Waits until a dashboard has been stored; what the page says of it is gone after three seconds. */
export function stored(page) {
  return page.waitForResponse((response) => response.url().endsWith("/CreateDashboard") && response.ok());
}

/** Returns what axe finds on the page as it is. */
export async function violations(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: AXE });
  await session.detach();
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.map(({ id, nodes }) => `${id} ${nodes[0].target}`);
}

/** Returns by how many pixels the page is wider than the window. */
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** Goes to an element by the Tab key alone. */
export async function tabTo(page, selector) {
  await page.waitForSelector(selector);
  for (let i = 0; i < 300; i += 1) {
    if (await page.evaluate((one) => document.activeElement?.matches(one) === true, selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`the Tab key does not reach ${selector}`);
}

/** Runs a script, prints its report, and says where the page was when it failed. */
export async function run(script) {
  const browser = await launch();
  const report = { problems: [] };
  try {
    await script(browser, report);
  } catch (error) {
    for (const page of browser.contexts().flatMap((context) => context.pages())) {
      process.stderr.write(`${page.url()}\n${await page.locator("body").innerText()}\n`);
    }
    throw error;
  } finally {
    await browser.close();
  }
  process.stdout.write(JSON.stringify(report));
}
