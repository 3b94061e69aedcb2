/** A choice of one value of several. */
import type { JSX } from "preact";

/** The browser's own menu. It has a label in its own right, or an id that some label is for. */
export function Select({
  value,
  options,
  choose,
  label,
  id,
  ...about
}: {
  value: string;
  /** Values with their names. */
  options: readonly (readonly [value: string, name: string])[];
  choose: (value: string) => void;
  label?: string;
  id?: string;
  "aria-invalid"?: boolean;
  "aria-describedby"?: string | undefined;
}): JSX.Element {
  return (
    <select
      id={id}
      aria-label={label}
      {...about}
      value={value}
      onChange={(event) => {
        choose(event.currentTarget.value);
      }}
    >
      {options.map(([one, name]) => (
        <option key={one} value={one}>
          {name}
        </option>
      ))}
    </select>
  );
}
