/** Messages: made, copied, read from bytes and written to them. Fields that this build does not know are kept. */
import { Reader, Writer } from "./bytes";
import { fieldOf, fieldsOf, unset } from "./descriptors";
import type { Field, Fields, MessageDescriptor } from "./descriptors";
import { readStruct, writeStruct } from "./structs";

interface Choice {
  case: string | undefined;
  value?: unknown;
}

function value(field: Field, given: unknown): unknown {
  return field.type === "m" ? create(field.message, given as Fields) : given;
}

function filled(field: Field, given: unknown): unknown {
  if (field.many === "*") return (given as readonly unknown[]).map((one) => value(field, one));
  if (field.many === "%")
    return Object.fromEntries(Object.entries(given as Fields).map(([key, one]) => [key, value(field, one)]));
  return value(field, given);
}

/** Returns a message without anything in it. */
function empty(descriptor: MessageDescriptor): Fields {
  const message: Fields = { $typeName: descriptor.typeName };
  for (const field of fieldsOf(descriptor)) {
    if (field.oneof !== "") message[field.oneof] ??= { case: undefined };
    else if (field.many === "*") message[field.name] = [];
    else if (field.many === "%") message[field.name] = {};
    else if (field.many === "" && field.type !== "m" && field.type !== "j") message[field.name] = unset(field);
  }
  return message;
}

/** Makes a message of parts of one. A message that is one already is returned as it is. */
export function create(descriptor: MessageDescriptor, init: Fields = {}): Fields {
  if (init["$typeName"] === descriptor.typeName) return init;
  const message = empty(descriptor);
  for (const field of fieldsOf(descriptor)) {
    if (field.oneof === "") {
      const given = init[field.name];
      if (given !== undefined && given !== null) message[field.name] = filled(field, given);
    } else {
      const choice = init[field.oneof] as Choice | undefined;
      if (choice?.case === field.name) message[field.oneof] = { case: field.name, value: value(field, choice.value) };
    }
  }
  return message;
}

/** Copies a message with all its parts. */
export function clone(descriptor: MessageDescriptor, message: Fields): Fields {
  return fromBinary(descriptor, toBinary(descriptor, message));
}

function readOne(field: Field, reader: Reader): unknown {
  switch (field.type) {
    case "s":
      return reader.text();
    case "m":
      return fromBinary(field.message, reader.data());
    case "I":
      return reader.int64();
    case "U":
      return reader.varint64();
    case "i":
    case "e":
      return reader.varint() | 0;
    case "u":
      return reader.varint();
    case "b":
      return reader.varint64() !== 0n;
    case "d":
      return reader.double();
    case "f":
      return reader.float();
    case "y":
      return reader.data().slice();
    case "j":
      return readStruct(reader.data());
  }
}

function readEntry(field: Field, bytes: Uint8Array): [string, unknown] {
  const reader = new Reader(bytes);
  let key = "";
  let found = value(field, {});
  while (reader.more) {
    const tag = reader.varint();
    if (tag === 10) key = reader.text();
    else if (tag >>> 3 === 2) found = readOne(field, reader);
    else reader.skip(tag & 7);
  }
  return [key, found];
}

function isPacked(field: Field, wire: number): boolean {
  return wire === 2 && field.type !== "s" && field.type !== "m" && field.type !== "y" && field.type !== "j";
}

function readField(field: Field, wire: number, reader: Reader, message: Fields): void {
  if (field.many === "*") {
    const list = message[field.name] as unknown[];
    if (isPacked(field, wire)) {
      const packed = new Reader(reader.data());
      while (packed.more) list.push(readOne(field, packed));
    } else list.push(readOne(field, reader));
  } else if (field.many === "%") {
    const [key, found] = readEntry(field, reader.data());
    (message[field.name] as Fields)[key] = found;
  } else if (field.oneof !== "") message[field.oneof] = { case: field.name, value: readOne(field, reader) };
  else message[field.name] = readOne(field, reader);
}

/** Reads a message. Throws RangeError where it is cut. */
export function fromBinary(descriptor: MessageDescriptor, bytes: Uint8Array): Fields {
  const message = empty(descriptor);
  const reader = new Reader(bytes);
  while (reader.more) {
    const begin = reader.pos;
    const tag = reader.varint();
    const field = fieldOf(descriptor, tag >>> 3);
    if (field === undefined) {
      reader.skip(tag & 7);
      ((message["$unknown"] ??= []) as Uint8Array[]).push(bytes.slice(begin, reader.pos));
    } else readField(field, tag & 7, reader, message);
  }
  return message;
}

const WIRE: Readonly<Record<string, number>> = { d: 1, f: 5, s: 2, y: 2, m: 2, j: 2 };

function writeOne(field: Field, number: number, one: unknown, writer: Writer): void {
  writer.varint((number << 3) | (WIRE[field.type] ?? 0));
  switch (field.type) {
    case "s":
      writer.text(one as string);
      break;
    case "m":
      writer.data(toBinary(field.message, one as Fields));
      break;
    case "I":
    case "U":
      writer.varint64(one as bigint);
      break;
    case "i":
    case "e":
      writer.int32(one as number);
      break;
    case "u":
      writer.varint(one as number);
      break;
    case "b":
      writer.varint(one === true ? 1 : 0);
      break;
    case "d":
      writer.double(one as number);
      break;
    case "f":
      writer.float(one as number);
      break;
    case "y":
      writer.data(one as Uint8Array);
      break;
    case "j": {
      const inner = new Writer();
      writeStruct(inner, one as Parameters<typeof writeStruct>[1]);
      writer.data(inner.done());
    }
  }
}

/** Tells whether a field without presence has something in it. */
export function isSet(one: unknown): boolean {
  return one instanceof Uint8Array ? one.length > 0 : Boolean(one) || Number.isNaN(one) || Object.is(one, -0);
}

function writeField(field: Field, message: Fields, writer: Writer): void {
  if (field.oneof !== "") {
    const choice = message[field.oneof] as Choice;
    if (choice.case === field.name) writeOne(field, field.number, choice.value, writer);
    return;
  }
  const found = message[field.name];
  if (found === undefined || found === null) return;
  if (field.many === "*") {
    for (const one of found as unknown[]) writeOne(field, field.number, one, writer);
  } else if (field.many === "%") {
    for (const [key, one] of Object.entries(found as Fields)) {
      const entry = new Writer();
      entry.varint(10);
      entry.text(key);
      writeOne(field, 2, one, entry);
      writer.varint((field.number << 3) | 2);
      writer.data(entry.done());
    }
  } else if (field.many === "?" || field.type === "m" || field.type === "j" || isSet(found))
    writeOne(field, field.number, found, writer);
}

/** Writes a message, field by field in the order of their numbers. */
export function toBinary(descriptor: MessageDescriptor, message: Fields): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  for (const field of fieldsOf(descriptor)) writeField(field, message, writer);
  for (const bytes of (message["$unknown"] ?? []) as Uint8Array[]) writer.raw(bytes);
  return writer.done();
}
