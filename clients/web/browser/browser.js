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
