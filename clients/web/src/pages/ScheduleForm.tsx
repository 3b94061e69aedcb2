/** The form of a schedule: its next five runs are shown while somebody types. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ReportCatchUp, ReportService } from "@contract/report_service_pb.js";
import type { Report, ReportFormat, ReportSchedule } from "@contract/report_service_pb.js";
import { CallError, problemOf } from "../api/errors";
import { askAnew } from "../api/question";
import { call } from "../api/transport";
import { Tile } from "../components/basics";
import { Select } from "../components/Select";
import { ZoneList } from "../components/Toolbar";
import { instant } from "../format";
import { now } from "../state/period";
import { isZone } from "../state/zone";
import { t } from "../text";
import { formatName } from "../reports/names";
import { cronOf, nextRuns } from "../reports/schedules";
import { ChooseRecipients } from "./Recipients";

const EXAMPLES = [
  "daily at 07:00",
  "weekdays at 07:00",
  "mondays at 07:00",
  "mondays and thursdays at 07:00",
  "monthly on day 1 at 07:00",
  "quarterly on day 1 at 07:00",
  "hourly at :05",
  "0 7 * * 1-5",
] as const;

/** The next runs, on the clock on the wall of the schedule's zone. */
export function NextRuns({ times, zone }: { times: readonly number[]; zone: string }): JSX.Element {
  return (
    <ol class="next-runs" aria-label={t.reports.nextRuns}>
      {times.map((one) => (
        <li key={one}>
          <time dateTime={new Date(one).toISOString()}>
            {instant(one, zone, {
              weekday: "short",
              day: "numeric",
              month: "short",
              year: "numeric",
              hour: "2-digit",
              minute: "2-digit",
              timeZoneName: "short",
            })}
          </time>
        </li>
      ))}
    </ol>
  );
}

function When({ draft, set }: { draft: ReportSchedule; set: (part: Partial<ReportSchedule>) => void }): JSX.Element {
  const zone = isZone(draft.timeZone) ? draft.timeZone : "UTC";
  const times = nextRuns(draft.when, zone, now());
  return (
    <>
      <label for="schedule-when">{t.reports.when}</label>
      <span>
        <input
          id="schedule-when"
          value={draft.when}
          list="schedule-examples"
          autocomplete="off"
          spellcheck={false}
          maxLength={200}
          aria-invalid={draft.when !== "" && times === undefined}
          aria-describedby="schedule-next"
          onInput={(event) => {
            set({ when: event.currentTarget.value });
          }}
        />
        <datalist id="schedule-examples">
          {EXAMPLES.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <span class="chips">
          {EXAMPLES.slice(0, 7).map((one) => (
            <button
              key={one}
              type="button"
              aria-pressed={draft.when === one}
              onClick={() => {
                set({ when: one });
              }}
            >
              {t.reports.examples[one] ?? one}
            </button>
          ))}
        </span>
      </span>
      <span>{t.reports.nextRuns}</span>
      <div id="schedule-next" aria-live="polite">
        {draft.when === "" ? (
          <span class="muted">{t.reports.whenHint}</span>
        ) : times === undefined ? (
          <span class="bad">{t.reports.notWhen}</span>
        ) : (
          <>
            <NextRuns times={times} zone={zone} />
            <p class="muted small">
              cron <code>{cronOf(draft.when)}</code>
            </p>
          </>
        )}
      </div>
    </>
  );
}

function Zone({ draft, set }: { draft: ReportSchedule; set: (part: Partial<ReportSchedule>) => void }): JSX.Element {
  return (
    <>
      <label for="schedule-zone">{t.toolbar.zone}</label>
      <span>
        <input
          id="schedule-zone"
          list="schedule-zones"
          value={draft.timeZone}
          spellcheck={false}
          autocomplete="off"
          aria-invalid={!isZone(draft.timeZone)}
          onInput={(event) => {
            set({ timeZone: event.currentTarget.value.trim() });
          }}
        />
        <ZoneList id="schedule-zones" />
      </span>
    </>
  );
}

function Files({
  draft,
  report,
  set,
}: {
  draft: ReportSchedule;
  report: Report;
  set: (part: Partial<ReportSchedule>) => void;
}): JSX.Element {
  const offered: readonly ReportFormat[] = report.formats.length > 0 ? report.formats : [1];
  return (
    <>
      <span id="schedule-formats">{t.reports.sentFormats}</span>
      <span role="group" aria-labelledby="schedule-formats">
        {offered.map((format) => (
          <label key={format} class="choice inline">
            <input
              type="checkbox"
              checked={draft.formats.length === 0 || draft.formats.includes(format)}
              onChange={() => {
                const chosen = draft.formats.length === 0 ? offered : draft.formats;
                const next = offered.filter((one) => chosen.includes(one) !== (one === format));
                set({ formats: next.length === offered.length ? [] : next });
              }}
            />{" "}
            {formatName(format)}
          </label>
        ))}
      </span>
    </>
  );
}

async function stored(draft: ReportSchedule): Promise<ReportSchedule | undefined> {
  const answer =
    draft.scheduleId === ""
      ? await call(ReportService.method.createReportSchedule, { schedule: draft })
      : await call(ReportService.method.updateReportSchedule, { schedule: draft });
  return answer.schedule;
}

function CatchUp({ draft, set }: { draft: ReportSchedule; set: (part: Partial<ReportSchedule>) => void }): JSX.Element {
  return (
    <>
      <label for="schedule-catch-up">{t.reports.catchUp}</label>
      <Select
        id="schedule-catch-up"
        value={String(draft.catchUp || ReportCatchUp.LATEST)}
        options={[ReportCatchUp.LATEST, ReportCatchUp.ALL].map((one) => [String(one), t.reports.catchUps[one] ?? ""])}
        choose={(one) => {
          set({ catchUp: Number(one) });
        }}
      />
    </>
  );
}

function Buttons({ draft, leave }: { draft: ReportSchedule; leave: (stored: undefined) => void }): JSX.Element {
  return (
    <p class="filters wide">
      <button type="submit" class="primary" disabled={draft.when.trim() === "" || !isZone(draft.timeZone)}>
        {t.dashboards.save}
      </button>
      <button
        type="button"
        class="link"
        onClick={() => {
          leave(undefined);
        }}
      >
        {t.dashboards.cancel}
      </button>
    </p>
  );
}

/** The form; done is told what was stored, or nothing where it was left. */
export function ScheduleForm({
  schedule,
  report,
  done,
}: {
  schedule: ReportSchedule;
  report: Report;
  done: (stored: ReportSchedule | undefined) => void;
}): JSX.Element {
  const [draft, setDraft] = useState(schedule);
  const [problem, setProblem] = useState("");
  const set = (part: Partial<ReportSchedule>): void => {
    setDraft({ ...draft, ...part });
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setProblem("");
    stored(draft).then(done, (error: unknown) => {
      const newer = error instanceof CallError && error.reason === "ETAG_MISMATCH";
      setProblem(newer ? t.reports.newerSchedule : problemOf(error));
      if (newer) askAnew(ReportService.method.listReportSchedules);
    });
  };
  return (
    <Tile title={schedule.scheduleId === "" ? t.reports.addSchedule : t.dashboards.edit} name="schedule-form">
      <form class="form tall" onSubmit={submit}>
        <When draft={draft} set={set} />
        <Zone draft={draft} set={set} />
        <span>{t.reports.recipients}</span>
        <div>
          <ChooseRecipients
            ids={draft.destinationIds}
            choose={(destinationIds) => {
              set({ destinationIds });
            }}
          />
        </div>
        <Files draft={draft} report={report} set={set} />
        <CatchUp draft={draft} set={set} />
        <Buttons draft={draft} leave={done} />
        <p class="bad wide" role="alert">
          {problem}
        </p>
      </form>
    </Tile>
  );
}
