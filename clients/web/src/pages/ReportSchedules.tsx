/** When a report runs by itself, and to whom its files go. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { create } from "../wire";
import { ReportCatchUp, ReportScheduleSchema, ReportService } from "@contract/report_service_pb.js";
import type { Report, ReportSchedule } from "@contract/report_service_pb.js";
import { problemOf } from "../api/errors";
import { askAnew, useQuestion } from "../api/question";
import { call } from "../api/transport";
import { Answered, Tile } from "../components/basics";
import { say } from "../components/announce";
import { ms } from "../contract";
import { count, instant } from "../format";
import { param, setParams } from "../state/address";
import { t } from "../text";
import { showRun } from "../reports/actions";
import { formatName, freshRequestId, reportZone } from "../reports/names";
import { Recipients } from "./Recipients";
import { NextRuns, ScheduleForm } from "./ScheduleForm";

function changed(): void {
  askAnew(ReportService.method.listReportSchedules);
  setParams({ schedule: undefined });
}

function Actions({ schedule, report }: { schedule: ReportSchedule; report: Report }): JSX.Element {
  const [problem, setProblem] = useState("");
  const { scheduleId } = schedule;
  const button = (label: string, act: () => Promise<void>): JSX.Element => (
    <button
      type="button"
      class="link"
      aria-label={`${label}: ${schedule.when}`}
      onClick={() => {
        setProblem("");
        act().catch((error: unknown) => {
          setProblem(problemOf(error));
        });
      }}
    >
      {label}
    </button>
  );
  const pause = async (): Promise<void> => {
    if (schedule.paused) await call(ReportService.method.resumeReportSchedule, { scheduleId });
    else await call(ReportService.method.pauseReportSchedule, { scheduleId });
    changed();
  };
  const run = async (): Promise<void> => {
    const made = await call(ReportService.method.runReportSchedule, { scheduleId, requestId: freshRequestId() });
    showRun(made.run);
  };
  const remove = async (): Promise<void> => {
    if (!confirm(t.reports.removeScheduleSure)) return;
    await call(ReportService.method.deleteReportSchedule, { scheduleId, etag: schedule.etag });
    changed();
  };
  return (
    <>
      {button(t.reports.run, run)}
      {report.mayEdit && (
        <>
          {button(t.dashboards.edit, async () => {
            setParams({ schedule: scheduleId });
            return Promise.resolve();
          })}
          {button(schedule.paused ? t.reports.resume : t.reports.pause, pause)}
          {button(t.dashboards.remove, remove)}
        </>
      )}
      {problem !== "" && (
        <span class="bad small" role="alert">
          {problem}
        </span>
      )}
    </>
  );
}

function Schedule({ schedule, report }: { schedule: ReportSchedule; report: Report }): JSX.Element {
  return (
    <Tile
      title={schedule.when}
      hint={
        <>
          {schedule.timeZone}
          {schedule.paused && <span class="status s5">{t.reports.paused}</span>}
        </>
      }
      width={6}
      name={`schedule-${schedule.scheduleId}`}
      tools={<Actions schedule={schedule} report={report} />}
    >
      {schedule.paused ? (
        <p class="muted">{t.reports.pausedHint}</p>
      ) : (
        <NextRuns times={schedule.nextRuns.map((one) => ms(one))} zone={schedule.timeZone} />
      )}
      <dl class="pairs left">
        <dt>{t.reports.recipients}</dt>
        <dd>
          <Recipients ids={schedule.destinationIds} />
        </dd>
        <dt>{t.reports.formats}</dt>
        <dd>{schedule.formats.length === 0 ? t.reports.allFormats : schedule.formats.map(formatName).join(", ")}</dd>
        <dt>{t.reports.catchUp}</dt>
        <dd>{t.reports.catchUps[schedule.catchUp || ReportCatchUp.LATEST]}</dd>
        <dt>{t.reports.madeBy}</dt>
        <dd>
          {schedule.createdBy}, {instant(ms(schedule.createdAt), schedule.timeZone)}
        </dd>
      </dl>
    </Tile>
  );
}

/** The schedules of a report. */
export default function ReportSchedules({ report }: { report: Report }): JSX.Element {
  const asked = useQuestion(ReportService.method.listReportSchedules, { reportId: report.reportId });
  const chosen = param("schedule");
  const open = asked.data?.schedules.find((one) => one.scheduleId === chosen);
  const fresh = create(ReportScheduleSchema, { reportId: report.reportId, timeZone: reportZone(report.period) });
  const editing = report.mayEdit && (chosen === "new" ? fresh : open);
  return (
    <>
      {report.mayEdit && chosen === "" && (
        <p class="wide filters">
          <button
            type="button"
            class="primary"
            onClick={() => {
              setParams({ schedule: "new" });
            }}
          >
            {t.reports.addSchedule}
          </button>
        </p>
      )}
      {editing !== false && editing !== undefined && (
        <ScheduleForm
          key={chosen}
          schedule={editing}
          report={report}
          done={(stored) => {
            if (stored !== undefined) say(t.reports.stored(count(stored.nextRuns.length)));
            changed();
          }}
        />
      )}
      {asked.data === undefined ? (
        <Tile title={t.reports.tabs.schedules}>
          <Answered asked={asked} height={160}>
            {() => null}
          </Answered>
        </Tile>
      ) : asked.data.schedules.length === 0 && chosen === "" ? (
        <Tile title={t.reports.tabs.schedules}>
          <p class="muted">{t.reports.noSchedules}</p>
        </Tile>
      ) : (
        asked.data.schedules
          .filter((one) => one.scheduleId !== chosen)
          .map((one) => <Schedule key={one.scheduleId} schedule={one} report={report} />)
      )}
    </>
  );
}
