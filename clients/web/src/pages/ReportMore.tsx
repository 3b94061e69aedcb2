/** The menu of a report: copies, JSON, its versions, and its end. */
import type { JSX } from "preact";
import { toJsonString } from "../wire";
import { ReportSchema, ReportService } from "@contract/report_service_pb.js";
import type { Report } from "@contract/report_service_pb.js";
import { problemOf } from "../api/errors";
import { askAnew, useQuestion } from "../api/question";
import { call } from "../api/transport";
import { Answered } from "../components/basics";
import { download } from "../csv";
import { ms } from "../contract";
import { count, instant } from "../format";
import { go, href, setParams } from "../state/address";
import { zone } from "../state/period";
import { t } from "../text";
import { store } from "../reports/actions";
import { copyOf } from "../reports/editing";

function Versions({ id }: { id: string }): JSX.Element {
  const asked = useQuestion(ReportService.method.listReportVersions, { reportId: id });
  return (
    <Answered asked={asked} height={120}>
      {({ versions }) => (
        <>
          {versions.map((one) => (
            <button
              key={String(one.version)}
              type="button"
              class="item"
              onClick={() => {
                setParams({ version: String(one.version), tab: undefined });
              }}
            >
              {t.dashboards.version(count(one.version))}{" "}
              <span class="muted small">
                {t.dashboards.changedBy(one.updatedBy, instant(ms(one.updatedAt), zone.value))}
              </span>
            </button>
          ))}
        </>
      )}
    </Answered>
  );
}

/** The menu. */
export default function ReportMore({ report, fail }: { report: Report; fail: (why: string) => void }): JSX.Element {
  const remove = async (): Promise<void> => {
    if (!confirm(t.reports.removeSure)) return;
    await call(ReportService.method.deleteReport, { reportId: report.reportId, etag: report.etag });
    askAnew(ReportService.method.listReports);
    go(href("/reports"));
  };
  const item = (label: string, act: () => Promise<void> | undefined): JSX.Element => (
    <button
      type="button"
      class="item"
      onClick={() => {
        act()?.catch((error: unknown) => {
          fail(problemOf(error));
        });
      }}
    >
      {label}
    </button>
  );
  return (
    <>
      {item(t.dashboards.duplicate, () => store(copyOf(report, t.reports.copyTitle(report.title))))}
      {item(t.dashboards.jsonOut, () => {
        const name = `${report.title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.json`;
        download(name, toJsonString(ReportSchema, report, { prettySpaces: 2 }), "application/json");
        return undefined;
      })}
      {report.mayEdit && item(t.dashboards.remove, remove)}
      <h3>{t.dashboards.versions}</h3>
      <Versions id={report.reportId} />
    </>
  );
}
