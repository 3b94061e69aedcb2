/** The tiles of a dashboard in their order, and what changes them: by the pointer, or by "Move", arrows and Enter. */
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { create } from "../wire";
import { TilePeriodSchema } from "@contract/dashboard_service_pb.js";
import type { Dashboard, Tile as WireTile, TileHeight } from "@contract/dashboard_service_pb.js";
import { Popover, Tile, closePopover } from "../components/basics";
import { say } from "../components/announce";
import { METRICS, metricInfo } from "../contract";
import { count } from "../format";
import { LIVE_FIGURES } from "../live/parts";
import { RANGES } from "../state/address";
import { t } from "../text";
import { WIDTHS, changeTile, moveTile, newTile } from "./dashboardEditor";
import { TileContent, tileTitle } from "./dashboardTiles";

const DIMENSIONS = [
  "agent",
  "channel",
  "team",
  "topic",
  "model",
  "handoff_reason",
  "queue",
  "campaign",
  "endpoint",
  "event_type",
] as const;

/** A list of all metrics to choose from. */
export function MetricSelect({
  value,
  choose,
  live = false,
}: {
  value: string;
  choose: (metric: string) => void;
  live?: boolean;
}): JSX.Element {
  return (
    <select
      aria-label={t.dashboards.metric}
      value={value}
      onChange={(event) => {
        choose(event.currentTarget.value);
      }}
    >
      {live
        ? LIVE_FIGURES.map(([name]) => (
            <option key={name} value={name}>
              {t.live[name]}
            </option>
          ))
        : METRICS.map((name) => (
            <option key={name} value={name}>
              {metricInfo(name).title}
            </option>
          ))}
    </select>
  );
}

/** A button that opens the choice of a new tile. */
export function AddTile({ dashboard, add }: { dashboard: Dashboard; add: (tile: WireTile) => void }): JSX.Element {
  const [kind, setKind] = useState("card");
  const [metric, setMetric] = useState("total_conversations");
  const [dimension, setDimension] = useState("agent");
  const [note, setNote] = useState("");
  const chooseKind = (next: string): void => {
    setKind(next);
    setMetric(next === "live" ? "active_conversations" : "total_conversations");
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    add(newTile({ kind, metric, dimension, note }, dashboard.tiles));
    closePopover(event);
  };
  const asksMetric = ["card", "chart", "table", "bars", "live"].includes(kind);
  return (
    <Popover id="add-tile" label={t.dashboards.addTile}>
      <form class="form" onSubmit={submit}>
        <label for="tile-kind">{t.dashboards.kind}</label>
        <select
          id="tile-kind"
          value={kind}
          onChange={(event) => {
            chooseKind(event.currentTarget.value);
          }}
        >
          {Object.entries(t.dashboards.kinds).map(([name, label]) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
        {asksMetric && (
          <>
            <span>{t.dashboards.metric}</span>
            <MetricSelect value={metric} choose={setMetric} live={kind === "live"} />
          </>
        )}
        {(kind === "table" || kind === "bars") && (
          <>
            <label for="tile-by">{t.dashboards.dimension}</label>
            <select
              id="tile-by"
              value={dimension}
              onChange={(event) => {
                setDimension(event.currentTarget.value);
              }}
            >
              {DIMENSIONS.map((name) => (
                <option key={name} value={name}>
                  {t.dimensions[name]}
                </option>
              ))}
            </select>
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
                setNote(event.currentTarget.value);
              }}
            />
          </>
        )}
        <button type="submit" class="primary wide">
          {t.dashboards.addTile}
        </button>
      </form>
    </Popover>
  );
}

function Options({
  tile,
  change,
  remove,
}: {
  tile: WireTile;
  change: (edit: (tile: WireTile) => void) => void;
  remove: () => void;
}): JSX.Element {
  return (
    <div class="form">
      <span>{t.dashboards.title}</span>
      <input
        aria-label={t.dashboards.title}
        value={tile.title}
        placeholder={tileTitle(tile)}
        maxLength={200}
        onChange={(event) => {
          const { value } = event.currentTarget;
          change((next) => {
            next.title = value;
          });
        }}
      />
      <span>{t.dashboards.width}</span>
      <select
        aria-label={t.dashboards.width}
        value={String(tile.width || 4)}
        onChange={(event) => {
          const value = Number(event.currentTarget.value);
          change((next) => {
            next.width = value;
          });
        }}
      >
        {WIDTHS.map((width) => (
          <option key={width} value={String(width)}>{`${String(width)} / 12`}</option>
        ))}
      </select>
      <span>{t.dashboards.height}</span>
      <select
        aria-label={t.dashboards.height}
        value={String(tile.height || 2)}
        onChange={(event) => {
          const value = Number(event.currentTarget.value) as TileHeight;
          change((next) => {
            next.height = value;
          });
        }}
      >
        {[1, 2, 3].map((height) => (
          <option key={height} value={String(height)}>
            {t.dashboards.heights[height]}
          </option>
        ))}
      </select>
      <span>{t.dashboards.range}</span>
      <select
        aria-label={t.dashboards.range}
        value={tile.period?.range ?? ""}
        onChange={(event) => {
          const { value } = event.currentTarget;
          change((next) => {
            if (value === "") delete next.period;
            else
              next.period = create(TilePeriodSchema, {
                range: value,
                comparison: next.period?.comparison ?? "",
                timeZone: next.period?.timeZone ?? "",
              });
          });
        }}
      >
        <option value="">{t.dashboards.pageRange}</option>
        {RANGES.map((one) => (
          <option key={one} value={one}>
            {t.ranges[one]}
          </option>
        ))}
      </select>
      <button type="button" class="wide" onClick={remove}>
        {t.dashboards.removeTile}
      </button>
    </div>
  );
}

interface GridProps {
  dashboard: Dashboard;
  editing: boolean;
  change: (tiles: WireTile[]) => void;
}

function Move({
  index,
  title,
  moving,
  setMoving,
  move,
  drag,
}: {
  index: number;
  title: string;
  moving: boolean;
  setMoving: (moving: number | undefined) => void;
  move: (to: number) => void;
  drag: (event: PointerEvent) => void;
}): JSX.Element {
  const began = useRef(index);
  const onKey = (event: KeyboardEvent): void => {
    if (!moving) return;
    const step =
      event.key === "ArrowLeft" || event.key === "ArrowUp"
        ? -1
        : event.key === "ArrowRight" || event.key === "ArrowDown"
          ? 1
          : 0;
    if (step !== 0) move(index + step);
    else if (event.key === "Escape") {
      move(began.current);
      setMoving(undefined);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const toggle = (): void => {
    began.current = index;
    setMoving(moving ? undefined : index);
    if (!moving) say(t.dashboards.moving);
  };
  return (
    <button
      type="button"
      class="link handle"
      aria-pressed={moving}
      aria-label={`${t.dashboards.move}: ${title}`}
      onKeyDown={onKey}
      onClick={toggle}
      onPointerDown={drag}
    >
      ⠿ {t.dashboards.move}
    </button>
  );
}

/** The tiles. */
export function Tiles({ dashboard, editing, change }: GridProps): JSX.Element {
  const { tiles } = dashboard;
  const [moving, setMoving] = useState<number | undefined>(undefined);
  const move = (from: number, to: number): void => {
    const place = Math.max(0, Math.min(tiles.length - 1, to));
    if (place === from) return;
    change(moveTile(tiles, from, place));
    setMoving(place);
    const tile = tiles[from];
    if (tile !== undefined) say(t.dashboards.moved(tileTitle(tile), count(place + 1), count(tiles.length)));
  };
  const drag =
    (from: number) =>
    (event: PointerEvent): void => {
      if (event.pointerType === "mouse" && event.button !== 0) return;
      const drop = (end: PointerEvent): void => {
        removeEventListener("pointerup", drop);
        const over = document
          .elementsFromPoint(end.clientX, end.clientY)
          .map((one) => one.closest<HTMLElement>("[data-tile]"))
          .find((one) => one !== null);
        const to = tiles.findIndex((tile) => tile.tileId === over?.dataset["tile"]);
        if (to >= 0 && to !== from) {
          change(moveTile(tiles, from, to));
          setMoving(undefined);
        }
      };
      addEventListener("pointerup", drop);
    };
  return (
    <>
      {tiles.map((tile, index) => {
        const title = tileTitle(tile);
        const card = tile.kind === "card" && !editing;
        const tools = editing && (
          <>
            <Move
              index={index}
              title={title}
              moving={moving === index}
              setMoving={setMoving}
              move={(to) => {
                move(index, to);
              }}
              drag={drag(index)}
            />
            <Popover id={`tile-${String(index)}`} label="…" buttonClass="link" title={`${t.dashboards.edit}: ${title}`}>
              <Options
                tile={tile}
                change={(edit) => {
                  change(changeTile(tiles, index, edit));
                }}
                remove={() => {
                  change(tiles.filter((_, i) => i !== index));
                }}
              />
            </Popover>
          </>
        );
        const width = (WIDTHS as readonly number[]).includes(tile.width) ? (tile.width as 3) : 4;
        if (card)
          return (
            <div key={tile.tileId} class={`tile-card w${String(width)}`} data-tile={tile.tileId}>
              <TileContent tile={tile} />
            </div>
          );
        return (
          <Tile key={tile.tileId} title={title} width={width} name={tile.tileId} tools={tools}>
            <TileContent tile={tile} />
          </Tile>
        );
      })}
    </>
  );
}
