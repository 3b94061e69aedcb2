// Signs in at an identity provider that asks for nothing, from a page that was open, and looks at the page for signing in.
// Arguments: the pages' address, the path of the page. Prints the path that it came to, cookies, and what axe finds.
import { open, overflow, run, settled, violations } from "./common.js";

const [origin = "", path = ""] = process.argv.slice(2);

await run(async (browser, report) => {
  const page = await open(browser, report.problems);
  await page.goto(`${origin}${path}`);
  const button = page.getByRole("link", { name: "Sign in with Acme <Login>" });
  await button.waitFor();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    report.problems.push(...(await violations(page)));
  }
  await page.setViewportSize({ width: 320, height: 640 });
  report.overflow = await overflow(page);
  await button.click();
  await page.waitForSelector("#content h1");
  await settled(page);
  report.path = new URL(page.url()).pathname;
  report.cookies = (await page.context().cookies()).map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite]);
  report.scripts = await page.evaluate(() => document.cookie);
});
