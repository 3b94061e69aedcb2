/** Makes a tile of what a page shows, on a dashboard of the reader's choice. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { clone, create } from "../wire";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { DashboardSchema, DashboardService, TileSchema } from "@contract/dashboard_service_pb.js";
import { CallError } from "../api/errors";
import { askAnew, useQuestion } from "../api/question";
import { call } from "../api/transport";
import { say } from "../components/announce";
import { closePopover } from "../components/basics";
import { t } from "../text";
import { freshId } from "./dashboardEditor";

/** What a tile asks, and how it is shown. */
export type TileInit = Exclude<MessageInitShape<typeof TileSchema>, { $typeName: string }>;

async function add(id: string, tile: TileInit): Promise<string> {
  if (id === "") {
    const made = await call(DashboardService.method.createDashboard, {
      dashboard: { title: t.dashboards.untitled, tiles: [{ ...tile, tileId: "tile-1" }] },
    });
    return made.dashboard?.title ?? "";
  }
  const { dashboard } = await call(DashboardService.method.getDashboard, { dashboardId: id });
  if (dashboard === undefined) return "";
  const next = clone(DashboardSchema, dashboard);
  next.tiles.push(create(TileSchema, { ...tile, tileId: freshId(next.tiles) }));
  await call(DashboardService.method.updateDashboard, { dashboard: next });
  return dashboard.title;
}

/** The choice of a dashboard. */
export default function MakeTile({ tile }: { tile: TileInit }): JSX.Element {
  const asked = useQuestion(DashboardService.method.listDashboards, {});
  const [problem, setProblem] = useState("");
  const choose = (id: string, event: Event): void => {
    closePopover(event);
    add(id, tile).then(
      (title) => {
        askAnew(DashboardService.method.listDashboards);
        askAnew(DashboardService.method.getDashboard);
        say(t.dashboards.addedTo(title));
      },
      (error: unknown) => {
        setProblem(error instanceof CallError ? error.message : String(error));
      },
    );
  };
  return (
    <>
      <h3>{t.dashboards.to}</h3>
      {(asked.data?.dashboards ?? [])
        .filter((one) => one.mayEdit)
        .map((one) => (
          <button
            key={one.dashboardId}
            type="button"
            class="item"
            onClick={(event) => {
              choose(one.dashboardId, event);
            }}
          >
            {one.title}
          </button>
        ))}
      <button
        type="button"
        class="item"
        onClick={(event) => {
          choose("", event);
        }}
      >
        {t.dashboards.untitled}
      </button>
      <p class="bad small" role="alert">
        {problem}
      </p>
    </>
  );
}
