// A Chromium without a window, for what is measured and tested in it.
import { chromium } from "playwright-core";

/** Starts Chromium. CHROMIUM names the program. */
export async function launch(more = []) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage", ...more],
  });
}

/** Waits until a page has what it asked for. */
export async function settled(page) {
  await page.waitForSelector("h1");
  await page.waitForFunction(
    () => document.querySelector("[aria-busy=true], .old") === null && document.querySelector("h1") !== null,
  );
}

const QUIET_MS = 500;
const PATIENCE_MS = 300_000;
const asking = new WeakMap();

/** A new page of a context, whose requests idle() knows from the first on. */
export async function newPage(context) {
  const page = await context.newPage();
  const state = { open: new Set(), changed: Date.now() };
  const end = (request) => {
    if (state.open.delete(request)) state.changed = Date.now();
  };
  page.on("request", (request) => {
    // What is watched has no end, as the alerts on every page.
    if (/\/Watch\w+$/.test(request.url())) return;
    state.open.add(request);
    state.changed = Date.now();
  });
  page.on("requestfinished", end);
  page.on("requestfailed", end);
  asking.set(page, state);
  return page;
}

/** Waits until a page of newPage() has asked nothing for a while, but for what it watches. */
export async function idle(page) {
  const state = asking.get(page);
  const begun = Date.now();
  while (state.open.size > 0 || Date.now() - state.changed < QUIET_MS) {
    if (Date.now() - begun > PATIENCE_MS)
      throw new Error(`unanswered: ${[...state.open].map((request) => request.url()).join(", ")}`);
    await page.waitForTimeout(50);
  }
}

/** Signs in by a link that does so once, and returns what other contexts need to be signed in, too. */
export async function signIn(browser, link) {
  const context = await browser.newContext({ locale: "en-GB" });
  const page = await context.newPage();
  await page.goto(link.replace("/#", "/overview#"));
  await page.waitForSelector("h1");
  const state = await context.storageState();
  await context.close();
  return state;
}
