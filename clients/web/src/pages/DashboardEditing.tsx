/** The head of a dashboard that is edited: its title, who sees it, new tiles, undo and saving. */
import type { JSX } from "preact";
import { clone } from "../wire";
import { DashboardSchema, DashboardService, DashboardVisibility } from "@contract/dashboard_service_pb.js";
import type { Dashboard } from "@contract/dashboard_service_pb.js";
import { CallError } from "../api/errors";
import { askAnew, takeIn } from "../api/question";
import { call } from "../api/transport";
import { LateInput } from "../components/LateInput";
import { say } from "../components/announce";
import { setParams } from "../state/address";
import { may } from "../state/session";
import { t } from "../text";
import { AddTile } from "./AddTile";
import { withTiles } from "./dashboardEditor";
import type { Draft } from "./draft";

function Heads({ dashboard, change }: { dashboard: Dashboard; change: (next: Dashboard) => void }): JSX.Element {
  const set = (edit: (next: Dashboard) => void): void => {
    const next = clone(DashboardSchema, dashboard);
    edit(next);
    change(next);
  };
  return (
    <div class="filters">
      <label>
        {t.dashboards.title}{" "}
        <LateInput
          value={dashboard.title}
          maxLength={200}
          finish={(value) => {
            set((next) => {
              next.title = value;
            });
          }}
        />
      </label>
      <label>
        {t.dashboards.visibility}{" "}
        <select
          value={String(dashboard.visibility || DashboardVisibility.PERSONAL)}
          disabled={!may("edit")}
          onChange={(event) => {
            const value = Number(event.currentTarget.value) as DashboardVisibility;
            set((next) => {
              next.visibility = value;
            });
          }}
        >
          <option value={String(DashboardVisibility.PERSONAL)}>{t.dashboards.personal}</option>
          <option value={String(DashboardVisibility.SHARED)}>{t.dashboards.everybody}</option>
        </select>
      </label>
    </div>
  );
}

interface EditingProps {
  dashboard: Dashboard;
  draft: Draft<Dashboard>;
  setProblem: (problem: "" | "newer" | CallError) => void;
}

function EditBar({ dashboard, draft, setProblem }: EditingProps): JSX.Element {
  const save = async (): Promise<void> => {
    try {
      const { dashboard: saved } = await call(DashboardService.method.updateDashboard, { dashboard });
      setProblem("");
      askAnew(DashboardService.method.getDashboard);
      const answer = saved === undefined ? {} : { dashboard: saved };
      takeIn(DashboardService.method.getDashboard, { dashboardId: dashboard.dashboardId }, answer);
      askAnew(DashboardService.method.listDashboards);
      setParams({ edit: undefined, version: undefined });
      say(t.settings.saved);
    } catch (error) {
      const refused = error instanceof CallError ? error : new CallError("internal", String(error));
      setProblem(refused.reason === "ETAG_MISMATCH" ? "newer" : refused);
    }
  };
  return (
    <div class="filters">
      <AddTile
        dashboard={dashboard}
        add={(tile) => {
          draft.change(withTiles(dashboard, [...dashboard.tiles, tile]));
        }}
      />
      <button type="button" disabled={draft.steps.length === 0} onClick={draft.undo}>
        {t.dashboards.undo}
      </button>
      <button type="button" class="primary" disabled={draft.steps.length === 0} onClick={() => void save()}>
        {t.dashboards.save}
      </button>
      <button
        type="button"
        class="link"
        onClick={() => {
          setProblem("");
          setParams({ edit: undefined });
        }}
      >
        {draft.steps.length === 0 ? t.dashboards.done : t.dashboards.cancel}
      </button>
    </div>
  );
}

/** The head, as wide as the dashboard. */
export default function DashboardEditing({ dashboard, draft, setProblem }: EditingProps): JSX.Element {
  return (
    <div class="wide">
      <Heads dashboard={dashboard} change={draft.change} />
      <EditBar dashboard={dashboard} draft={draft} setProblem={setProblem} />
    </div>
  );
}
