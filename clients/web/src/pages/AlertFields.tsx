/** The fields of the form of a rule that every rule has. */
import type { JSX } from "preact";
import { DIMENSIONS } from "../components/dimensions";
import { METRICS, metricInfo } from "../contract";
import { t } from "../text";
import { ChoiceField, Field, NumberField, NumberedField, Problem, SpanField, TextField, useAbout } from "./AlertInputs";
import { ChooseRecipients } from "./Recipients";
import { KINDS, OUTSIDE, isPair, withKind, withMetric } from "./alertRules";
import type { Draft, Kind, LimitName } from "./alertRules";
import { AHEAD, HOLDS, WINDOWS } from "./alertSpans";

export interface Part {
  draft: Draft;
  set: (part: Partial<Draft>) => void;
}

function Limit({ name, draft, set }: Part & { name: LimitName }): JSX.Element {
  return (
    <NumberField
      id={name}
      value={draft.limits[name]}
      unset={undefined}
      put={(limit) => {
        const others = Object.entries(draft.limits).filter(([other]) => other !== name);
        const mine = limit === undefined ? [] : [[name, limit]];
        set({ limits: Object.fromEntries([...others, ...mine]) as Draft["limits"] });
      }}
    />
  );
}

/** Of which part of the organization a rule is: all of it, each value of a dimension, or one value. */
function Where({ draft, set }: Part): JSX.Element | null {
  if (isPair(draft)) return null;
  const choose = (text: string): void => {
    const [how = "all", dimension = ""] = text.split(" ");
    set({ how: how as Draft["how"], dimension, value: "" });
  };
  return (
    <>
      <ChoiceField
        id="of"
        value={draft.how === "all" ? "all" : `${draft.how} ${draft.dimension}`}
        options={[
          ["all", t.alerts.whole],
          ...DIMENSIONS.map((one) => [`each ${one}`, t.alerts.each(t.dimensions[one] ?? one)] as const),
          ...DIMENSIONS.map((one) => [`one ${one}`, `${t.alerts.narrowed} ${t.dimensions[one] ?? one}`] as const),
        ]}
        choose={choose}
      />
      {draft.how === "one" && (
        <TextField
          id="value"
          value={draft.value}
          put={(value) => {
            set({ value });
          }}
        />
      )}
    </>
  );
}

function OfKind({ draft, set }: Part): JSX.Element | null {
  if (draft.kind === "change")
    return (
      <NumberedField
        id="baseline"
        value={draft.baseline || 1}
        names={t.alerts.baselines}
        choose={(baseline) => {
          set({ baseline });
        }}
      />
    );
  if (draft.kind === "forecast")
    return (
      <SpanField
        id="within"
        among={AHEAD}
        value={draft.within}
        choose={(within) => {
          set({ within });
        }}
      />
    );
  if (draft.kind !== "budget") return null;
  return (
    <NumberField
      id="budget"
      min="0"
      value={draft.budget}
      unset={0}
      put={(budget = 0) => {
        set({ budget });
      }}
    />
  );
}

function Condition({ draft, set }: Part): JSX.Element {
  const { kind } = draft;
  const both = draft.direction === OUTSIDE && kind !== "budget";
  const names: readonly LimitName[] = both
    ? ["warning", "critical", "lowWarning", "lowCritical"]
    : ["warning", "critical"];
  return (
    <>
      <ChoiceField
        id="kind"
        value={kind}
        options={KINDS.map((one) => [one, t.alerts.kinds[one] ?? one])}
        choose={(one) => {
          set(withKind(draft, one as Kind));
        }}
      />
      <OfKind draft={draft} set={set} />
      {kind !== "absence" && kind !== "budget" && (
        <NumberedField
          id="direction"
          value={draft.direction}
          names={t.alerts.directions}
          choose={(direction) => {
            set({ direction });
          }}
        />
      )}
      {kind !== "absence" && names.map((name) => <Limit key={name} name={name} draft={draft} set={set} />)}
    </>
  );
}

/** What is looked at, and from where on it is wrong. */
export function Looking({ draft, set }: Part): JSX.Element {
  const metrics = METRICS.includes(draft.metric) ? METRICS : [draft.metric, ...METRICS];
  return (
    <>
      <TextField
        id="name"
        maxLength={200}
        value={draft.name}
        put={(name) => {
          set({ name });
        }}
      />
      {draft.kind !== "absence" && (
        <ChoiceField
          id="metric"
          value={draft.metric}
          options={metrics.map((name) => [name, metricInfo(name).title])}
          choose={(metric) => {
            set(withMetric(draft, metric));
          }}
        />
      )}
      <Where draft={draft} set={set} />
      <SpanField
        id="window"
        among={WINDOWS}
        value={draft.window}
        choose={(window) => {
          set({ window });
        }}
      />
      <Condition draft={draft} set={set} />
      <SpanField
        id="hold"
        among={HOLDS}
        value={draft.hold}
        choose={(hold) => {
          set({ hold });
        }}
      />
    </>
  );
}

function Words({ draft, set }: Part): JSX.Element {
  return (
    <>
      <Field id="description">
        <textarea
          {...useAbout("description")}
          rows={2}
          value={draft.description}
          onInput={(event) => {
            set({ description: event.currentTarget.value });
          }}
        />
      </Field>
      <TextField
        id="runbook"
        placeholder="https://example.org/runbook"
        value={draft.runbookUrl}
        put={(runbookUrl) => {
          set({ runbookUrl });
        }}
      />
    </>
  );
}

/** What silence means, who is told, and what they read. */
export function Telling({ draft, set }: Part): JSX.Element {
  return (
    <>
      <NumberedField
        id="noData"
        value={draft.noData || 1}
        names={t.alerts.noDataPolicies}
        choose={(noData) => {
          set({ noData });
        }}
      />
      <NumberedField
        id="severity"
        value={draft.severity || 2}
        names={t.alerts.severities}
        choose={(severity) => {
          set({ severity });
        }}
      />
      <span id="alert-destinations">{t.alerts.destinations}</span>
      <span role="group" aria-labelledby="alert-destinations">
        <ChooseRecipients
          ids={draft.destinationIds}
          choose={(destinationIds) => {
            set({ destinationIds });
          }}
        />
        <span class="muted small">{t.alerts.everybody}</span> <Problem id="destinations" />
      </span>
      <Words draft={draft} set={set} />
    </>
  );
}
