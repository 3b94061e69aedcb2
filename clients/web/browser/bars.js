// Measures in Chromium what the pages have bars for, against a server that runs, and prints it as JSON.
// Arguments: what to measure (a key of MEASURED), a link that signs in once, and options as JSON.
import { createInterface } from "node:readline";
import { idle, launch, newPage, settled, signIn } from "./browser.js";

const [name = "", link = "", options = "{}"] = process.argv.slice(2);
const { rounds = 5, seconds = 20, token = "" } = JSON.parse(options);
const { origin } = new URL(link);
const VIEWPORT = { width: 1320, height: 900 };
// Slow 4G as Lighthouse simulates it: 150 ms from a request to its answer, 1.6 Mbit/s down, 750 kbit/s up.
const SLOW = { offline: false, latency: 150, downloadThroughput: 204_800, uploadThroughput: 96_000 };
const SLOWER_CPU = 4;
const PAGES = [
  "overview",
  "agents",
  "live",
  "conversations",
  "usage",
  "gaps",
  "quality",
  "funnels",
  "campaigns",
  "calls",
  "api",
  "users",
  "dashboards",
  "reports",
  "destinations",
  "alerts",
  "settings",
];
const PERIODS = ["7d", "28d", "90d", "24h", "yesterday", "lastmonth"];

const browser = await launch(name === "live" ? ["--js-flags=--expose-gc"] : []);
const session = await signIn(browser, link);

/** A page of a browser that has nothing of ours but the session. */
async function cold() {
  const context = await browser.newContext({ viewport: VIEWPORT, locale: "en-GB", storageState: session });
  const page = await newPage(context);
  return { context, page };
}

/** Follows the bytes of answers as they come over the wire, heads included. */
async function countBytes(page) {
  const client = await page.context().newCDPSession(page);
  await client.send("Network.enable");
  const kinds = new Map();
  const found = { script: 0, style: 0, all: 0, files: 0 };
  client.on("Network.responseReceived", ({ requestId, response }) => {
    const { pathname } = new URL(response.url);
    kinds.set(requestId, pathname.endsWith(".js") ? "script" : pathname.endsWith(".css") ? "style" : "other");
  });
  client.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const kind = kinds.get(requestId);
    found.all += encodedDataLength;
    found.files += 1;
    if (kind in found) found[kind] += encodedDataLength;
  });
  return found;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const percentile = (values, part) => [...values].sort((a, b) => a - b)[Math.ceil(values.length * part) - 1];

/** What a cold overview weighs, and what each further page adds to it. */
async function weights() {
  const pages = {};
  let overview;
  for (const path of PAGES) {
    const { context, page } = await cold();
    const bytes = await countBytes(page);
    await page.goto(`${origin}/overview`);
    await settled(page);
    await idle(page);
    const before = { ...bytes };
    overview ??= before;
    if (path !== "overview") {
      await page.click(`.nav a[href^="/${path}"]`);
      await page.waitForURL(new RegExp(`/${path}`));
      await settled(page);
      await idle(page);
      pages[path] = bytes.script - before.script;
    }
    await context.close();
  }
  const { context, page } = await cold();
  const bytes = await countBytes(page);
  await page.goto(`${origin}/embed/panel#t=${token}`);
  await page.waitForSelector(".panel .card");
  const panel = bytes.script;
  await context.close();
  return { overview, pages, panel };
}

/** Notes what is painted and when, before any script of the page runs. */
function observe() {
  const seen = (window.seen = { first: 0, largest: 0, what: "", shift: 0, long: [] });
  const on = (type, take) => {
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
  };
  on("paint", (entry) => {
    if (entry.name === "first-contentful-paint") seen.first = entry.startTime;
  });
  on("largest-contentful-paint", (entry) => {
    seen.largest = entry.startTime;
    seen.what = entry.element?.outerHTML.slice(0, 80) ?? "";
  });
  on("layout-shift", (entry) => {
    if (!entry.hadRecentInput) seen.shift += entry.value;
  });
  on("longtask", (entry) => seen.long.push([entry.startTime, entry.duration]));
}

/** A cold overview over a slow line on a slow machine: first content, largest, blocking, shift. */
async function slow() {
  const runs = [];
  for (let i = 0; i < rounds; i += 1) {
    const { context, page } = await cold();
    const client = await context.newCDPSession(page);
    await client.send("Network.enable");
    await client.send("Network.emulateNetworkConditions", SLOW);
    await client.send("Emulation.setCPUThrottlingRate", { rate: SLOWER_CPU });
    await page.addInitScript(observe);
    await page.goto(`${origin}/overview`);
    await settled(page);
    await idle(page);
    await page.waitForTimeout(1_000); // What follows the last answer is drawn, and entries of observers come.
    const seen = await page.evaluate(() => window.seen);
    const blocking = seen.long
      .filter(([start]) => start >= seen.first)
      .reduce((sum, [, duration]) => sum + duration - 50, 0);
    runs.push({ ...seen, blocking });
    await context.close();
  }
  const of = (field) => median(runs.map((run) => run[field]));
  return {
    first: of("first"),
    largest: of("largest"),
    blocking: of("blocking"),
    shift: Math.max(...runs.map((run) => run.shift)),
    runs,
  };
}

/**
 * What blocks a cold overview by the time that the processor works on it, which does not grow when other programs use the
 * machine: each task of the page's thread counts with SLOWER_CPU times what is measured, less 50 ms.
 */
async function work() {
  const sums = [];
  for (let i = 0; i < rounds; i += 1) {
    const { context, page } = await cold();
    await browser.startTracing(page, { categories: ["toplevel", "devtools.timeline", "loading"] });
    await page.goto(`${origin}/overview`);
    await settled(page);
    await idle(page);
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
    await context.close();
    const paint = traceEvents.findLast((one) => one.name === "firstContentfulPaint");
    const tasks = traceEvents.filter(
      ({ name: what, pid, tid, ts }) =>
        pid === paint.pid && tid === paint.tid && ts >= paint.ts && /(^|::)RunTask$/.test(what),
    );
    sums.push(tasks.reduce((sum, { tdur = 0 }) => sum + Math.max(0, (SLOWER_CPU * tdur) / 1_000 - 50), 0));
  }
  return { blocking: median(sums), sums };
}

/** Returns when the page has painted what it has. */
async function painted(page) {
  await settled(page);
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        requestAnimationFrame(() => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => resolve(performance.now());
          port2.postMessage(null);
        });
      }),
  );
}

/** How long an overview takes until everything is there, with nothing slowed down. */
async function complete() {
  const times = [];
  for (let i = 0; i < rounds; i += 1) {
    const { context, page } = await cold();
    await page.goto(`${origin}/overview`, { waitUntil: "commit" });
    times.push(await painted(page));
    await context.close();
  }
  return { median: median(times), worst: Math.max(...times), times };
}

/** From the choice of a period until its figures are painted. Each is a question that was not asked before. */
async function periods() {
  const { context, page } = await cold();
  await page.goto(`${origin}/overview?tz=Europe/Paris`);
  await settled(page);
  await idle(page);
  const times = [];
  for (let i = 0; i < rounds * PERIODS.length; i += 1) {
    const range = PERIODS[i % PERIODS.length];
    times.push(
      await page.evaluate(async (next) => {
        const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
        const began = performance.now();
        const url = new URL(location.href);
        url.searchParams.set("range", next);
        history.pushState(null, "", url);
        dispatchEvent(new PopStateEvent("popstate"));
        await frame();
        while (document.querySelector("[aria-busy=true], .old") !== null) await frame();
        await new Promise((resolve) => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = resolve;
          port2.postMessage(null);
        });
        return performance.now() - began;
      }, range),
    );
    await idle(page);
    // Answers that are known need no question: the next round asks about other zones.
    if (range === PERIODS.at(-1)) {
      await page.goto(`${origin}/overview?tz=${["UTC", "Asia/Tokyo", "America/Denver"][(i + 1) % 3]}`);
      await settled(page);
      await idle(page);
    }
  }
  await context.close();
  return { median: median(times), p95: percentile(times, 0.95), times };
}

/** What the live page takes of a core while figures come, and by how much its heap grows. */
async function live() {
  const { context, page } = await cold();
  await page.goto(`${origin}/live`);
  await page.waitForSelector(".link-state.live");
  const client = await context.newCDPSession(page);
  await client.send("Performance.enable");
  const metrics = async () => {
    await page.evaluate(() => window.gc());
    const { metrics: all } = await client.send("Performance.getMetrics");
    return Object.fromEntries(all.map(({ name: key, value }) => [key, value]));
  };
  await page.waitForTimeout(10_000); // What is made once is there.
  const before = await metrics();
  await page.waitForTimeout(seconds * 1_000);
  const after = await metrics();
  await context.close();
  const spent = ["ScriptDuration", "LayoutDuration", "RecalcStyleDuration"];
  const wall = after.Timestamp - before.Timestamp;
  return {
    share: spent.reduce((sum, key) => sum + after[key] - before[key], 0) / wall,
    heap: after.JSHeapUsedSize - before.JSHeapUsedSize,
    nodes: after.Nodes - before.Nodes,
    listeners: after.JSEventListeners - before.JSEventListeners,
    seconds: wall,
  };
}

/** Eight tabs of one browser: how many watch, and how soon the others have newer figures when that one is closed. */
async function tabs() {
  const { context } = await cold();
  const streams = new Set();
  context.on("request", (request) => {
    if (request.url().endsWith("/WatchMetrics")) streams.add(request.frame().page());
  });
  const pages = [];
  for (let i = 0; i < 8; i += 1) {
    const page = await context.newPage();
    await page.goto(`${origin}/live`);
    await page.waitForSelector(".link-state.live");
    pages.push(page);
  }
  const [leader] = streams;
  const number = streams.size;
  const other = pages.find((page) => page !== leader);
  await other.bringToFront(); // Tabs that nobody sees paint nothing.
  const began = Date.now();
  await leader.close();
  await other.waitForFunction((since) => Number(document.querySelector("[data-at]")?.dataset.at) > since, began, {
    polling: 50,
  });
  const taken = Date.now() - began;
  await context.close();
  return { streams: number, streamsAfter: streams.size, taken };
}

/** The service goes and comes back under an open page. Standard input tells when it serves again. */
async function restart() {
  const { context, page } = await cold();
  await page.goto(`${origin}/live`);
  await page.waitForSelector(".link-state.live");
  const figures = () => page.locator(".live-card .figure").allTextContents();
  const before = await figures();
  process.stdout.write("ready\n");
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  await page.waitForSelector(".link-state.trying, .link-state.polling");
  const away = await figures();
  await lines.next();
  const began = Date.now();
  await page.waitForSelector(".link-state.live");
  const taken = Date.now() - began;
  await context.close();
  const isLost = (text, i) => !/\d/.test(away[i] ?? "") && /\d/.test(text);
  return { kept: !before.some(isLost), taken };
}

const MEASURED = { weights, slow, work, complete, periods, live, tabs, restart };

try {
  process.stdout.write(`${JSON.stringify(await MEASURED[name]())}\n`);
} finally {
  await browser.close();
}
