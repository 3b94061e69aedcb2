/** The columns that messages of a type make, by the names of their fields, as files of reports and exports have them. */
import { metricInfo } from "../contract";
import { t } from "../text";
import { fieldsOf } from "../wire/descriptors";
import type { Field, Fields, MessageDescriptor } from "../wire/descriptors";
import { timestampMs } from "../wire/timestamps";

export type Value = string | number | undefined;

/** A column of an answer. Units are those of figures; "" is text, "instant" a time and "percent" hundredths. */
export interface AnswerColumn {
  name: string;
  title: string;
  unit: string;
}

/** A column, and what takes its value out of a message; of no message, nothing. */
export interface Reading {
  column: AnswerColumn;
  read: (message: Fields | undefined) => Value;
}

/** Fields that hold several messages for each row: they are tables, or columns, of their own. */
export const NESTED: ReadonlySet<string> = new Set([
  "service_levels",
  "amounts",
  "models",
  "storage_by_kind",
  "events_by_type",
]);
const SKIPPED = new Set(["rows_tokens", "etag", "restated"]);
/** Messages whose fields stand for themselves: their columns have no prefix. */
const PLAIN = new Set(["figures", "bucket", "event", "roi"]);
const COUNTS = new Set(["count", "reviews"]);
const FRACTION = /(^|_)(rate|share|occupancy|coverage|progress|roi)$/;
const SUFFIXES = [
  ["ms", "ms"],
  ["micros", "micros"],
  ["bytes", "By"],
] as const;
const WORDS: Readonly<Record<string, string>> = {
  id: "ID",
  api: "API",
  ms: "",
  micros: "",
  roi: "ROI",
  avg: "Mean",
  p50: "Median",
};

/** Returns the name of a field as the contract writes it. */
export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Returns the title of a field that no metric names: "Began at". */
export function words(name: string): string {
  const text = name
    .split("_")
    .map((word) => WORDS[word] ?? word)
    .filter((word) => word !== "")
    .join(" ");
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** Returns the title of a metric in the language of the pages, or else of a field. */
export function titleOf(name: string, own = ""): string {
  if (name.startsWith("earlier_")) return t.reports.earlier(titleOf(name.slice("earlier_".length), own));
  const { title } = metricInfo(name);
  return title === name ? own || t.reports.columns[name] || words(name) : title;
}

function unitOf(name: string, prefix: string, type: string): string {
  const last = name.slice(prefix === "" ? 0 : prefix.length + 1);
  if (COUNTS.has(last)) return "1";
  const { title, unit } = metricInfo(name);
  if (title !== name) return unit;
  for (const [suffix, found] of SUFFIXES)
    if (name.endsWith(`_${suffix}`) || prefix.endsWith(`_${suffix}`) || name === suffix) return found;
  return FRACTION.test(name) && (type === "d" || type === "f") ? "fraction" : "1";
}

/** Returns the name of an enum's value in small letters; nothing for the first one, which means that nobody said. */
function enumText({ enumeration }: Field, found: unknown): Value {
  const name = enumeration.values[found as number];
  return found === 0 || name === undefined ? undefined : String(name).toLowerCase().replaceAll("_", " ");
}

function text(field: Field, found: unknown): Value {
  if (field.many === "%") return undefined;
  if (field.many === "*") {
    const some = (found as unknown[] | undefined) ?? [];
    return field.type === "m" || some.length === 0 ? undefined : some.map(String).join(", ");
  }
  if (found === undefined || found === null) return undefined;
  switch (field.type) {
    case "s":
      return (found as string) || undefined;
    case "e":
      return enumText(field, found);
    case "b":
      return found === true ? t.reports.yes : t.reports.no;
    case "j":
      return JSON.stringify(found);
    default:
      return Number(found);
  }
}

function ofField(field: Field, prefix: string, without: ReadonlySet<string>): Reading[] {
  const plain = snake(field.name);
  const name = prefix === "" ? plain : `${prefix}_${plain}`;
  const at = (message: Fields | undefined): Fields | undefined => message?.[field.name] as Fields | undefined;
  const leaf = (unit: string, read: Reading["read"], own = name): Reading[] => [
    { column: { name: own, title: titleOf(own), unit }, read },
  ];
  if (field.type !== "m" || field.many !== "") {
    const isText = field.many === "*" || field.many === "%" || "sebjy".includes(field.type);
    return leaf(isText ? "" : unitOf(name, prefix, field.type), (message) => text(field, message?.[field.name]));
  }
  const { typeName } = field.message;
  if (typeName === "google.protobuf.Timestamp")
    return leaf("instant", (message) => {
      const found = at(message) as Parameters<typeof timestampMs>[0] | undefined;
      return found === undefined ? undefined : timestampMs(found);
    });
  if (typeName === "tallywire.v1.Change")
    return leaf("percent", (message) => at(message)?.["percent"] as number | undefined, `${name}_percent`);
  return readings(field.message, PLAIN.has(plain) ? prefix : name, without).map(({ column, read }) => ({
    column,
    read: (message) => read(at(message)),
  }));
}

/** Returns the columns of a type of messages. Names of nested fields have those of the messages around them in front. */
export function readings(descriptor: MessageDescriptor, prefix = "", without: ReadonlySet<string> = NESTED): Reading[] {
  return fieldsOf(descriptor)
    .filter(({ name }) => !SKIPPED.has(snake(name)) && !without.has(snake(name)))
    .flatMap((field) => ofField(field, prefix, without));
}
