/** google.protobuf.Struct, which is a plain object in messages. */
import type { JsonObject, JsonValue as Json } from "@bufbuild/protobuf";
import { Reader, Writer } from "./bytes";

function entry(bytes: Uint8Array): [string, Json] {
  const reader = new Reader(bytes);
  let key = "";
  let value: Json = null;
  while (reader.more) {
    const tag = reader.varint();
    if (tag === 10) key = reader.text();
    else if (tag === 18) value = readValue(reader.data());
    else reader.skip(tag & 7);
  }
  return [key, value];
}

function readList(bytes: Uint8Array): Json[] {
  const reader = new Reader(bytes);
  const list: Json[] = [];
  while (reader.more) {
    const tag = reader.varint();
    if (tag === 10) list.push(readValue(reader.data()));
    else reader.skip(tag & 7);
  }
  return list;
}

function readValue(bytes: Uint8Array): Json {
  const reader = new Reader(bytes);
  let value: Json = null;
  while (reader.more) {
    const tag = reader.varint();
    if (tag === 17) value = reader.double();
    else if (tag === 26) value = reader.text();
    else if (tag === 32) value = reader.varint() !== 0;
    else if (tag === 42) value = readStruct(reader.data());
    else if (tag === 50) value = readList(reader.data());
    else reader.skip(tag & 7);
  }
  return value;
}

/** Reads an object. */
export function readStruct(bytes: Uint8Array): JsonObject {
  const reader = new Reader(bytes);
  const entries: [string, Json][] = [];
  while (reader.more) {
    const tag = reader.varint();
    if (tag === 10) entries.push(entry(reader.data()));
    else reader.skip(tag & 7);
  }
  return Object.fromEntries(entries);
}

function part(writer: Writer, tag: number, write: (inner: Writer) => void): void {
  const inner = new Writer();
  write(inner);
  writer.varint(tag);
  writer.data(inner.done());
}

function writeValue(writer: Writer, value: Json): void {
  if (value === null) {
    writer.varint(8);
    writer.varint(0);
  } else if (typeof value === "number") {
    writer.varint(17);
    writer.double(value);
  } else if (typeof value === "string") {
    writer.varint(26);
    writer.text(value);
  } else if (typeof value === "boolean") {
    writer.varint(32);
    writer.varint(value ? 1 : 0);
  } else if (Array.isArray(value)) {
    part(writer, 50, (list) => {
      for (const one of value)
        part(list, 10, (inner) => {
          writeValue(inner, one);
        });
    });
  } else {
    part(writer, 42, (inner) => {
      writeStruct(inner, value);
    });
  }
}

/** Writes an object. */
export function writeStruct(writer: Writer, value: JsonObject): void {
  for (const [key, one] of Object.entries(value)) {
    part(writer, 10, (inner) => {
      inner.varint(10);
      inner.text(key);
      part(inner, 18, (last) => {
        writeValue(last, one);
      });
    });
  }
}
