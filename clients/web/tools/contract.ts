// Takes the generated code of the contract to what src/wire works on: each message as a short text of its fields, instead of
// the descriptor of its whole file in Base64, which costs three times the bytes and has to be worked through at the start.
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { DescEnum, DescField, DescFile, DescMessage, DescService } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { enumDesc, fileDesc, messageDesc, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import * as known from "@bufbuild/protobuf/wkt";
import type { Plugin } from "vite";

const FILE = /\/gen\/tallywire\/v1\/\w+_pb\.ts$/;
const TYPES: Readonly<Partial<Record<ScalarType, string>>> = {
  [ScalarType.BOOL]: "b",
  [ScalarType.BYTES]: "y",
  [ScalarType.DOUBLE]: "d",
  [ScalarType.FLOAT]: "f",
  [ScalarType.INT32]: "i",
  [ScalarType.INT64]: "I",
  [ScalarType.STRING]: "s",
  [ScalarType.UINT32]: "u",
  [ScalarType.UINT64]: "U",
};
const OWN_MESSAGES = ["Timestamp", "Duration", "FieldMask"];
const files = new Map<string, DescFile>();

/** Names a constant in the code that is made, and sees to it that the code has it. */
type Use = (desc: DescMessage | DescEnum) => string;

/** Returns the library's descriptor of a generated file, with those that it stands on. */
export function fileOf(path: string): DescFile {
  const found = files.get(path);
  if (found !== undefined) return found;
  const code = readFileSync(path, "utf8");
  const [, base64 = "", imports = ""] = /fileDesc\("([^"]*)"(?:, \[([^\]]*)\])?\)/.exec(code) ?? [];
  const needed = imports.split(",").flatMap((name) => {
    const trimmed = name.trim();
    if (trimmed === "") return [];
    if (trimmed in known) return [known[trimmed as keyof typeof known] as DescFile];
    const [, from = ""] = new RegExp(`\\b${trimmed}\\b[^;]*from "([^"]+)"`).exec(code) ?? [];
    return [fileOf(resolve(dirname(path), from.replace(/\.js$/, ".ts")))];
  });
  const file = fileDesc(base64, needed);
  files.set(path, file);
  return file;
}

/** The constant of a message or an enum in generated code, and the module that has it. */
function constantOf({ typeName, file }: DescMessage | DescEnum): { name: string; module: string } {
  const name = typeName.slice(file.proto.package.length + 1).replaceAll(".", "_");
  return { name: `${name}Schema`, module: `./${file.name.split("/").at(-1) ?? ""}_pb.js` };
}

function typeOf(field: DescField, where: string): string {
  const { scalar, message } = field;
  if (field.enum !== undefined) return "e";
  if (message?.typeName === "google.protobuf.Struct") return "j";
  if (message !== undefined) return "m";
  const type = scalar === undefined ? undefined : TYPES[scalar];
  if (type === undefined) throw new Error(`src/wire cannot read ${where}.${field.name}`);
  return type;
}

function manyOf(field: DescField, where: string): string {
  if (field.fieldKind === "list") return "*";
  if (field.fieldKind === "map") {
    if (field.mapKey !== ScalarType.STRING) throw new Error(`src/wire cannot read the keys of ${where}.${field.name}`);
    return "%";
  }
  return field.proto.proto3Optional ? "?" : "";
}

function messageCode(desc: DescMessage, use: Use): string {
  const refs: string[] = [];
  const source = [...desc.fields]
    .sort((a, b) => a.number - b.number)
    .map((field) => {
      const type = typeOf(field, desc.typeName);
      const ref = type === "m" ? field.message : field.enum;
      if (ref !== undefined) refs.push(use(ref));
      const oneof = field.oneof === undefined ? "" : `@${field.oneof.localName}`;
      return `${String(field.number)}${type}${manyOf(field, desc.typeName)}${oneof} ${field.localName}`;
    });
  const last = refs.length === 0 ? "" : `, () => [${refs.join(", ")}]`;
  return `messageDesc("${desc.typeName}", "${source.join(",")}"${last})`;
}

function enumCode(desc: DescEnum): string {
  const name = constantOf(desc).name.replace(/Schema$/, "");
  const prefix = desc.sharedPrefix ?? "";
  const { name: wrong } = desc.values.find((one) => one.name !== prefix.toUpperCase() + one.localName) ?? {};
  if (wrong !== undefined) throw new Error(`src/wire expects ${wrong} to begin with ${prefix.toUpperCase()}`);
  return `enumDesc("${desc.typeName}", ${name}, "${prefix.toUpperCase()}")`;
}

function serviceCode(desc: DescService, use: Use): string {
  const methods = desc.methods.map((one) => `${one.localName}: [${use(one.input)}, ${use(one.output)}]`);
  return `serviceDesc("${desc.typeName}", { ${methods.join(", ")} })`;
}

function codeOf(kind: string, file: DescFile, path: readonly number[], use: Use): string {
  const [first = 0, ...rest] = path;
  if (kind === "message") return messageCode(messageDesc(file, first, ...rest), use);
  return kind === "enum" ? enumCode(enumDesc(file, first, ...rest)) : serviceCode(serviceDesc(file, first), use);
}

/** Returns the code of a generated file for src/wire; `wire` is the path of that folder. */
export function compact(code: string, path: string, wire: string): string {
  const file = fileOf(path);
  const foreign = new Map<string, string>();
  const use: Use = (desc) => {
    const { name, module } = constantOf(desc);
    if (desc.file.name === file.name) return name;
    if (desc.file.proto.package === "google.protobuf") {
      if (!OWN_MESSAGES.includes(desc.name)) throw new Error(`src/wire has no ${desc.typeName}`);
      foreign.set(name, `${wire}/timestamps`);
    } else foreign.set(name, module);
    return `${name}$`; // The generated code imports the type under its own name.
  };
  const made = code
    .replace(/fileDesc\("[^"]*"(?:, \[[^\]]*\])?\)/, "undefined")
    .replace(/^import (?!type ).*;$/gm, "")
    .replace(/(message|enum|service)Desc\(file_\w+((?:, \d+)+)\)/g, (_, kind: string, numbers: string) =>
      codeOf(kind, file, numbers.split(",").slice(1).map(Number), use),
    );
  const imports = [...foreign].map(([name, module]) => `import { ${name} as ${name}$ } from "${module}";`);
  return `import { enumDesc, messageDesc, serviceDesc } from "${wire}/descriptors";\n${imports.join("\n")}\n${made}`;
}

/** The plugin of the build and of the tests. */
export function contract(wire: string): Plugin {
  return {
    name: "tallywire-contract",
    enforce: "pre",
    transform(code, id) {
      return FILE.test(id) ? { code: compact(code, id, wire), map: null } : undefined;
    },
  };
}
