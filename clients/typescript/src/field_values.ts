import { ArgumentError } from "./errors.js";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

const MAX_DEPTH = 100;
const LIMITS = { 32: 2n ** 31n, 64: 2n ** 63n } as const;

/** Returns a value as a message shows it, however long it is. */
export function shown(value: unknown): string {
  const text = textOf(value);
  return `${text.length > 60 ? `${text.slice(0, 57)}…` : text} (${value === null ? "null" : typeof value})`;
}

function textOf(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "object":
      return nameOf(value);
    case "function":
      return "a function";
    default:
      return String(value);
  }
}

function nameOf(value: object | null): string {
  if (value === null) {
    return "null";
  }
  return Array.isArray(value) ? "an array" : `an object of class ${Object.prototype.toString.call(value).slice(8, -1)}`;
}

/** Returns the nearest whole number, and the even one of two that are equally near. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest === 0.5) {
    return below % 2 === 0 ? below : below + 1;
  }
  return Math.round(value);
}

/**
 * Returns a whole number as the field takes it. Where the name of the field ends in Ms or Micros, others are rounded to
 * the nearest; elsewhere they are refused, as is what `number` cannot hold exactly.
 */
export function wholeNumber(path: string, value: unknown, bits: 32 | 64): bigint {
  let exact: bigint;
  if (typeof value === "bigint") {
    exact = value;
  } else if (typeof value !== "number") {
    const advice = typeof value === "string" && /^\s*\d+\s*$/.test(value) ? ": pass the number" : "";
    throw new ArgumentError(path, `is a whole number, not ${shown(value)}${advice}`);
  } else {
    const whole = /(?:Ms|Micros)$/.test(path) ? roundHalfEven(value) : value;
    if (!Number.isInteger(whole)) {
      const advice = Number.isFinite(whole) ? ": round it as fits its meaning" : "";
      throw new ArgumentError(path, `is a whole number, not ${shown(value)}${advice}`);
    }
    if (!Number.isSafeInteger(whole)) {
      throw new ArgumentError(path, `is beyond 2^53, where a number is not exact: ${shown(value)}; pass a bigint`);
    }
    exact = BigInt(whole);
  }
  if (exact < -LIMITS[bits] || exact >= LIMITS[bits]) {
    throw new ArgumentError(path, `is a whole number of ${String(bits)} bits, and ${shown(value)} does not fit`);
  }
  return exact;
}

/** Returns properties as JSON. Refuses, with its path, what JSON cannot hold or would change. */
export function jsonObject(path: string, value: unknown, depth = 0): JsonObject {
  if (typeof value !== "object" || value === null || !isPlain(value)) {
    throw new ArgumentError(path, `is a plain object, not ${shown(value)}`);
  }
  if (depth > MAX_DEPTH) {
    throw new ArgumentError(path, "is nested too deeply, or contains itself");
  }
  const made = Object.create(null) as JsonObject;
  for (const [key, member] of Object.entries(value)) {
    if (key.trim() === "") {
      throw new ArgumentError(path, "has a key that is blank");
    }
    if (member !== undefined) {
      made[key] = jsonValue(`${path}.${key}`, member, depth);
    }
  }
  return made;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function jsonValue(path: string, value: unknown, depth: number): JsonValue {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "bigint":
      return jsonNumber(path, value, Number(value));
    case "number":
      return jsonNumber(path, value, value);
    case "object":
      if (value === null) {
        return null;
      }
      if (Array.isArray(value)) {
        if (depth > MAX_DEPTH) {
          throw new ArgumentError(path, "is nested too deeply, or contains itself");
        }
        return value.map((item, index) => jsonValue(`${path}[${String(index)}]`, item, depth + 1));
      }
      if (isPlain(value)) {
        return jsonObject(path, value, depth + 1);
      }
      break;
    default:
      break;
  }
  throw new ArgumentError(path, `is ${shown(value)}, which is not JSON`);
}

function jsonNumber(path: string, given: number | bigint, value: number): number {
  const isExact = Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (!isExact) {
    throw new ArgumentError(path, `is not a number that JSON keeps exactly: ${shown(given)}; send it as text`);
  }
  return value;
}
