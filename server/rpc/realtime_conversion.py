"""Conversion of realtime states and updates between messages and values."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import cast

from google.protobuf import timestamp_pb2

from server import quarters
from server.catalog import cells, registry
from server.catalog.cells import OTHER, CellKey
from server.errors import Reason, Refused
from server.events import erased, rules
from server.events.conversation import ConversationSummary
from server.events.event import Event
from server.events.outcomes import ClosingKind
from server.realtime.hub import Codec
from server.realtime.update_cache import Batch, ShownEvents
from server.realtime.view import Minute, ViewFilter, ViewState
from server.rpc import event_messages
from tallywire.v1 import realtime_service_pb2

MIN_INTERVAL, MAX_INTERVAL, DEFAULT_INTERVAL = 0.1, 60.0, 1.0
_MESSAGE_BYTES = 2 * 1024 * 1024  # clients take 4 MiB unless they are set up otherwise
_PIECE = 16  # changed cells or events that are encoded at a time,
_PIECE_CHARACTERS = 8 * 1024  # or fewer events, whose properties are longer: one alone may take four milliseconds
_MORE = realtime_service_pb2.WatchUpdatesResponse(more=True).SerializeToString()

_STATUSES: dict[int | None, realtime_service_pb2.ConversationStatus.ValueType] = {
    None: realtime_service_pb2.CONVERSATION_STATUS_ACTIVE,
    **{
        int(kind): realtime_service_pb2.ConversationStatus.Value(f"CONVERSATION_STATUS_{kind.name}")
        for kind in ClosingKind
        if kind is not ClosingKind.REOPENED
    },
}
_MEASURES = {measure.number: measure.name for measure in registry.MEASURES.values()}


def interval(request: realtime_service_pb2.WatchMetricsRequest) -> float:
    """Returns the shortest time between two messages, in seconds."""
    seconds = rules.duration("min_interval", request.min_interval.seconds, request.min_interval.nanos)
    if seconds == 0:
        return DEFAULT_INTERVAL
    if not MIN_INTERVAL <= seconds <= MAX_INTERVAL:
        raise Refused(
            Reason.INTERVAL_OUT_OF_RANGE,
            "min_interval must be from 100 milliseconds to 1 minute",
            field="min_interval",
            metadata={"minimum_ms": str(int(MIN_INTERVAL * 1000)), "maximum_ms": str(int(MAX_INTERVAL * 1000))},
        )
    return seconds


def state(shown: ViewState, revision: int, at: datetime, time_zone: str) -> bytes:
    """Returns a GetRealtimeMetricsResponse as bytes, encoded once for all who ask or watch.

    The bytes are also the beginning of a WatchMetricsResponse.
    """
    as_of_time = timestamp_pb2.Timestamp()
    as_of_time.FromDatetime(at)
    metrics = realtime_service_pb2.RealtimeMetrics()
    for name, value in shown.figures.items():
        if value is not None:
            setattr(metrics, name, value)
    made = realtime_service_pb2.RealtimeState(
        as_of_revision=revision,
        as_of_time=as_of_time,
        time_zone=time_zone,
        metrics=metrics,
        minutes=map(_minute, shown.minutes),
        conversations=map(_conversation, shown.conversations),
    )
    return realtime_service_pb2.GetRealtimeMetricsResponse(state=made).SerializeToString()


@functools.lru_cache(maxsize=64)  # a state is one object for all that watch it
def without_conversations(state: bytes) -> bytes:
    """Returns an encoded state as embedded panels get it: figures, and no conversations and users one by one."""
    made = realtime_service_pb2.GetRealtimeMetricsResponse.FromString(state)
    made.state.ClearField("conversations")
    return made.SerializeToString()


# Messages are joined from encoded pieces: protobuf reads concatenated messages as one with the fields of all.


def heartbeat(revision: int) -> bytes:
    """Returns a message of WatchMetrics without a state. Appended to an encoded state, it completes that message."""
    return realtime_service_pb2.WatchMetricsResponse(revision=revision).SerializeToString()


def bookmark(revision: int, token: str) -> bytes:
    """Returns a message of WatchUpdates that carries only the reader's position."""
    return realtime_service_pb2.WatchUpdatesResponse(
        resume_token=token, revision=revision, bookmark=True
    ).SerializeToString()


def resumable(message: bytes, token: str) -> bytes:
    """Returns the last message of an update with its token."""
    return message + realtime_service_pb2.WatchUpdatesResponse(resume_token=token).SerializeToString()


def _minute(minute: Minute) -> realtime_service_pb2.RealtimeMinute:
    return realtime_service_pb2.RealtimeMinute(
        start=timestamp_pb2.Timestamp(seconds=minute.start),
        messages=minute.messages,
        p50_response_time_ms=minute.p50_response_time_ms,
        p95_response_time_ms=minute.p95_response_time_ms,
    )


def _conversation(summary: ConversationSummary) -> realtime_service_pb2.ConversationState:
    return realtime_service_pb2.ConversationState(
        conversation_id=summary.conversation_id,
        status=_STATUSES[summary.outcome],
        agent_id=summary.agent_id,
        user_id=erased.shown(summary.user_id),
        channel=summary.channel,
        last_activity_at=event_messages.timestamp(summary.last_activity),
        message_count=summary.messages,
    )


def update(batch: Batch, chosen: ViewFilter, shown: ShownEvents) -> Iterator[bytes]:
    """Yields the messages of an update: one, or several if it is too large for one. The last one still lacks its token.
    Of a portion that others follow there may be none.

    An empty message is none: it marks a point at which the work may be interrupted.
    """
    head = _empty(batch)
    message = head
    for piece in _pieces(batch, chosen, shown):
        if len(message) + len(piece) > _MESSAGE_BYTES:
            yield message + _MORE
            message = head
        message += piece
        yield b""
    if not batch.update.more:
        yield message
    elif message != head:
        yield message + _MORE


def _empty(batch: Batch) -> bytes:
    return realtime_service_pb2.WatchUpdatesResponse(
        revision=batch.update.revision, committed_at=event_messages.timestamp(rules.microseconds(batch.update.at))
    ).SerializeToString()


def _pieces(batch: Batch, chosen: ViewFilter, shown: ShownEvents) -> Iterator[bytes]:
    """Yields the contents of an update, a few changes or events at a time, each piece much smaller than a message may
    be.
    """
    changed = [(key, counters) for key, counters in batch.update.changes.items() if chosen.concerns(key)]
    for start in range(0, len(changed), _PIECE):
        message = realtime_service_pb2.WatchUpdatesResponse()
        for key, counters in changed[start : start + _PIECE]:
            _add_changes(message, key, counters)
        yield message.SerializeToString()
    user_details = shown is ShownEvents.WHOLE
    for events in _few([event for event in batch.events if chosen.holds(event)] if shown else []):
        messages = [event_messages.message(event, user_details=user_details) for event in events]
        yield realtime_service_pb2.WatchUpdatesResponse(events=messages).SerializeToString()


def _few(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """Yields events, a few at a time."""
    first = characters = 0
    for index, event in enumerate(events, start=1):
        characters += len(event.properties)
        if index - first == _PIECE or characters > _PIECE_CHARACTERS:
            yield events[first:index]
            first, characters = index, 0
    if first < len(events):
        yield events[first:]


def has_overflow(batches: Iterable[Batch], chosen: ViewFilter) -> bool:
    """Returns whether an update holds changes of OTHER in the filter's dimension, which may include the filter's
    values.
    """
    dimension = chosen.dimension.number
    return any(key.dimension == dimension and key.value == OTHER for batch in batches for key in batch.update.changes)


def _add_changes(message: realtime_service_pb2.WatchUpdatesResponse, key: CellKey, counters: Mapping[int, int]) -> None:
    bucket = timestamp_pb2.Timestamp(seconds=key.bucket * quarters.QUARTER_SECONDS)
    dimension = _dimension(key.dimension)
    for number in sorted({counter // cells.KEY_SPAN for counter in counters}):
        if number in _MEASURES:
            message.changes.add(
                bucket=bucket,
                dimension=dimension,
                value=key.value,
                measure=_MEASURES[number],
                count=counters.get(cells.count_key(number), 0),
                sum=counters.get(cells.sum_key(number), 0),
            )


def _dimension(number: int) -> realtime_service_pb2.ChangeDimension.ValueType:
    """Returns the number of a dimension in the contract, which is one more, since 0 stands for none."""
    return cast(realtime_service_pb2.ChangeDimension.ValueType, number + 1)


CODEC = Codec(state=state, update=update)
