/** The box of one conversation, loaded when one is opened first. */
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { Later } from "../components/Later";
import { param } from "../state/address";

const load = (): Promise<{ default: () => JSX.Element }> =>
  import("./ConversationDrawer").then(({ ConversationDrawer }) => ({ default: ConversationDrawer }));

/** The box: open where the address names a conversation. */
export function LateDrawer(): JSX.Element | null {
  const opened = useRef(false);
  opened.current ||= param("c") !== "";
  return opened.current ? <Later load={load} props={{}} /> : null;
}
