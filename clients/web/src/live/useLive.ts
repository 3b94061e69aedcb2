import { useEffect, useState } from "preact/hooks";
import { session } from "../state/session";
import { follow } from "./live";
import type { Filter, Live } from "./live";

/** Follows what is happening now for as long as the component is there. `alone` shares nothing with other tabs. */
export function useLive(filter: Filter, alone = false): Live | undefined {
  const [live, setLive] = useState<Live | undefined>(undefined);
  const id = alone ? undefined : session.value?.sessionId;
  const key = JSON.stringify(filter);
  const known = session.value !== undefined || alone;
  useEffect(() => {
    if (!known) return undefined;
    const next = follow(id, filter);
    setLive(next);
    return () => {
      next.stop();
    };
  }, [id, key, known]);
  return live;
}
