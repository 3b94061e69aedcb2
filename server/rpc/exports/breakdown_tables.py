"""Breakdowns of answers as tables."""

from typing import Any

from server.exports.tables import DataTable, Row, Value
from server.rpc.exports.fields import Fields
from server.rpc.exports.making import NESTED, ROW, Making

_PARTS = frozenset({"rows", "rest", "other"})


def is_breakdown(kind: Any) -> bool:
    """Returns whether messages of a type are breakdowns."""
    return set(kind.fields_by_name) >= _PARTS


def breakdown(making: Making, name: str, message: Any) -> DataTable:
    """Returns a breakdown as a table. rows, rest and other add up to the whole."""
    row_kind = message.DESCRIPTOR.fields_by_name["rows"].message_type
    fields = Fields(row_kind, currency=making.context.currency, without=NESTED)
    more = making.levels([one.figures for one in message.rows] + [message.rest, message.other])
    rows: list[Row] = [["value", *fields.values(one), *more.values(one.figures)] for one in message.rows]
    about = len(fields.columns) - _figure_count(making, row_kind)
    for part in ("rest", "other"):
        if message.HasField(part):
            figures = getattr(message, part)
            inner = Fields(figures.DESCRIPTOR, currency=making.context.currency, without=NESTED)
            absent: list[Value] = [None] * about
            rows.append([part, *absent, *inner.values(figures), *more.values(figures)])
    notes = []
    if missing := getattr(message, "missing_pair", ""):
        notes.append(f"There are no values: the pair {missing} is not kept. Declare it to have them.")
    if (distinct := getattr(message, "distinct_values", 0)) > len(message.rows):
        notes.append(f"{len(message.rows)} of {distinct} values have rows of their own; the row rest has the others.")
    return making.table(name, [ROW, *fields.columns, *more.columns], rows, notes)


def _figure_count(making: Making, row_kind: Any) -> int:
    figures = row_kind.fields_by_name["figures"].message_type
    return len(Fields(figures, currency=making.context.currency, without=NESTED).columns)
