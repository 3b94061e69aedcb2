/** What the form of a rule is made of: labels, inputs with their hints, and what is wrong beside them. */
import { createContext } from "preact";
import type { ComponentChildren, JSX } from "preact";
import { useContext, useState } from "preact/hooks";
import { Select } from "../components/Select";
import { t } from "../text";
import { NO_PROBLEM } from "./alertProblems";
import type { FieldId } from "./alertProblems";
import { spanChoices } from "./alertSpans";

/** What the service has found wrong, which is shown beside its field. */
export const ProblemContext = createContext(NO_PROBLEM);

/** What is wrong with a field; nothing if nothing is. The form says it aloud. */
export function Problem({ id }: { id: FieldId }): JSX.Element | null {
  const problem = useContext(ProblemContext);
  return problem.id === id ? (
    <span id={`alert-${id}-problem`} class="bad small">
      {problem.text}
    </span>
  ) : null;
}

/** A label with its input, a hint, and what is wrong with it. */
export function Field({
  id,
  hint = "",
  children,
}: {
  id: FieldId;
  hint?: string;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <>
      <label for={`alert-${id}`}>{t.alerts[id]}</label>
      <div>
        {children}
        {hint !== "" && (
          <span id={`alert-${id}-hint`} class="muted small">
            {hint}
          </span>
        )}{" "}
        <Problem id={id} />
      </div>
    </>
  );
}

interface About {
  id: string;
  "aria-invalid": boolean;
  "aria-describedby": string | undefined;
}

/** What an input says of itself, and of its hint and what is wrong with it. */
export function useAbout(id: FieldId, hint = ""): About {
  const isWrong = useContext(ProblemContext).id === id;
  const said = [hint === "" ? "" : `alert-${id}-hint`, isWrong ? `alert-${id}-problem` : ""].filter(Boolean);
  return {
    id: `alert-${id}`,
    "aria-invalid": isWrong,
    "aria-describedby": said.length === 0 ? undefined : said.join(" "),
  };
}

/** A text. */
export function TextField({
  id,
  hint = "",
  value,
  put,
  ...rest
}: {
  id: FieldId;
  hint?: string;
  value: string;
  put: (text: string) => void;
  list?: string;
  maxLength?: number;
  placeholder?: string;
}): JSX.Element {
  return (
    <Field id={id} hint={hint}>
      <input
        {...useAbout(id, hint)}
        {...rest}
        type="text"
        value={value}
        onInput={(event) => {
          put(event.currentTarget.value);
        }}
      />
    </Field>
  );
}

/** A number, which is shown as it was typed for as long as the rule has what that means. Unset is empty. */
export function NumberField({
  id,
  hint = "",
  value,
  unset,
  put,
  ...rest
}: {
  id: FieldId;
  hint?: string;
  value: number | undefined;
  /** What an empty field means. */
  unset: number | undefined;
  put: (value: number | undefined) => void;
  min?: string;
  step?: string;
}): JSX.Element {
  const meant = (text: string): number | undefined => (text === "" ? unset : Number(text));
  const [typed, setTyped] = useState(value === unset ? "" : String(value));
  return (
    <Field id={id} hint={hint}>
      <input
        step="any"
        {...useAbout(id, hint)}
        {...rest}
        type="number"
        value={meant(typed) === value ? typed : String(value ?? "")}
        onInput={(event) => {
          const text = event.currentTarget.value;
          setTyped(text);
          put(meant(text));
        }}
      />
    </Field>
  );
}

/** A choice. */
export function ChoiceField({
  id,
  hint = "",
  ...rest
}: {
  id: FieldId;
  hint?: string;
  value: string;
  options: readonly (readonly [value: string, name: string])[];
  choose: (value: string) => void;
}): JSX.Element {
  return (
    <Field id={id} hint={hint}>
      <Select {...useAbout(id, hint)} {...rest} />
    </Field>
  );
}

/** A choice of a number that has names. */
export function NumberedField({
  id,
  value,
  names,
  choose,
}: {
  id: FieldId;
  value: number;
  names: Readonly<Record<number, string>>;
  choose: (value: number) => void;
}): JSX.Element {
  return (
    <ChoiceField
      id={id}
      value={String(value)}
      options={Object.entries(names)}
      choose={(one) => {
        choose(Number(one));
      }}
    />
  );
}

/** A span. none is the name of 0. */
export function SpanField({
  id,
  hint = "",
  among,
  none,
  value,
  choose,
}: {
  id: FieldId;
  hint?: string;
  among: readonly number[];
  none?: string;
  value: number;
  choose: (n: number) => void;
}): JSX.Element {
  return (
    <ChoiceField
      id={id}
      hint={hint}
      value={String(value)}
      options={spanChoices(among, value, none)}
      choose={(text) => {
        choose(Number(text));
      }}
    />
  );
}
