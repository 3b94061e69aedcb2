/** How many incidents are open, for the navigation: one stream for all tabs of a browser. */
import { signal } from "@preact/signals";
import { AlertService, WatchAlertsResponseSchema } from "@contract/alert_service_pb.js";
import { fromBinary } from "../wire";
import { stream } from "../api/transport";
import { askAnew } from "../api/question";
import { backoff } from "./live";

const SILENCE_MS = 40_000;

/** Open incidents; undefined until they are known. */
export const openIncidents = signal<number | undefined>(undefined);

let shown = "";

function take(bytes: Uint8Array): void {
  const found = fromBinary(WatchAlertsResponseSchema, bytes);
  openIncidents.value = found.openIncidents;
  const states = JSON.stringify([found.ok, found.warning, found.alert, found.noData, found.error, found.openIncidents]);
  if (shown !== "" && shown !== states)
    for (const name of ["listAlertRules", "getAlertRule", "listIncidents", "getIncident"] as const)
      askAnew(AlertService.method[name]);
  shown = states;
}

async function watch(tell: (bytes: Uint8Array) => void, over: AbortSignal): Promise<void> {
  const abort = new AbortController();
  const end = (): void => {
    abort.abort();
  };
  over.addEventListener("abort", end, { once: true });
  let silence = setTimeout(end, SILENCE_MS);
  try {
    for await (const bytes of stream(AlertService.method.watchAlerts, {}, abort.signal)) {
      clearTimeout(silence);
      silence = setTimeout(end, SILENCE_MS);
      tell(bytes);
    }
  } finally {
    clearTimeout(silence);
    over.removeEventListener("abort", end);
  }
}

async function lead(tell: (bytes: Uint8Array) => void, over: AbortSignal): Promise<void> {
  let failures = 0;
  while (!over.aborted) {
    await watch((bytes) => {
      failures = 0;
      tell(bytes);
    }, over).catch(() => undefined); // The figures stay; another try follows.
    failures += 1;
    await new Promise((resolve) => setTimeout(resolve, backoff(failures)));
  }
}

/** Follows the alerts of a session's organization; returns what ends that. */
export function followAlerts(session: string): () => void {
  const over = new AbortController();
  const name = `tallywire-alerts ${session}`;
  const channel = new BroadcastChannel(name);
  let last: Uint8Array | undefined;
  const show = (bytes: Uint8Array): void => {
    last = bytes;
    take(bytes);
  };
  let leads = false;
  channel.onmessage = ({ data }: MessageEvent<Uint8Array | "ask">) => {
    if (data !== "ask") show(data);
    else if (leads && last !== undefined) channel.postMessage(last);
  };
  channel.postMessage("ask");
  const work = async (): Promise<void> => {
    leads = true;
    await lead((bytes) => {
      show(bytes);
      channel.postMessage(bytes);
    }, over.signal);
  };
  if ("locks" in navigator) navigator.locks.request(name, { signal: over.signal }, work).catch(() => undefined);
  else void work();
  return () => {
    over.abort();
    channel.close();
  };
}
