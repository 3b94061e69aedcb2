/** A line of text that counts once it is finished: on Enter, or when the focus leaves. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";

/** The field. What is typed stays while the page around it is drawn anew. */
export function LateInput({
  value,
  finish,
  ...rest
}: {
  value: string;
  finish: (text: string) => void;
  id?: string;
  list?: string;
  placeholder?: string;
  maxLength?: number;
  "aria-label"?: string;
}): JSX.Element {
  const [typed, setTyped] = useState<string | undefined>(undefined);
  return (
    <input
      {...rest}
      type="text"
      value={typed ?? value}
      onInput={(event) => {
        setTyped(event.currentTarget.value);
      }}
      onChange={(event) => {
        setTyped(undefined);
        finish(event.currentTarget.value);
      }}
    />
  );
}
