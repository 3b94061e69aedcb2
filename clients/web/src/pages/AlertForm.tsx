/** The form of a rule of alerts, with its course and what it would have found. */
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { AlertService } from "@contract/alert_service_pb.js";
import type { AlertRule } from "@contract/alert_service_pb.js";
import { CallError, problemOf } from "../api/errors";
import { askAnew } from "../api/question";
import { call } from "../api/transport";
import { say } from "../components/announce";
import { Tile } from "../components/basics";
import { DIMENSIONS } from "../components/dimensions";
import { Select } from "../components/Select";
import { METRICS, metricInfo } from "../contract";
import { t } from "../text";
import { AlertBacktest, AlertCourse } from "./AlertPreview";
import { ChooseRecipients } from "./Recipients";
import { AHEAD, HOLDS, KINDS, OUTSIDE, WINDOWS, isPair, ruleOf } from "./alertRules";
import type { Draft, Kind, LimitName } from "./alertRules";

interface Part {
  draft: Draft;
  set: (part: Partial<Draft>) => void;
}

function Field({ id, label, children }: { id: string; label: string; children: ComponentChildren }): JSX.Element {
  return (
    <>
      <label for={`alert-${id}`}>{label}</label>
      {children}
    </>
  );
}

function Minutes({
  id,
  label,
  among,
  value,
  choose,
}: {
  id: string;
  label: string;
  among: readonly number[];
  value: number;
  choose: (n: number) => void;
}): JSX.Element {
  const all = among.includes(value) ? among : [...among, value].sort((a, b) => a - b);
  return (
    <Field id={id} label={label}>
      <Select
        id={`alert-${id}`}
        value={String(value)}
        options={all.map((n) => [String(n), n === 0 ? t.alerts.atOnce : t.alerts.minutes(n)])}
        choose={(text) => {
          choose(Number(text));
        }}
      />
    </Field>
  );
}

function Limit({ name, draft, set }: Part & { name: LimitName }): JSX.Element {
  return (
    <Field id={name} label={t.alerts[name]}>
      <input
        id={`alert-${name}`}
        type="number"
        step="any"
        value={draft.limits[name] ?? ""}
        onInput={(event) => {
          const { value } = event.currentTarget;
          const others = Object.entries(draft.limits).filter(([other]) => other !== name);
          const mine = value === "" ? [] : [[name, Number(value)]];
          set({ limits: Object.fromEntries([...others, ...mine]) as Draft["limits"] });
        }}
      />
    </Field>
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
      <Field id="of" label={t.alerts.of}>
        <Select
          id="alert-of"
          value={draft.how === "all" ? "all" : `${draft.how} ${draft.dimension}`}
          options={[
            ["all", t.alerts.whole],
            ...DIMENSIONS.map((one) => [`each ${one}`, t.alerts.each(t.dimensions[one] ?? one)] as const),
            ...DIMENSIONS.map((one) => [`one ${one}`, `${t.alerts.narrowed} ${t.dimensions[one] ?? one}`] as const),
          ]}
          choose={choose}
        />
      </Field>
      {draft.how === "one" && (
        <Field id="value" label={t.alerts.value}>
          <input
            id="alert-value"
            type="text"
            value={draft.value}
            onInput={(event) => {
              set({ value: event.currentTarget.value });
            }}
          />
        </Field>
      )}
    </>
  );
}

function OfKind({ draft, set }: Part): JSX.Element | null {
  if (draft.kind === "change")
    return (
      <Field id="baseline" label={t.alerts.baseline}>
        <Select
          id="alert-baseline"
          value={String(draft.baseline)}
          options={Object.entries(t.alerts.baselines)}
          choose={(one) => {
            set({ baseline: Number(one) });
          }}
        />
      </Field>
    );
  if (draft.kind === "forecast")
    return (
      <Minutes
        id="within"
        label={t.alerts.within}
        among={AHEAD}
        value={draft.within}
        choose={(within) => {
          set({ within });
        }}
      />
    );
  if (draft.kind !== "budget") return null;
  return (
    <Field id="budget" label={t.alerts.budget}>
      <input
        id="alert-budget"
        type="number"
        min="0"
        step="any"
        value={draft.budget || ""}
        onInput={(event) => {
          set({ budget: Number(event.currentTarget.value) });
        }}
      />
    </Field>
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
      <Field id="kind" label={t.alerts.kind}>
        <Select
          id="alert-kind"
          value={kind}
          options={KINDS.map((one) => [one, t.alerts.kinds[one] ?? one])}
          choose={(one) => {
            // Windows that some conditions want; others take any.
            const hourly = one === "change" || one === "anomaly" || one === "forecast";
            set({ kind: one as Kind, ...(hourly ? { window: 60 } : {}) });
          }}
        />
      </Field>
      <OfKind draft={draft} set={set} />
      {kind !== "absence" && kind !== "budget" && (
        <Field id="direction" label={t.alerts.direction}>
          <Select
            id="alert-direction"
            value={String(draft.direction)}
            options={Object.entries(t.alerts.directions)}
            choose={(one) => {
              set({ direction: Number(one) });
            }}
          />
        </Field>
      )}
      {kind !== "absence" && names.map((name) => <Limit key={name} name={name} draft={draft} set={set} />)}
    </>
  );
}

function Telling({ draft, set }: Part): JSX.Element {
  return (
    <>
      <Field id="no-data" label={t.alerts.noData}>
        <Select
          id="alert-no-data"
          value={String(draft.noData || 1)}
          options={Object.entries(t.alerts.noDataPolicies)}
          choose={(one) => {
            set({ noData: Number(one) });
          }}
        />
      </Field>
      <Field id="severity" label={t.alerts.severity}>
        <Select
          id="alert-severity"
          value={String(draft.severity || 2)}
          options={Object.entries(t.alerts.severities)}
          choose={(one) => {
            set({ severity: Number(one) });
          }}
        />
      </Field>
      <span id="alert-destinations">{t.alerts.destinations}</span>
      <span role="group" aria-labelledby="alert-destinations">
        <ChooseRecipients
          ids={draft.destinationIds}
          choose={(destinationIds) => {
            set({ destinationIds });
          }}
        />
        <span class="muted small">{t.alerts.everybody}</span>
      </span>
      <Field id="description" label={t.alerts.description}>
        <textarea
          id="alert-description"
          rows={2}
          value={draft.description}
          onInput={(event) => {
            set({ description: event.currentTarget.value });
          }}
        />
      </Field>
      <Field id="runbook" label={t.alerts.runbook}>
        <input
          id="alert-runbook"
          type="text"
          placeholder="https://example.org/runbook"
          value={draft.runbookUrl}
          onInput={(event) => {
            set({ runbookUrl: event.currentTarget.value });
          }}
        />
      </Field>
    </>
  );
}

function Fields({ draft, set }: Part): JSX.Element {
  const metrics = METRICS.includes(draft.metric) || draft.metric === "" ? METRICS : [draft.metric, ...METRICS];
  return (
    <>
      <Field id="name" label={t.alerts.name}>
        <input
          id="alert-name"
          type="text"
          maxLength={200}
          value={draft.name}
          onInput={(event) => {
            set({ name: event.currentTarget.value });
          }}
        />
      </Field>
      {draft.kind !== "absence" && (
        <Field id="metric" label={t.alerts.metric}>
          <Select
            id="alert-metric"
            value={draft.metric}
            options={metrics.map((name) => [name, metricInfo(name).title])}
            choose={(metric) => {
              set({ metric });
            }}
          />
        </Field>
      )}
      <Where draft={draft} set={set} />
      <Minutes
        id="window"
        label={t.alerts.window}
        among={WINDOWS}
        value={draft.window}
        choose={(window) => {
          set({ window });
        }}
      />
      <Condition draft={draft} set={set} />
      <Minutes
        id="hold"
        label={t.alerts.hold}
        among={HOLDS}
        value={draft.hold}
        choose={(hold) => {
          set({ hold });
        }}
      />
      <Telling draft={draft} set={set} />
    </>
  );
}

async function put(draft: Draft): Promise<AlertRule | undefined> {
  const rule = ruleOf(draft);
  if (draft.kept === undefined) return (await call(AlertService.method.createAlertRule, { rule })).rule;
  return (await call(AlertService.method.updateAlertRule, { rule })).rule;
}

/** The form. */
export function AlertForm({
  initial,
  stored,
  leave,
}: {
  initial: Draft;
  stored: (rule: AlertRule | undefined) => void;
  leave: () => void;
}): JSX.Element {
  const [draft, setDraft] = useState(initial);
  const [problem, setProblem] = useState("");
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setProblem("");
    put(draft).then(
      (kept) => {
        say(t.settings.saved);
        stored(kept);
      },
      (error: unknown) => {
        const newer = error instanceof CallError && error.reason === "ETAG_MISMATCH";
        setProblem(newer ? t.alerts.newer : problemOf(error));
        if (newer) askAnew(AlertService.method.getAlertRule);
      },
    );
  };
  return (
    <>
      <Tile title={initial.kept === undefined ? t.alerts.add : t.alerts.edit} name="alert-form">
        <form class="form" onSubmit={submit}>
          <Fields
            draft={draft}
            set={(part) => {
              setDraft({ ...draft, ...part });
            }}
          />
          <AlertBacktest draft={draft} />
          <p class="filters wide">
            <button type="submit" class="primary" disabled={draft.name.trim() === ""}>
              {t.dashboards.save}
            </button>
            <button type="button" class="link" onClick={leave}>
              {t.dashboards.cancel}
            </button>
          </p>
          <p class="bad wide" role="alert">
            {problem}
          </p>
        </form>
      </Tile>
      <AlertCourse draft={draft} />
    </>
  );
}
