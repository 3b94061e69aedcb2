/** What pages of reports do: store one, and have it run. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ReportService } from "@contract/report_service_pb.js";
import type { Report, RunReportRequestSchema } from "@contract/report_service_pb.js";
import { askAnew } from "../api/question";
import { call } from "../api/transport";
import { say } from "../components/announce";
import { go, href } from "../state/address";
import { t } from "../text";
import { freshRequestId } from "./names";

/** Stores a new report, and opens it to be edited. */
export async function store(report: Report): Promise<void> {
  const made = await call(ReportService.method.createReport, { report });
  askAnew(ReportService.method.listReports);
  go(href(`/reports/${encodeURIComponent(made.report?.reportId ?? "")}`, { edit: "1" }));
}

/** Shows a run that was queued. */
export function showRun(run: { reportId: string; runId: string } | undefined): void {
  if (run === undefined) return;
  say(t.reports.queued);
  go(href(`/reports/${encodeURIComponent(run.reportId)}`, { tab: "runs", run: run.runId, edit: undefined }));
}

/** Queues a run, and shows it. */
export async function runNow(
  request: Exclude<MessageInitShape<typeof RunReportRequestSchema>, { $typeName: string }>,
): Promise<void> {
  const { run } = await call(ReportService.method.runReport, { ...request, requestId: freshRequestId() });
  showRun(run);
}
