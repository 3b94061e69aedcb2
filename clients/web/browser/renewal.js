// A panel within a page of another origin, which renews its token. Arguments: the origin of the pages, the origin of the
// page around the panel, a token that is about to end, and one that comes after it. Prints what the panel asked for, and
// with which token it went on.
import { open, run } from "./common.js";

const [pages = "", host = "", token = "", next = ""] = process.argv.slice(2);

/** The page around the panel: it answers the panel's wish with the next token, and keeps what the panel said. */
const AROUND = `<!doctype html><title>Host</title>
<iframe src="${pages}/embed/panel#t=${token}" width="400" height="900"></iframe>
<script>
  window.said = [];
  const panel = document.querySelector("iframe");
  addEventListener("message", ({ source, origin, data }) => {
    if (source !== panel.contentWindow || origin !== "${pages}") return;
    window.said.push(data.type);
    if (data.type === "tallywire:renew")
      panel.contentWindow.postMessage({ type: "tallywire:token", token: "${next}" }, origin);
  });
</script>`;

await run(async (browser, report) => {
  // Chromium asks whether a page may hold one of this machine.
  const page = await open(browser, report.problems, { permissions: ["local-network-access"] });
  report.tokens = [];
  page.on("request", (request) => {
    const sent = request.headers()["authorization"] ?? "";
    if (sent !== "" && report.tokens.at(-1) !== sent) report.tokens.push(sent);
  });
  await page.route(`${host}/**`, (route) => route.fulfill({ contentType: "text/html", body: AROUND }));
  await page.goto(`${host}/`);
  const panel = page.frameLocator("iframe");
  await panel.locator(".link-state.live").waitFor();
  const renewed = () => report.tokens.some((one) => one.endsWith(next));
  while (!renewed()) await page.waitForEvent("request");
  // It goes on with the new token, and says nothing of an end.
  await panel.locator(".live-card .figure").first().waitFor();
  report.stale = await panel.locator(".stale").count();
  report.said = await page.evaluate(() => window.said);
  report.address = page.frames().at(-1).url();
});
