// Signs in by typing a key, and looks for the key wherever somebody could find it afterwards.
// Arguments: the pages' address, the key. Prints the places where it was found, as JSON.
import { idle, launch, newPage, settled } from "./browser.js";

const [origin = "", key = ""] = process.argv.slice(2);
const found = [];
const look = (place, text) => {
  if (text.includes(key)) found.push(place);
};

const browser = await launch();
try {
  const context = await browser.newContext({ locale: "en-GB" });
  const page = await newPage(context);
  const bodies = [];
  page.on("response", (response) => {
    bodies.push(response.allHeaders().then((headers) => [response.url(), JSON.stringify(headers)]));
  });
  // What is watched has no end, and no body that could be read.
  page.on("requestfinished", (request) => {
    const read = async () => [request.url(), (await (await request.response()).body()).toString("latin1")];
    bodies.push(read().catch(() => undefined)); // What a reload has thrown away cannot be read again.
  });
  page.on("request", (request) => {
    look(`address ${request.url()}`, request.url());
  });
  page.on("console", (message) => {
    look("console", message.text());
  });
  await page.goto(`${origin}/overview`);
  await page.waitForSelector("input[type=password]");
  await page.fill("input[type=password]", key);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#content h1");
  await settled(page);
  await idle(page);
  for (const [url, text] of (await Promise.all(bodies)).filter((one) => one !== undefined)) look(`answer ${url}`, text);
  look("address", page.url());
  look("page", await page.content());
  look(
    "storage",
    JSON.stringify(
      await page.evaluate(() => [{ ...localStorage }, { ...sessionStorage }, document.cookie, history.state]),
    ),
  );
  look("cookies", JSON.stringify(await context.cookies()));
  const client = await context.newCDPSession(page);
  await client.send("HeapProfiler.enable");
  await client.send("HeapProfiler.collectGarbage");
  let snapshot = "";
  client.on("HeapProfiler.addHeapSnapshotChunk", ({ chunk }) => {
    snapshot += chunk;
  });
  await client.send("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
  if (!snapshot.includes("Conversations")) throw new Error("the heap snapshot does not even hold a heading");
  look("heap", snapshot);
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify([...new Set(found)]));
