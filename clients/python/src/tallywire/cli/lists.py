"""What the commands that list rows have in common: their options, and rows as cells."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Annotated, Final

import typer
from google.protobuf import timestamp_pb2
from google.protobuf.message import Message

from tallywire.cli import csv_output, formatting, problems
from tallywire.cli.csv_output import Cell, Sheet

Limit = Annotated[int, typer.Option(min=1, help="Most rows to show.")]
Zone = Annotated[str | None, typer.Option(help="IANA time zone of times. Default: UTC.")]
Descending = Annotated[bool, typer.Option("--descending", help="The last in the order first.")]
DEFAULT_LIMIT: Final = 100


def one_of(text: str | None, option: str, names: Iterable[str]) -> str | None:
    """Returns a name of some, or None without one. Raises WrongUsage."""
    if text is not None and text not in names:
        raise problems.WrongUsage(f"{option} is one of {', '.join(names)}, not {text!r}")
    return text


def zone(name: str | None) -> tzinfo:
    """Returns the zone that times are shown in."""
    return formatting.zone(name or "UTC")


def sheet(fields: Sequence[str], rows: Iterable[Message], where: tzinfo) -> Sheet:
    """Returns a row for each message, with a cell for each of some of its fields."""
    return Sheet(header=fields, rows=([cell(one, name, where) for name in fields] for one in rows))


def cell(message: Message, name: str, where: tzinfo) -> Cell:
    """Returns a field as a cell: instants in a zone, values of enums by their names."""
    field, value = message.DESCRIPTOR.fields_by_name[name], getattr(message, name)
    if isinstance(value, timestamp_pb2.Timestamp):
        return csv_output.instant(value, where) if message.HasField(name) else None
    if field.enum_type is not None:
        return _short(field.enum_type.values_by_number, value)
    return csv_output.field(message, name)


def _short(names: Mapping[int, object], value: int) -> Cell:
    """Returns the name of a value of an enum without what all of its names begin with; nothing where it is unset."""
    if not value or value not in names:
        return value or None
    prefix = str(getattr(names[0], "name")).removesuffix("UNSPECIFIED")  # noqa: B009 - the descriptors have no types
    return str(getattr(names[value], "name")).removeprefix(prefix).lower()  # noqa: B009 - as above


def shown(message: Message, name: str, where: tzinfo) -> str:
    """Returns a field for a terminal: a dash where there is nothing."""
    found = getattr(message, name)
    if isinstance(found, timestamp_pb2.Timestamp):
        return formatting.instant(found, where) if message.HasField(name) else formatting.ABSENT
    value = cell(message, name, where)
    return formatting.ABSENT if value is None else formatting.plain(str(value))


def lines(message: Message, fields: Sequence[str], where: tzinfo) -> Iterator[list[str]]:
    """Yields the name and the value of each of those fields that are there."""
    for name in fields:
        if (value := shown(message, name, where)) != formatting.ABSENT:
            yield [name, value]
