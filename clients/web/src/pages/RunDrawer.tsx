/** One run: what it was made of, its files with their checksums, and what differs from the run that it repeats. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ReportRunState, ReportService } from "@contract/report_service_pb.js";
import type { ReportRun } from "@contract/report_service_pb.js";
import { CallError, problemOf } from "../api/errors";
import { askAnew, useQuestion } from "../api/question";
import { call } from "../api/transport";
import { Change } from "../components/Card";
import { Drawer } from "../components/Drawer";
import { Failure, Link, Loading } from "../components/basics";
import { partOf } from "../components/Restricted";
import { Table } from "../components/Table";
import { ms } from "../contract";
import { count, figure, instant } from "../format";
import { param, setParams } from "../state/address";
import { zone } from "../state/period";
import { t } from "../text";
import { runNow } from "../reports/actions";
import { valueText } from "../reports/blocks";
import { titleOf } from "../reports/columns";
import { daysOf, formatName, rangeName } from "../reports/names";
import { differencesOf } from "../reports/runFiles";
import type { Difference } from "../reports/runFiles";
import { Files, RunState, boundsOfRun, durationOf, isOver, revisionsOf, whoRan } from "./ReportRuns";

const AGAIN_MS = 1_000;

function Facts({ run }: { run: ReportRun }): JSX.Element {
  const at = (time: ReportRun["createdAt"]): string =>
    time === undefined ? "" : instant(ms(time), zone.value, { dateStyle: "medium", timeStyle: "medium" });
  const duration = durationOf(run);
  const rows: readonly (readonly [string, JSX.Element | string])[] = [
    [t.reports.state, <RunState key="state" run={run} />],
    [t.reports.period, `${daysOf(boundsOfRun(run), run.timeZone)} (${rangeName(run.range)}), ${run.timeZone}`],
    [t.reports.revision, revisionsOf(run)],
    [t.reports.about, partOf(run.restriction)],
    [t.reports.who, whoRan(run)],
    [t.reports.scheduledFor, at(run.scheduledAt)],
    [t.reports.askedFor, at(run.createdAt)],
    [t.reports.duration, duration === undefined ? "" : figure(duration, "ms")],
    [t.reports.rows, run.lastRevision === 0n ? "" : count(run.rows)],
    [t.reports.versionOf, count(run.reportVersion)],
    [t.reports.keptUntil, at(run.expiresAt)],
    [t.reports.failedBlocks, run.failedBlocks === 0 ? "" : count(run.failedBlocks)],
  ];
  return (
    <dl class="pairs left">
      {rows.map(([name, value]) =>
        value === "" ? null : (
          <>
            <dt key={name}>{name}</dt>
            <dd>{value}</dd>
          </>
        ),
      )}
    </dl>
  );
}

function Checksums({ run }: { run: ReportRun }): JSX.Element {
  return (
    <>
      <h3>{t.reports.files}</h3>
      <Files run={run} />
      <ul class="plain questions">
        {run.files.map((file) => (
          <li key={file.format} class="small">
            {formatName(file.format)} · {file.name} · {figure(Number(file.bytes), "By")}
            <br />
            <code class="digest">SHA-256 {file.sha256}</code>
          </li>
        ))}
      </ul>
    </>
  );
}

function DifferenceTable({ found }: { found: readonly Difference[] }): JSX.Element {
  return (
    <Table
      name={t.reports.differences}
      rows={found.map((one, i) => ({ ...one, i }))}
      id={(one) => String(one.i)}
      fixed
      find={false}
      columns={[
        {
          key: "figure",
          title: t.dashboards.metric,
          value: (one) => titleOf(one.column.name, one.column.title),
        },
        { key: "row", title: t.reports.row, value: (one) => [one.block, one.row].filter(Boolean).join(": ") },
        {
          key: "before",
          title: t.reports.before,
          unit: "1",
          value: (each) => numberOf(each.before),
          show: (each) => valueText(each.column, each.before),
        },
        {
          key: "now",
          title: t.reports.now,
          unit: "1",
          value: (each) => numberOf(each.now),
          show: (each) => valueText(each.column, each.now),
        },
        {
          key: "change",
          title: t.table.change,
          value: () => undefined,
          show: (each) => (
            <Change
              metric={each.column.name}
              now={numberOf(each.now)}
              before={numberOf(each.before)}
              unit={each.column.unit}
            />
          ),
        },
      ]}
    />
  );
}

function Differences({ run }: { run: ReportRun }): JSX.Element {
  const [found, setFound] = useState<Difference[] | "none" | CallError | undefined>(undefined);
  useEffect(() => {
    differencesOf(run).then(
      (all) => {
        setFound(all ?? "none");
      },
      (error: unknown) => {
        setFound(error instanceof CallError ? error : new CallError("internal", problemOf(error)));
      },
    );
  }, [run.runId]);
  const earlier = (
    <Link to={`/reports/${encodeURIComponent(run.reportId)}`} changes={{ tab: "runs", run: run.againOf }}>
      {t.reports.runNumber(run.againOf)}
    </Link>
  );
  if (found === undefined) return <Loading height={80} />;
  if (found instanceof CallError) return <Failure error={found} />;
  if (found === "none")
    return (
      <p>
        {t.reports.notComparable} {earlier}
      </p>
    );
  return (
    <>
      <p>
        {found.length === 0 ? t.reports.sameFigures : t.reports.changedFigures(count(found.length))} {earlier}
      </p>
      {found.length > 0 && <DifferenceTable found={found} />}
    </>
  );
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function Actions({ run }: { run: ReportRun }): JSX.Element {
  const [problem, setProblem] = useState("");
  const act = (work: Promise<unknown>): void => {
    setProblem("");
    work.catch((error: unknown) => {
      setProblem(problemOf(error));
    });
  };
  const cancel = async (): Promise<void> => {
    await call(ReportService.method.cancelReportRun, { runId: run.runId });
    askAnew(ReportService.method.getReportRun);
  };
  return (
    <p class="filters">
      {isOver(run) ? (
        <button
          type="button"
          title={t.reports.againHint}
          onClick={() => {
            act(runNow({ againOf: run.runId }));
          }}
        >
          {t.reports.again}
        </button>
      ) : (
        <button
          type="button"
          onClick={() => {
            act(cancel());
          }}
        >
          {t.reports.cancel}
        </button>
      )}
      {problem !== "" && (
        <span class="bad" role="alert">
          {problem}
        </span>
      )}
    </p>
  );
}

function Inside({ id }: { id: string }): JSX.Element {
  const { data, error, again } = useQuestion(ReportService.method.getReportRun, { runId: id });
  const run = data?.run;
  const busy = run !== undefined && !isOver(run);
  useEffect(() => {
    if (!busy) return undefined;
    const timer = setTimeout(again, AGAIN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [data, busy]);
  if (run === undefined)
    return error === undefined ? <Loading height={240} /> : <Failure error={error} again={again} />;
  return (
    <div data-run-state={run.state}>
      {busy && (
        <p role="status">
          <progress class="wide-line" max={1} value={run.progress} aria-label={t.reports.progress} />
          <span class="small muted">{run.progressLine || t.reports.states[run.state]}</span>
        </p>
      )}
      {run.error !== "" && (
        <p class="bad" role="status">
          {run.error}
        </p>
      )}
      <Actions run={run} />
      <Facts run={run} />
      {run.files.length > 0 && <Checksums run={run} />}
      {run.againOf !== "" && run.state === ReportRunState.SUCCEEDED && (
        <>
          <h3>{t.reports.differences}</h3>
          <Differences run={run} />
        </>
      )}
    </div>
  );
}

/** The drawer, open while the address names a run. */
export default function RunDrawer(): JSX.Element {
  const id = param("run");
  return (
    <Drawer
      open={id !== ""}
      title={t.reports.runNumber(id)}
      close={() => {
        setParams({ run: undefined });
      }}
    >
      <Inside key={id} id={id} />
    </Drawer>
  );
}
