/** The box of one conversation, after the page that it belongs to. */
import type { JSX } from "preact";
import { Later } from "../components/Later";

const load = (): Promise<{ default: () => JSX.Element }> =>
  import("./ConversationDrawer").then(({ ConversationDrawer }) => ({ default: ConversationDrawer }));

/** The box: open where the address names a conversation. */
export function LateDrawer(): JSX.Element {
  return <Later load={load} props={{}} />;
}
