/** All reports that the reader may see, ready-made ones to begin with, and the latest runs. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { create, fromJsonString } from "../wire";
import { ReportSchema, ReportService } from "@contract/report_service_pb.js";
import type { Report } from "@contract/report_service_pb.js";
import { problemOf } from "../api/errors";
import { useQuestion } from "../api/question";
import { Later } from "../components/Later";
import { JsonFile } from "../components/JsonFile";
import { Page } from "../components/Page";
import { Answered, Link, Tile } from "../components/basics";
import { Table } from "../components/Table";
import { ms } from "../contract";
import { instant } from "../format";
import { zone } from "../state/period";
import { session } from "../state/session";
import { t } from "../text";
import { store } from "../reports/actions";
import { copyOf, newBlock } from "../reports/editing";
import type * as Runs from "./ReportRuns";

const loadRuns = (): Promise<{ default: typeof Runs.Runs }> =>
  import("./ReportRuns").then((found) => ({ default: found.Runs }));

function List({ rows, title }: { rows: readonly Report[]; title: string }): JSX.Element | null {
  if (rows.length === 0) return null;
  return (
    <Tile title={title}>
      <Table
        name={title}
        rows={rows}
        id={(one) => one.reportId}
        find={rows.length > 10}
        sort="title"
        columns={[
          {
            key: "title",
            title: t.reports.title,
            value: (one) => one.title,
            show: (one) => <Link to={`/reports/${encodeURIComponent(one.reportId)}`}>{one.title}</Link>,
          },
          {
            key: "description",
            title: t.reports.description,
            value: (one) => one.description,
            show: (one) => <span class="small muted">{one.description}</span>,
          },
          { key: "seen", title: t.reports.visibility, value: (one) => t.reports.visibilities[one.visibility] },
          { key: "owner", title: t.reports.owner, value: (one) => one.owner },
          { key: "version", title: t.reports.versionShort, unit: "1", value: (one) => Number(one.version) },
          {
            key: "changed",
            title: t.reports.changed,
            value: (one) => ms(one.updatedAt),
            show: (one) => <span class="nowrap">{instant(ms(one.updatedAt), zone.value)}</span>,
          },
        ]}
      />
    </Tile>
  );
}

function FromFile({ begin, fail }: { begin: (report: Report) => void; fail: (problem: string) => void }): JSX.Element {
  const take = (json: string): void => {
    try {
      begin(fromJsonString(ReportSchema, json, { ignoreUnknownFields: true }));
    } catch (error) {
      fail(`${t.reports.jsonBad} ${error instanceof Error ? error.message : ""}`);
    }
  };
  return <JsonFile take={take} />;
}

function Templates({ fail }: { fail: (why: string) => void }): JSX.Element {
  const asked = useQuestion(ReportService.method.listReportTemplates, {});
  const begin = (report: Report): void => {
    store(report).catch((error: unknown) => {
      fail(problemOf(error));
    });
  };
  const empty = (): void => {
    const report = create(ReportSchema, { title: t.reports.untitled, blocks: [newBlock("figures")] });
    begin(report);
  };
  return (
    <Tile
      title={t.reports.templates}
      hint={t.reports.templatesHint}
      tools={
        <>
          <button type="button" onClick={empty}>
            {t.reports.empty}
          </button>
          <FromFile begin={begin} fail={fail} />
        </>
      }
    >
      <Answered asked={asked} height={160}>
        {({ templates }) => (
          <ul class="templates">
            {templates.map((one) => (
              <li key={one.reportId}>
                <button
                  type="button"
                  onClick={() => {
                    begin(copyOf(one));
                  }}
                >
                  <b>{one.title}</b>
                  <span class="muted small">{one.description}</span>
                </button>
              </li>
            ))}
          </ul>
        )}
      </Answered>
    </Tile>
  );
}

/** The page. */
export default function Reports(): JSX.Element {
  const asked = useQuestion(ReportService.method.listReports, {});
  const [problem, setProblem] = useState("");
  const mine = session.value?.subject;
  const own = (one: Report): boolean => one.owner === mine;
  return (
    <Page title={t.pages.reports} toolbar={false} lead={t.reports.lead}>
      {problem !== "" && (
        <p class="wide bad" role="alert">
          {problem}
        </p>
      )}
      {asked.data === undefined ? (
        <Tile title={t.pages.reports}>
          <Answered asked={asked} height={160}>
            {() => null}
          </Answered>
        </Tile>
      ) : (
        <>
          <List rows={asked.data.reports.filter(own)} title={t.reports.mine} />
          <List rows={asked.data.reports.filter((one) => !own(one))} title={t.reports.shared} />
          {asked.data.reports.length === 0 && (
            <Tile title={t.pages.reports}>
              <p class="muted">{t.reports.none}</p>
            </Tile>
          )}
        </>
      )}
      <Templates fail={setProblem} />
      <Later load={loadRuns} props={{ reportId: "" }} />
    </Page>
  );
}
