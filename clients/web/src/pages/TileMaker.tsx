/** A button that makes a tile of what a page shows; what it needs is loaded when it is opened. */
import type { JSX } from "preact";
import { Later } from "../components/Later";
import { Popover } from "../components/basics";
import { t } from "../text";
import type * as Made from "./MakeTile";

const load = (): Promise<typeof Made> => import("./MakeTile");

/** The button. */
export function TileMaker({ id, tile }: { id: string; tile: Made.TileInit }): JSX.Element {
  return (
    <Popover id={`make-${id}`} class="menu" buttonClass="link" label={t.dashboards.makeTile}>
      <Later load={load} props={{ tile }} />
    </Popover>
  );
}
