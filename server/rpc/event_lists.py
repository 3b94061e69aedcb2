"""ListEvents: conversion between messages and values."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime

from server import timerange
from server.admission import request_limits
from server.catalog import dimensions
from server.catalog.dimensions import Dimension
from server.errors import Reason, Refused
from server.events import rules
from server.query import event_list
from server.query.event_list import EventFilter, EventPage, EventRow, EventsQuestion, ListedSum
from server.rpc import event_messages
from server.rpc.questions import shared
from server.rpc.questions.shared import StoredUser
from tallywire.v1 import answer_pb2, list_events_pb2, rows_pb2

DEFAULT_PAGE_SIZE = 100
_MAX_VALUE_BYTES = 256
_PIECE = 16  # events that are encoded at a time
_ROOT = "properties"
_PEOPLE = ("user_id", "conversation_id")
# The fields of a filter that name a dimension of their own.
_FIELDS = {
    name: dimensions.TABLE.by_field[name]
    for name in list_events_pb2.EventFilter.DESCRIPTOR.fields_by_name
    if name in dimensions.TABLE.by_field
}


def question(request: list_events_pb2.ListEventsRequest, stored_user: StoredUser) -> EventsQuestion:
    """Returns the question of a request; refuses invalid fields. stored_user gives the id that is stored."""
    if request.rows_token:
        for name in ("time_range", "filter"):
            if request.HasField(name):
                raise Refused(Reason.INVALID_VALUE, "does not go with rows_token, which says which events", field=name)
    return EventsQuestion(
        period=None if request.rows_token else shared.period(request.time_range),
        filter=_filter(request.filter, stored_user),
        rows_token=request.rows_token,
        newest_first=shared.descending(request.direction),
        page_size=shared.page_size(request.page_size, DEFAULT_PAGE_SIZE, event_list.MAX_PAGE_SIZE),
        page_token=request.page_token,
    )


def _filter(message: list_events_pb2.EventFilter, stored_user: StoredUser) -> EventFilter:
    for most, count in (
        (request_limits.LISTED_TYPES, len(message.event_types)),
        (request_limits.LISTED_VALUES, len(message.dimensions)),
        (request_limits.LISTED_PROPERTIES, len(message.properties)),
    ):
        most.check(count)
    for event_type in message.event_types:
        rules.identifier("filter.event_types", event_type)
    given = [(dimension, name, getattr(message, name)) for name, dimension in _FIELDS.items()]
    values = [(dimension, rules.identifier(f"filter.{name}", value)) for dimension, name, value in given if value]
    return EventFilter(
        event_types=sorted(set(message.event_types)),
        people=[(name, _person(message, name, stored_user)) for name in _PEOPLE if getattr(message, name)],
        values=[*values, *map(_value, message.dimensions)],
        properties=list(map(_property, message.properties)),
        received_since=_received_since(message),
    )


def _person(message: list_events_pb2.EventFilter, name: str, stored_user: StoredUser) -> str:
    value = rules.identifier(f"filter.{name}", getattr(message, name))
    return stored_user(value) if name == "user_id" else value


def _value(message: answer_pb2.DimensionFilter) -> tuple[Dimension, str]:
    field = "filter.dimensions"
    found = shared.dimension(
        message.dimension, dimensions.TABLE.filters, field=f"{field}.dimension", purpose="events carry"
    )
    if not message.value:
        raise rules.required(f"{field}.value")
    return found, rules.identifier(f"{field}.value", message.value, found.max_bytes)


def _property(message: list_events_pb2.PropertyFilter) -> tuple[Sequence[str], str]:
    field = "filter.properties"
    if not message.path:
        raise rules.required(f"{field}.path")
    if not message.value:
        raise rules.required(f"{field}.value")
    root, *keys = rules.identifier(f"{field}.path", message.path).split(".")
    if root != _ROOT or not keys or not all(keys) or len(keys) > rules.MAX_PROPERTIES_DEPTH:
        raise Refused(
            Reason.INVALID_PATH,
            f"{message.path[:100]!r} names no value: it must be like properties.order.status, at most"
            f" {rules.MAX_PROPERTIES_DEPTH} levels deep",
            field=f"{field}.path",
            metadata={"path": message.path[:100]},
        )
    return tuple(keys), rules.identifier(f"{field}.value", message.value, _MAX_VALUE_BYTES)


def _received_since(message: list_events_pb2.EventFilter) -> datetime | None:
    if not message.HasField("received_since"):
        return None
    given = message.received_since
    return timerange.of_microseconds(rules.timestamp("filter.received_since", given.seconds, given.nanos))


async def encoded_response(answer: EventPage, *, user_details: bool) -> bytes:
    """Returns the encoded message of an answer, and yields to the event loop between its rows."""
    encoded = bytearray()
    for piece in _pieces(answer, user_details=user_details):
        encoded += piece.SerializeToString()
        await asyncio.sleep(0)
    return bytes(encoded)


def _pieces(answer: EventPage, *, user_details: bool) -> Iterator[list_events_pb2.ListEventsResponse]:
    """Yields parts of a message, whose encodings put together are the encoded message."""
    yield list_events_pb2.ListEventsResponse(
        context=shared.context(answer.context),
        next_page_token=answer.next_page_token,
        figure=None if answer.figure is None else _figure(answer.figure),
    )
    for first in range(0, len(answer.rows), _PIECE):
        some = answer.rows[first : first + _PIECE]
        yield list_events_pb2.ListEventsResponse(rows=[_row(one, user_details=user_details) for one in some])


def _row(one: EventRow, *, user_details: bool) -> list_events_pb2.EventRow:
    return list_events_pb2.EventRow(
        event=event_messages.message(one.listed.event, user_details=user_details),
        received_at=shared.instant(one.listed.received_at),
        revision=one.listed.revision,
        amount=one.amount,
    )


def _figure(one: ListedSum) -> rows_pb2.FigureRows:
    return rows_pb2.FigureRows(
        metric=one.counted.metric,
        figure=one.counted.figure,
        listed_rows=one.rows,
        listed_figure=one.figure,
        missing_figure=one.missing,
        kept_from=None if one.kept_from is None else shared.instant(one.kept_from),
    )
