"""A builder in Go for every event type that the contract knows."""

import re
from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from generators import contract, go_face

_EVENT = "tallywire/v1/event.proto"


def families() -> dict[str, list[str]]:
    """Returns the event types of each field of Event.detail, as the comments of the contract name them."""
    file, message, index = _event()
    comments = go_face.comments_of(file)
    return {
        field.name: _types(comments[4, index, 2, number])
        for number, field in enumerate(message.field)
        if field.HasField("oneof_index")
    }


def _types(about: str) -> list[str]:
    """Returns the event types that a comment names: ".ended" after "call.started" is call.ended."""
    found: list[str] = []
    for name in re.findall(r"(?<![a-z0-9_])[a-z_]*\.[a-z_]+", about):
        found.append(name if not name.startswith(".") else found[-1].partition(".")[0] + name)
    return found


def text() -> str:
    """Returns the file with all builders, not formatted."""
    file, event, _ = _event()
    messages = {message.name: (index, message) for index, message in enumerate(file.message_type)}
    comments = go_face.comments_of(file)
    fields = {field.name: field for field in event.field}
    parts = [*_enums(file, comments), _names()]
    for family, types in families().items():
        index, detail = messages[fields[family].type_name.rpartition(".")[2]]
        parts.append(_builder(family, types, detail, index, comments))
    imports = f'\t"time"\n\n\t"{go_face.MESSAGES}"\n'
    return f"{go_face.HEADER}package event\n\nimport (\n{imports})\n\n" + "\n".join(parts)


def _event() -> tuple[FileDescriptorProto, DescriptorProto, int]:
    file = next(file for file in contract.files() if file.name == _EVENT)
    index = next(i for i, message in enumerate(file.message_type) if message.name == "Event")
    return file, file.message_type[index], index


def _enums(file: FileDescriptorProto, comments: dict[tuple[int, ...], str]) -> Iterator[str]:
    for index, enum in enumerate(file.enum_type):
        lines = ""
        for number, value in enumerate(enum.value):
            if value.number:
                lines += go_face.comment(comments.get((5, index, 2, number), ""), "\t")
                lines += f"\t{_short(enum, value.name)} = tallywirev1.{enum.name}_{value.name}\n"
        yield go_face.comment(comments[5, index]) + f"const (\n{lines})\n"


def _short(enum: EnumDescriptorProto, name: str) -> str:
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.name).upper() + "_"
    return enum.name + go_face.go_name(name.removeprefix(prefix).lower())


def _names() -> str:
    """Returns the table of which field of Event.detail belongs to which type."""
    rows = "".join(f'\t"{name}": "{family}",\n' for family, names in families().items() for name in names)
    return (
        "// families has the field of Event.detail that belongs to each event type.\n"
        f"var families = map[string]string{{\n{rows}}}\n"
    )


def _builder(
    family: str, types: list[str], detail: DescriptorProto, index: int, comments: dict[tuple[int, ...], str]
) -> str:
    """Returns the builder of a family: its type, a maker for each event type, and setters."""
    name = f"{go_face.go_name(family)}Event"
    which = "the type" if len(types) == 1 else "the types"
    text = go_face.comment(f"{name} builds events of {which} {', '.join(types)}.")
    text += f"type {name} struct {{\n\tcommon[*{name}]\n\tdetail *tallywirev1.{detail.name}\n}}\n\n"
    for event_type in types:
        maker = "".join(go_face.go_name(part) for part in event_type.split("."))
        text += f"// {maker} begins an event of the type {event_type}, which happened now.\n"
        text += f'func {maker}() *{name} {{\n\treturn new{name}("{event_type}")\n}}\n\n'
    wrapper = f"tallywirev1.Event_{go_face.generated_name(family)}"
    text += f"func new{name}(eventType string) *{name} {{\n\te := &{name}{{}}\n"
    text += "\te.common = begin(eventType, e)\n\treturn e\n}\n\n"
    text += "// write returns the detail, which an event has from its first field on.\n"
    text += f"func (e *{name}) write() *tallywirev1.{detail.name} {{\n\tif e.detail == nil {{\n"
    text += f"\t\te.detail = &tallywirev1.{detail.name}{{}}\n"
    text += f"\t\te.event.Detail = &{wrapper}{{{go_face.generated_name(family)}: e.detail}}\n"
    text += "\t}\n\treturn e.detail\n}\n\n"
    return text + "\n".join(
        _setter(name, field, comments.get((4, index, 2, number), "")) for number, field in enumerate(detail.field)
    )


def _setter(builder: str, field: FieldDescriptorProto, about: str) -> str:
    name, target = go_face.go_name(field.name), f"e.write().{go_face.generated_name(field.name)}"
    argument = go_face.generated_name(field.name)
    argument = argument[:1].lower() + argument[1:]
    if field.name.endswith("_ms"):
        name = name.removesuffix("Ms")
        argument = argument.removesuffix("Ms")
        kind, value = "time.Duration", f"milliseconds({argument})"
        about += " It is rounded to milliseconds, halves to the even one."
    elif field.type == field.TYPE_ENUM:
        kind, value = f"tallywirev1.{field.type_name.rpartition('.')[2]}", argument
    else:
        kind, value = go_face.SCALARS[field.type], f"&{argument}"
    return (
        go_face.comment(go_face.named(name, field.name, about))
        + f"func (e *{builder}) {name}({argument} {kind}) *{builder} {{\n\t{target} = {value}\n\treturn e\n}}\n"
    )
