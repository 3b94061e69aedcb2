/** The start of the embedded panel: no cookie, no storage; a token in memory, which the page around it renews. */
import { render } from "preact";
import { signal } from "@preact/signals";
import { timestampMs } from "./wire/timestamps";
import { AccountService } from "@contract/account_service_pb.js";
import { call, connection } from "./api/transport";
import { Panel } from "./live/Panel";
import { session } from "./state/session";
import { chooseLanguage, locale } from "./text";

const RENEW_BEFORE_MS = 60_000;
const ASK_AGAIN_MS = 10_000;

/** True once the token is over and no new one has come. */
const expired = signal(false);

let timer: ReturnType<typeof setTimeout> | undefined;

function origins(): readonly string[] {
  return session.peek()?.embed?.origins ?? [];
}

/** Tells the page around the panel something; pages of other origins hear nothing. */
function tell(message: { type: string; height?: number }): void {
  for (const origin of origins()) parent.postMessage(message, origin);
}

function renew(): void {
  tell({ type: "tallywire:renew" });
  timer = setTimeout(renew, ASK_AGAIN_MS);
}

/** Takes a token: asks what it may do, and when it has to be renewed. */
async function take(token: string): Promise<void> {
  connection.token = token;
  const { session: mine } = await call(AccountService.method.getSession, {});
  session.value = mine;
  expired.value = false;
  clearTimeout(timer);
  const ends = mine?.expiresAt;
  if (ends !== undefined) timer = setTimeout(renew, Math.max(0, timestampMs(ends) - Date.now() - RENEW_BEFORE_MS));
}

function listen(): void {
  addEventListener("message", ({ data, origin, source }: MessageEvent<unknown>) => {
    if (source !== parent || !origins().includes(origin)) return;
    const { type, token } = (data ?? {}) as { type?: unknown; token?: unknown };
    if (type !== "tallywire:token" || typeof token !== "string") return;
    take(token).catch(() => {
      expired.value = true;
    });
  });
  const root = document.documentElement;
  new ResizeObserver(() => {
    tell({ type: "tallywire:height", height: Math.ceil(document.body.scrollHeight) });
  }).observe(root);
}

async function start(): Promise<void> {
  const token = new URLSearchParams(location.hash.slice(1)).get("t") ?? "";
  history.replaceState(null, "", location.pathname + location.search);
  await chooseLanguage("", navigator.languages);
  document.documentElement.lang = locale;
  connection.onSignedOut = () => {
    expired.value = true;
  };
  listen();
  try {
    await take(token);
  } catch {
    expired.value = true; // The panel says so.
  }
}

const root = document.getElementById("app");
if (root !== null)
  void start().then(() => {
    render(<Panel expired={expired} />, root);
  });
