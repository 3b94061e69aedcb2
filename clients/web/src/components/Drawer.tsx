/** A box at the side for one of a list: Escape and a click beside it close it. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../text";

/** The box. Whoever shows it says whether it is open, as by the address. */
export function Drawer({
  open,
  title,
  close,
  children,
}: {
  open: boolean;
  title: ComponentChildren;
  close: () => void;
  children: ComponentChildren;
}): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const { current } = box;
    if (current === null) return;
    if (open && !current.open) current.showModal();
    if (!open && current.open) current.close();
  }, [open]);
  const end = (): void => {
    if (open) close();
  };
  return (
    <dialog
      ref={box}
      class="drawer"
      aria-labelledby="drawer-title"
      onClose={end}
      onClick={(event) => {
        if (event.target === box.current) end();
      }}
    >
      <div class="drawer-head">
        <h2 id="drawer-title">{title}</h2>
        <button type="button" onClick={end}>
          {t.conversations.close}
        </button>
      </div>
      {open && children}
    </dialog>
  );
}
