// Makes destinations, sends a test, looks at the mail that was caught, and rotates a secret, against a server that runs.
// Arguments: a link of an admin, one of somebody with the scope edit alone; PICTURES names a folder for pictures.
import { open, overflow, run, settled, violations } from "./common.js";

const [link = "", editorsLink = ""] = process.argv.slice(2);
const { origin } = new URL(link);
const pictures = process.env.PICTURES;

/** Looks at the page as it is: with axe in light and dark, and for what overflows where it is narrow. */
async function look(page, report, state) {
  for (const [name, width, colorScheme] of [
    ["light", 1320, "light"],
    ["dark", 1320, "dark"],
    ["narrow", 360, "light"],
  ]) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${state}-${name}.png` });
    const over = await overflow(page);
    if (over > 0) report.overflow.push(`${state} ${name}: ${over}`);
    if (name === "narrow") continue;
    for (const found of await violations(page)) report.violations.push(`${state} ${name}: ${found}`);
  }
  await page.setViewportSize({ width: 1320, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

function button(page, name) {
  return page.getByRole("button", { name, exact: true });
}

async function mail(page, report) {
  await page.goto(link.replace("/#", "/destinations#"));
  await settled(page);
  await look(page, report, "none");
  await button(page, "Add a destination").click();
  await page.locator("#destination-name").fill("Staff");
  await page.locator("#destination-addresses").fill("ada@example.org, \n");
  await look(page, report, "form");
  await button(page, "Save").click();
  await page.waitForURL(/\/destinations\/.+/);
  await settled(page);
  await button(page, "Send a test").click();
  await page.locator("[data-delivery-state='3']").waitFor();
  await page.locator("[data-caught]").waitFor();
  report.headers = await page.locator("[data-caught] dd").allTextContents();
  report.text = await page.locator("[data-caught] pre").textContent();
  report.tries = await page.locator(".timeline li").count();
  await look(page, report, "caught");
  await page.keyboard.press("Escape");
  await settled(page);
  await button(page, "Pause").click();
  await button(page, "Resume").waitFor();
  await settled(page);
  await look(page, report, "paused");
}

async function webhook(page, report) {
  await page.goto(`${origin}/destinations`);
  await settled(page);
  await button(page, "Add a destination").click();
  await page.locator("#destination-name").fill("Orders");
  await page.selectOption("#destination-kind", "webhook");
  await page.locator("#destination-url").fill("ftp://example.org/hooks");
  await button(page, "Save").click();
  await page.locator("form [role=alert]:not(:empty)").waitFor();
  report.refusal = await page.locator("form [role=alert]").textContent();
  await page.locator("#destination-url").fill("https://example.org/hooks");
  await page.selectOption("#destination-format", "2");
  await page.getByLabel("Use of the quota").check();
  await button(page, "Save").click();
  await page.locator("[data-secret]").waitFor();
  await settled(page);
  report.secret = await page.locator("[data-secret] code").textContent();
  await look(page, report, "secret");
  await button(page, "It is kept").click();
  await page.locator("[data-secret]").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Orders" }).click();
  await settled(page);
  report.facts = await page.locator("dl.pairs dd").allTextContents();
  await button(page, "New secret").click();
  await page.locator("#rotate button[type=submit]").click();
  await page.locator("[data-secret]").waitFor();
  report.rotated = await page.locator("[data-secret] code").textContent();
}

async function edit(page, report) {
  await page.goto(editorsLink.replace("/#", "/destinations#"));
  await settled(page);
  report.editorsList = await page.locator("main button").allTextContents();
  await page.getByRole("link", { name: "Staff" }).click();
  await button(page, "Send a test").waitFor();
  report.editorsButtons = await page.locator("main .heading button").allTextContents();
}

await run(async (browser, report) => {
  Object.assign(report, { violations: [], overflow: [] });
  const problems = [];
  const page = await open(browser, problems);
  await mail(page, report);
  await webhook(page, report);
  await edit(await open(browser, problems), report);
  // The refusal of ftp:// is what the form has to show.
  report.problems = problems.filter((one) => !one.includes("/CreateDestination "));
});
