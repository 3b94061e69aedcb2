/** Files of runs: downloaded, and what the JSON of a run made again says of its differences. */
import { ReportFormat, ReportService } from "@contract/report_service_pb.js";
import type { ReportFile, ReportRun } from "@contract/report_service_pb.js";
import { messages, whole } from "../api/files";
import { CallError } from "../api/errors";
import { save } from "../csv";
import type { AnswerColumn, Value } from "./columns";

async function fetched(
  runId: string,
  format: ReportFormat,
  progress: (share: number) => void,
): Promise<{ file: ReportFile; content: Blob; compared: boolean }> {
  const parts: Uint8Array[] = [];
  let file: ReportFile | undefined;
  let bytes = 0;
  const abort = new AbortController();
  for await (const { part } of messages(ReportService.method.downloadReport, { runId, format }, abort.signal)) {
    if (part.case === "file") file = part.value;
    else if (part.case === "chunk") {
      parts.push(part.value);
      bytes += part.value.length;
      progress(bytes / Math.max(1, Number(file?.bytes ?? 0n)));
    }
  }
  if (file === undefined) throw new CallError("data_loss", "the file was cut");
  return { file, ...(await whole(parts, file.mediaType, { bytes: Number(file.bytes), sha256: file.sha256 })) };
}

/** Gives the reader a file of a run. Returns whether its checksum was compared. */
export async function downloadFile(
  runId: string,
  format: ReportFormat,
  progress: (share: number) => void,
): Promise<boolean> {
  const { file, content, compared } = await fetched(runId, format, progress);
  save(file.name, content);
  return compared;
}

/** A figure of a run made again that differs from the run of then. */
export interface Difference {
  block: string;
  row: string;
  column: AnswerColumn;
  before: Value;
  now: Value;
}

interface WireRun {
  differences: { block: string; row: string; column: string; before: Value | null; now: Value | null }[] | null;
  blocks: { tables: { columns: { name: string; title: string; unit: string; kind: string }[] }[] }[];
}

/** Returns the figures that differ; undefined where the run of then has no files to compare with. */
export async function differencesOf(run: ReportRun): Promise<Difference[] | undefined> {
  const { content } = await fetched(run.runId, ReportFormat.JSON, () => undefined);
  const told = JSON.parse(await content.text()) as WireRun;
  const columns = new Map(
    told.blocks.flatMap((block) =>
      block.tables.flatMap((table) => table.columns.map((one) => [one.name, one] as const)),
    ),
  );
  return told.differences?.map(({ block, row, column, before, now }) => ({
    block,
    row,
    column: {
      name: column,
      title: columns.get(column)?.title ?? column,
      unit: columns.get(column)?.unit || "1",
    },
    before: before ?? undefined,
    now: now ?? undefined,
  }));
}
