/** Pointing at a chart: by the pointer, by touch, by dragging, and by the keyboard. */
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Bucket } from "./prepare";

/** The buckets of a chart, and what happens to those that are chosen. */
interface Opens {
  buckets: readonly Bucket[];
  onOpen?: ((bucket: Bucket) => void) | undefined;
  onSelect?: ((first: Bucket, last: Bucket) => void) | undefined;
}

/** Moves the active point by a key; undefined: the key is none of the chart's. */
export function moved(key: string, active: number | undefined, last: number): number | undefined {
  const at = active ?? -1;
  switch (key) {
    case "ArrowRight":
      return Math.min(last, at + 1);
    case "ArrowLeft":
      return active === undefined ? last : Math.max(0, at - 1);
    case "Home":
      return 0;
    case "End":
      return last;
    case "PageUp":
      return Math.max(0, (active ?? last) - 7);
    case "PageDown":
      return Math.min(last, at + 7);
    default:
      return undefined;
  }
}

/** What is pointed at: by the pointer, the keyboard, or while dragging. */
export interface Pointing {
  active: number | undefined;
  selection: readonly [number, number] | undefined;
  handlers: Pick<
    JSX.IntrinsicElements["svg"],
    "onKeyDown" | "onBlur" | "onPointerDown" | "onPointerMove" | "onPointerUp" | "onPointerLeave"
  >;
}

/** Opens a bucket by a click, or chooses those from one to another by dragging. */
function finish(props: Opens, from: number | undefined, to: number, isMouse: boolean): void {
  if (from === undefined) return;
  const first = props.buckets[Math.min(from, to)];
  const last = props.buckets[Math.max(from, to)];
  if (first === undefined || last === undefined) return;
  if (from !== to) props.onSelect?.(first, last);
  else if (isMouse) props.onOpen?.(first);
}

/** Follows the pointer and the keyboard. `at` tells which bucket is under the pointer. */
export function usePointing(props: Opens, at: (event: PointerEvent) => number): Pointing {
  const { buckets, onSelect } = props;
  const [active, setActive] = useState<number | undefined>(undefined);
  const [selection, setSelection] = useState<readonly [number, number] | undefined>(undefined);
  const drag = useRef<number | undefined>(undefined);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" && active !== undefined) finish(props, active, active, true);
    else if (event.key === "Escape") setActive(undefined);
    else {
      const next = moved(event.key, active, buckets.length - 1);
      if (next === undefined) return;
      setActive(next);
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const leave = (): void => {
    setActive(undefined);
    drag.current = undefined;
    setSelection(undefined);
  };
  const handlers: Pointing["handlers"] = {
    onKeyDown,
    onBlur: () => {
      setActive(undefined);
    },
    onPointerDown: (event) => {
      if (event.button === 0) drag.current = at(event);
    },
    onPointerMove: (event) => {
      const index = at(event);
      setActive(index);
      if (drag.current !== undefined && onSelect !== undefined && drag.current !== index)
        setSelection([drag.current, index]);
    },
    onPointerUp: (event) => {
      const from = drag.current;
      drag.current = undefined;
      setSelection(undefined);
      finish(props, from, at(event), event.pointerType === "mouse");
    },
    onPointerLeave: (event) => {
      if (event.pointerType === "mouse") leave();
    },
  };
  return { active, selection, handlers };
}
