// Takes the pictures of the README: the overview and the live page of whatever the link signs in to.
// Arguments: the link, a range for the overview, a folder. `python -m tests.web.pictures` runs it.
import { open, run, settled } from "./common.js";

const [link = "", range = "28d", folder = "."] = process.argv.slice(2);
const { origin, hash } = new URL(link);

await run(async (browser, report) => {
  const page = await open(browser, report.problems, { viewport: { width: 1200, height: 800 }, colorScheme: "light" });
  const take = (name) => page.screenshot({ path: `${folder}/${name}.png`, animations: "disabled" });
  await page.goto(`${origin}/overview?range=${range}${hash}`);
  await settled(page);
  await take("overview");
  await page.goto(`${origin}/live`);
  await page.waitForSelector(".feed tr");
  // The last hour has come in as soon as something is of the last minute.
  const lastMinute = page.locator(".live-card .figure").nth(1);
  while ((await lastMinute.textContent()) === "0") await page.waitForTimeout(500);
  await settled(page);
  await take("live");
});
