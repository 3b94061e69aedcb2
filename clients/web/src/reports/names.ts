/** What periods, formats and recipients of reports are called. */
import { ReportFormat } from "@contract/report_service_pb.js";
import type { Report, ReportPeriod } from "@contract/report_service_pb.js";
import { days } from "../format";
import { now, quarter, weekStart } from "../state/period";
import { session } from "../state/session";
import { dayOf } from "../state/zone";
import { t } from "../text";
import { reportBounds } from "./periods";
import type { ReportBounds } from "./periods";

export const FORMATS: readonly (readonly [ReportFormat, string])[] = [
  [ReportFormat.PDF, "PDF"],
  [ReportFormat.HTML, "HTML"],
  [ReportFormat.XLSX, "XLSX"],
  [ReportFormat.CSV, "CSV"],
  [ReportFormat.JSON, "JSON"],
];

/** Returns the name of a format. */
export function formatName(format: ReportFormat): string {
  return FORMATS.find(([one]) => one === format)?.[1] ?? String(format);
}

/** Returns the name of a range, or its days. */
export function rangeName(range: string): string {
  const name = range || "last_full_week";
  const [from = "", to = ""] = name.split("..");
  return t.reports.ranges[name] ?? (to === "" ? name : days(from, to));
}

/** Returns the zone of a report's days: its own, or the organization's. */
export function reportZone(period: ReportPeriod | undefined): string {
  return period?.timeZone || session.value?.organization?.timeZone || "UTC";
}

/** Returns the bounds of a report's period now; undefined where it names none that these pages know. */
export function boundsOf({ period }: Report): ReportBounds | undefined {
  const at = Math.max(now(), quarter.value * 900_000);
  return reportBounds(period?.range ?? "", period?.comparison ?? "", reportZone(period), at, weekStart.value);
}

/** Returns the days of bounds, in a zone. */
export function daysOf({ start, end }: { start: number; end: number }, zone: string): string {
  return days(dayOf(start, zone), dayOf(end - 1, zone));
}

/** Returns a text that no call has had before. */
export function freshRequestId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
