import { type DescEnum, type DescField, type DescMessage, type Message, ScalarType, create } from "@bufbuild/protobuf";
import {
  type Duration,
  DurationSchema,
  type FieldMask,
  FieldMaskSchema,
  type Timestamp,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import { prefixOf } from "./enum_names.js";
import { ArgumentError } from "./errors.js";
import { jsonObject, shown, wholeNumber } from "./field_values.js";
import { floorDivide } from "./values.js";

type Parse = (path: string, value: unknown) => unknown;
type Fields = Record<string, unknown>;
type Parsers = ReadonlyMap<string, (path: string, value: unknown, to: Fields) => void>;

const codecs = new Map<string, Parsers>();
const NANOS = 1_000_000_000n;

/** Returns a message from a plain object. Throws ArgumentError, with the path of the member at fault. */
export function fromPlain(schema: DescMessage, value: unknown, path = ""): Message {
  let parsers = codecs.get(schema.typeName);
  if (parsers === undefined) {
    parsers = compile(schema);
    codecs.set(schema.typeName, parsers);
  }
  return parseMessage(schema, parsers, path, value);
}

function compile(schema: DescMessage): Parsers {
  return new Map(
    schema.members.map((member) => {
      const name = member.localName;
      if (member.kind === "oneof") {
        return [name, oneofParser(name, member.fields)] as const;
      }
      const parse = fieldParser(member);
      return [
        name,
        (path: string, value: unknown, to: Fields) => {
          to[name] = parse(path, value);
        },
      ] as const;
    }),
  );
}

function parseMessage(schema: DescMessage, parsers: Parsers, path: string, value: unknown): Message {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ArgumentError(path === "" ? schema.name : path, `is an object, not ${shown(value)}`);
  }
  if ("$typeName" in value) {
    if (value.$typeName !== schema.typeName) {
      throw new ArgumentError(path, `is a ${schema.name}, not a ${String(value.$typeName)}`);
    }
    return value as Message;
  }
  const message = create(schema);
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined || member === null) {
      continue;
    }
    const at = path === "" ? name : `${path}.${name}`;
    const parse = parsers.get(name);
    if (parse === undefined) {
      throw new ArgumentError(at, `is not known: a ${schema.name} has ${[...parsers.keys()].join(", ")}`);
    }
    parse(at, member, message);
  }
  return message;
}

function oneofParser(name: string, fields: readonly DescField[]): (path: string, value: unknown, to: Fields) => void {
  const parsers = new Map(fields.map((field) => [field.localName, singularParser(field)]));
  return (path, value, to) => {
    const { case: chosen, value: inner } = value as { case?: unknown; value?: unknown };
    const parse = typeof chosen === "string" ? parsers.get(chosen) : undefined;
    if (parse === undefined) {
      throw new ArgumentError(`${path}.case`, `is one of ${[...parsers.keys()].join(", ")}, not ${shown(chosen)}`);
    }
    to[name] = { case: chosen, value: parse(`${path}.value`, inner) };
  };
}

function fieldParser(field: DescField): Parse {
  if (field.fieldKind === "list") {
    const parse = elementParser(field);
    return (path, value) => {
      if (!Array.isArray(value)) {
        throw new ArgumentError(path, `is an array, not ${shown(value)}`);
      }
      return value.map((item, index) => parse(`${path}[${String(index)}]`, item));
    };
  }
  if (field.fieldKind === "map") {
    const parse = mapValueParser(field);
    return (path, value) => {
      const pairs = Object.entries(value as Fields).map(([key, item]) => [key, parse(`${path}.${key}`, item)] as const);
      return Object.fromEntries(pairs);
    };
  }
  return singularParser(field);
}

function singularParser(field: DescField): Parse {
  switch (field.fieldKind) {
    case "message":
      return toMessage(field.message);
    case "enum":
      return toEnum(field.enum);
    case "scalar":
      return toScalar(field.scalar);
    default:
      throw new Error(`${field.name} is not a single value`);
  }
}

function elementParser(field: DescField & { fieldKind: "list" }): Parse {
  switch (field.listKind) {
    case "message":
      return toMessage(field.message);
    case "enum":
      return toEnum(field.enum);
    case "scalar":
      return toScalar(field.scalar);
  }
}

function mapValueParser(field: DescField & { fieldKind: "map" }): Parse {
  switch (field.mapKind) {
    case "message":
      return toMessage(field.message);
    case "enum":
      return toEnum(field.enum);
    case "scalar":
      return toScalar(field.scalar);
  }
}

function toMessage(schema: DescMessage): Parse {
  switch (schema.typeName) {
    case "google.protobuf.Timestamp":
      return timestamp;
    case "google.protobuf.Duration":
      return duration;
    case "google.protobuf.Struct":
      return (path, value) => jsonObject(path, value);
    case "google.protobuf.FieldMask":
      return fieldMask;
    default:
      return (path, value) => fromPlain(schema, value, path);
  }
}

/** Returns a Date, or what has epochNanoseconds, as a Timestamp, cut to microseconds as the service keeps them. */
export function timestamp(path: string, value: unknown): Timestamp {
  let nanos: bigint;
  if (typeof value === "object" && value !== null && "epochNanoseconds" in value) {
    nanos = value.epochNanoseconds as bigint;
  } else if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) {
      throw new ArgumentError(path, "is an invalid Date");
    }
    nanos = BigInt(value.getTime()) * 1_000_000n;
  } else {
    throw new ArgumentError(path, `is a Date, or has epochNanoseconds, and is not ${shown(value)}`);
  }
  const seconds = floorDivide(nanos, NANOS);
  const rest = Number(nanos - seconds * NANOS);
  return create(TimestampSchema, { seconds, nanos: rest - (rest % 1_000) });
}

function duration(path: string, value: unknown): Duration {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new ArgumentError(path, `is a number of milliseconds, not ${shown(value)}`);
  }
  const nanos = BigInt(Math.trunc(value / 1_000)) * NANOS + BigInt(Math.round((value % 1_000) * 1e6));
  return create(DurationSchema, { seconds: nanos / NANOS, nanos: Number(nanos % NANOS) });
}

/** Returns the names of fields, as this client or as the contract spells them, as a FieldMask. */
function fieldMask(path: string, value: unknown): FieldMask {
  if (!Array.isArray(value) || !value.every((name) => typeof name === "string")) {
    throw new ArgumentError(path, `is an array of names of fields, not ${shown(value)}`);
  }
  const paths = value.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  return create(FieldMaskSchema, { paths });
}

function toEnum(schema: DescEnum): Parse {
  const prefix = prefixOf(schema);
  const numbers = new Map(schema.values.map((value) => [value.name, value.number]));
  return (path, value) => {
    if (typeof value === "string") {
      const name = value.toUpperCase();
      const number = numbers.get(prefix + name) ?? numbers.get(name) ?? Number(/^UNKNOWN_(\d+)$/.exec(name)?.[1]);
      if (Number.isInteger(number)) {
        return number;
      }
    }
    const choices = schema.values.slice(1).map((known) => known.name.slice(prefix.length));
    throw new ArgumentError(path, `is one of ${choices.join(", ")}, not ${shown(value)}`);
  };
}

function toScalar(scalar: ScalarType): Parse {
  switch (scalar) {
    case ScalarType.STRING:
      return (path, value) => checked(path, value, "string", "a text");
    case ScalarType.BOOL:
      return (path, value) => checked(path, value, "boolean", "true or false");
    case ScalarType.INT64:
      return (path, value) => wholeNumber(path, value, 64);
    case ScalarType.INT32:
      return (path, value) => Number(wholeNumber(path, value, 32));
    case ScalarType.DOUBLE:
      return (path, value) => checked(path, value, "number", "a number");
    case ScalarType.BYTES:
      return (path, value) => {
        if (!(value instanceof Uint8Array)) {
          throw new ArgumentError(path, `is a Uint8Array, not ${shown(value)}`);
        }
        return value;
      };
    default:
      throw new Error(`the contract has no scalar ${String(scalar)}`); // a test converts every message of the contract
  }
}

function checked(path: string, value: unknown, type: "string" | "boolean" | "number", words: string): unknown {
  if (typeof value !== type) {
    throw new ArgumentError(path, `is ${words}, not ${shown(value)}`);
  }
  return value;
}
