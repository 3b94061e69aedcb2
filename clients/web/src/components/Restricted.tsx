/** What says that figures are of a part of the organization. */
import type { JSX } from "preact";
import type { Restriction } from "@contract/answer_pb.js";
import { t } from "../text";

/** Returns the part in words, such as "Restricted to Team sales"; empty for the whole organization. */
export function partOf(to: Restriction | undefined): string {
  if (to === undefined || to.dimension === "") return "";
  return t.state.restricted(`${t.dimensions[to.dimension] ?? to.dimension} ${to.values.join(", ")}`);
}

/** The part as a mark beside what is about it; nothing for the whole organization. */
export function Restricted({ to }: { to: Restriction | undefined }): JSX.Element | null {
  const words = partOf(to);
  return words === "" ? null : <b class="restricted">{words}</b>;
}
