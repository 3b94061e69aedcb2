"""Answers of the contract as tables: figures, series, breakdowns, rankings. The first table of an answer is
its main one.

An answer's figures are a table with a row for the period asked about, and one for the earlier period where the question
compares. A breakdown is a table whose rows, rest and other add up to the whole.
"""

import zoneinfo
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message

from server.exports.tables import DataColumn, DataContext, DataTable, Value, ValueKind
from server.rpc.exports import special_tables
from server.rpc.exports.breakdown_tables import breakdown, is_breakdown
from server.rpc.exports.fields import Fields
from server.rpc.exports.making import NESTED, Making
from tallywire.v1 import answer_pb2

FIGURES = "figures"
# The figures that an answer is about: columns of the table of figures have their names without more.
_MAIN = ("overview", "agent", "figures", "total", "roi", "quota", "campaign", "durable_resolution", "repeat_contacts")
_SKIPPED = frozenset({"context", "compared", "granularity", "next_page_token", "rows_tokens"})
_PREFIXED = frozenset({"durable_resolution", "repeat_contacts"})
_BOUNDS = (
    DataColumn(name="start", title="Start", kind=ValueKind.INSTANT),
    DataColumn(name="end", title="End", kind=ValueKind.INSTANT),
)
_PERIOD = DataColumn(name="period", title="Period", kind=ValueKind.TEXT)


def context_of(message: answer_pb2.AnswerContext) -> DataContext:
    """Returns the context of an answer."""
    return DataContext(
        zone=zoneinfo.ZoneInfo(message.time_zone or "UTC"),
        revision=message.as_of_revision,
        epoch=message.epoch,
        as_of=_at(message, "as_of_time"),
        start=_at(message, "start"),
        end=_at(message, "end"),
        still_running=message.still_running,
        currency=message.currency,
        approximate=tuple(message.approximation.metrics),
        max_relative_error=message.approximation.max_relative_error,
        lagging={one.projection: one.as_of_revision for one in message.lagging},
        restriction={part.dimension: tuple(part.values)} if (part := message.restriction).dimension else {},
    )


def _at(message: Any, name: str) -> datetime | None:
    return getattr(message, name).ToDatetime(tzinfo=UTC) if message.HasField(name) else None


def tables(response: Any) -> list[DataTable]:
    """Returns the tables of an answer."""
    making = Making(context=context_of(response.context))
    special = special_tables.OF.get(response.DESCRIPTOR.name)
    handled, found = special(making, response) if special else (frozenset(), [])
    rest = [one for one in response.DESCRIPTOR.fields if one.name not in _SKIPPED and one.name not in handled]
    lists: list[DataTable] = []
    alone: list[Any] = []
    for one in rest:
        kind = one.message_type
        if one.is_repeated:
            if kind is not None and not kind.GetOptions().map_entry:
                lists.append(making.listed(one.name, kind, getattr(response, one.name)))
        elif kind is not None and is_breakdown(kind):
            lists.append(breakdown(making, one.name, getattr(response, one.name)))
        else:
            alone.append(one)
    figures = _figures(making, response, alone)
    lists += _parts_of_figures(making, response, alone)
    if figures is None:
        return [*found, *lists]
    is_main = any(one.message_type is not None for one in alone)
    return [figures, *found, *lists] if is_main else [*found, *lists, figures]


def _figures(making: Making, response: Any, alone: Sequence[Any]) -> DataTable | None:
    """Returns the table of what an answer has once, and of the same of an earlier period; None if there is nothing."""
    if not alone:
        return None
    main = next((one for one in alone if one.name in _MAIN and not one.name.startswith("earlier")), None)
    earlier = next((one for one in alone if main and one.name.startswith("earlier")), None)
    context = making.context
    columns: list[DataColumn] = [_PERIOD, *_BOUNDS]
    asked: list[Value] = ["asked", context.start, context.end]
    before: list[Value] = ["earlier", *_compared(response)]
    for one in alone:
        if one is earlier:
            continue
        fields = _fields_of(making, one)
        columns += fields.columns
        value = _message_of(response, one)
        asked += fields.values(value)
        before += (
            fields.values(_message_of(response, earlier)) if one is main and earlier else [None] * len(fields.columns)
        )
        if main is not None and one is main and main.message_type is not None:
            more = making.levels([value] if value is not None else [])
            columns += more.columns
            asked += more.values(value)
            before += more.values(_message_of(response, earlier))
    rows = [asked, before] if earlier is not None and response.HasField(earlier.name) else [asked]
    return making.table(FIGURES, columns, rows)


_PARTS = ("storage_by_kind", "events_by_type")


def _parts_of_figures(making: Making, response: Any, alone: Sequence[Any]) -> list[DataTable]:
    """Returns the lists within figures, each a table, with those of the earlier period."""
    found = []
    owners = [one for one in alone if one.message_type is not None and response.HasField(one.name)]
    for name in _PARTS:
        having = [one for one in owners if name in one.message_type.fields_by_name]
        if having:
            fields = Fields(having[0].message_type.fields_by_name[name].message_type, currency=making.context.currency)
            rows = [
                ["earlier" if one.name.startswith("earlier") else "asked", *fields.values(part)]
                for one in having
                for part in getattr(getattr(response, one.name), name)
            ]
            found.append(making.table(name, [_PERIOD, *fields.columns], rows))
    return found


class _Scalar:
    """A field of the answer itself, as the fields of a message are."""

    def __init__(self, making: Making, one: Any) -> None:
        others = [other.name for other in one.containing_type.fields if other is not one]
        self._fields = Fields(one.containing_type, currency=making.context.currency, without=others)
        self.columns = self._fields.columns

    def values(self, message: Message | None) -> list[Value]:
        """Returns the value."""
        return self._fields.values(message)


def _fields_of(making: Making, one: Any) -> Fields | _Scalar:
    if one.message_type is None:
        return _Scalar(making, one)
    is_plain = one.name in _MAIN and one.name not in _PREFIXED
    without = {*NESTED, *(("bucket",) if is_plain else ())}
    prefix = "" if is_plain else one.name
    return Fields(one.message_type, currency=making.context.currency, prefix=prefix, without=without)


def _message_of(response: Any, one: Any | None) -> Any:
    """Returns the message in a field, None where it is not set; of a plain field the whole response."""
    if one is None:
        return None
    if one.message_type is None:
        return response
    return getattr(response, one.name) if response.HasField(one.name) else None


def _compared(response: Any) -> tuple[Value, Value]:
    if "compared" not in response.DESCRIPTOR.fields_by_name or not response.HasField("compared"):
        return None, None
    return _at(response.compared, "start"), _at(response.compared, "end")
