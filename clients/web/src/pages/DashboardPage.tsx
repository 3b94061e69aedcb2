/** One dashboard: shown, and edited in place. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { clone, create, toJsonString } from "../wire";
import { DashboardSchema, DashboardService, DashboardVisibility } from "@contract/dashboard_service_pb.js";
import type { Dashboard } from "@contract/dashboard_service_pb.js";
import { AccountService } from "@contract/account_service_pb.js";
import { CallError } from "../api/errors";
import { askAnew, newestContext, takeIn, useQuestion } from "../api/question";
import { call } from "../api/transport";
import { Page } from "../components/Page";
import { Answered, Popover, Tile } from "../components/basics";
import { LateInput } from "../components/LateInput";
import { say } from "../components/announce";
import { download } from "../csv";
import { ms } from "../contract";
import { count, instant } from "../format";
import { go, href, param, setParams } from "../state/address";
import { zone } from "../state/period";
import { may, preferences } from "../state/session";
import { t } from "../text";
import { ConversationDrawer } from "./ConversationDrawer";
import { withTiles } from "./dashboardEditor";
import { useDraft } from "./draft";
import type { Draft } from "./draft";
import { AddTile, Tiles } from "./DashboardGrid";
import { store } from "./Dashboards";

function Versions({ id }: { id: string }): JSX.Element {
  const asked = useQuestion(DashboardService.method.listDashboardVersions, { dashboardId: id });
  return (
    <Answered asked={asked} height={120}>
      {({ versions }) => (
        <>
          {versions.map((one) => (
            <button
              key={String(one.version)}
              type="button"
              class="item"
              onClick={() => {
                setParams({ version: String(one.version) });
              }}
            >
              {t.dashboards.version(count(one.version))}{" "}
              <span class="muted small">
                {t.dashboards.changedBy(one.updatedBy, instant(ms(one.updatedAt), zone.value))}
              </span>
            </button>
          ))}
        </>
      )}
    </Answered>
  );
}

async function makeHome(id: string): Promise<void> {
  const answer = await call(AccountService.method.updatePreferences, {
    preferences: { homeDashboardId: id },
    updateMask: { paths: ["home_dashboard_id"] },
  });
  preferences.value = answer.preferences;
  say(t.settings.saved);
}

function saveJson(dashboard: Dashboard): void {
  download(
    `${dashboard.title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.json`,
    toJsonString(DashboardSchema, dashboard, { prettySpaces: 2 }),
    "application/json",
  );
}

function More({ dashboard }: { dashboard: Dashboard }): JSX.Element {
  const id = dashboard.dashboardId;
  const duplicate = async (): Promise<void> => {
    const made = await call(DashboardService.method.duplicateDashboard, { dashboardId: id });
    askAnew(DashboardService.method.listDashboards);
    go(href(`/dashboards/${encodeURIComponent(made.dashboard?.dashboardId ?? "")}`));
  };
  const remove = async (): Promise<void> => {
    if (!confirm(t.dashboards.removeSure)) return;
    await call(DashboardService.method.deleteDashboard, { dashboardId: id, etag: dashboard.etag });
    askAnew(DashboardService.method.listDashboards);
    go(href("/dashboards"));
  };
  const home = preferences.value?.homeDashboardId === id;
  return (
    <>
      <button type="button" class="item" onClick={() => void duplicate()}>
        {t.dashboards.duplicate}
      </button>
      <button type="button" class="item" aria-pressed={home} onClick={() => void makeHome(home ? "" : id)}>
        {home ? t.dashboards.isHome : t.dashboards.home}
      </button>
      <button
        type="button"
        class="item"
        onClick={() => {
          saveJson(dashboard);
        }}
      >
        {t.dashboards.jsonOut}
      </button>
      {dashboard.mayEdit && (
        <button type="button" class="item" onClick={() => void remove()}>
          {t.dashboards.remove}
        </button>
      )}
      <h3>{t.dashboards.versions}</h3>
      <Versions id={id} />
    </>
  );
}

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

interface BarProps {
  dashboard: Dashboard;
  draft: Draft<Dashboard>;
  setProblem: (problem: "" | "newer" | CallError) => void;
}

function EditBar({ dashboard, draft, setProblem }: BarProps): JSX.Element {
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

function Problem({
  problem,
  dashboard,
  close,
}: {
  problem: "" | "newer" | CallError;
  dashboard: Dashboard;
  close: () => void;
}): JSX.Element | null {
  if (problem === "") return null;
  if (problem !== "newer")
    return (
      <p class="bad wide" role="alert">
        {problem.message}
      </p>
    );
  const copy = (): void => {
    void store(
      create(DashboardSchema, {
        title: dashboard.title,
        description: dashboard.description,
        tiles: dashboard.tiles,
      }),
    );
  };
  return (
    <div class="wide" role="alert">
      <p class="bad">{t.dashboards.newer}</p>
      <button
        type="button"
        onClick={() => {
          close();
          setParams({ edit: undefined });
          askAnew(DashboardService.method.getDashboard);
        }}
      >
        {t.dashboards.openNewest}
      </button>{" "}
      <button type="button" onClick={copy}>
        {t.dashboards.saveCopy}
      </button>
    </div>
  );
}

/** Puts the dashboard's own period into the address, where the address has none. */
function useOwnPeriod(dashboard: Dashboard | undefined): void {
  const own = dashboard?.period;
  useEffect(() => {
    if (own === undefined || param("range") !== "") return;
    setParams(
      {
        range: own.range,
        cmp: own.comparison === "previous" ? "" : own.comparison,
        ...(own.timeZone === "" ? {} : { tz: own.timeZone }),
      },
      { replace: true },
    );
  }, [dashboard?.dashboardId]);
}

function PageTools({ stored }: { stored: Dashboard }): JSX.Element {
  return (
    <span class="tools">
      {stored.mayEdit && (
        <button
          type="button"
          onClick={() => {
            setParams({ edit: "1" });
          }}
        >
          {t.dashboards.edit}
        </button>
      )}
      <Popover id="more" class="menu" buttonClass="link" label="…" title={t.dashboards.versions}>
        <More dashboard={stored} />
      </Popover>
    </span>
  );
}

function Shown({
  dashboard,
  draft,
  editing,
}: {
  dashboard: Dashboard;
  draft: Draft<Dashboard>;
  editing: boolean;
}): JSX.Element {
  const [problem, setProblem] = useState<"" | "newer" | CallError>("");
  return (
    <>
      {editing && (
        <div class="wide">
          <Heads dashboard={dashboard} change={draft.change} />
          <EditBar dashboard={dashboard} draft={draft} setProblem={setProblem} />
        </div>
      )}
      <Problem
        problem={problem}
        dashboard={dashboard}
        close={() => {
          setProblem("");
        }}
      />
      <Tiles
        dashboard={dashboard}
        editing={editing}
        change={(tiles) => {
          draft.change(withTiles(dashboard, tiles));
        }}
      />
      {dashboard.tiles.some((tile) => tile.question.case === "conversations") && <ConversationDrawer />}
    </>
  );
}

/** The page. */
export default function DashboardPage({ id }: { id: string }): JSX.Element {
  const version = param("version");
  const asked = useQuestion(DashboardService.method.getDashboard, {
    dashboardId: id,
    version: BigInt(/^\d+$/.test(version) ? version : "0"),
  });
  const stored = asked.data?.dashboard;
  const editing = param("edit") !== "" && stored?.mayEdit === true;
  const draft = useDraft(stored, editing);
  useOwnPeriod(stored);
  const dashboard = draft.steps.at(-1) ?? stored;
  return (
    <Page
      title={dashboard?.title ?? t.pages.dashboards}
      filters={false}
      tools={stored !== undefined && !editing && <PageTools stored={stored} />}
      context={dashboard === undefined ? undefined : newestContext.value}
      lead={dashboard?.description === "" ? undefined : dashboard?.description}
    >
      {dashboard === undefined ? (
        <Tile title={t.pages.dashboards}>
          <Answered asked={asked} height={400}>
            {() => null}
          </Answered>
        </Tile>
      ) : (
        <Shown dashboard={dashboard} draft={draft} editing={editing} />
      )}
    </Page>
  );
}
