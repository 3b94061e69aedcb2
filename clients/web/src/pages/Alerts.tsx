/** Rules of alerts by how they stand, and the newest incidents. */
import type { JSX } from "preact";
import { AlertService } from "@contract/alert_service_pb.js";
import type { AlertRuleSummary } from "@contract/alert_service_pb.js";
import { useQuestion } from "../api/question";
import { Page } from "../components/Page";
import { Answered, Link, Tile } from "../components/basics";
import { Table } from "../components/Table";
import { metricInfo, ms } from "../contract";
import { instant } from "../format";
import { go, href, param, setParams } from "../state/address";
import { zone } from "../state/period";
import { may } from "../state/session";
import { t } from "../text";
import { AlertForm } from "./AlertForm";
import { AlertStateName, Incidents, alertsChanged } from "./Incidents";
import { newDraft } from "./alertRules";

/** How bad a state is, for the order of rules: an alert first. */
const RANKS: readonly number[] = [0, 1, 4, 5, 3, 2];

function stateOf({ rule, worst }: AlertRuleSummary): number {
  return rule?.disabled === true ? 0 : (worst?.state ?? 0);
}

function Rules({ rows }: { rows: readonly AlertRuleSummary[] }): JSX.Element {
  if (rows.length === 0) return <p class="muted">{t.alerts.none}</p>;
  return (
    <Table
      name={t.alerts.rules}
      rows={rows}
      id={(one) => one.rule?.ruleId ?? ""}
      find={rows.length > 10}
      sort="-state"
      columns={[
        {
          key: "name",
          title: t.alerts.name,
          value: (one) => one.rule?.name ?? "",
          show: (one) => (
            <Link to={`/alerts/${encodeURIComponent(one.rule?.ruleId ?? "")}`} changes={{ incident: undefined }}>
              {one.rule?.name}
            </Link>
          ),
        },
        {
          key: "state",
          title: t.alerts.state,
          value: (one) => RANKS[stateOf(one)] ?? 0,
          show: (one) =>
            one.rule?.disabled === true ? (
              <span class="status s5">{t.alerts.disabled}</span>
            ) : (
              <>
                <AlertStateName state={stateOf(one)} />
                {one.destinationCount === 0 && <span class="status s5">{t.alerts.tellsNobody}</span>}
              </>
            ),
        },
        {
          key: "metric",
          title: t.alerts.metric,
          value: (one) =>
            one.rule?.metric === "" ? t.alerts.kinds["absence"] : metricInfo(one.rule?.metric ?? "").title,
        },
        {
          key: "since",
          title: t.alerts.since,
          value: (one) => ms(one.worst?.since),
          show: (one) => (
            <span class="nowrap">
              {one.worst?.since === undefined ? "–" : instant(ms(one.worst.since), zone.value)}
            </span>
          ),
        },
        { key: "reason", title: t.alerts.reason, value: (one) => one.worst?.reason ?? "" },
        { key: "open", title: t.alerts.open, value: (one) => one.openIncidents },
      ]}
    />
  );
}

/** The page. A metric in the address begins a rule about it. */
export default function Alerts(): JSX.Element {
  const asked = useQuestion(AlertService.method.listAlertRules, {});
  const metric = param("about");
  const adding = metric !== "" && may("edit");
  const leave = (): void => {
    setParams({ about: undefined });
  };
  return (
    <Page title={t.pages.alerts} toolbar={false} lead={t.alerts.lead}>
      {adding && (
        <AlertForm
          key={metric}
          initial={newDraft(metric)}
          stored={(rule) => {
            alertsChanged();
            go(href(`/alerts/${encodeURIComponent(rule?.ruleId ?? "")}`, { about: undefined }));
          }}
          leave={leave}
        />
      )}
      <Tile
        title={t.alerts.rules}
        name="rules"
        tools={
          may("edit") &&
          !adding && (
            <button
              type="button"
              onClick={() => {
                setParams({ about: "error_rate" });
              }}
            >
              {t.alerts.add}
            </button>
          )
        }
      >
        <Answered asked={asked} height={120}>
          {({ rules }) => <Rules rows={rules} />}
        </Answered>
      </Tile>
      <Incidents ruleId="" />
    </Page>
  );
}
