"""Which points of a series say less than they seem to: cut by the period, still running, or not begun."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final, Protocol

from google.protobuf import timestamp_pb2

from tallywire.cli import formatting
from tallywire.v1 import answer_pb2, time_pb2

_MINUTES: Final = {
    time_pb2.GRANULARITY_MINUTE: 1,
    time_pb2.GRANULARITY_FIVE_MINUTES: 5,
    time_pb2.GRANULARITY_QUARTER_HOUR: 15,
    time_pb2.GRANULARITY_HALF_HOUR: 30,
    time_pb2.GRANULARITY_HOUR: 60,
}
_QUARTER: Final = timedelta(minutes=15)  # what the service counts by, and lets days begin with
_SECOND, _MOMENT = timedelta(seconds=1), timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class PointState(StrEnum):
    """How much of its hour, day, week or other width a point has counted."""

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
    now = context.as_of_time.ToDatetime(tzinfo=UTC)
    wall = _Wall(granularity=granularity, where=formatting.zone(context.time_zone), week_start=context.week_start)
    return [_state(span, wall, now) for span in spans]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wall:
    """The clock on the wall and the calendar by which points are cut."""

    granularity: time_pb2.Granularity.ValueType
    where: tzinfo
    week_start: time_pb2.Weekday.ValueType

    def name(self, instant: datetime) -> object:
        """Returns a key of the hour, day, week or other width of an instant."""
        local = instant.astimezone(self.where)
        if self.granularity in _MINUTES:
            return local.date(), local.hour, local.minute // _MINUTES[self.granularity], local.utcoffset()
        match self.granularity:
            case time_pb2.GRANULARITY_WEEK:
                return local.date() - timedelta(days=(local.isoweekday() - max(1, self.week_start)) % 7)
            case time_pb2.GRANULARITY_MONTH:
                return local.year, local.month
            case time_pb2.GRANULARITY_QUARTER:
                return local.year, (local.month - 1) // 3
            case time_pb2.GRANULARITY_YEAR:
                return local.year
        return local.date()

    def is_boundary(self, instant: datetime) -> bool:
        """Returns whether one point ends here and the next begins; to a quarter of an hour of days and more, which the
        service lets begin with a quarter hour.
        """
        is_rounded = self.granularity not in _MINUTES and not (instant - _EPOCH) % _QUARTER
        before, after = (
            (instant - _QUARTER, instant + _QUARTER - _SECOND) if is_rounded else (instant - _MOMENT, instant)
        )
        return self.name(before) != self.name(after)


def _state(span: PointSpan, wall: _Wall, now: datetime) -> PointState:
    start, end = span.start.ToDatetime(tzinfo=UTC), span.end.ToDatetime(tzinfo=UTC)
    if now <= start:
        return PointState.NOT_BEGUN
    ends_whole = wall.is_boundary(end)
    if now < end or (not ends_whole and wall.name(now) == wall.name(start)):
        return PointState.RUNNING
    return PointState.WHOLE if ends_whole and wall.is_boundary(start) else PointState.CUT
