/** What moves a tile among others: "Move", arrows and Enter, or the pointer. */
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { say } from "./announce";
import { t } from "../text";

/** Moves one of a list to another place; places beyond the ends are the ends. */
export function moveItem<T>(list: readonly T[], from: number, to: number): T[] {
  const next = [...list];
  const [one] = next.splice(from, 1);
  if (one === undefined) return next;
  next.splice(Math.max(0, Math.min(next.length, to)), 0, one);
  return next;
}

/** The handle of a tile. Enter takes it up and drops it, arrows move it, Escape puts it back where it was. */
export function Move({
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

/** Follows a pointer that drags a tile; says over which place it is let go. */
export function dragging(from: number, put: (to: number) => void): (event: PointerEvent) => void {
  return (event) => {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    const drop = (end: PointerEvent): void => {
      removeEventListener("pointerup", drop);
      const over = document
        .elementsFromPoint(end.clientX, end.clientY)
        .map((one) => one.closest<HTMLElement>("[data-place]"))
        .find((one) => one !== null);
      const to = Number(over?.dataset["place"] ?? NaN);
      if (to >= 0 && to !== from) put(to);
    };
    addEventListener("pointerup", drop);
  };
}
