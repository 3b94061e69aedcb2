/** Runs of reports: how far they are, what they were made of, and their files. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ReportRunState, ReportService } from "@contract/report_service_pb.js";
import type { Report, ReportRun } from "@contract/report_service_pb.js";
import { problemOf } from "../api/errors";
import { usePages } from "../api/paged";
import { call } from "../api/transport";
import { Answered, Link, Tile } from "../components/basics";
import { Later } from "../components/Later";
import { Select } from "../components/Select";
import { Table } from "../components/Table";
import type { Column } from "../components/Table";
import { ms } from "../contract";
import { count, figure, instant, percent } from "../format";
import { param, setParams } from "../state/address";
import { zone } from "../state/period";
import { isDay } from "../state/zone";
import { t } from "../text";
import { runNow } from "../reports/actions";
import { REPORT_RANGES } from "../reports/periods";
import { daysOf, formatName, rangeName } from "../reports/names";
import { downloadFile } from "../reports/runFiles";
import type * as Drawer from "./RunDrawer";

const AGAIN_MS = 1_500;
const loadDrawer = (): Promise<typeof Drawer> => import("./RunDrawer");

/** Tells whether nothing more becomes of a run by itself. */
export function isOver(run: ReportRun): boolean {
  return run.state !== ReportRunState.PENDING && run.state !== ReportRunState.RUNNING;
}

/** What has become of a run; of one that is being made, how far it is. */
export function RunState({ run }: { run: ReportRun }): JSX.Element {
  const tone = [0, 5, 1, 2, 3, 5][run.state] ?? 1;
  if (run.state === ReportRunState.RUNNING)
    return (
      <span class="nowrap">
        <progress max={1} value={run.progress} aria-label={t.reports.progress} />{" "}
        <span class="small muted">{percent(run.progress, 0)}</span>
      </span>
    );
  return <span class={`status s${String(tone)}`}>{t.reports.states[run.state]}</span>;
}

/** A button for each file of a run. */
export function Files({ run }: { run: ReportRun }): JSX.Element {
  const [busy, setBusy] = useState<{ format: number; share: number } | undefined>(undefined);
  const [problem, setProblem] = useState("");
  const get = async (format: number): Promise<void> => {
    setProblem("");
    setBusy({ format, share: 0 });
    try {
      await downloadFile(run.runId, format, (share) => {
        setBusy({ format, share });
      });
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setBusy(undefined);
    }
  };
  return (
    <>
      {run.files.map((file) => (
        <button
          key={file.format}
          type="button"
          class="link"
          disabled={busy !== undefined}
          title={`${file.name}, ${figure(Number(file.bytes), "By")}`}
          aria-label={t.reports.downloadFile(formatName(file.format), daysOf(boundsOfRun(run), run.timeZone))}
          onClick={() => void get(file.format)}
        >
          {busy?.format === file.format ? percent(busy.share, 0) : formatName(file.format)}
        </button>
      ))}
      {problem !== "" && (
        <span class="bad small" role="alert">
          {problem}
        </span>
      )}
    </>
  );
}

/** Returns the bounds of a run's period. */
export function boundsOfRun(run: ReportRun): { start: number; end: number } {
  return { start: ms(run.start), end: ms(run.end) };
}

/** Returns for how long a run was made; undefined while it is. */
export function durationOf(run: ReportRun): number | undefined {
  return run.startedAt === undefined || run.endedAt === undefined ? undefined : ms(run.endedAt) - ms(run.startedAt);
}

/** Returns the revision of a run, or both where its blocks are of several. */
export function revisionsOf(run: ReportRun): string {
  if (run.lastRevision === 0n) return "";
  const first = count(run.firstRevision);
  return run.firstRevision === run.lastRevision ? first : `${first} – ${count(run.lastRevision)}`;
}

/** Who asked for a run: somebody, or a schedule. */
export function whoRan(run: ReportRun): string {
  return run.scheduleId === "" ? run.requestedBy : t.reports.bySchedule(run.requestedBy);
}

function ofWhichReport(): Column<ReportRun> {
  return {
    key: "report",
    title: t.reports.report,
    value: (run) => run.title,
    show: (run) => (
      <Link to={`/reports/${encodeURIComponent(run.reportId)}`} changes={{ tab: "runs", run: undefined }}>
        {run.title}
      </Link>
    ),
  };
}

function columns(all: boolean): Column<ReportRun>[] {
  return [
    {
      key: "run",
      title: t.reports.period,
      value: (run) => ms(run.start),
      show: (run) => (
        <button
          type="button"
          class="link"
          aria-label={t.reports.openRun(daysOf(boundsOfRun(run), run.timeZone), run.runId)}
          onClick={() => {
            setParams({ run: run.runId });
          }}
        >
          {daysOf(boundsOfRun(run), run.timeZone)}
        </button>
      ),
    },
    ...(all ? [ofWhichReport()] : []),
    { key: "state", title: t.reports.state, value: (run) => run.state, show: (run) => <RunState run={run} /> },
    { key: "files", title: t.reports.files, value: (run) => run.files.length, show: (run) => <Files run={run} /> },
    {
      key: "made",
      title: t.reports.askedFor,
      value: (run) => ms(run.createdAt),
      show: (run) => <span class="nowrap">{instant(ms(run.createdAt), zone.value)}</span>,
    },
    { key: "who", title: t.reports.who, value: whoRan },
    { key: "revision", title: t.reports.revision, value: (run) => Number(run.lastRevision), show: revisionsOf },
    { key: "rows", title: t.reports.rows, unit: "1", value: (run) => Number(run.rows) },
    { key: "duration", title: t.reports.duration, unit: "ms", value: durationOf },
    {
      key: "size",
      title: t.reports.size,
      unit: "By",
      value: (run) => run.files.reduce((sum, one) => sum + Number(one.bytes), 0),
    },
    {
      key: "version",
      title: t.reports.versionShort,
      unit: "1",
      extra: true,
      value: (run) => Number(run.reportVersion),
    },
    { key: "error", title: t.reports.error, value: (run) => run.error },
  ];
}

/** A list of runs, newest first; of all reports where none is named. It follows those that are being made. */
export function Runs({ reportId, scheduleId = "" }: { reportId: string; scheduleId?: string }): JSX.Element {
  const [changes, setChanges] = useState(0);
  // Once it was open it stays, closed: the focus goes back to where it came from.
  const opened = useRef(false);
  const pages = usePages(`${reportId} ${scheduleId} ${String(changes)} ${param("run")}`, async (pageToken, signal) => {
    const answer = await call(ReportService.method.listReportRuns, { reportId, scheduleId, pageToken }, signal);
    return { rows: answer.runs, next: answer.nextPageToken };
  });
  const busy = pages.rows.some((run) => !isOver(run));
  const { loading } = pages.asked;
  useEffect(() => {
    if (!busy || loading) return undefined;
    const timer = setTimeout(() => {
      setChanges(changes + 1);
    }, AGAIN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [busy, loading, changes]);
  return (
    <Tile title={reportId === "" ? t.reports.latestRuns : t.reports.tabs.runs} name="runs">
      <Answered asked={{ ...pages.asked, stale: false }} height={160}>
        {(rows) =>
          rows.length === 0 ? (
            <p class="muted">{t.reports.noRuns}</p>
          ) : (
            <Table
              name={t.reports.tabs.runs}
              rows={rows}
              id={(run) => run.runId}
              columns={columns(reportId === "")}
              fixed
              find={false}
              all={pages.next === "" ? rows.length : "?"}
              more={pages.next === "" ? undefined : pages.more}
              everything={pages.everything}
            />
          )
        }
      </Answered>
      {(opened.current ||= param("run") !== "") && <Later load={loadDrawer} props={{}} />}
    </Tile>
  );
}

/** A run for another period than the report's. */
function OtherPeriod({ report }: { report: Report }): JSX.Element {
  const [range, setRange] = useState(report.period?.range || "last_full_week");
  const [days, setDays] = useState({ from: "", to: "" });
  const [problem, setProblem] = useState("");
  const isDays = range === "days";
  const ready = !isDays || (isDay(days.from) && isDay(days.to) && days.from <= days.to);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setProblem("");
    const { comparison = "", timeZone = "" } = report.period ?? {};
    const period = { range: isDays ? `${days.from}..${days.to}` : range, comparison, timeZone };
    runNow({ reportId: report.reportId, period }).catch((error: unknown) => {
      setProblem(problemOf(error));
    });
  };
  const day = (name: "from" | "to"): JSX.Element => (
    <label>
      {t.toolbar[name]}{" "}
      <input
        type="date"
        value={days[name]}
        onChange={(event) => {
          setDays({ ...days, [name]: event.currentTarget.value });
        }}
      />
    </label>
  );
  return (
    <form class="filters wide" onSubmit={submit}>
      <label>
        {t.reports.runFor}{" "}
        <Select
          value={range}
          options={[...REPORT_RANGES.map((one) => [one, rangeName(one)] as const), ["days", t.ranges["days"] ?? ""]]}
          choose={setRange}
        />
      </label>
      {isDays && day("from")}
      {isDays && day("to")}
      <button type="submit" disabled={!ready}>
        {t.reports.runThis}
      </button>
      {problem !== "" && (
        <span class="bad" role="alert">
          {problem}
        </span>
      )}
    </form>
  );
}

/** The runs of a report, with what makes one for other days. */
export function RunsOfReport({ report }: { report: Report }): JSX.Element {
  return (
    <>
      <OtherPeriod report={report} />
      <Runs reportId={report.reportId} />
    </>
  );
}
