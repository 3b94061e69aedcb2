/** What screen readers are told: status, never live figures. */
import type { JSX } from "preact";
import { signal } from "@preact/signals";

const said = signal("");

/** Says something politely. */
export function say(text: string): void {
  said.value = text;
}

/** The live region of the page, which also shows the text for those who see. */
export function Announcements(): JSX.Element {
  return (
    <p
      class={said.value === "" ? "hidden" : "said"}
      role="status"
      onAnimationEnd={() => {
        said.value = "";
      }}
    >
      {said.value}
    </p>
  );
}
