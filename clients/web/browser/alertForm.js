// Makes a rule with what most rules leave to the service, is refused, mends that, and opens it again, against a server that
// runs. Argument: a link of somebody with the scope edit.
// Prints what was refused and where, what the form shows of the stored rule, and what axe finds.
import { open, overflow, run, settled, violations } from "./common.js";

const [link = ""] = process.argv.slice(2);

function button(page, name) {
  return page.getByRole("button", { name, exact: true });
}

/** Looks for what axe finds in light and dark, and for what overflows where it is narrow. */
async function look(page, report) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    report.violations.push(...(await violations(page)));
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 360, height: 800 });
  report.overflow = await overflow(page);
  await page.setViewportSize({ width: 1320, height: 900 });
}

await run(async (browser, report) => {
  report.violations = [];
  const problems = [];
  const page = await open(browser, problems);
  await page.goto(link.replace("/#", "/alerts?about=error_rate#"));
  await page.locator("#alert-name").fill("Errors");
  await page.locator("#alert-critical").fill("0.2");
  report.closed = !(await page.locator("#alert-hysteresis").isVisible());
  await page.locator("details > summary").click();
  await page.locator("#alert-hysteresis").pressSequentially("0.05");
  await page.locator("#alert-samples").fill("20");
  await page.selectOption("#alert-close", "60");
  await page.selectOption("#alert-remind", "240");
  await page.selectOption("#alert-delay", "1");
  await page.locator("#alert-timeZone").fill("Asia/Tokyo");
  await button(page, "Add a mute window").click();
  await page.locator(".mute input").first().fill("* 22 * * *");
  await page.locator("details > summary").click();
  await button(page, "Save").click();
  await page.locator("#alert-mutes-problem").waitFor();
  report.refused = await page.locator("#alert-mutes-problem").textContent();
  await look(page, report);
  await page.locator(".mute input").first().fill("0 22 * * 1-5");
  report.mended = await page.locator("#alert-mutes-problem").count();
  await button(page, "Save").click();
  await page.waitForURL(/\/alerts\/.+/);
  await settled(page);
  await button(page, "Edit").click();
  await page.locator("#alert-hysteresis").waitFor();
  const shown = ["hysteresis", "samples", "close", "remind", "delay", "timeZone"];
  report.shown = await Promise.all(shown.map((name) => page.locator(`#alert-${name}`).inputValue()));
  report.mutes = await page.locator(".mute input").evaluateAll((all) => all.map(({ value }) => value));
  report.problems = problems.filter((one) => !/CreateAlertRule 400$/.test(one));
});
