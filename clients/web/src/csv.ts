/** Tables as CSV: full precision, instants with their offset, texts that no spreadsheet runs. */
import { offset } from "./state/zone";

/** Returns an instant in ISO 8601 with the offset of a zone. */
export function isoInstant(ms: number, zone: string): string {
  const ahead = offset(ms, zone);
  const minutes = Math.abs(ahead) / 60_000;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  const wall = new Date(ms + ahead).toISOString().slice(0, 19);
  return ahead === 0 ? `${wall}Z` : `${wall}${ahead < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/** Returns a cell: other people's text that begins like a formula gets a quote in front. */
export function csvCell(value: string | number | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Returns a table as CSV. */
export function csv(head: readonly string[], rows: readonly (readonly (string | number | undefined)[])[]): string {
  return [head, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

/** Gives the reader a file. */
export function save(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, 10_000);
}

/** Gives the reader a text as a file. */
export function download(name: string, text: string, type = "text/csv"): void {
  save(name, new Blob([text], { type: `${type};charset=utf-8` }));
}

/** Returns the name of a file: what, which period, which revision. */
export function fileName(
  what: string,
  context: { start: number; end: number; zone: string; revision: string } | undefined,
): string {
  const safe = what
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  if (context === undefined) return `${safe}.csv`;
  const from = isoInstant(context.start, context.zone).slice(0, 10);
  const to = isoInstant(context.end - 1, context.zone).slice(0, 10);
  return `${safe}_${from}_${to}_${context.zone.replaceAll("/", "-")}_r${context.revision}.csv`;
}
