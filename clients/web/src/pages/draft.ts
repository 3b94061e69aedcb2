/** What is changed and not stored yet, step by step. */
import { useEffect, useRef, useState } from "preact/hooks";

/** The steps of a change, newest last: undo takes the last one away. */
export interface Draft<T> {
  steps: readonly T[];
  /** Changes it. What is named as what was changed just before, such as a text that is typed, is one step with that. */
  change: (next: T, what?: string) => void;
  undo: () => void;
}

/** Keeps the changes of something while it is edited; a newer version of it that was stored begins anew. */
export function useDraft<T extends { etag: string }>(stored: T | undefined, editing: boolean): Draft<T> {
  const [steps, setSteps] = useState<readonly T[]>([]);
  const last = useRef("");
  useEffect(() => {
    if (!editing) setSteps([]);
  }, [editing, stored?.etag]);
  const waiting = steps.length > 0;
  useEffect(() => {
    if (!waiting) return undefined;
    const ask = (event: BeforeUnloadEvent): void => {
      event.preventDefault();
    };
    addEventListener("beforeunload", ask);
    return () => {
      removeEventListener("beforeunload", ask);
    };
  }, [waiting]);
  return {
    steps,
    change: (next, what = "") => {
      const again = what !== "" && what === last.current && steps.length > 0;
      last.current = what;
      setSteps([...(again ? steps.slice(0, -1) : steps), next]);
    },
    undo: () => {
      last.current = "";
      setSteps(steps.slice(0, -1));
    },
  };
}
