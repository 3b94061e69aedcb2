/** New dashboards. */
import { DashboardService } from "@contract/dashboard_service_pb.js";
import type { Dashboard } from "@contract/dashboard_service_pb.js";
import { askAnew } from "../api/question";
import { call } from "../api/transport";
import { go, href } from "../state/address";

/** Stores a new dashboard, and opens it. */
export async function store(dashboard: Dashboard): Promise<void> {
  const made = await call(DashboardService.method.createDashboard, { dashboard });
  askAnew(DashboardService.method.listDashboards);
  go(href(`/dashboards/${encodeURIComponent(made.dashboard?.dashboardId ?? "")}`, { edit: "1" }));
}
