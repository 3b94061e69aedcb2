/** One report: what it shows now, its runs, when it runs by itself, and its builder. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ReportService, ReportVisibility } from "@contract/report_service_pb.js";
import type { Report } from "@contract/report_service_pb.js";
import { problemOf } from "../api/errors";
import { newestContext, useQuestion } from "../api/question";
import { Later } from "../components/Later";
import { Page } from "../components/Page";
import { Restricted } from "../components/Restricted";
import { Answered, Popover, Tile } from "../components/basics";
import { count } from "../format";
import { param, setParams } from "../state/address";
import { session } from "../state/session";
import { t } from "../text";
import { runNow } from "../reports/actions";
import { boundsOf, daysOf, formatName, rangeName, reportZone } from "../reports/names";
import { useDraft } from "./draft";
import { Blocks } from "./ReportPreview";
import type * as Editor from "./ReportEditor";
import type * as More from "./ReportMore";
import type * as Runs from "./ReportRuns";
import type * as Schedules from "./ReportSchedules";

const loadMore = (): Promise<typeof More> => import("./ReportMore");
const loadEditor = (): Promise<typeof Editor> => import("./ReportEditor");
const loadRuns = (): Promise<{ default: typeof Runs.RunsOfReport }> =>
  import("./ReportRuns").then((found) => ({ default: found.RunsOfReport }));
const loadSchedules = (): Promise<typeof Schedules> => import("./ReportSchedules");

/** What the report is about now, in words. */
function About({ report }: { report: Report }): JSX.Element {
  const place = reportZone(report.period);
  const bounds = boundsOf(report);
  const visibility = report.visibility || ReportVisibility.PERSONAL;
  return (
    <p class="muted wide report-about">
      <b>{rangeName(report.period?.range ?? "")}</b>
      {bounds !== undefined && (
        <>
          {`: ${daysOf(bounds, place)}`}
          {bounds.earlier !== undefined && ` · ${t.reports.comparedWith(daysOf(bounds.earlier, place))}`}
        </>
      )}
      {` · ${place} · ${(report.formats.length > 0 ? report.formats : [1]).map(formatName).join(", ")} · `}
      {t.reports.visibilities[visibility]}
      {report.version > 0n && ` · ${t.dashboards.version(count(report.version))}`}
      {report.restriction !== undefined && (
        <>
          {" · "}
          <Restricted to={report.restriction} />
          {session.value?.restriction === undefined && `. ${t.reports.previewIsYours}`}
        </>
      )}
    </p>
  );
}

function Tabs(): JSX.Element {
  const tab = param("tab");
  return (
    <div class="tabs wide">
      {(["", "runs", "schedules"] as const).map((one) => (
        <button
          key={one}
          type="button"
          aria-pressed={tab === one}
          onClick={() => {
            setParams({ tab: one, run: undefined, schedule: undefined });
          }}
        >
          {t.reports.tabs[one]}
        </button>
      ))}
    </div>
  );
}

function Tools({ report, fail }: { report: Report; fail: (why: string) => void }): JSX.Element {
  return (
    <span class="tools">
      <button
        type="button"
        class="primary"
        onClick={() => {
          runNow({ reportId: report.reportId }).catch((error: unknown) => {
            fail(problemOf(error));
          });
        }}
      >
        {t.reports.run}
      </button>
      {report.mayEdit && (
        <button
          type="button"
          onClick={() => {
            setParams({ edit: "1", tab: undefined, run: undefined });
          }}
        >
          {t.dashboards.edit}
        </button>
      )}
      <Popover id="more" class="menu" buttonClass="link" label="…" title={t.reports.more}>
        <Later load={loadMore} props={{ report, fail }} />
      </Popover>
    </span>
  );
}

/** The page. */
export default function ReportPage({ id }: { id: string }): JSX.Element {
  const version = param("version");
  const asked = useQuestion(ReportService.method.getReport, {
    reportId: id,
    version: BigInt(/^\d+$/.test(version) ? version : "0"),
  });
  const stored = asked.data?.report;
  const editing = param("edit") !== "" && stored?.mayEdit === true;
  const draft = useDraft(stored, editing);
  const [problem, fail] = useState("");
  const report = draft.steps.at(-1) ?? stored;
  const tab = editing ? "" : param("tab");
  return (
    <Page
      title={report?.title ?? t.pages.reports}
      toolbar={false}
      tools={stored !== undefined && !editing && <Tools report={stored} fail={fail} />}
      context={report === undefined || tab !== "" ? undefined : newestContext.value}
      lead={report?.description === "" ? undefined : report?.description}
    >
      {problem !== "" && (
        <p class="wide bad" role="alert">
          {problem}
        </p>
      )}
      {report === undefined || stored === undefined ? (
        <Tile title={t.pages.reports}>
          <Answered asked={asked} height={400}>
            {() => null}
          </Answered>
        </Tile>
      ) : (
        <>
          <About report={report} />
          {editing ? (
            <Later load={loadEditor} props={{ report, stored, draft }} />
          ) : (
            <>
              <Tabs />
              {tab === "runs" && <Later key="runs" load={loadRuns} props={{ report: stored }} />}
              {tab === "schedules" && <Later key="schedules" load={loadSchedules} props={{ report: stored }} />}
              {tab === "" && <Blocks report={report} />}
            </>
          )}
        </>
      )}
    </Page>
  );
}
