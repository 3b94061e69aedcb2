/** One dashboard: shown, and edited in place. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { create, toJsonString } from "../wire";
import { DashboardSchema, DashboardService } from "@contract/dashboard_service_pb.js";
import type { Dashboard } from "@contract/dashboard_service_pb.js";
import { AccountService } from "@contract/account_service_pb.js";
import type { CallError } from "../api/errors";
import { askAnew, newestContext, useQuestion } from "../api/question";
import { call } from "../api/transport";
import { Page } from "../components/Page";
import { Answered, Popover, Tile } from "../components/basics";
import { Later } from "../components/Later";
import { say } from "../components/announce";
import { download } from "../csv";
import { ms } from "../contract";
import { count, instant } from "../format";
import { go, href, param, setParams } from "../state/address";
import { zone } from "../state/period";
import { preferences } from "../state/session";
import { t } from "../text";
import { withTiles } from "./dashboardEditor";
import { useDraft } from "./draft";
import type { Draft } from "./draft";
import { Tiles } from "./DashboardGrid";
import { LateDrawer } from "./LateDrawer";
import type * as Editing from "./DashboardEditing";
import { store } from "./dashboardStore";

const loadEditing = (): Promise<typeof Editing> => import("./DashboardEditing");

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
      {editing && <Later load={loadEditing} props={{ dashboard, draft, setProblem }} />}
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
      {dashboard.tiles.some((tile) => tile.question.case === "conversations") && <LateDrawer />}
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
