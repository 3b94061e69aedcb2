"""The messages of clients/typescript, and its face: plain types, and a typed method for each RPC.

Messages are made by protoc-gen-es, as clients/typescript/package-lock.json pins it, in a folder of the user's cache.
The face is written here: interfaces with numbers, dates and unions of texts for the messages that travel, in
src/gen/messages.ts, and the methods that take and give them, in src/gen/calls.ts. A new RPC appears in the client by
itself.
"""

import fcntl
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from google.protobuf import descriptor_pb2

from generators.contract import SERVICE_CONFIG, Rpc, files, rpcs
from generators.generator import CLIENTS
from generators.python import cache_folder, run_protoc

_CLIENT: Final = CLIENTS / "typescript"
_TARGET: Final = _CLIENT / "src" / "gen"
_HEAD: Final = "// Made by protos/generate.py from the contract. Do not edit.\n"
_WIDTH: Final = 120
_ATTEMPT_MS: Final = 30_000  # the most that one attempt may take
_Field = descriptor_pb2.FieldDescriptorProto
# What is written by hand: streams that resume, and the stream of batches.
_BY_HAND: Final = ("WatchMetrics", "WatchUpdates", "StreamEvents")
_WELL_KNOWN: Final[Mapping[str, tuple[str, str]]] = {
    ".google.protobuf.Timestamp": ("Instant", "InstantInit"),
    ".google.protobuf.Duration": ("Milliseconds", "Milliseconds"),
    ".google.protobuf.Struct": ("JsonObject", "Properties"),
    ".google.protobuf.FieldMask": ("string[]", "readonly string[]"),
}
_INT64: Final = frozenset({_Field.TYPE_INT64, _Field.TYPE_UINT64, _Field.TYPE_SINT64})


class TypeScript:
    """Messages, plain types and methods for TypeScript."""

    def missing(self) -> str:
        """Returns what must be installed first."""
        return "" if shutil.which("npm") and shutil.which("node") else "the tools need node and npm on PATH"

    def present(self) -> set[pathlib.Path]:
        """Returns the generated modules that there are."""
        return set(_TARGET.rglob("*.ts"))

    def inputs(self) -> list[pathlib.Path]:
        """Returns the pins of the tools."""
        return [_CLIENT / "package-lock.json"]

    def generate(self) -> dict[pathlib.Path, bytes]:
        """Runs protoc, writes the face, and returns the content of every module."""
        plugin = _tools() / "node_modules" / ".bin" / "protoc-gen-es"
        with tempfile.TemporaryDirectory() as folder:
            run_protoc(
                f"--plugin=protoc-gen-es={plugin}", f"--es_out={folder}", "--es_opt=target=ts,import_extension=js"
            )
            made = {path.relative_to(folder): path.read_bytes() for path in pathlib.Path(folder).rglob("*.ts")}
        modules = "".join(f'export * from "./{path.with_suffix(".js")}";\n' for path in sorted(made))
        texts = {
            "contract.ts": modules,
            "messages.ts": _messages(),
            "calls.ts": _calls(),
            "event_types.ts": _event_types(),
            "service_config.ts": _service_config(),
        }
        faces = {pathlib.Path(name): (_HEAD + text).encode() for name, text in texts.items()}
        return {_TARGET / path: content for path, content in (made | faces).items()}


def _tools() -> pathlib.Path:
    """Returns a folder with the packages of the lock file; fills it anew after every change of the lock."""
    names = ("package.json", "package-lock.json", ".npmrc")
    stamp = hashlib.sha256(b"".join((_CLIENT / name).read_bytes() for name in names)).hexdigest()[:16]
    cache = cache_folder()
    home = cache / f"npm-{stamp}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            for name in names:
                shutil.copy(_CLIENT / name, home / name)
            report = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
                cwd=home,
                capture_output=True,
                text=True,
                check=False,
            )
            if report.returncode:
                sys.exit(report.stdout + report.stderr)
            (home / "complete").touch()
    return home


class _Comments:
    """The comments of one file by the path of what they stand before."""

    def __init__(self, file: descriptor_pb2.FileDescriptorProto) -> None:
        self._by_path = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}

    def at(self, *path: int) -> str:
        """Returns the comment without its indentation; empty if there is none."""
        return re.sub(r"^ ", "", self._by_path.get(path, ""), flags=re.MULTILINE).strip()


def _doc(text: str, indent: str = "") -> str:
    """Returns a comment as a doc comment, with a line break at the end."""
    safe = re.sub(r"([{}@])", r"\\\1", text.replace("*/", "* /")).split("\n")
    if len(safe) == 1 and len(indent) + len(safe[0]) + 7 <= _WIDTH:
        return f"{indent}/** {safe[0]} */\n"
    return f"{indent}/**\n" + "".join(f"{indent} * {line}".rstrip() + "\n" for line in safe) + f"{indent} */\n"


def _enum_values(enum: descriptor_pb2.EnumDescriptorProto) -> list[str]:
    """Returns the names without their common prefix, without the one that stands for none."""
    prefix = enum.value[0].name.removesuffix("UNSPECIFIED")
    return [value.name.removeprefix(prefix) for value in enum.value[1:]]


def _is_enum(field: descriptor_pb2.FieldDescriptorProto) -> bool:
    return field.type == _Field.TYPE_ENUM


def _short(type_name: str) -> str:
    return type_name.rpartition(".")[2]


class _Types:
    """The plain types of the messages that travel to the server (init) and from it."""

    def __init__(self) -> None:
        self.by_name = {message.name: message for file in files() for message in file.message_type}
        self.inputs = self._reach({rpc.request for rpc in rpcs()})
        self.outputs = self._reach({rpc.response for rpc in rpcs()})

    def _reach(self, names: set[str]) -> set[str]:
        """Returns the messages that are parts of these, and these."""
        found: set[str] = set()
        waiting = sorted(names)
        while waiting:
            name = waiting.pop()
            if name in found or name not in self.by_name:
                continue
            found.add(name)
            message = self.by_name[name]
            for part in (message, *message.nested_type):
                waiting.extend(_short(field.type_name) for field in part.field if field.type == _Field.TYPE_MESSAGE)
        return found

    def name(self, message: str, *, is_input: bool) -> str:
        """Returns the name of the interface: requests are named for what is sent, all else for what comes."""
        if message.endswith("Request"):
            return message if is_input else f"{message}Data"
        return f"{message}Init" if is_input else message

    def of(
        self, field: descriptor_pb2.FieldDescriptorProto, owner: descriptor_pb2.DescriptorProto, *, is_input: bool
    ) -> str:
        """Returns the type of a field's value, lists and maps included."""
        entry = next((nested for nested in owner.nested_type if _is_entry_of(nested, field)), None)
        if entry is not None:
            value = self._single(entry.field[1], is_input=is_input)
            return f"Readonly<Record<string, {value}>>" if is_input else f"Record<string, {value}>"
        single = self._single(field, is_input=is_input)
        if field.label != _Field.LABEL_REPEATED:
            return single
        element = f"({single})" if "|" in single else single
        return f"readonly {element}[]" if is_input else f"{element}[]"

    def _single(self, field: descriptor_pb2.FieldDescriptorProto, *, is_input: bool) -> str:
        if field.type_name in _WELL_KNOWN:
            return _WELL_KNOWN[field.type_name][is_input]
        if field.type == _Field.TYPE_MESSAGE:
            return self.name(_short(field.type_name), is_input=is_input)
        if _is_enum(field):
            return _short(field.type_name)
        if field.type in _INT64 and is_input:
            return "number | bigint"
        return {_Field.TYPE_STRING: "string", _Field.TYPE_BOOL: "boolean", _Field.TYPE_BYTES: "Uint8Array"}.get(
            field.type, "number"
        )


def _is_entry_of(nested: descriptor_pb2.DescriptorProto, field: descriptor_pb2.FieldDescriptorProto) -> bool:
    return nested.options.map_entry and field.type_name.endswith(f".{nested.name}")


def _messages() -> str:
    """Returns the module with the plain types."""
    types = _Types()
    imports = 'import type { Instant, InstantInit, Milliseconds, Properties } from "../values.js";\n'
    parts = [f'{imports}import type {{ JsonObject }} from "@bufbuild/protobuf";\n']
    for file in files():
        comments = _Comments(file)
        parts += [_enum(enum, comments, i) for i, enum in enumerate(file.enum_type)]
        for i, message in enumerate(file.message_type):
            if message.name in types.outputs:
                parts.append(_interface(types, message, comments, i, is_input=False))
            if message.name in types.inputs:
                parts.append(_interface(types, message, comments, i, is_input=True))
    return "\n".join(parts)


def _enum(enum: descriptor_pb2.EnumDescriptorProto, comments: _Comments, index: int) -> str:
    """Returns a union of the names of an enum, and of numbers that are newer than this client."""
    values = _enum_values(enum)
    lines = [comments.at(5, index), ""]
    for k, name in enumerate(values, start=1):
        lines.append(f"- `{name}`: {' '.join(comments.at(5, index, 2, k).split())}")
    union = "".join(f'\n  | "{name}"' for name in values)
    return _doc("\n".join(lines)) + f"export type {enum.name} ={union}\n  | `UNKNOWN_${{number}}`;\n"


def _interface(
    types: _Types, message: descriptor_pb2.DescriptorProto, comments: _Comments, index: int, *, is_input: bool
) -> str:
    """Returns a message as an interface."""
    absent = " | undefined" if is_input else ""
    members = []
    oneofs: set[int] = set()
    for k, field in enumerate(message.field):
        if field.HasField("oneof_index") and not field.proto3_optional:
            if field.oneof_index not in oneofs:
                oneofs.add(field.oneof_index)
                members.append(_oneof(types, message, comments, index, field.oneof_index, is_input=is_input))
            continue
        value = types.of(field, message, is_input=is_input)
        mark = "?" if is_input or _may_be_absent(field) else ""
        members.append(
            _doc(comments.at(4, index, 2, k), "  ") + f"  {field.json_name}{mark}: {value}{absent if mark else ''};\n"
        )
    name = types.name(message.name, is_input=is_input)
    body = "".join(members)
    head = _doc(comments.at(4, index))
    if not body:
        return head + f"export type {name} = Readonly<Record<string, never>>;\n"
    return head + f"export interface {name} {{\n{body}}}\n"


def _may_be_absent(field: descriptor_pb2.FieldDescriptorProto) -> bool:
    """Tells whether a field of an answer may be missing: a figure, a message, an enum that says nothing."""
    if field.label == _Field.LABEL_REPEATED:
        return False
    return field.proto3_optional or field.type == _Field.TYPE_MESSAGE or _is_enum(field)


def _oneof(
    types: _Types,
    message: descriptor_pb2.DescriptorProto,
    comments: _Comments,
    index: int,
    oneof: int,
    *,
    is_input: bool,
) -> str:
    """Returns a oneof as a union of pairs of a case and its value."""
    cases = []
    for k, field in enumerate(message.field):
        if field.HasField("oneof_index") and field.oneof_index == oneof and not field.proto3_optional:
            value = types.of(field, message, is_input=is_input)
            doc = _doc(comments.at(4, index, 2, k), "    ")
            cases.append(f'{doc}    | {{ case: "{field.json_name}"; value: {value} }}\n')
    if is_input:
        cases.append("    | undefined\n")
    name = _camel(message.oneof_decl[oneof].name)
    return _doc(comments.at(4, index, 8, oneof), "  ") + f"  {name}?:\n{''.join(cases).rstrip()};\n"


def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found.group(1).upper(), name)


def event_families() -> dict[str, str]:
    """Returns the field of Event.detail by each event type that the contract names there: "message.sent" → "message".

    The comment of the field names the types: "For message.received and message.sent.", or "For call.started, .ended."
    """
    families = {}
    for file in files():
        comments = _Comments(file)
        for i, message in enumerate(file.message_type):
            if message.name != "Event":
                continue
            for k, field in enumerate(message.field):
                if field.HasField("oneof_index"):
                    families.update(dict.fromkeys(_named_types(comments.at(4, i, 2, k)), field.name))
    return families


def _named_types(comment: str) -> Iterator[str]:
    """Yields the event types that a comment names; one that begins with a dot has the first part of the one before."""
    first = ""
    for start, rest in re.findall(r"([a-z_]*)\.([a-z_]+)", comment):
        first = start or first
        yield f"{first}.{rest}"


def _event_types() -> str:
    """Returns the module with the fields of each event type."""
    details = {
        field.name: _short(field.type_name)
        for message in (message for file in files() for message in file.message_type if message.name == "Event")
        for field in message.field
        if field.HasField("oneof_index")
    }
    families = event_families()
    names = sorted({f"{details[family]}Init" for family in families.values()})
    imports = "".join(f"  {name},\n" for name in names)
    members = "".join(f'  "{event_type}": {details[family]}Init;\n' for event_type, family in families.items())
    entries = "".join(f'  "{event_type}": "{_camel(family)}",\n' for event_type, family in families.items())
    return (
        f'import type {{\n{imports}}} from "./messages.js";\n\n'
        "/** The fields that belong to each event type that the service knows. */\n"
        f"export interface DetailByEventType {{\n{members}}}\n\n"
        "/** The field of an event's detail that belongs to each event type. */\n"
        f"export const FAMILY_OF = {{\n{entries}}} as const satisfies Record<keyof DetailByEventType, string>;\n"
    )


def _service_config() -> str:
    """Returns the module with the published gRPC service config."""
    text = SERVICE_CONFIG.read_text(encoding="utf-8").strip()
    return (
        "/**\n * The published gRPC service config, for calls by plain stubs: timeouts and retries of each method.\n"
        " * The client itself does not use it, since it makes its own retries.\n */\n"
        f"export const serviceConfig = {text} as const;\n"
    )


def _kind(rpc: Rpc, types: _Types) -> str:
    if any(field.name == "sent_at" for field in types.by_name[rpc.request].field):
        return "events"
    if rpc.is_question:
        return "question"
    # What is corrected or retracted a second time stays as it is.
    return "correction" if rpc.service == "EventService" else "change"


def _calls() -> str:
    """Returns the module with a method for each RPC."""
    types = _Types()
    ours = [rpc for rpc in rpcs() if rpc.name not in _BY_HAND and not rpc.takes_stream]
    methods = [part for rpc in ours for part in _methods(rpc, types)]
    services: dict[str, str] = {
        service.name: pathlib.PurePosixPath(file.name).stem for file in files() for service in file.service
    }
    used = {rpc.service for rpc in ours}
    names = {rpc.request for rpc in ours} | {rpc.response for rpc in ours} | {rpc.row for rpc in ours if rpc.row}
    imports = "".join(f"  {name},\n" for name in sorted(names))
    stubs = "".join(
        f'import {{ {service} }} from "./tallywire/v1/{services[service]}_pb.js";\n' for service in sorted(used)
    )
    return (
        'import type { CallOptions, Caller, StreamOptions } from "../caller.js";\n'
        f'import type {{\n{imports}}} from "./messages.js";\n{stubs}\n'
        "/** A method for each RPC of the contract. */\nexport class Calls {\n"
        "  readonly #caller: Caller;\n\n  /** @internal */\n"
        "  constructor(caller: Caller) {\n    this.#caller = caller;\n  }\n\n" + "\n".join(methods) + "}\n"
    )


def _methods(rpc: Rpc, types: _Types) -> Iterable[str]:
    """Yields the method for an RPC, and the one for all rows of a list in pages."""
    name = rpc.name[0].lower() + rpc.name[1:]
    kind = _kind(rpc, types)
    doc = _doc(rpc.comment, "  ")
    attempt = rpc.timeout_ms if kind == "events" and rpc.timeout_ms is not None else _ATTEMPT_MS
    spec = f'{{ method: {rpc.service}.method.{name}, kind: "{kind}", attemptMs: {attempt:_} }}'
    head = f"request: {rpc.request} = {{}}, options?: "
    if rpc.gives_stream:
        yield (
            f"{doc}  {name}({head}StreamOptions): AsyncGenerator<{rpc.response}, void, undefined> {{\n"
            f"    return this.#caller.serverStream<{rpc.response}>({spec}, request, options);\n  }}\n"
        )
        return
    yield (
        f"{doc}  {name}({head}CallOptions): Promise<{rpc.response}> {{\n"
        f"    return this.#caller.unary<{rpc.response}>({spec}, request, options);\n  }}\n"
    )
    if rpc.rows:
        rows = _camel(rpc.rows)
        all_name = f"{name}All" if rpc.name.startswith(("List", "Query")) else f"{name}{rows[0].upper()}{rows[1:]}"
        text = f"All `{rows}` of {name}, page after page; `pageSize` says how many are fetched at once."
        yield (
            f"{_doc(text, '  ')}  {all_name}({head}CallOptions): AsyncGenerator<{rpc.row}, void, undefined> {{\n"
            f'    return this.#caller.pages<{rpc.row}>({spec}, "{rows}", request, options);\n  }}\n'
        )
