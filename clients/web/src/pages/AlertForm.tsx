/** The form of a rule of alerts, with its course and what it would have found. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { AlertService } from "@contract/alert_service_pb.js";
import type { AlertRule } from "@contract/alert_service_pb.js";
import { CallError, problemOf } from "../api/errors";
import { askAnew } from "../api/question";
import { call } from "../api/transport";
import { say } from "../components/announce";
import { Tile } from "../components/basics";
import { t } from "../text";
import { Looking, Telling } from "./AlertFields";
import { ProblemContext } from "./AlertInputs";
import { More } from "./AlertMore";
import { AlertBacktest, AlertCourse } from "./AlertPreview";
import { NO_PROBLEM, fieldOf } from "./alertProblems";
import { ruleOf } from "./alertRules";
import type { Draft } from "./alertRules";

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
  const [problem, setProblem] = useState(NO_PROBLEM);
  const set = (part: Partial<Draft>): void => {
    setDraft({ ...draft, ...part });
    setProblem(NO_PROBLEM);
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setProblem(NO_PROBLEM);
    put(draft).then(
      (kept) => {
        say(t.settings.saved);
        stored(kept);
      },
      (error: unknown) => {
        const newer = error instanceof CallError && error.reason === "ETAG_MISMATCH";
        const id = error instanceof CallError ? fieldOf(error.about["field"] ?? "") : undefined;
        setProblem({ id, text: newer ? t.alerts.newer : problemOf(error) });
        if (newer) askAnew(AlertService.method.getAlertRule);
      },
    );
  };
  return (
    <>
      <Tile title={initial.kept === undefined ? t.alerts.add : t.alerts.edit} name="alert-form">
        <form class="form" onSubmit={submit}>
          <ProblemContext.Provider value={problem}>
            <Looking draft={draft} set={set} />
            <Telling draft={draft} set={set} />
            <More draft={draft} set={set} wrong={problem.id} />
          </ProblemContext.Provider>
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
            {problem.text}
          </p>
        </form>
      </Tile>
      <AlertCourse draft={draft} />
    </>
  );
}
