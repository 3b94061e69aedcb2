/** The pages: path, name, the letter after "g", and what loads them. The navigation shows these and no others. */
import type { ComponentType } from "preact";

export interface PageEntry {
  path: string;
  /** Name in the texts; undefined: not in the navigation. */
  name?: string;
  letter?: string;
  /** A scope that the page needs. */
  scope?: string;
  load: () => Promise<{ default: ComponentType<{ id: string }> }>;
}

/** All pages. A path that ends with "/" takes one more part, which the page gets as its id. */
export const PAGES: readonly PageEntry[] = [
  { path: "/overview", name: "overview", letter: "o", load: () => import("./Overview") },
  { path: "/agents", name: "agents", letter: "a", load: () => import("./Agents") },
  { path: "/agents/", load: () => import("./Agent") },
  { path: "/live", name: "live", letter: "l", load: () => import("./Live") },
  { path: "/conversations", name: "conversations", letter: "c", load: () => import("./Conversations") },
  { path: "/usage", name: "usage", letter: "u", load: () => import("./Usage") },
  { path: "/gaps", name: "gaps", letter: "k", scope: "events", load: () => import("./Gaps") },
  { path: "/quality", name: "quality", letter: "q", load: () => import("./Quality") },
  { path: "/funnels", name: "funnels", letter: "f", load: () => import("./Funnels") },
  { path: "/campaigns", name: "campaigns", letter: "m", load: () => import("./Campaigns") },
  { path: "/campaigns/", load: () => import("./Campaigns") },
  { path: "/calls", name: "calls", letter: "t", load: () => import("./Calls") },
  { path: "/api", name: "api", letter: "p", load: () => import("./Api") },
  { path: "/users", name: "users", letter: "n", load: () => import("./Users") },
  { path: "/users/", load: () => import("./UserPage") },
  { path: "/dashboards", name: "dashboards", letter: "b", load: () => import("./Dashboards") },
  { path: "/dashboards/", load: () => import("./DashboardPage") },
  { path: "/reports", name: "reports", letter: "r", load: () => import("./Reports") },
  { path: "/reports/", load: () => import("./ReportPage") },
  {
    path: "/destinations",
    name: "destinations",
    letter: "d",
    scope: "edit",
    load: () => import("./Destinations"),
  },
  { path: "/destinations/", scope: "edit", load: () => import("./DestinationPage") },
  { path: "/alerts", name: "alerts", letter: "w", load: () => import("./Alerts") },
  { path: "/alerts/", load: () => import("./AlertPage") },
  { path: "/settings", name: "settings", letter: "s", load: () => import("./Settings") },
  { path: "/rows", load: () => import("./Rows") },
];

/** Finds the page of a path. */
export function pageOf(path: string): { entry: PageEntry; id: string } | undefined {
  for (const entry of PAGES) {
    if (entry.path === path) return { entry, id: "" };
    if (entry.path.endsWith("/") && path.startsWith(entry.path) && path.length > entry.path.length) {
      return { entry, id: decodeURIComponent(path.slice(entry.path.length)) };
    }
  }
  return undefined;
}
