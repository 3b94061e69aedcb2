/** All dashboards that the reader may see, and templates to begin with. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { create, fromJsonString } from "../wire";
import { DashboardSchema, DashboardService, DashboardVisibility } from "@contract/dashboard_service_pb.js";
import type { Dashboard } from "@contract/dashboard_service_pb.js";
import { CallError } from "../api/errors";
import { useQuestion } from "../api/question";
import { JsonFile } from "../components/JsonFile";
import { Page } from "../components/Page";
import { Answered, Link, Tile } from "../components/basics";
import { ms } from "../contract";
import { instant } from "../format";
import { preferences, session } from "../state/session";
import { zone } from "../state/period";
import { t } from "../text";
import { store } from "./dashboardStore";

function List({ rows, title }: { rows: readonly Dashboard[]; title: string }): JSX.Element | null {
  if (rows.length === 0) return null;
  return (
    <Tile title={title} width={6}>
      <ul class="questions plain">
        {rows.map((one) => (
          <li key={one.dashboardId}>
            <Link to={`/dashboards/${encodeURIComponent(one.dashboardId)}`}>{one.title}</Link>{" "}
            <span class="muted small">
              {one.description} {t.dashboards.version(String(one.version))}, {instant(ms(one.updatedAt), zone.value)}
              {preferences.value?.homeDashboardId === one.dashboardId && ` · ${t.dashboards.isHome}`}
            </span>
          </li>
        ))}
      </ul>
    </Tile>
  );
}

function FromFile({
  begin,
  fail,
}: {
  begin: (dashboard: Dashboard) => void;
  fail: (problem: string) => void;
}): JSX.Element {
  const take = (json: string): void => {
    try {
      begin(fromJsonString(DashboardSchema, json, { ignoreUnknownFields: true }));
    } catch {
      fail(t.dashboards.jsonBad);
    }
  };
  return <JsonFile take={take} />;
}

function Templates({ fail }: { fail: (problem: string) => void }): JSX.Element {
  const asked = useQuestion(DashboardService.method.listDashboardTemplates, {});
  const begin = (dashboard: Dashboard): void => {
    store(
      create(DashboardSchema, {
        title: dashboard.title,
        description: dashboard.description,
        tiles: dashboard.tiles,
        ...(dashboard.period === undefined ? {} : { period: dashboard.period }),
      }),
    ).catch((error: unknown) => {
      fail(error instanceof CallError ? error.message : String(error));
    });
  };
  return (
    <Tile title={t.dashboards.templates} width={6}>
      <div class="filters">
        <button
          type="button"
          onClick={() => {
            begin(create(DashboardSchema, { title: t.dashboards.untitled }));
          }}
        >
          {t.dashboards.empty}
        </button>
        {(asked.data?.templates ?? []).map((one) => (
          <button
            key={one.dashboardId}
            type="button"
            title={one.description}
            onClick={() => {
              begin(one);
            }}
          >
            {one.title}
          </button>
        ))}
        <FromFile begin={begin} fail={fail} />
      </div>
    </Tile>
  );
}

/** The page. */
export default function Dashboards(): JSX.Element {
  const asked = useQuestion(DashboardService.method.listDashboards, {});
  const [problem, setProblem] = useState("");
  const mine = session.value?.subject;
  return (
    <Page title={t.pages.dashboards} toolbar={false}>
      {problem !== "" && (
        <p class="wide bad" role="alert">
          {problem}
        </p>
      )}
      {asked.data === undefined ? (
        <Tile title={t.pages.dashboards} width={6}>
          <Answered asked={asked} height={200}>
            {() => null}
          </Answered>
        </Tile>
      ) : (
        <>
          <List
            rows={asked.data.dashboards.filter(
              (one) => one.visibility !== DashboardVisibility.SHARED && one.owner === mine,
            )}
            title={t.dashboards.mine}
          />
          <List
            rows={asked.data.dashboards.filter((one) => one.visibility === DashboardVisibility.SHARED)}
            title={t.dashboards.shared}
          />
          {asked.data.dashboards.length === 0 && (
            <Tile title={t.pages.dashboards} width={6}>
              <p class="muted">{t.dashboards.none}</p>
            </Tile>
          )}
        </>
      )}
      <Templates fail={setProblem} />
    </Page>
  );
}
