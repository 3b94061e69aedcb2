/** The tiles of a dashboard in their order, and what changes them: by the pointer, or by "Move", arrows and Enter. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { create } from "../wire";
import { TilePeriodSchema } from "@contract/dashboard_service_pb.js";
import type { Dashboard, Tile as WireTile } from "@contract/dashboard_service_pb.js";
import { Popover, Tile } from "../components/basics";
import { Move, dragging, moveItem } from "../components/Move";
import { Select } from "../components/Select";
import { say } from "../components/announce";
import { count } from "../format";
import { RANGES } from "../state/address";
import { t } from "../text";
import { WIDTHS, changeTile } from "./dashboardEditor";
import { TileContent, tileTitle } from "./dashboardTiles";

type ChangeTile = (edit: (tile: WireTile) => void) => void;

function Size({ tile, change }: { tile: WireTile; change: ChangeTile }): JSX.Element {
  return (
    <>
      <span>{t.dashboards.width}</span>
      <Select
        label={t.dashboards.width}
        value={String(tile.width || 4)}
        options={WIDTHS.map((width) => [String(width), `${String(width)} / 12`])}
        choose={(width) => {
          change((next) => {
            next.width = Number(width);
          });
        }}
      />
      <span>{t.dashboards.height}</span>
      <Select
        label={t.dashboards.height}
        value={String(tile.height || 2)}
        options={[1, 2, 3].map((height) => [String(height), t.dashboards.heights[height] ?? ""])}
        choose={(height) => {
          change((next) => {
            next.height = Number(height);
          });
        }}
      />
    </>
  );
}

function Options({ tile, change, remove }: { tile: WireTile; change: ChangeTile; remove: () => void }): JSX.Element {
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
      <Size tile={tile} change={change} />
      <span>{t.dashboards.range}</span>
      <Select
        label={t.dashboards.range}
        value={tile.period?.range ?? ""}
        options={[["", t.dashboards.pageRange], ...RANGES.map((one) => [one, t.ranges[one] ?? one] as const)]}
        choose={(range) => {
          change((next) => {
            const { comparison = "", timeZone = "" } = next.period ?? {};
            if (range === "") delete next.period;
            else next.period = create(TilePeriodSchema, { range, comparison, timeZone });
          });
        }}
      />
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

function Edit({
  tiles,
  index,
  title,
  change,
}: {
  tiles: readonly WireTile[];
  index: number;
  title: string;
  change: (tiles: WireTile[]) => void;
}): JSX.Element | null {
  const tile = tiles[index];
  if (tile === undefined) return null;
  return (
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
  );
}

/** The tiles. */
export function Tiles({ dashboard, editing, change }: GridProps): JSX.Element {
  const { tiles } = dashboard;
  const [moving, setMoving] = useState<number | undefined>(undefined);
  const move = (from: number, to: number): void => {
    const place = Math.max(0, Math.min(tiles.length - 1, to));
    if (place === from) return;
    change(moveItem(tiles, from, place));
    setMoving(place);
    const tile = tiles[from];
    if (tile !== undefined) say(t.dashboards.moved(tileTitle(tile), count(place + 1), count(tiles.length)));
  };
  return (
    <>
      {tiles.map((tile, index) => {
        const width = (WIDTHS as readonly number[]).includes(tile.width) ? (tile.width as 3) : 4;
        if (tile.kind === "card" && !editing)
          return (
            <div key={tile.tileId} class={`tile-card w${String(width)}`} data-tile={tile.tileId}>
              <TileContent tile={tile} />
            </div>
          );
        const title = tileTitle(tile);
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
              drag={dragging(index, (to) => {
                change(moveItem(tiles, index, to));
                setMoving(undefined);
              })}
            />
            <Edit tiles={tiles} index={index} title={title} change={change} />
          </>
        );
        return (
          <Tile key={tile.tileId} title={title} width={width} name={tile.tileId} place={index} tools={tools}>
            <TileContent tile={tile} />
          </Tile>
        );
      })}
    </>
  );
}
