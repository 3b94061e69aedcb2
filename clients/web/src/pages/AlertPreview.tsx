/** What a rule finds: its last windows with its limits, and the incidents that it would have had. */
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { AlertService } from "@contract/alert_service_pb.js";
import type { BacktestAlertRuleResponse } from "@contract/alert_service_pb.js";
import { CallError, problemOf } from "../api/errors";
import { useQuestion } from "../api/question";
import { call } from "../api/transport";
import { Chart } from "../charts/Chart";
import { Answered, Tile } from "../components/basics";
import { Select } from "../components/Select";
import { metricInfo, ms } from "../contract";
import { figure } from "../format";
import { zone } from "../state/period";
import { isZone } from "../state/zone";
import { t } from "../text";
import { timestampFromMs } from "../wire/timestamps";
import { chartLimits, course, limitsOf, ruleOf, strip, unitOf } from "./alertRules";
import type { Draft } from "./alertRules";

const DAYS = 90;
const DAY_MS = 86_400_000;
const QUIET_MS = 600;

/** Returns a value once it has not changed for a while. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => {
      setSettled(value);
    }, QUIET_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [value]);
  return settled;
}

/** What decides about no window: who is told of it, when, and in which words. */
const UNSEEN = { name: "-", description: "", runbookUrl: "", destinationIds: [], mutes: [], remind: 0 };

/** Returns a rule that can be looked at: one without limits yet, as if its limit were never reached. */
function testable(draft: Draft): Draft {
  const hasLimits = draft.kind === "absence" || Object.keys(limitsOf(draft)).length > 0;
  const timeZone = isZone(draft.timeZone) ? draft.timeZone : ""; // while somebody types it
  return { ...draft, ...UNSEEN, timeZone, ...(hasLimits ? {} : { direction: 1, limits: { critical: 1e300 } }) };
}

/** The last windows of a rule. Its limits move at once, as they are typed. */
export function AlertCourse({ draft }: { draft: Draft }): JSX.Element {
  const settled = useSettled(draft);
  const asked = useQuestion(AlertService.method.testAlertRule, { rule: ruleOf(testable(settled)) });
  const limits = useMemo(() => chartLimits(draft), [draft]);
  const [chosen, choose] = useState("");
  return (
    <Tile title={t.alerts.course} name="alert-course">
      <Answered asked={asked} height={220}>
        {({ values }) => {
          const one = values.find(({ value }) => value === chosen) ?? values[0];
          if (one === undefined) return <p class="muted">{t.table.empty}</p>;
          const { buckets, values: found } = course(draft, one.observations);
          const last = one.observations.at(-1);
          return (
            <>
              {values.length > 1 && (
                <Select
                  label={t.alerts.value}
                  value={one.value}
                  options={values.map(({ value }) => [value, value])}
                  choose={choose}
                />
              )}
              <Chart
                name={t.alerts.course}
                buckets={buckets}
                series={[
                  {
                    key: "course",
                    label: metricInfo(draft.kind === "absence" ? "events" : draft.metric).title,
                    color: 1,
                    values: found,
                  },
                ]}
                unit={unitOf(draft)}
                zone={zone.value}
                limits={limits}
              />
              <p class="small muted">
                {t.alerts.now(`${t.alerts.states[one.state] ?? ""}. ${last === undefined ? "" : last.reason}`)}
              </p>
            </>
          );
        }}
      </Answered>
    </Tile>
  );
}

interface Backtest {
  answer: BacktestAlertRuleResponse;
  start: number;
  end: number;
}

/** Tries a rule on so many days up to now; on as many as the service takes where these are too many for its steps. */
async function tried(rule: ReturnType<typeof ruleOf>, length: number): Promise<Backtest> {
  const end = Date.now();
  const start = end - length;
  const timeRange = { start: timestampFromMs(start), end: timestampFromMs(end) };
  try {
    return { answer: await call(AlertService.method.backtestAlertRule, { rule, timeRange }), start, end };
  } catch (error) {
    const longest = error instanceof CallError ? Number(error.about["longest_seconds"] ?? 0) * 1000 : 0;
    if (longest <= 0 || longest >= length) throw error;
    return tried(rule, longest);
  }
}

function Found({ found, start, end }: { found: BacktestAlertRuleResponse; start: number; end: number }): JSX.Element {
  const bars = strip(
    found.incidents.map((one) => ({
      start: ms(one.openedAt),
      end: one.closedAt === undefined ? undefined : ms(one.closedAt),
    })),
    start,
    end,
  );
  return (
    <>
      <p data-backtest>
        <b>{t.alerts.wouldHave(found.totalIncidents, Math.max(1, Math.round((end - start) / DAY_MS)))}</b>{" "}
        <span class="muted">{t.alerts.openTime(figure(Number(found.openTime?.seconds ?? 0n) * 1000, "ms"))}</span>
      </p>
      <svg
        class="incident-strip"
        viewBox="0 0 1000 12"
        preserveAspectRatio="none"
        role="img"
        aria-label={t.alerts.strip}
      >
        {bars.map(({ x, width }) => (
          <rect key={x} x={x * 1000} y={0} width={width * 1000} height={12} fill="currentcolor" />
        ))}
      </svg>
    </>
  );
}

/** Tries a rule on the last 90 days, or as many as its steps allow. */
export function AlertBacktest({ draft }: { draft: Draft }): JSX.Element {
  const [found, setFound] = useState<Backtest | undefined>();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const tryOut = (): void => {
    setBusy(true);
    setProblem("");
    tried(ruleOf({ ...draft, name: "-" }), DAYS * DAY_MS)
      .then(setFound, (error: unknown) => {
        setFound(undefined);
        setProblem(problemOf(error));
      })
      .finally(() => {
        setBusy(false);
      });
  };
  return (
    <div class="wide" aria-live="polite">
      <button type="button" disabled={busy} onClick={tryOut}>
        {t.alerts.tryOut}
      </button>
      {problem !== "" && <p class="bad">{problem}</p>}
      {found !== undefined && <Found found={found.answer} start={found.start} end={found.end} />}
    </div>
  );
}
