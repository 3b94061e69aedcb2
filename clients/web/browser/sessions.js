// Looks at where somebody is signed in, ends one session and then all others, against a server that runs.
// Arguments: three links of one person, which sign in once each; PICTURES names a folder for pictures.
import { open, overflow, run, settled, violations } from "./common.js";

const links = process.argv.slice(2, 5);
const { origin } = new URL(links[0]);
const pictures = process.env.PICTURES;

/** Looks at the page as it is: with axe in light and dark, and for what overflows where it is narrow. */
async function look(page, report) {
  for (const [name, width, colorScheme] of [
    ["light", 1320, "light"],
    ["dark", 1320, "dark"],
    ["narrow", 360, "light"],
  ]) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    if (pictures !== undefined) await page.screenshot({ path: `${pictures}/sessions-${name}.png`, fullPage: true });
    const over = await overflow(page);
    if (over > 0) report.overflow.push(`${name}: ${over}`);
    if (name === "narrow") continue;
    for (const found of await violations(page)) report.violations.push(`${name}: ${found}`);
  }
  await page.setViewportSize({ width: 1320, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

function rows(page) {
  return page.locator("[data-tile=sessions] tbody tr");
}

/** Waits until the list has so many sessions. */
function listed(page, number) {
  return page.waitForFunction(
    (wanted) => document.querySelectorAll("[data-tile=sessions] tbody tr").length === wanted,
    number,
  );
}

await run(async (browser, report) => {
  Object.assign(report, { violations: [], overflow: [] });
  const tabs = [];
  for (const link of links) {
    const page = await open(browser, report.problems);
    await page.goto(link.replace("/#", "/settings#"));
    await settled(page);
    tabs.push(page);
  }
  const [page, other, last] = tabs;
  await page.reload();
  await listed(page, 3);
  await settled(page);
  report.current = await rows(page).filter({ hasText: "This session" }).count();
  report.hint = await page.locator("[data-tile=sessions] p").first().textContent();
  await look(page, report);
  // The newest one is that of the last tab.
  await rows(page).first().getByRole("button").click();
  await listed(page, 2);
  await page.getByRole("button", { name: "Sign out everywhere else" }).click();
  await listed(page, 1);
  report.left = await rows(page).allTextContents();
  // Both others are asked to sign in once the service knows, which takes seconds.
  for (const tab of [other, last]) {
    for (;;) {
      await tab.goto(`${origin}/settings`);
      await tab.waitForSelector("h1, input[type=password]");
      if ((await tab.locator("input[type=password]").count()) > 0) break;
      await settled(tab);
    }
  }
  await page.reload();
  await listed(page, 1);
});
