/** Small parts of every page: links, tiles, states. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../text";
import { count, day, time } from "../format";
import { filter, go, href, setParams } from "../state/address";
import type { Changes } from "../state/address";
import { now, zone } from "../state/period";
import { addDays, dayOf } from "../state/zone";
import type { Asked } from "../api/question";
import type { CallError } from "../api/errors";

/** A link within the pages: range, comparison, zone and filter go along. */
export function Link({
  to,
  changes = {},
  children,
  class: name,
  state,
  ...rest
}: {
  to: string;
  changes?: Changes;
  children: ComponentChildren;
  class?: string;
  state?: unknown;
  title?: string;
  "aria-label"?: string;
  "aria-current"?: "page" | undefined;
}): JSX.Element {
  const address = href(to, changes);
  const follow = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(address, { state });
  };
  return (
    <a {...rest} {...(name === undefined ? {} : { class: name })} href={address} onClick={follow}>
      {children}
    </a>
  );
}

/** A tile of a page: a heading, what says more, and its content. */
export function Tile({
  title,
  hint,
  tools,
  children,
  width = 12,
  name,
  place,
}: {
  title: ComponentChildren;
  hint?: ComponentChildren;
  tools?: ComponentChildren;
  children: ComponentChildren;
  width?: 3 | 4 | 6 | 8 | 12;
  name?: string;
  /** Its place among tiles that can be moved. */
  place?: number;
}): JSX.Element {
  return (
    <section
      class={`tile w${String(width)}`}
      {...(name === undefined ? {} : { "data-tile": name })}
      {...(place === undefined ? {} : { "data-place": place })}
    >
      <header class="tile-head">
        <h2>{title}</h2>
        {hint !== undefined && <span class="muted small">{hint}</span>}
        {tools !== undefined && <span class="tools">{tools}</span>}
      </header>
      {children}
    </section>
  );
}

/** An outline of the final height, after 300 ms. */
export function Loading({ height }: { height: number }): JSX.Element {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => {
      setLate(true);
    }, 300);
    return () => {
      clearTimeout(timer);
    };
  }, []);
  return (
    <div class={late ? "outline" : ""} style={{ height: `${String(height)}px` }} aria-busy="true">
      <span class="hidden">{t.state.loading}</span>
    </div>
  );
}

/** What an error means, its reason, and another try. */
export function Failure({ error, again }: { error: CallError; again?: (() => void) | undefined }): JSX.Element {
  return (
    <div class="failure" role="status">
      <p>
        <b>{t.state.errors[error.code] ?? t.state.failed}</b> {error.message !== "" && <span>{error.message}</span>}
      </p>
      <p class="muted small">
        <code>{error.reason || error.code}</code>
        {error.retryAfterMs !== undefined && (
          <span> {t.state.waiting(count(Math.ceil(error.retryAfterMs / 1000)))}</span>
        )}
      </p>
      {again !== undefined && (
        <button type="button" onClick={again}>
          {t.state.retry}
        </button>
      )}
    </div>
  );
}

/** Nothing in the period: what is missing, and what to do about it. */
export function Empty({ text }: { text?: string }): JSX.Element {
  const narrowed = filter.value;
  return (
    <div class="empty muted">
      <p>
        {narrowed === undefined
          ? (text ?? t.state.emptyPeriod)
          : t.state.noMatch(`${t.dimensions[narrowed.dimension] ?? narrowed.dimension} ${narrowed.value}`)}
      </p>
      {narrowed !== undefined && (
        <button
          type="button"
          onClick={() => {
            setParams({ [narrowed.dimension]: undefined });
          }}
        >
          {t.state.removeFilter}
        </button>
      )}
    </div>
  );
}

/** A whole page without events: where there are some, and what else may be in the way. */
export function NothingHere({ firstEvent }: { firstEvent: number }): JSX.Element {
  const narrowed = filter.value;
  const first = firstEvent === 0 ? "" : dayOf(firstEvent, zone.value);
  return (
    <div class="notice wide" role="status">
      <p>
        <b>
          {narrowed === undefined
            ? t.state.emptyPeriod
            : t.state.noMatch(`${t.dimensions[narrowed.dimension] ?? narrowed.dimension} ${narrowed.value}`)}
        </b>{" "}
        {first !== "" && t.state.begins(day(first))}
      </p>
      <p class="filters">
        {narrowed !== undefined && (
          <button
            type="button"
            onClick={() => {
              setParams({ [narrowed.dimension]: undefined });
            }}
          >
            {t.state.removeFilter}
          </button>
        )}
        {first !== "" && (
          <>
            <button
              type="button"
              onClick={() => {
                setParams({ range: `${first}..${addDays(first, 27)}` });
              }}
            >
              {t.state.showFirst}
            </button>
            <button
              type="button"
              onClick={() => {
                setParams({ range: `${first}..${dayOf(now(), zone.value)}` });
              }}
            >
              {t.state.showAll}
            </button>
          </>
        )}
      </p>
    </div>
  );
}

/** Of when the figures are, where newer ones could not be loaded. */
export function Stale({ asked: { error, at, again, stale } }: { asked: Asked<unknown> }): JSX.Element | null {
  if (error === undefined) return null;
  const when = time(at ?? 0, zone.value);
  return (
    <p class="stale small" role="status">
      {stale ? t.state.ofBefore(when) : t.state.stale(when)} <code>{error.reason || error.code}</code>{" "}
      <button type="button" class="link" onClick={again}>
        {t.state.retry}
      </button>
    </p>
  );
}

/** Shows an answer, or why there is none: each tile for itself. */
export function Answered<T>({
  asked,
  height,
  children,
  empty,
}: {
  asked: Asked<T>;
  height: number;
  children: (data: T) => ComponentChildren;
  empty?: ((data: T) => boolean) | undefined;
}): JSX.Element {
  const { data, error, again } = asked;
  if (data === undefined)
    return error === undefined ? <Loading height={height} /> : <Failure error={error} again={again} />;
  return (
    <div {...oldWhile(asked)}>
      <Stale asked={asked} />
      {empty?.(data) === true ? <Empty /> : children(data)}
    </div>
  );
}

/** What an element says while it shows the answer to the question before: it is dimmed, and busy. */
function oldWhile({ stale, loading }: Asked<unknown>): { class?: string; "aria-busy"?: true } {
  return stale && loading ? { class: "old", "aria-busy": true } : {};
}

/**
 * Cards and tiles of one answer. While the answer to another period comes they stay, dimmed. `also` is a second answer that
 * is drawn into them, such as their small lines.
 */
export function Kept({
  asked,
  also,
  children,
}: {
  asked: Asked<unknown>;
  also?: Asked<unknown> | undefined;
  children: ComponentChildren;
}): JSX.Element {
  const old = { ...(also === undefined ? {} : oldWhile(also)), ...oldWhile(asked) };
  return (
    <div {...old} class={`kept ${old.class ?? ""}`}>
      {asked.data !== undefined && asked.error !== undefined && (
        <div class="wide">
          <Stale asked={asked} />
        </div>
      )}
      {children}
    </div>
  );
}

/** Cards and tiles of one answer; before the first one a tile that says so. */
export function Whole<T>({
  asked,
  also,
  title,
  height,
  children,
}: {
  asked: Asked<T>;
  also?: Asked<unknown>;
  title: ComponentChildren;
  height: number;
  children: (data: T) => ComponentChildren;
}): JSX.Element {
  if (asked.data !== undefined)
    return (
      <Kept asked={asked} also={also}>
        {children(asked.data)}
      </Kept>
    );
  return (
    <Tile title={title}>
      <Answered asked={asked} height={height}>
        {() => null}
      </Answered>
    </Tile>
  );
}

/** Places a box below a button, or above where there is more room, within the window. */
function place(box: HTMLElement | null, button: HTMLElement | null): void {
  if (box === null || button === null) return;
  const from = button.getBoundingClientRect();
  const left = Math.max(8, Math.min(from.left, document.documentElement.clientWidth - box.offsetWidth - 8));
  const below = from.bottom + 6;
  const height = box.offsetHeight;
  const top = below + height > innerHeight && from.top - height - 6 > 0 ? from.top - height - 6 : below;
  box.style.left = `${String(left)}px`;
  box.style.top = `${String(top)}px`;
}

/** A button that opens a box that floats; Escape and a click elsewhere close it, by the browser itself. */
export function Popover({
  id,
  label,
  children,
  class: name = "",
  title,
  buttonClass = "",
}: {
  id: string;
  label: ComponentChildren;
  children: ComponentChildren;
  class?: string;
  title?: string;
  buttonClass?: string;
}): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  // What is in the box decides how large it is: it is placed once that is there, and anew where the window changes.
  useLayoutEffect(() => {
    if (!open) return undefined;
    const put = (): void => {
      place(box.current, button.current);
    };
    put();
    addEventListener("resize", put);
    return () => {
      removeEventListener("resize", put);
    };
  }, [open]);
  return (
    <>
      <button
        ref={button}
        type="button"
        class={buttonClass}
        popovertarget={id}
        aria-expanded={open}
        {...(title === undefined ? {} : { "aria-label": title, title })}
      >
        {label}
      </button>
      <div
        ref={box}
        id={id}
        popover="auto"
        class={`popover ${name}`}
        onToggle={(event: { newState: string }) => {
          setOpen(event.newState === "open");
        }}
      >
        {open && children}
      </div>
    </>
  );
}

/** Closes the popover that has the focus. */
export function closePopover(event: Event): void {
  const { currentTarget } = event;
  if (currentTarget instanceof Element) currentTarget.closest<HTMLElement>("[popover]")?.hidePopover();
}
