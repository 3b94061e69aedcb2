/** Messages as JSON, as protocol buffers define it. */
import { fieldsOf } from "./descriptors";
import type { Field, Fields, MessageDescriptor } from "./descriptors";
import { create, isSet } from "./messages";

const TIMESTAMP = "google.protobuf.Timestamp";
const DURATION = "google.protobuf.Duration";
const MASK = "google.protobuf.FieldMask";

interface Instant {
  seconds: bigint;
  nanos: number;
}

/** Returns a fraction of a second with 0, 3, 6 or 9 digits. */
function fraction(nanos: number): string {
  const digits = String(Math.abs(nanos)).padStart(9, "0");
  return nanos === 0 ? "" : `.${digits.replace(/(000)+$/, "")}`;
}

function textOf(typeName: string, message: Fields): string | undefined {
  const { seconds, nanos } = message as unknown as Instant;
  if (typeName === TIMESTAMP)
    return `${new Date(Number(seconds) * 1000).toISOString().slice(0, -5)}${fraction(nanos)}Z`;
  if (typeName === DURATION) return `${nanos < 0 && seconds === 0n ? "-" : ""}${String(seconds)}${fraction(nanos)}s`;
  if (typeName === MASK)
    return (message["paths"] as string[])
      .map((path) => path.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()))
      .join(",");
  return undefined;
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function shown(field: Field, one: unknown): unknown {
  switch (field.type) {
    case "I":
    case "U":
      return String(one);
    case "d":
    case "f":
      return Number.isFinite(one) ? one : String(one);
    case "y":
      return base64(one as Uint8Array);
    case "e": {
      const { values, prefix } = field.enumeration;
      const name = values[one as number];
      return name === undefined ? one : prefix + String(name);
    }
    case "m":
      return toJson(field.message, one as Fields);
    default:
      return one;
  }
}

function shownField(field: Field, found: unknown): unknown {
  if (field.many === "*") return (found as unknown[]).map((one) => shown(field, one));
  if (field.many === "%")
    return Object.fromEntries(Object.entries(found as Fields).map(([key, one]) => [key, shown(field, one)]));
  return shown(field, found);
}

function isThere(field: Field, found: unknown): boolean {
  if (found === undefined || found === null) return false;
  if (field.many === "*") return (found as unknown[]).length > 0;
  if (field.many === "%") return Object.keys(found).length > 0;
  return field.many === "?" || field.type === "m" || field.type === "j" || isSet(found);
}

/** Returns a message as JSON, without what is not set. */
export function toJson(descriptor: MessageDescriptor, message: Fields): unknown {
  const text = textOf(descriptor.typeName, message);
  if (text !== undefined) return text;
  const json: Fields = {};
  for (const field of fieldsOf(descriptor)) {
    if (field.oneof !== "") {
      const choice = message[field.oneof] as { case?: string; value: unknown };
      if (choice.case === field.name) json[field.name] = shown(field, choice.value);
    } else if (isThere(field, message[field.name])) json[field.name] = shownField(field, message[field.name]);
  }
  return json;
}

/** Returns a message as a text of JSON. */
export function toJsonString(
  descriptor: MessageDescriptor,
  message: Fields,
  { prettySpaces = 0 }: { prettySpaces?: number } = {},
): string {
  return JSON.stringify(toJson(descriptor, message), null, prettySpaces);
}

class Refused extends Error {
  constructor(path: string, json: unknown, what: string) {
    super(`${path}: ${JSON.stringify(json)} is no ${what}`);
  }
}

function instantOf(text: string, path: string): Fields {
  const [, whole = "", digits = "", zone = ""] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
  const ms = Date.parse(whole + zone);
  if (Number.isNaN(ms)) throw new Refused(path, text, "time");
  return { seconds: BigInt(ms / 1000), nanos: Number(digits.padEnd(9, "0")) };
}

function durationOf(text: string, path: string): Fields {
  const [found, sign = "", whole = "", digits = ""] = /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(text) ?? [];
  if (found === undefined) throw new Refused(path, text, "duration");
  const factor = sign === "" ? 1 : -1;
  return { seconds: BigInt(whole) * BigInt(factor), nanos: factor * Number(digits.padEnd(9, "0")) || 0 };
}

function maskOf(text: string): Fields {
  const paths = text === "" ? [] : text.split(",");
  return { paths: paths.map((path) => path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)) };
}

function messageOf(descriptor: MessageDescriptor, json: unknown, path: string): Fields {
  if (typeof json === "string") {
    if (descriptor.typeName === TIMESTAMP) return create(descriptor, instantOf(json, path));
    if (descriptor.typeName === DURATION) return create(descriptor, durationOf(json, path));
    if (descriptor.typeName === MASK) return create(descriptor, maskOf(json));
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new Refused(path, json, "object");
  const init: Fields = {};
  // Names as the contract writes them are as good as those of JSON.
  const given = new Map(
    Object.entries(json).map(([key, one]) => [
      key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
      one as unknown,
    ]),
  );
  for (const field of fieldsOf(descriptor)) {
    const one = given.get(field.name);
    if (one === undefined || one === null) continue;
    const found = fieldValue(field, one, `${path}.${field.name}`);
    if (field.oneof === "") init[field.name] = found;
    else init[field.oneof] = { case: field.name, value: found };
  }
  return create(descriptor, init);
}

function fieldValue(field: Field, json: unknown, path: string): unknown {
  if (field.many === "*") {
    if (!Array.isArray(json)) throw new Refused(path, json, "list");
    return json.map((one, i) => valueOf(field, one, `${path}[${String(i)}]`));
  }
  if (field.many === "%") {
    if (typeof json !== "object" || json === null) throw new Refused(path, json, "object");
    return Object.fromEntries(Object.entries(json).map(([key, one]) => [key, valueOf(field, one, `${path}.${key}`)]));
  }
  return valueOf(field, json, path);
}

function numberOf(field: Field, json: unknown, path: string): number {
  const found = typeof json === "string" && json.trim() !== "" ? Number(json) : json;
  const isFloat = field.type === "d" || field.type === "f";
  if (typeof found !== "number" || (Number.isNaN(found) && json !== "NaN")) throw new Refused(path, json, "number");
  const low = field.type === "u" ? 0 : -(2 ** 31);
  if (!isFloat && (!Number.isInteger(found) || found < low || found >= low + 2 ** 32))
    throw new Refused(path, json, "whole number of 32 bits");
  return found;
}

function largeNumberOf(field: Field, json: unknown, path: string): bigint {
  const isWhole = typeof json === "string" ? /^-?\d+$/.test(json) : Number.isSafeInteger(json);
  const found = isWhole ? BigInt(json as string) : 0n;
  const fits = field.type === "U" ? BigInt.asUintN(64, found) : BigInt.asIntN(64, found);
  if (!isWhole || fits !== found) throw new Refused(path, json, "whole number of 64 bits");
  return found;
}

function enumOf(field: Field, json: unknown, path: string): number {
  if (typeof json === "string") {
    const { values, prefix } = field.enumeration;
    const found = json.startsWith(prefix) ? values[json.slice(prefix.length)] : undefined;
    if (typeof found === "number") return found;
  } else if (Number.isInteger(json)) return json as number;
  throw new Refused(path, json, `value of ${field.enumeration.typeName}`);
}

function bytesOf(json: string, path: string): Uint8Array {
  try {
    return Uint8Array.from(atob(json.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
  } catch {
    throw new Refused(path, json, "Base64");
  }
}

function valueOf(field: Field, json: unknown, path: string): unknown {
  switch (field.type) {
    case "m":
      return messageOf(field.message, json, path);
    case "e":
      return enumOf(field, json, path);
    case "I":
    case "U":
      return largeNumberOf(field, json, path);
    case "b":
      if (typeof json !== "boolean") throw new Refused(path, json, "boolean");
      return json;
    case "s":
      if (typeof json !== "string") throw new Refused(path, json, "text");
      return json;
    case "y":
      if (typeof json !== "string") throw new Refused(path, json, "text");
      return bytesOf(json, path);
    case "j":
      if (typeof json !== "object" || Array.isArray(json)) throw new Refused(path, json, "object");
      return json;
    default:
      return numberOf(field, json, path);
  }
}

/**
 * Reads a message from a text of JSON; fields that this build does not know are left out. Throws Error that says where it
 * is wrong, or SyntaxError.
 */
export function fromJsonString(descriptor: MessageDescriptor, text: string): Fields {
  return messageOf(descriptor, JSON.parse(text), descriptor.typeName.split(".").at(-1) ?? "");
}
