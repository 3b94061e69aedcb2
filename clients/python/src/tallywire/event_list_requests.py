"""Requests for lists of events from friendly arguments, and their pages. It does no I/O."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypedDict

from google.protobuf import timestamp_pb2

from tallywire import requests
from tallywire.v1 import list_events_pb2, metrics_service_pb2

PAGE_SIZE: Final = 1_000  # the largest that the server gives


class EventListOptions(TypedDict, total=False):
    """What a list of events may be narrowed by.

    event_types: any of these. dimensions: values of other dimensions, by their names. properties: values as text, by
    their paths, such as "properties.order.status". received_since: what was received then or later. With oldest_first
    the oldest event comes first.
    """

    event_types: Sequence[str]
    agent_id: str | None
    user_id: str | None
    conversation_id: str | None
    channel: str | None
    team_id: str | None
    campaign_id: str | None
    dimensions: Mapping[str, str] | None
    properties: Mapping[str, str] | None
    received_since: datetime | None
    oldest_first: bool


_TEXTS: Final = ("agent_id", "user_id", "conversation_id", "channel", "team_id", "campaign_id")


def between(
    start: datetime, end: datetime, options: EventListOptions, page_size: int
) -> list_events_pb2.ListEventsRequest:
    """Returns the request for the first events of a period. Raises TypeError for event types that are one text."""
    return list_events_pb2.ListEventsRequest(
        time_range=requests.time_range(start, end, None),
        filter=_filter(options),
        direction=_direction(oldest_first=options.get("oldest_first", False)),
        page_size=page_size,
    )


def behind(rows_token: str, *, oldest_first: bool, page_size: int) -> list_events_pb2.ListEventsRequest:
    """Returns the request for the first events behind a figure."""
    return list_events_pb2.ListEventsRequest(
        rows_token=rows_token, direction=_direction(oldest_first=oldest_first), page_size=page_size
    )


def following(
    request: list_events_pb2.ListEventsRequest, answer: list_events_pb2.ListEventsResponse
) -> list_events_pb2.ListEventsRequest | None:
    """Returns the request for the page after an answer; None after the last one."""
    if not answer.next_page_token:
        return None
    again = list_events_pb2.ListEventsRequest()
    again.CopyFrom(request)
    again.page_token = answer.next_page_token
    return again


def _direction(*, oldest_first: bool) -> metrics_service_pb2.SortDirection.ValueType:
    ascending, descending = metrics_service_pb2.SORT_DIRECTION_ASCENDING, metrics_service_pb2.SORT_DIRECTION_DESCENDING
    return ascending if oldest_first else descending


def _filter(options: EventListOptions) -> list_events_pb2.EventFilter | None:
    event_types = options.get("event_types") or ()
    if isinstance(event_types, str):
        raise TypeError("event_types is a sequence of types, not one text")
    made = list_events_pb2.EventFilter(event_types=event_types)
    for name in _TEXTS:
        if value := options.get(name):
            setattr(made, name, value)
    for name, value in (options.get("dimensions") or {}).items():
        made.dimensions.add(dimension=name, value=value)
    for path, value in (options.get("properties") or {}).items():
        made.properties.add(path=path, value=value)
    since = options.get("received_since")
    if since is not None:
        stamp = timestamp_pb2.Timestamp()
        stamp.FromDatetime(since)
        made.received_since.CopyFrom(stamp)
    return made if made.ListFields() else None
