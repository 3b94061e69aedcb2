// Looks at what is unusual on the overview, and at what changed. Argument: a link of somebody who may read.
// Prints the remarks of the focus chart, its rings, the tooltip at the peak, the rows of each account, and what axe finds.
import { open, overflow, run, settled, violations } from "./common.js";

const [link = ""] = process.argv.slice(2);
const DAYS = "/overview?range=2024-04-29..2024-04-30&cmp=previous&tz=UTC&focus=total_messages#";

await run(async (browser, report) => {
  const page = await open(browser, report.problems);
  await page.goto(link.replace("/#", DAYS));
  await page.locator("circle.ring").waitFor();
  await settled(page);
  report.rings = await page.locator("circle.ring").count();
  const chart = page.locator("svg.chart-svg", { has: page.locator("circle.ring") });
  const box = await page.locator("circle.ring").boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  report.tooltip = await page.locator(".tooltip .remark").textContent();
  await page.mouse.move(0, 0);
  report.named = await chart.getAttribute("aria-label");
  report.accounts = await page.locator(".tile h2", { hasText: "What changed most" }).evaluate((heading) =>
    [...heading.closest("section, article, .tile").querySelectorAll(".column")].map((column) => ({
      name: column.querySelector("h3").textContent,
      rows: [...column.querySelectorAll("tr")].map(({ cells }) => [
        cells[0].textContent.trim(),
        cells[2].textContent.replace("better", "").replace("worse", "").trim(),
      ]),
    })),
  );
  report.violations = await violations(page);
  await page.setViewportSize({ width: 360, height: 800 });
  report.overflow = await overflow(page);
  await page
    .getByRole("button", { name: /^Table: / })
    .first()
    .click();
  report.remark = await page.locator(".figures .remark").textContent();
});
