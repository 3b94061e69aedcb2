/** One rule of alerts: how it stands, its course, what can be done with it, and its incidents. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { AlertService } from "@contract/alert_service_pb.js";
import type { AlertRule, AlertStanding } from "@contract/alert_service_pb.js";
import { DeliveryService } from "@contract/delivery_service_pb.js";
import { problemOf } from "../api/errors";
import { useQuestion } from "../api/question";
import { call } from "../api/transport";
import { say } from "../components/announce";
import { Page } from "../components/Page";
import { Restricted } from "../components/Restricted";
import { Answered, Popover, Tile, closePopover } from "../components/basics";
import { ms } from "../contract";
import { instant } from "../format";
import { go, href } from "../state/address";
import { zone } from "../state/period";
import { may } from "../state/session";
import { t } from "../text";
import { timestampFromMs } from "../wire/timestamps";
import { AlertForm } from "./AlertForm";
import { AlertCourse } from "./AlertPreview";
import { AlertStateName, Incidents, alertsChanged } from "./Incidents";
import { Recipients } from "./Recipients";
import { draftOf } from "./alertRules";

const HOURS = [1, 4, 24, 168] as const;
const HOUR_MS = 3_600_000;

/** Who is told of what the rule finds, and that nobody is, with the reason. */
function Told({ rule, count }: { rule: AlertRule; count: number }): JSX.Element {
  const isOpen = rule.destinationIds.length === 0;
  return (
    <p class="small">
      {t.alerts.destinations}: {isOpen ? count > 0 && t.alerts.askers(count) : <Recipients ids={rule.destinationIds} />}
      {count === 0 && <b class="bad">{isOpen ? t.alerts.nobodyAsks : t.alerts.nobodyLeft}</b>}
    </p>
  );
}

function Standings({
  rule,
  standings,
  told,
}: {
  rule: AlertRule;
  standings: readonly AlertStanding[];
  told: number;
}): JSX.Element {
  return (
    <>
      {rule.disabled && <p class="muted">{t.alerts.disabled}</p>}
      {rule.snoozedUntil !== undefined && (
        <p class="muted">{t.alerts.snoozed(instant(ms(rule.snoozedUntil), zone.value))}</p>
      )}
      {standings.length === 0 && !rule.disabled && <p class="muted">{t.alerts.states[0]}</p>}
      <ul class="plain">
        {standings.map((one) => (
          <li key={one.value}>
            <AlertStateName state={one.state} /> <b>{one.value}</b>{" "}
            <span class="muted small">{instant(ms(one.since), zone.value)}</span> {one.reason}
          </li>
        ))}
      </ul>
      {rule.restriction !== undefined && (
        <p>
          <Restricted to={rule.restriction} />
        </p>
      )}
      {rule.description !== "" && <p>{rule.description}</p>}
      {rule.runbookUrl !== "" && (
        <p>
          <a href={rule.runbookUrl} target="_blank" rel="noopener noreferrer">
            {rule.runbookUrl}
          </a>
        </p>
      )}
      <Told rule={rule} count={told} />
    </>
  );
}

function Snooze({ rule, act }: { rule: AlertRule; act: (work: Promise<unknown>) => void }): JSX.Element {
  const { ruleId } = rule;
  if (rule.snoozedUntil !== undefined)
    return (
      <button
        type="button"
        onClick={() => {
          act(call(AlertService.method.snoozeAlertRule, { ruleId }));
        }}
      >
        {t.alerts.snoozeEnd}
      </button>
    );
  return (
    <Popover id="snooze" label={t.alerts.snooze}>
      {HOURS.map((hours) => (
        <button
          key={hours}
          type="button"
          onClick={(event) => {
            closePopover(event);
            const until = timestampFromMs(Date.now() + hours * HOUR_MS);
            act(call(AlertService.method.snoozeAlertRule, { ruleId, until }));
          }}
        >
          {t.alerts.hours(hours)}
        </button>
      ))}
    </Popover>
  );
}

function Actions({
  rule,
  edit,
  fail,
}: {
  rule: AlertRule;
  edit: () => void;
  fail: (why: string) => void;
}): JSX.Element {
  const act = (work: Promise<unknown>): void => {
    fail("");
    work.then(alertsChanged, (error: unknown) => {
      fail(problemOf(error));
    });
  };
  const test = async (): Promise<void> => {
    for (const destinationId of rule.destinationIds)
      await call(DeliveryService.method.testDestination, { destinationId });
    say(t.delivery.tested(rule.destinationIds.length));
  };
  const remove = async (): Promise<void> => {
    await call(AlertService.method.deleteAlertRule, { ruleId: rule.ruleId, etag: rule.etag });
    go(href("/alerts"));
  };
  return (
    <span class="tools">
      <Snooze rule={rule} act={act} />
      <button type="button" onClick={edit}>
        {t.dashboards.edit}
      </button>
      <button
        type="button"
        onClick={() => {
          act(call(AlertService.method.updateAlertRule, { rule: { ...rule, disabled: !rule.disabled } }));
        }}
      >
        {rule.disabled ? t.reports.resume : t.reports.pause}
      </button>
      {rule.destinationIds.length > 0 && (
        <button
          type="button"
          onClick={() => {
            act(test());
          }}
        >
          {t.alerts.test}
        </button>
      )}
      <button
        type="button"
        onClick={() => {
          if (confirm(t.alerts.removeSure)) act(remove());
        }}
      >
        {t.alerts.remove}
      </button>
    </span>
  );
}

/** The page. */
export default function AlertPage({ id }: { id: string }): JSX.Element {
  const asked = useQuestion(AlertService.method.getAlertRule, { ruleId: id });
  const rule = asked.data?.rule;
  const [editing, setEditing] = useState(false);
  const [problem, fail] = useState("");
  const leave = (): void => {
    setEditing(false);
  };
  return (
    <Page
      title={rule?.name ?? t.pages.alerts}
      toolbar={false}
      tools={
        rule !== undefined &&
        may("edit") && (
          <Actions
            rule={rule}
            fail={fail}
            edit={() => {
              setEditing(true);
            }}
          />
        )
      }
    >
      {problem !== "" && (
        <p class="wide bad" role="alert">
          {problem}
        </p>
      )}
      {editing && rule !== undefined && (
        <AlertForm
          key={rule.etag}
          initial={draftOf(rule)}
          leave={leave}
          stored={() => {
            leave();
            alertsChanged();
          }}
        />
      )}
      <Tile title={t.alerts.state} name="standings">
        <Answered asked={asked} height={80}>
          {(answer) =>
            answer.rule === undefined ? null : (
              <Standings rule={answer.rule} standings={answer.standings} told={answer.destinationCount} />
            )
          }
        </Answered>
      </Tile>
      {rule !== undefined && !editing && <AlertCourse draft={draftOf(rule)} />}
      <Incidents ruleId={id} />
    </Page>
  );
}
