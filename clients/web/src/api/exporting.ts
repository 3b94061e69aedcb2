/** Whole files of an answer or a list, made by the service: all rows of one revision, held against their checksum. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ExportFormat, ExportService } from "@contract/export_service_pb.js";
import type {
  ExportHeader,
  ExportMetricsRequestSchema,
  ExportRowsRequestSchema,
  ExportTrailer,
} from "@contract/export_service_pb.js";
import { save } from "../csv";
import { CallError } from "./errors";
import { messages, whole } from "./files";

type Init<T> = Exclude<T, { $typeName: string }>;
type MetricsInit = Init<MessageInitShape<typeof ExportMetricsRequestSchema>>;
type RowsInit = Init<MessageInitShape<typeof ExportRowsRequestSchema>>;

/** What a file is of: the request of a question, or of a list. */
export type ExportAsk =
  | { of: "question"; question: NonNullable<MetricsInit["question"]>; table?: string }
  | { of: "rows"; rows: NonNullable<RowsInit["rows"]> };

/** How far an export is; of is unset while nobody knows how many rows there are. */
export interface ExportProgress {
  rows: number;
  bytes: number;
  of: number | undefined;
}

/** A file that was given to the reader. */
export interface Exported {
  name: string;
  trailer: ExportTrailer;
  /** Whether its checksum was compared with what came. */
  compared: boolean;
}

export const EXPORT_FORMATS: readonly (readonly [ExportFormat, string])[] = [
  [ExportFormat.CSV, "CSV"],
  [ExportFormat.XLSX, "XLSX"],
  [ExportFormat.JSON_LINES, "JSON lines"],
  [ExportFormat.PARQUET, "Parquet"],
];

function parts(ask: ExportAsk, format: ExportFormat, signal: AbortSignal): ReturnType<typeof ofQuestion> {
  return ask.of === "question" ? ofQuestion(ask, format, signal) : ofRows(ask.rows, format, signal);
}

async function* ofQuestion(
  ask: Extract<ExportAsk, { of: "question" }>,
  format: ExportFormat,
  signal: AbortSignal,
): AsyncGenerator<{ header?: ExportHeader; data?: Uint8Array; rows?: number; trailer?: ExportTrailer }> {
  const request = { format, table: ask.table ?? "", question: ask.question };
  for await (const { message } of messages(ExportService.method.exportMetrics, request, signal)) yield partOf(message);
}

async function* ofRows(
  rows: NonNullable<RowsInit["rows"]>,
  format: ExportFormat,
  signal: AbortSignal,
): ReturnType<typeof ofQuestion> {
  for await (const { message } of messages(ExportService.method.exportRows, { format, rows }, signal))
    yield partOf(message);
}

type Message =
  | { case: "header"; value: ExportHeader }
  | { case: "chunk"; value: { data: Uint8Array; rows: bigint } }
  | { case: "trailer"; value: ExportTrailer }
  | { case: undefined; value?: undefined };

function partOf(message: Message): {
  header?: ExportHeader;
  data?: Uint8Array;
  rows?: number;
  trailer?: ExportTrailer;
} {
  if (message.case === "header") return { header: message.value };
  if (message.case === "trailer") return { trailer: message.value };
  return message.case === "chunk" ? { data: message.value.data, rows: Number(message.value.rows) } : {};
}

/** Fetches a file, and gives it to the reader once it is whole and as it should be. */
export async function exported(
  ask: ExportAsk,
  format: ExportFormat,
  progress: (now: ExportProgress) => void,
  signal: AbortSignal,
): Promise<Exported> {
  const found: Uint8Array[] = [];
  let header: ExportHeader | undefined;
  let trailer: ExportTrailer | undefined;
  let bytes = 0;
  for await (const part of parts(ask, format, signal)) {
    header = part.header ?? header;
    trailer = part.trailer ?? trailer;
    if (part.data === undefined) continue;
    found.push(part.data);
    bytes += part.data.length;
    const of = header?.tables[0]?.estimatedRows;
    progress({ rows: part.rows ?? 0, bytes, of: of === undefined ? undefined : Number(of) });
  }
  if (header === undefined || trailer === undefined) throw new CallError("data_loss", "the file was cut");
  const { content, compared } = await whole(found, header.mediaType, {
    bytes: Number(trailer.bytes),
    sha256: trailer.sha256,
  });
  save(header.fileName, content);
  return { name: header.fileName, trailer, compared };
}
