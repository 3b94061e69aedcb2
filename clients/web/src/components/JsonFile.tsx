/** A button that asks for a file of JSON. */
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { t } from "../text";

/** The button; takes the text of the file that is chosen. */
export function JsonFile({ take }: { take: (json: string) => void }): JSX.Element {
  const file = useRef<HTMLInputElement>(null);
  const read = async (): Promise<void> => {
    const chosen = file.current?.files?.[0];
    if (chosen !== undefined) take(await chosen.text());
  };
  return (
    <>
      <button type="button" onClick={() => file.current?.click()}>
        {t.dashboards.jsonIn}
      </button>
      <input
        ref={file}
        type="file"
        accept="application/json,.json"
        class="hidden"
        tabIndex={-1}
        aria-label={t.dashboards.jsonIn}
        onChange={() => void read()}
      />
    </>
  );
}
