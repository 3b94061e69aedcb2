// Reads what pages say: the cards in full, the tables of their charts, and the footer.
// Arguments: the link, and a list of addresses as JSON, each of another zone than the one before. Prints what they say as JSON.
import { open, run } from "./common.js";

const [link = "", addresses = "[]"] = process.argv.slice(2);
const { origin } = new URL(link);

/** Opens the tables of all charts, and reads the page. */
function read() {
  const texts = (all) => [...all].map((one) => one.textContent.trim());
  return {
    cards: [...document.querySelectorAll(".card")].map((card) => [
      card.dataset.metric,
      card.querySelector(".figure").title,
      card.querySelector(".figure [aria-label]").getAttribute("aria-label"),
    ]),
    charts: [...document.querySelectorAll(".chart .figures")].map((table) => ({
      head: texts(table.querySelectorAll("thead th")),
      rows: [...table.querySelectorAll("tbody tr")].map((row) => texts(row.cells)),
    })),
    foot: document.querySelector("footer.foot").textContent,
  };
}

/** Opens a page that has so many charts, and the tables of all of them. */
async function visit(page, address, charts) {
  await page.goto(origin + address);
  // Charts come with answers of their own.
  const toggles = page.locator(".chart .legend button");
  await toggles.nth(charts - 1).waitFor();
  for (let i = 0; i < charts; i += 1) await toggles.nth(i).click();
  await page
    .locator(".chart .figures")
    .nth(charts - 1)
    .waitFor();
}

/** Goes to another zone on the same page, as the browser's buttons do. */
function turn(page, address) {
  return page.evaluate(async (next) => {
    history.pushState(null, "", next);
    dispatchEvent(new PopStateEvent("popstate"));
    // From the next frame on, what is of the period before is marked.
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  }, address);
}

await run(async (browser, report) => {
  const page = await open(browser, report.problems);
  await page.goto(link.replace("/#", "/overview#"));
  await page.waitForSelector("footer.foot");
  report.pages = [];
  let path = "";
  for (const { address, charts } of JSON.parse(addresses)) {
    const { pathname, searchParams } = new URL(address, origin);
    await (pathname === path ? turn(page, address) : visit(page, address, charts));
    path = pathname;
    // The footer is of the answer that the cards are of; the charts before their answers are marked.
    await page.locator("footer.foot", { hasText: ` ${searchParams.get("tz")} ` }).waitFor();
    await page.waitForFunction(() => document.querySelector("[aria-busy=true], .old") === null);
    report.pages.push(await page.evaluate(read));
  }
});
