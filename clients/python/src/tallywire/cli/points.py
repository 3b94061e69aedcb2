"""Which points of a series say less than they seem to: cut by the period, still running, or not begun."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final, Protocol

from google.protobuf import timestamp_pb2

from tallywire.cli import formatting
from tallywire.v1 import answer_pb2, time_pb2

_QUARTER: Final = timedelta(minutes=15)  # what the service counts by, and rounds the ends of buckets to


class PointState(StrEnum):
    """How much of its hour, day, week or month a point has counted."""

    WHOLE = "whole"
    CUT = "cut"  # the period begins or ends within it
    RUNNING = "running"
    NOT_BEGUN = "not_begun"

    @property
    def word(self) -> str:
        """Returns the word of tables for it; empty for a whole point."""
        return "" if self is PointState.WHOLE else self.value.replace("_", " ")


class PointSpan(Protocol):
    """A bucket of a series, or a day of a trend."""

    @property
    def start(self) -> timestamp_pb2.Timestamp:
        """Returns its first instant."""

    @property
    def end(self) -> timestamp_pb2.Timestamp:
        """Returns the first instant after it."""


def states(
    spans: Sequence[PointSpan], granularity: time_pb2.Granularity.ValueType, context: answer_pb2.AnswerContext
) -> list[PointState]:
    """Returns the state of each point of an answer, at the time of the snapshot that answered."""
    where = formatting.zone(context.time_zone)
    now = context.as_of_time.ToDatetime(tzinfo=UTC)
    return [_state(span, granularity, where, now) for span in spans]


def summary(states: Sequence[PointState]) -> list[str]:
    """Returns the notes for a heading about the points that are not whole."""
    notes = []
    if PointState.CUT in (states[:1] or ()):
        notes.append("first point cut")
    begun = [state for state in states if state is not PointState.NOT_BEGUN]
    if len(begun) > 1 and begun[-1] is PointState.CUT:
        notes.append("last point cut")
    if PointState.RUNNING in states:
        notes.append("last point running" if len(begun) > 1 else "point running")
    if later := len(states) - len(begun):
        notes.append(f"{later} not begun")
    return notes


def _state(span: PointSpan, granularity: time_pb2.Granularity.ValueType, where: tzinfo, now: datetime) -> PointState:
    start, end = span.start.ToDatetime(tzinfo=UTC), span.end.ToDatetime(tzinfo=UTC)
    if now <= start:
        return PointState.NOT_BEGUN
    ends_whole = _is_boundary(end, granularity, where)
    if now < end or (not ends_whole and _name(now, granularity, where) == _name(start, granularity, where)):
        return PointState.RUNNING
    return PointState.WHOLE if ends_whole and _is_boundary(start, granularity, where) else PointState.CUT


def _is_boundary(instant: datetime, granularity: time_pb2.Granularity.ValueType, where: tzinfo) -> bool:
    """Returns whether one hour, day, week or month ends here and the next begins, to a quarter of an hour."""
    before, after = instant - _QUARTER, instant + _QUARTER - timedelta(seconds=1)
    return _name(before, granularity, where) != _name(after, granularity, where)


def _name(instant: datetime, granularity: time_pb2.Granularity.ValueType, where: tzinfo) -> object:
    """Returns a key of the hour, day, week or month of an instant."""
    local = instant.astimezone(where)
    match granularity:
        case time_pb2.GRANULARITY_HOUR:
            return local.date(), local.hour, local.utcoffset()
        case time_pb2.GRANULARITY_WEEK:
            return local.isocalendar()[:2]
        case time_pb2.GRANULARITY_MONTH:
            return local.year, local.month
    return local.date()
