/** A button that opens the choice of a whole file; what it needs is loaded when it is opened. */
import type { JSX } from "preact";
import type { ExportAsk } from "../api/exporting";
import { t } from "../text";
import { Later } from "./Later";
import { Popover } from "./basics";
import type * as Form from "./ExportForm";

const load = (): Promise<typeof Form> => import("./ExportForm");

/** The button; name is that of what is exported. */
export function Exporter({ name, ask }: { name: string; ask: ExportAsk }): JSX.Element {
  return (
    <Popover
      id={`export-${name.replace(/\W+/g, "-")}`}
      label={t.exports.button}
      title={`${t.exports.button}: ${name}`}
      buttonClass="link"
    >
      <Later load={load} props={{ ask }} />
    </Popover>
  );
}
