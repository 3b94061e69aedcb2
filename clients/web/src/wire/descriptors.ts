/**
 * What messages consist of. The build writes it from the descriptors of the generated code, as short texts that are taken
 * apart where a message is needed first (tools/contract.js).
 */

/** A message that is known by its fields' names only here. */
export type Fields = Record<string, unknown>;

/** Of what type a value is: see `TYPES` in tools/contract.js. */
export type Type = "b" | "d" | "e" | "f" | "i" | "I" | "j" | "m" | "s" | "u" | "U" | "y";

/** An enum: its values by number and by name, and what stands in front of the names in JSON. */
export interface EnumDescriptor {
  typeName: string;
  values: Readonly<Record<string | number, string | number>>;
  prefix: string;
}

export interface Field {
  name: string;
  number: number;
  type: Type;
  /** "*": a list; "?": optional; "%": a map with keys that are texts; "": neither. */
  many: "" | "*" | "?" | "%";
  /** The oneof that it is a part of; "" for none. */
  oneof: string;
  message: MessageDescriptor;
  enumeration: EnumDescriptor;
}

export interface MessageDescriptor {
  typeName: string;
  source: string;
  refs: () => readonly (MessageDescriptor | EnumDescriptor)[];
  /** What `fieldsOf` has made of the source, in the order of the numbers. */
  fields?: readonly Field[];
  byNumber?: ReadonlyMap<number, Field>;
}

export interface MethodDescriptor {
  name: string;
  parent: { typeName: string };
  input: MessageDescriptor;
  output: MessageDescriptor;
}

/** Describes a message. The source has one part for each field: number, type, how many, "@" and the oneof, name. */
export function messageDesc(
  typeName: string,
  source: string,
  refs: () => readonly (MessageDescriptor | EnumDescriptor)[] = () => [],
): MessageDescriptor {
  return { typeName, source, refs };
}

/** Describes an enum. */
export function enumDesc(typeName: string, values: EnumDescriptor["values"], prefix: string): EnumDescriptor {
  return { typeName, values, prefix };
}

/** Describes a service. */
export function serviceDesc(
  typeName: string,
  methods: Readonly<Record<string, readonly [MessageDescriptor, MessageDescriptor]>>,
): { typeName: string; method: Record<string, MethodDescriptor> } {
  const method: Record<string, MethodDescriptor> = {};
  for (const [key, [input, output]] of Object.entries(methods)) {
    method[key] = { name: (key[0] ?? "").toUpperCase() + key.slice(1), parent: { typeName }, input, output };
  }
  return { typeName, method };
}

const FIELD = /^(\d+)(\w)([*?%]?)@?(\w*) (\w+)$/;

/** Returns the fields of a message. */
export function fieldsOf(descriptor: MessageDescriptor): readonly Field[] {
  if (descriptor.fields !== undefined) return descriptor.fields;
  const refs = descriptor.refs();
  let ref = 0;
  const fields = descriptor.source === "" ? [] : descriptor.source.split(",");
  descriptor.fields = fields.map((one) => {
    const [, number = "", type = "", many = "", oneof = "", name = ""] = FIELD.exec(one) ?? [];
    const of = type === "m" || type === "e" ? refs[ref++] : undefined;
    return { name, number: Number(number), type, many, oneof, message: of, enumeration: of } as Field;
  });
  descriptor.byNumber = new Map(descriptor.fields.map((field) => [field.number, field]));
  return descriptor.fields;
}

/** Returns a field by its number; undefined: the contract of this build has none. */
export function fieldOf(descriptor: MessageDescriptor, number: number): Field | undefined {
  fieldsOf(descriptor);
  return descriptor.byNumber?.get(number);
}

/** Returns what a field is when nobody has set it. */
export function unset({ type }: Field): unknown {
  switch (type) {
    case "s":
      return "";
    case "b":
      return false;
    case "y":
      return new Uint8Array(0);
    case "I":
    case "U":
      return 0n;
    case "m":
    case "j":
      return undefined;
    default:
      return 0;
  }
}
