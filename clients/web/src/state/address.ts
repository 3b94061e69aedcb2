/** The address: the page, and everything that it shows, so that a link shows the same. */
import { computed, signal } from "@preact/signals";
import { isDay, isZone } from "./zone";

export const RANGES = ["today", "yesterday", "24h", "7d", "28d", "90d", "month", "lastmonth", "year"] as const;
export const COMPARISONS = ["previous", "week", "year", "none"] as const;
export const DIMENSIONS = ["agent", "channel", "team"] as const;

/** What travels from page to page. */
export const KEPT = ["range", "cmp", "tz", ...DIMENSIONS] as const;

export interface Place {
  path: string;
  params: ReadonlyMap<string, string>;
}

function read(): Place {
  return {
    path: location.pathname.replace(/\/+$/, "") || "/overview",
    params: new Map(new URLSearchParams(location.search)),
  };
}

/** Where the page is. */
export const place = signal<Place>(typeof location === "undefined" ? { path: "/overview", params: new Map() } : read());

/** Begins to follow the browser's buttons. */
export function followHistory(): void {
  addEventListener("popstate", () => {
    place.value = read();
  });
}

/** Returns a value of the address, or "" if it has none. */
export function param(name: string): string {
  return place.value.params.get(name) ?? "";
}

/** Changes of the address: undefined or "" takes a value out. */
export type Changes = Readonly<Record<string, string | undefined>>;

function search(params: ReadonlyMap<string, string>): string {
  const text = new URLSearchParams([...params]).toString();
  // Colons, slashes and commas need no escape in a query, and are easier to read without one.
  return text === "" ? "" : `?${text.replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%2C", ",")}`;
}

/** Returns the address of a page with what travels along, and with these changes. */
export function href(path: string, changes: Changes = {}): string {
  const { path: now, params } = place.value;
  const next = new Map(
    path === now ? params : [...params].filter(([name]) => (KEPT as readonly string[]).includes(name)),
  );
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === "") next.delete(name);
    else next.set(name, value);
  }
  return path + search(next);
}

/** Goes to an address of these pages. */
export function go(to: string, { replace = false, state }: { replace?: boolean; state?: unknown } = {}): void {
  history[replace ? "replaceState" : "pushState"](state, "", to);
  const moved = location.pathname !== place.value.path;
  place.value = read();
  if (moved && !replace) scrollTo(0, 0);
}

/** Changes values of the address of this page. */
export function setParams(changes: Changes, { replace = false } = {}): void {
  go(href(place.value.path, changes), { replace });
}

/** Tells whether a text is a range: a name, or two days with both included. */
export function isRange(text: string): boolean {
  if ((RANGES as readonly string[]).includes(text)) return true;
  const [from = "", to = "", more] = text.split("..");
  return more === undefined && isDay(from) && isDay(to) && from <= to;
}

/** The names of values of the address that mean nothing, so that defaults took their place. */
export const misunderstood = computed<string[]>(() => {
  const { params } = place.value;
  const wrong = [];
  const range = params.get("range");
  if (range !== undefined && !isRange(range)) wrong.push("range");
  const cmp = params.get("cmp");
  if (cmp !== undefined && !(COMPARISONS as readonly string[]).includes(cmp) && !(isRange(cmp) && cmp.includes("..")))
    wrong.push("cmp");
  const zone = params.get("tz");
  if (zone !== undefined && !isZone(zone)) wrong.push("tz");
  return wrong;
});

/** The range that holds, the default where none or a wrong one is given. */
export const range = computed(() => (isRange(param("range")) ? param("range") : "28d"));

/** The comparison that holds. */
export const comparison = computed(() => {
  const text = param("cmp");
  return text !== "" && !misunderstood.value.includes("cmp") ? text : "previous";
});

/** The one dimension and value that the page is narrowed to. */
export const filter = computed<{ dimension: string; value: string } | undefined>(() => {
  for (const dimension of DIMENSIONS) {
    const value = param(dimension);
    if (value !== "") return { dimension, value };
  }
  return undefined;
});
