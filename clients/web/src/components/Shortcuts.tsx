/** Letters: periods, comparison, pages. None while somebody types, and all can be turned off. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { PAGES } from "../pages";
import { comparison, go, href, setParams } from "../state/address";
import { preferences } from "../state/session";
import { t } from "../text";
import { RANGE_OF_LETTER } from "./Toolbar";

const SEQUENCE_MS = 1_500;

function types(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName))
  );
}

function act(key: string, afterG: boolean, list: HTMLDialogElement | null): boolean {
  if (afterG) {
    const page = PAGES.find(({ letter }) => letter === key);
    if (page !== undefined) go(href(page.path));
    return page !== undefined;
  }
  const range = RANGE_OF_LETTER[key];
  if (range !== undefined) setParams({ range: range === "28d" ? undefined : range });
  else if (key === "x") setParams({ cmp: comparison.value === "none" ? undefined : "none" });
  else if (key === "/") document.querySelector<HTMLButtonElement>("[popovertarget=filter]")?.click();
  else if (key === "?") list?.showModal();
  else return false;
  return true;
}

/** Listens for the letters, and has the list of them. */
export function Shortcuts(): JSX.Element {
  const list = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    let g = 0;
    const onKey = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || types(event.target)) return;
      if (preferences.peek()?.shortcutsOff === true || list.current?.open === true) return;
      const key = event.key.toLowerCase();
      const afterG = Date.now() - g < SEQUENCE_MS;
      g = key === "g" && !afterG ? Date.now() : 0;
      if (g === 0 && act(key, afterG, list.current)) event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => {
      removeEventListener("keydown", onKey);
    };
  }, []);
  const rows: [string, string][] = [
    ["/", t.shortcuts.find],
    ...Object.entries(RANGE_OF_LETTER).map(([letter, name]): [string, string] => [
      letter.toUpperCase(),
      t.ranges[name] ?? name,
    ]),
    ["X", t.shortcuts.comparison],
    ...PAGES.filter(({ letter }) => letter !== undefined).map(({ letter, name }): [string, string] => [
      `g ${letter ?? ""}`,
      t.pages[name as keyof typeof t.pages],
    ]),
    ["?", t.shortcuts.help],
  ];
  return (
    <dialog ref={list} class="dialog" aria-labelledby="shortcuts-title">
      <h2 id="shortcuts-title">{t.shortcuts.title}</h2>
      <dl class="keys">
        {rows.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="muted small">{t.shortcuts.off}</p>
      <form method="dialog">
        <button type="submit">{t.shortcuts.close}</button>
      </form>
    </dialog>
  );
}
