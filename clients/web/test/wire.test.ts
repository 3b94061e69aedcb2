/** Every message of the contract, as these pages read and write it, against the library that defines how. */
import { readdirSync } from "node:fs";
import * as library from "@bufbuild/protobuf";
import type { DescField, DescMessage, DescService } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { Fields, MessageDescriptor, MethodDescriptor } from "../src/wire/descriptors";
import { fromJsonString, toJson } from "../src/wire/json";
import { clone, create, fromBinary, toBinary } from "../src/wire/messages";
import { timestampFromMs, timestampMs } from "../src/wire/timestamps";
import { fileOf } from "../tools/contract";

const GENERATED = new URL("../../typescript/src/gen/tallywire/v1/", import.meta.url);

/** Numbers that look drawn, the same ones each time. */
function drawn(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

const LARGE = [0n, 1n, -1n, 127n, 128n, 2n ** 49n - 1n, 2n ** 49n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
const SMALL = [0, 1, -1, 127, 128, 300, 2 ** 31 - 1, -(2 ** 31)];
const FLOATS = [0, -0, 0.5, -1e300, 1e-300, NaN, Infinity, -Infinity];
const TEXTS = ["", "a", "Zürich – 東京 🙂", "x".repeat(200)];
const OBJECTS: library.JsonObject[] = [{}, { a: null, b: [1, "two", true, { c: -0.5 }], "": "" }];

function scalar(type: library.ScalarType | undefined, pick: (below: number) => number): unknown {
  const of = <T>(values: readonly T[]): T => values[pick(values.length)] as T;
  switch (type) {
    case library.ScalarType.BOOL:
      return pick(2) === 1;
    case library.ScalarType.BYTES:
      return Uint8Array.from({ length: pick(40) }, () => pick(256));
    case library.ScalarType.DOUBLE:
      return of(FLOATS);
    case library.ScalarType.FLOAT:
      return Math.fround(of(FLOATS.slice(0, 3)));
    case library.ScalarType.INT32:
      return of(SMALL);
    case library.ScalarType.UINT32:
      return Math.abs(of(SMALL));
    case library.ScalarType.INT64:
      return of(LARGE);
    case library.ScalarType.UINT64:
      return BigInt.asUintN(64, of(LARGE));
    default:
      return of(TEXTS);
  }
}

/** Fills one value of a field. Times and durations are such that JSON can say them. */
function one(field: DescField, pick: (below: number) => number, depth: number): unknown {
  const { message } = field;
  if (field.enum !== undefined) return field.enum.values[pick(field.enum.values.length)]?.number;
  if (message === undefined) return scalar(field.scalar, pick);
  if (message.typeName === "google.protobuf.Struct") return OBJECTS[pick(2)];
  if (/Timestamp|Duration/.test(message.typeName))
    return { seconds: BigInt(pick(2_000_000)) * 1000n, nanos: [0, 1, 120_000_000, 123_456_000][pick(4)] };
  if (message.typeName.endsWith("FieldMask")) return { paths: ["a", "some_field.of_it"] };
  return filled(message, pick, depth + 1);
}

function filled(descriptor: DescMessage, pick: (below: number) => number, depth = 0): Fields {
  const init: Fields = {};
  for (const field of descriptor.fields) {
    // Deep messages come to an end.
    if (pick(4) === 0 || (depth > 2 && field.message !== undefined)) continue;
    if (field.fieldKind === "list")
      init[field.localName] = Array.from({ length: pick(3) }, () => one(field, pick, depth));
    else if (field.fieldKind === "map")
      init[field.localName] = { key: one(field, pick, depth), "": one(field, pick, depth) };
    else if (field.oneof === undefined) init[field.localName] = one(field, pick, depth);
    else init[field.oneof.localName] = { case: field.localName, value: one(field, pick, depth) };
  }
  return init;
}

function allMessages(found: readonly DescMessage[]): DescMessage[] {
  return found.flatMap((desc) => [desc, ...allMessages(desc.nestedMessages)]);
}

const names = readdirSync(GENERATED).filter((name) => name.endsWith("_pb.ts"));
const files = names.map((name) => fileOf(new URL(name, GENERATED).pathname));
const modules = await Promise.all(
  names.map((name) => import(`../../typescript/src/gen/tallywire/v1/${name.slice(0, -3)}.ts`) as Promise<Fields>),
);
const own = new Map<string, unknown>(
  modules.flatMap((module) =>
    Object.values(module).flatMap((value) => {
      const { typeName } = (value ?? {}) as { typeName?: string };
      return typeName === undefined ? [] : [[typeName, value] as const];
    }),
  ),
);
const messages = files.flatMap((file) => allMessages(file.messages));

/** Takes out what the library has and nobody sees, so that values can be compared. */
const plain = (message: unknown): unknown => structuredClone(message);

describe("messages", () => {
  it("are all of the contract", () => {
    expect(messages.length).toBeGreaterThan(200);
    expect(messages.filter(({ typeName }) => !own.has(typeName)).map(({ typeName }) => typeName)).toEqual([]);
  });

  it.each(messages.map((desc) => [desc.typeName, desc] as const))("%s is what the library says", (typeName, desc) => {
    const mine = own.get(typeName) as MessageDescriptor;
    expect(plain(create(mine))).toEqual(plain(library.create(desc)));
    const pick = drawn(typeName.length * 7919 + desc.fields.length);
    for (let round = 0; round < 4; round += 1) {
      const init = filled(desc, pick);
      const theirs = library.create(desc, init);
      const message = create(mine, init);
      expect(plain(message)).toEqual(plain(theirs));
      const bytes = library.toBinary(desc, theirs);
      expect(plain(fromBinary(mine, bytes))).toEqual(plain(theirs));
      expect(plain(clone(mine, message))).toEqual(plain(theirs));
      expect(plain(library.fromBinary(desc, toBinary(mine, message)))).toEqual(plain(theirs));
      expect(toJson(mine, message)).toEqual(library.toJson(desc, theirs));
      const text = library.toJsonString(desc, theirs);
      const read = library.fromJsonString(desc, text);
      if (!text.startsWith('"')) expect(plain(fromJsonString(mine, text))).toEqual(plain(read));
      if (!text.startsWith('"')) {
        const names = library.toJsonString(desc, theirs, { useProtoFieldName: true });
        expect(plain(fromJsonString(mine, names))).toEqual(plain(read));
      }
    }
  });

  it("keep what a newer service has told", () => {
    const bytes = Uint8Array.from([0xf8, 0x3f, 0x96, 0x01, 0x0a, 0x02, 0x68, 0x69, 0xfa, 0x3f, 0x01, 0x2a]);
    const mine = own.get("tallywire.v1.Dashboard") as MessageDescriptor;
    const message = fromBinary(mine, bytes);
    expect(message["dashboardId"]).toBe("hi");
    expect([...toBinary(mine, clone(mine, message))]).toEqual([
      ...bytes.slice(4, 8),
      ...bytes.slice(0, 4),
      ...bytes.slice(8),
    ]);
  });

  it("that are cut are refused", () => {
    const mine = own.get("tallywire.v1.Dashboard") as MessageDescriptor;
    for (const bytes of [[0x0a], [0x0a, 0x05, 0x61], [0x80], [0xf8, 0x3f], [0xfd, 0x3f, 0x00], [0xfb, 0x3f, 0x00]])
      expect(() => fromBinary(mine, Uint8Array.from(bytes))).toThrow(RangeError);
  });

  it("in JSON that is wrong say where", () => {
    const mine = own.get("tallywire.v1.Dashboard") as MessageDescriptor;
    for (const [text, what] of [
      ['{"title":5}', "Dashboard.title: 5 is no text"],
      ['{"tiles":{}}', "Dashboard.tiles: {} is no list"],
      ['{"tiles":[{"width":1.5}]}', "Dashboard.tiles[0].width: 1.5 is no whole number of 32 bits"],
      ['{"tiles":[{"height":"TALL"}]}', 'Dashboard.tiles[0].height: "TALL" is no value of tallywire.v1.TileHeight'],
      ['{"createdAt":"yesterday"}', 'Dashboard.createdAt: "yesterday" is no time'],
      ["[]", "Dashboard: [] is no object"],
    ] as const)
      expect(() => fromJsonString(mine, text)).toThrow(what);
    expect(fromJsonString(mine, '{"title":"a","ofTheFuture":[1]}')["title"]).toBe("a");
  });
});

describe("services", () => {
  const services = files.flatMap((file): readonly DescService[] => file.services);

  it.each(services.map((desc) => [desc.typeName, desc] as const))("%s has its methods", (typeName, desc) => {
    const { method } = own.get(typeName) as { method: Record<string, MethodDescriptor> };
    expect(
      Object.entries(method).map(([key, { name, parent, input, output }]) => [
        key,
        name,
        parent.typeName,
        input.typeName,
        output.typeName,
      ]),
    ).toEqual(
      desc.methods.map(({ localName, name, input, output }) => [
        localName,
        name,
        typeName,
        input.typeName,
        output.typeName,
      ]),
    );
  });
});

describe("instants", () => {
  it("are milliseconds, also before 1970", () => {
    for (const ms of [0, 1, 999, 1_700_000_000_123, -1, -1500]) {
      expect(timestampMs(timestampFromMs(ms))).toBe(ms);
      expect(timestampFromMs(ms).nanos).toBeGreaterThanOrEqual(0);
    }
  });
});
