/** Incidents of alerts, newest first, and what has happened to each. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { AlertService } from "@contract/alert_service_pb.js";
import type { GetIncidentResponse, Incident, IncidentEntry } from "@contract/alert_service_pb.js";
import { problemOf } from "../api/errors";
import { askAnew, useQuestion } from "../api/question";
import { call } from "../api/transport";
import { Answered, Tile } from "../components/basics";
import { Drawer } from "../components/Drawer";
import { Table } from "../components/Table";
import { ms } from "../contract";
import { instant } from "../format";
import { param, setParams } from "../state/address";
import { zone } from "../state/period";
import { may } from "../state/session";
import { t } from "../text";

/** How a rule or an incident stands. */
export function AlertStateName({ state }: { state: number }): JSX.Element {
  const tone = [5, 2, 3, 3, 3, 5][state] ?? 5;
  return <span class={`status s${String(tone)}`}>{t.alerts.states[state]}</span>;
}

/** Asks anew what a change of a rule or an incident is seen in. */
export function alertsChanged(): void {
  for (const name of ["listAlertRules", "getAlertRule", "listIncidents", "getIncident"] as const)
    askAnew(AlertService.method[name]);
}

const at = (time: Incident["openedAt"]): string => (time === undefined ? "" : instant(ms(time), zone.value));

function Entry({ one }: { one: IncidentEntry }): JSX.Element {
  const notes = [one.by, one.restated ? t.alerts.restated : "", one.muted ? t.alerts.muted : ""].filter(Boolean);
  return (
    <li>
      <b>{t.alerts.entries[one.kind]}</b>{" "}
      <span class="muted small">
        {at(one.windowEnd ?? one.recordedAt)}
        {notes.map((note) => ` · ${note}`)}
      </span>
      {one.text !== "" && <p>{one.text}</p>}
    </li>
  );
}

function Actions({ incident }: { incident: Incident }): JSX.Element {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const act = (work: Promise<unknown>): void => {
    setProblem("");
    work.then(
      () => {
        setText("");
        alertsChanged();
      },
      (error: unknown) => {
        setProblem(problemOf(error));
      },
    );
  };
  const { incidentId } = incident;
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        act(call(AlertService.method.commentIncident, { incidentId, text }));
      }}
    >
      <label for="incident-comment">{t.alerts.comment}</label>
      <textarea
        id="incident-comment"
        rows={2}
        maxLength={2000}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
        }}
      />
      <p class="filters wide">
        <button type="submit" disabled={text.trim() === ""}>
          {t.alerts.send}
        </button>
        {incident.acknowledgedBy === "" && (
          <button
            type="button"
            class="primary"
            onClick={() => {
              act(call(AlertService.method.acknowledgeIncident, { incidentId, comment: text }));
            }}
          >
            {t.alerts.acknowledge}
          </button>
        )}
      </p>
      <p class="bad wide" role="alert">
        {problem}
      </p>
    </form>
  );
}

function InFull({ answer }: { answer: GetIncidentResponse }): JSX.Element | null {
  const { incident } = answer;
  if (incident === undefined) return null;
  return (
    <>
      <p>
        <AlertStateName state={incident.state} /> {incident.reason}
      </p>
      {incident.acknowledgedBy !== "" && <p class="muted">{t.alerts.acknowledged(incident.acknowledgedBy)}</p>}
      <h3>{t.alerts.timeline}</h3>
      <ol class="timeline">
        {answer.entries.map((one) => (
          <Entry key={one.number} one={one} />
        ))}
      </ol>
      {may("edit") && <Actions incident={incident} />}
    </>
  );
}

function IncidentDrawer(): JSX.Element {
  const id = param("incident");
  const asked = useQuestion(AlertService.method.getIncident, id === "" ? undefined : { incidentId: id });
  return (
    <Drawer
      open={id !== ""}
      title={asked.data?.incident?.ruleName ?? t.alerts.incidents}
      close={() => {
        setParams({ incident: undefined });
      }}
    >
      <Answered asked={asked} height={200}>
        {(answer) => <InFull answer={answer} />}
      </Answered>
    </Drawer>
  );
}

function Rows({ incidents }: { incidents: readonly Incident[] }): JSX.Element {
  return (
    <Table
      name={t.alerts.incidents}
      rows={incidents}
      id={(one) => one.incidentId}
      find={incidents.length > 10}
      columns={[
        {
          key: "rule",
          title: t.alerts.rules,
          value: (one) => one.ruleName,
          show: (one) => (
            <button
              type="button"
              class="link"
              onClick={() => {
                setParams({ incident: one.incidentId });
              }}
            >
              {one.ruleName} {one.value}
            </button>
          ),
        },
        {
          key: "state",
          title: t.alerts.state,
          value: (one) => one.worst,
          show: (one) => <AlertStateName state={one.state} />,
        },
        {
          key: "opened",
          title: t.alerts.opened,
          value: (one) => ms(one.openedAt),
          show: (one) => <span class="nowrap">{at(one.openedAt)}</span>,
        },
        {
          key: "ended",
          title: t.alerts.ended,
          value: (one) => ms(one.closedAt),
          show: (one) =>
            one.closedAt === undefined ? (
              <b class="bad">{t.alerts.stillOpen}</b>
            ) : (
              <span>
                {at(one.closedAt)} <span class="muted small">{t.alerts.closeReasons[one.closeReason]}</span>
              </span>
            ),
        },
        { key: "reason", title: t.alerts.reason, value: (one) => one.reason },
      ]}
    />
  );
}

/** The newest incidents, of a rule or of all. */
export function Incidents({ ruleId }: { ruleId: string }): JSX.Element {
  const asked = useQuestion(AlertService.method.listIncidents, { ruleId, pageSize: 100 });
  return (
    <Tile title={t.alerts.incidents} name="incidents">
      <Answered asked={asked} height={120}>
        {({ incidents }) =>
          incidents.length === 0 ? <p class="muted">{t.alerts.noIncidents}</p> : <Rows incidents={incidents} />
        }
      </Answered>
      <IncidentDrawer />
    </Tile>
  );
}
