/** The choice of a new tile. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Dashboard, Tile as WireTile } from "@contract/dashboard_service_pb.js";
import { Popover, closePopover } from "../components/basics";
import { Select } from "../components/Select";
import { DIMENSIONS } from "../components/dimensions";
import { METRICS, metricInfo } from "../contract";
import { LIVE_FIGURES } from "../live/figures";
import { t } from "../text";
import { newTile } from "./dashboardEditor";
import type { Choice } from "./dashboardEditor";

/** A list of all metrics to choose from. */
function MetricSelect({
  value,
  choose,
  live = false,
}: {
  value: string;
  choose: (metric: string) => void;
  live?: boolean;
}): JSX.Element {
  return (
    <Select
      label={t.dashboards.metric}
      value={value}
      options={
        live
          ? LIVE_FIGURES.map(([name]) => [name, t.live[name]] as const)
          : METRICS.map((name) => [name, metricInfo(name).title] as const)
      }
      choose={choose}
    />
  );
}

function AboutWhat({ choice, choose }: { choice: Choice; choose: (part: Partial<Choice>) => void }): JSX.Element {
  const { kind, metric, dimension, note } = choice;
  return (
    <>
      {["card", "chart", "table", "bars", "live"].includes(kind) && (
        <>
          <span>{t.dashboards.metric}</span>
          <MetricSelect
            value={metric}
            choose={(next) => {
              choose({ metric: next });
            }}
            live={kind === "live"}
          />
        </>
      )}
      {(kind === "table" || kind === "bars") && (
        <>
          <label for="tile-by">{t.dashboards.dimension}</label>
          <Select
            id="tile-by"
            value={dimension}
            options={DIMENSIONS.map((name) => [name, t.dimensions[name] ?? name])}
            choose={(next) => {
              choose({ dimension: next });
            }}
          />
        </>
      )}
      {kind === "note" && (
        <>
          <label for="tile-note">{t.dashboards.text}</label>
          <textarea
            id="tile-note"
            maxLength={4000}
            value={note}
            onInput={(event) => {
              choose({ note: event.currentTarget.value });
            }}
          />
        </>
      )}
    </>
  );
}

/** A button that opens the choice of a new tile. */
export function AddTile({ dashboard, add }: { dashboard: Dashboard; add: (tile: WireTile) => void }): JSX.Element {
  const [choice, setChoice] = useState<Choice>({
    kind: "card",
    metric: "total_conversations",
    dimension: "agent",
    note: "",
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    add(newTile(choice, dashboard.tiles));
    closePopover(event);
  };
  return (
    <Popover id="add-tile" label={t.dashboards.addTile}>
      <form class="form" onSubmit={submit}>
        <label for="tile-kind">{t.dashboards.kind}</label>
        <Select
          id="tile-kind"
          value={choice.kind}
          options={Object.entries(t.dashboards.kinds)}
          choose={(kind) => {
            const metric = kind === "live" ? "active_conversations" : "total_conversations";
            setChoice({ ...choice, kind, metric });
          }}
        />
        <AboutWhat
          choice={choice}
          choose={(part) => {
            setChoice({ ...choice, ...part });
          }}
        />
        <button type="submit" class="primary wide">
          {t.dashboards.addTile}
        </button>
      </form>
    </Popover>
  );
}
