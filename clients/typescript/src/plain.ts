import { type DescEnum, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { type Duration, FeatureSet_FieldPresence, type FieldMask, type Timestamp } from "@bufbuild/protobuf/wkt";
import { prefixOf } from "./enum_names.js";
import { Instant } from "./values.js";

type Convert = (value: unknown) => unknown;
type Fields = Record<string, unknown>;

const codecs = new Map<string, (message: Message) => Fields>();
const raws = new WeakMap<object, Message>();
const NANOS = 1_000_000_000n;

/**
 * Returns a message as a plain object: numbers, {@link Instant}s, texts of enums. Absent fields are left out.
 *
 * A whole number beyond 2^53 is a property that throws a RangeError when it is read; `raw()` has it exactly.
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- generated types belong to schemas
export function toPlain<T>(schema: DescMessage, message: Message): T {
  const plain = codecOf(schema)(message);
  raws.set(plain, message);
  return plain as T;
}

/**
 * Returns the protobuf message that an answer was made from, with `bigint`s, or undefined for other objects. It has what
 * the plain object cannot hold: whole numbers beyond 2^53, and fields that are newer than this client.
 */
export function raw(answer: object): Message | undefined {
  return raws.get(answer);
}

function codecOf(schema: DescMessage): (message: Message) => Fields {
  let codec = codecs.get(schema.typeName);
  if (codec === undefined) {
    codec = compile(schema);
    codecs.set(schema.typeName, codec);
  }
  return codec;
}

function compile(schema: DescMessage): (message: Message) => Fields {
  const writers = schema.members.map((member) =>
    member.kind === "oneof" ? oneofWriter(member.localName, member.fields) : fieldWriter(member),
  );
  return (message) => {
    const plain: Fields = {};
    for (const write of writers) {
      write(message, plain);
    }
    return plain;
  };
}

function oneofWriter(name: string, fields: readonly DescField[]): (from: Fields, to: Fields) => void {
  const converts = new Map(fields.map((field) => [field.localName, singular(field)]));
  return (from, to) => {
    const { case: chosen, value } = from[name] as { case?: string; value?: unknown };
    if (chosen !== undefined) {
      const pair: Fields = { case: chosen };
      put(pair, "value", converts.get(chosen)?.(value));
      to[name] = pair;
    }
  };
}

function fieldWriter(field: DescField): (from: Fields, to: Fields) => void {
  const name = field.localName;
  if (field.fieldKind === "list") {
    const convert = element(field);
    return (from, to) => {
      to[name] = (from[name] as unknown[]).map(convert);
    };
  }
  if (field.fieldKind === "map") {
    const convert = mapValue(field);
    return (from, to) => {
      const pairs = Object.entries(from[name] as Fields).map(([key, value]) => [key, convert(value)] as const);
      to[name] = Object.fromEntries(pairs);
    };
  }
  const convert = singular(field);
  // An enum without a word for it says nothing: it is absent, as the contract says of each UNSPECIFIED.
  const isAbsent: (value: unknown) => boolean =
    field.fieldKind === "enum" && field.presence !== FeatureSet_FieldPresence.EXPLICIT
      ? (value) => value === 0
      : (value) => value === undefined;
  return (from, to) => {
    const value = from[name];
    if (!isAbsent(value)) {
      put(to, name, convert(value));
    }
  };
}

/** Sets a member; one that is a bigint, because a number cannot hold it, throws when it is read. */
function put(to: Fields, name: string, value: unknown): void {
  if (typeof value !== "bigint") {
    to[name] = value;
    return;
  }
  Object.defineProperty(to, name, {
    enumerable: true,
    get() {
      throw new RangeError(`${name} is ${String(value)}, which a number cannot hold exactly: read it from raw(answer)`);
    },
  });
}

function singular(field: DescField): Convert {
  switch (field.fieldKind) {
    case "message":
      return fromMessage(field.message);
    case "enum":
      return fromEnum(field.enum);
    case "scalar":
      return fromScalar(field.scalar);
    default:
      throw new Error(`${field.name} is not a single value`);
  }
}

function element(field: DescField & { fieldKind: "list" }): Convert {
  switch (field.listKind) {
    case "message":
      return fromMessage(field.message);
    case "enum":
      return fromEnum(field.enum);
    case "scalar":
      return fromScalar(field.scalar);
  }
}

function mapValue(field: DescField & { fieldKind: "map" }): Convert {
  switch (field.mapKind) {
    case "message":
      return fromMessage(field.message);
    case "enum":
      return fromEnum(field.enum);
    case "scalar":
      return fromScalar(field.scalar);
  }
}

function fromMessage(schema: DescMessage): Convert {
  switch (schema.typeName) {
    case "google.protobuf.Timestamp":
      return (value) => {
        const { seconds, nanos } = value as Timestamp;
        return new Instant(seconds * NANOS + BigInt(nanos));
      };
    case "google.protobuf.Duration":
      return (value) => {
        const { seconds, nanos } = value as Duration;
        return Number(seconds) * 1_000 + nanos / 1e6;
      };
    case "google.protobuf.Struct":
      return (value) => value;
    case "google.protobuf.FieldMask":
      return (value) => (value as FieldMask).paths;
    default:
      return (value) => codecOf(schema)(value as Message);
  }
}

function fromScalar(scalar: ScalarType): Convert {
  if (scalar !== ScalarType.INT64 && scalar !== ScalarType.UINT64 && scalar !== ScalarType.SINT64) {
    return (value) => value;
  }
  return (value) => {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  };
}

/** Returns the name of an enum's value without its prefix; of a number newer than this client, `UNKNOWN_` and the number. */
export function enumName(schema: DescEnum, number: number): string {
  const known = schema.value[number];
  return known === undefined || number === 0 ? `UNKNOWN_${String(number)}` : known.name.slice(prefixOf(schema).length);
}

function fromEnum(schema: DescEnum): Convert {
  const names = new Map(schema.values.map((value) => [value.number, enumName(schema, value.number)]));
  return (value) => names.get(value as number) ?? `UNKNOWN_${String(value)}`;
}
