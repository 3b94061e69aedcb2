/** What a report is about as a whole: title, who sees it, period, filter, files. */
import type { ComponentChildren, JSX } from "preact";
import { create } from "../wire";
import { FilterSchema } from "@contract/answer_pb.js";
import type { Filter } from "@contract/answer_pb.js";
import { ReportFormat, ReportPeriodSchema, ReportPersonSchema, ReportVisibility } from "@contract/report_service_pb.js";
import type { Report, ReportPeriod } from "@contract/report_service_pb.js";
import { Tile } from "../components/basics";
import { LateInput } from "../components/LateInput";
import { Select } from "../components/Select";
import { ZoneList } from "../components/Toolbar";
import { filterOf } from "../state/period";
import { may, session } from "../state/session";
import { isDay, isZone } from "../state/zone";
import { t } from "../text";
import { FORMATS, rangeName, reportZone } from "../reports/names";
import { REPORT_COMPARISONS, REPORT_RANGES } from "../reports/periods";

interface HeadProps {
  report: Report;
  /** The version that is changed: its owner alone chooses who sees it. */
  stored: Report;
  change: (next: Report, what?: string) => void;
}

function Field({ label, id, children }: { label: string; id: string; children: ComponentChildren }): JSX.Element {
  return (
    <>
      <label for={id}>{label}</label>
      <span>{children}</span>
    </>
  );
}

function Words({ report, change }: HeadProps): JSX.Element {
  return (
    <>
      <Field id="report-title" label={t.reports.title}>
        <input
          id="report-title"
          value={report.title}
          maxLength={200}
          onInput={(event) => {
            change({ ...report, title: event.currentTarget.value }, "title");
          }}
        />
      </Field>
      <Field id="report-description" label={t.reports.description}>
        <textarea
          id="report-description"
          rows={2}
          maxLength={2000}
          value={report.description}
          onInput={(event) => {
            change({ ...report, description: event.currentTarget.value }, "description");
          }}
        />
      </Field>
    </>
  );
}

/** Two days, both included, in one text: "2026-11-01..2026-11-28". */
function Days({ value, choose }: { value: string; choose: (text: string) => void }): JSX.Element {
  const [from = "", to = ""] = value.split("..");
  const put = (first: string, last: string): void => {
    if (isDay(first) && isDay(last)) choose(first <= last ? `${first}..${last}` : `${last}..${first}`);
  };
  return (
    <span class="two-days">
      <input
        type="date"
        aria-label={t.toolbar.from}
        value={from}
        onChange={(event) => {
          put(event.currentTarget.value, to);
        }}
      />
      <input
        type="date"
        aria-label={t.toolbar.to}
        value={to}
        onChange={(event) => {
          put(from, event.currentTarget.value);
        }}
      />
    </span>
  );
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}

function Choice({
  id,
  label,
  value,
  options,
  choose,
}: {
  id: string;
  label: string;
  value: string;
  options: readonly (readonly [string, string])[];
  choose: (value: string) => void;
}): JSX.Element {
  const isDays = value.includes("..");
  return (
    <Field id={id} label={label}>
      <Select
        id={id}
        value={isDays ? "days" : value}
        options={[...options, ["days", t.ranges["days"] ?? ""]]}
        choose={(next) => {
          choose(next === "days" ? `${today()}..${today()}` : next);
        }}
      />
      {isDays && <Days value={value} choose={choose} />}
    </Field>
  );
}

function Period({ report, change }: HeadProps): JSX.Element {
  const put = (part: Partial<ReportPeriod>): void => {
    const { range = "", comparison = "", timeZone = "" } = { ...report.period, ...part };
    change({ ...report, period: create(ReportPeriodSchema, { range, comparison, timeZone }) });
  };
  return (
    <>
      <Choice
        id="report-range"
        label={t.reports.period}
        value={report.period?.range || "last_full_week"}
        options={REPORT_RANGES.map((one) => [one, rangeName(one)])}
        choose={(range) => {
          put({ range });
        }}
      />
      <Choice
        id="report-comparison"
        label={t.toolbar.comparison}
        value={report.period?.comparison || "previous"}
        options={REPORT_COMPARISONS.map((one) => [one, t.comparisons[one] ?? one])}
        choose={(comparison) => {
          put({ comparison });
        }}
      />
      <Field id="report-zone" label={t.toolbar.zone}>
        <LateInput
          id="report-zone"
          list="report-zones"
          value={report.period?.timeZone ?? ""}
          placeholder={reportZone(undefined)}
          finish={(text) => {
            const timeZone = text.trim();
            if (timeZone === "" || isZone(timeZone)) put({ timeZone });
          }}
        />
        <ZoneList id="report-zones" />
      </Field>
    </>
  );
}

/** The dimension and the value of a filter. */
function narrowed(filter: Filter | undefined): [string, string] {
  if (filter === undefined) return ["", ""];
  if (filter.agentId !== "") return ["agent", filter.agentId];
  if (filter.channel !== "") return ["channel", filter.channel];
  if (filter.teamId !== "") return ["team", filter.teamId];
  const [first] = filter.dimensions;
  return [first?.dimension ?? "", first?.value ?? ""];
}

const DIMENSIONS = ["agent", "channel", "team", "topic", "model", "campaign", "queue"] as const;

function Narrowing({ report, change }: HeadProps): JSX.Element {
  const [dimension, value] = narrowed(report.filter);
  const put = (name: string, text: string): void => {
    const next = { ...report };
    if (name === "") delete next.filter;
    else next.filter = create(FilterSchema, filterOf(name, text));
    change(next);
  };
  return (
    <Field id="report-filter" label={t.toolbar.filter}>
      <Select
        id="report-filter"
        value={dimension}
        options={[["", t.toolbar.everything], ...DIMENSIONS.map((one) => [one, t.dimensions[one] ?? one] as const)]}
        choose={(name) => {
          put(name, value);
        }}
      />
      {dimension !== "" && (
        <LateInput
          aria-label={t.reports.value}
          placeholder={t.reports.value}
          value={value}
          maxLength={256}
          finish={(text) => {
            put(dimension, text.trim());
          }}
        />
      )}
    </Field>
  );
}

function Formats({ report, change }: HeadProps): JSX.Element {
  const chosen = report.formats.length > 0 ? report.formats : [ReportFormat.PDF];
  return (
    <>
      <span id="report-formats">{t.reports.formats}</span>
      <span role="group" aria-labelledby="report-formats">
        {FORMATS.map(([format, name]) => (
          <label key={format} class="choice inline">
            <input
              type="checkbox"
              checked={chosen.includes(format)}
              disabled={chosen.length === 1 && chosen.includes(format)}
              onChange={() => {
                const next = FORMATS.map(([one]) => one).filter((one) => chosen.includes(one) !== (one === format));
                change({ ...report, formats: next });
              }}
            />{" "}
            {name}
          </label>
        ))}
      </span>
      <Field id="report-locale" label={t.reports.locale}>
        <Select
          id="report-locale"
          value={report.locale || "en"}
          options={[
            ["en", "English"],
            ["de", "Deutsch"],
          ]}
          choose={(locale) => {
            change({ ...report, locale });
          }}
        />
      </Field>
    </>
  );
}

function People({ report, change }: HeadProps): JSX.Element {
  const put = (people: Report["people"]): void => {
    change({ ...report, people });
  };
  return (
    <div class="wide">
      {report.people.map((person, index) => (
        <p key={index} class="filters">
          <LateInput
            aria-label={t.reports.subject}
            placeholder="user:ada"
            value={person.subject}
            finish={(text) => {
              const subject = text.trim();
              put(report.people.map((one, i) => (i === index ? { ...one, subject } : one)));
            }}
          />
          <label>
            <input
              type="checkbox"
              checked={person.mayEdit}
              onChange={(event) => {
                const mayEdit = event.currentTarget.checked;
                put(report.people.map((one, i) => (i === index ? { ...one, mayEdit } : one)));
              }}
            />{" "}
            {t.reports.mayEdit}
          </label>
          <button
            type="button"
            class="link"
            aria-label={`${t.dashboards.removeTile}: ${person.subject}`}
            onClick={() => {
              put(report.people.filter((_, i) => i !== index));
            }}
          >
            {t.dashboards.removeTile}
          </button>
        </p>
      ))}
      <button
        type="button"
        onClick={() => {
          put([...report.people, create(ReportPersonSchema, {})]);
        }}
      >
        {t.reports.addPerson}
      </button>
    </div>
  );
}

function Visibility(props: HeadProps): JSX.Element {
  const { report, stored, change } = props;
  const owns = stored.owner === session.value?.subject;
  const chosen = report.visibility || ReportVisibility.PERSONAL;
  const shared = may("edit") || chosen === ReportVisibility.ORGANIZATION;
  const options = [
    ReportVisibility.PERSONAL,
    ReportVisibility.PEOPLE,
    ...(shared ? [ReportVisibility.ORGANIZATION] : []),
  ];
  return (
    <>
      <label for="report-visibility">{t.reports.visibility}</label>
      <select
        id="report-visibility"
        disabled={!owns}
        title={owns ? undefined : t.reports.ownerAlone}
        value={String(chosen)}
        onChange={(event) => {
          const visibility = Number(event.currentTarget.value) as ReportVisibility;
          const people = visibility === ReportVisibility.PEOPLE ? report.people : [];
          change({ ...report, visibility, people });
        }}
      >
        {options.map((one) => (
          <option key={one} value={String(one)}>
            {t.reports.visibilities[one]}
          </option>
        ))}
      </select>
      {owns && chosen === ReportVisibility.PEOPLE && <People {...props} />}
    </>
  );
}

/** The form. */
export function ReportHead(props: HeadProps): JSX.Element {
  return (
    <>
      <Tile title={t.reports.report} width={6} name="head">
        <div class="form">
          <Words {...props} />
          <Visibility {...props} />
        </div>
      </Tile>
      <Tile title={t.reports.about} width={6} name="about">
        <div class="form">
          <Period {...props} />
          <Narrowing {...props} />
          <Formats {...props} />
        </div>
      </Tile>
    </>
  );
}
