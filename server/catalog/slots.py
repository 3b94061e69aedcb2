"""Slots: short spans of time, by which recent figures are kept for the last hour.

A slot is five seconds or a minute wide. Ingest chooses the width by the age of an event. The event's figures also
belong to its quarter hour, and to that alone once they are an hour old.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from server import quarters, timerange
from server.catalog import cells, registry
from server.catalog.cells import Cell
from server.events.event import Event

FINE, MINUTE = 5, 60  # the widths, in seconds
FINE_PER_MINUTE = MINUTE // FINE

# The figures of a minute and of five minutes need slots of five seconds for a moment longer than that, those of an hour
# need minutes for a moment longer: a commit may take its time.
_FINE_AGE, _MINUTE_AGE = 6 * 60, 62 * 60
_SECOND = 1_000_000
_ONE_MINUTE = timedelta(minutes=1)
# So many minutes back what is folded is kept, and distinguished by five seconds.
MINUTES_KEPT, FINE_MINUTES_KEPT = 65, 7

# Places in time as one number each, which the events of a batch are grouped by: slots of five seconds, then minutes,
# then quarter hours.
_MINUTES, _QUARTERS = 1 << 40, 1 << 41
FINE_PER_QUARTER, MINUTES_PER_QUARTER = quarters.QUARTER_SECONDS // FINE, quarters.QUARTER_SECONDS // MINUTE

# The place of a slot in its quarter hour, as it is stored.
WHOLE = 0  # no slot: all of the quarter hour
FIRST_MINUTE, FIRST_FINE = 1, 1 + MINUTES_PER_QUARTER

RECEIVED = cells.count_key(registry.MEASURES["messages_received"].number)
SENT = cells.count_key(registry.MEASURES["messages_sent"].number)
FAILED = cells.count_key(registry.MEASURES["failed_messages"].number)
_RESPONSE_TIME = registry.MEASURES["response_time_sum_ms"].number
RESPONSES, RESPONSE_TIME = cells.count_key(_RESPONSE_TIME), cells.sum_key(_RESPONSE_TIME)
FIRST_BIN, LAST_BIN = cells.first_bin_key(_RESPONSE_TIME), (_RESPONSE_TIME + 1) * cells.KEY_SPAN - 1


def minute_of(at: datetime) -> int:
    """Returns the minute of an instant, counted since 1970."""
    return (at - timerange.EPOCH) // _ONE_MINUTE


class Slot(NamedTuple):
    """A span of time: its width in seconds, and the number of such spans since 1970."""

    seconds: int
    number: int

    @property
    def minute(self) -> int:
        """Returns the minute to which the slot belongs, counted since 1970."""
        return self.number * self.seconds // MINUTE


def slot_of(bucket: int, place: int) -> Slot:
    """Returns the slot at a place in a quarter hour; the place is not WHOLE."""
    if place >= FIRST_FINE:
        return Slot(FINE, bucket * FINE_PER_QUARTER + place - FIRST_FINE)
    return Slot(MINUTE, bucket * MINUTES_PER_QUARTER + place - FIRST_MINUTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recency:
    """How finely times are distinguished.

    By five seconds and by minute from an instant on, in microseconds since 1970; by quarter hour before that instant.
    """

    fine_from: int
    minutes_from: int

    def places(self, events: Sequence[Event]) -> Sequence[int]:
        """Returns the places of events in time, each as a number that split() understands."""
        times = [event.occurred_at for event in events]
        if times and min(times) >= self.fine_from:
            return [time // (FINE * _SECOND) for time in times]
        if times and max(times) < self.minutes_from:
            return [_QUARTERS + time // (quarters.QUARTER_SECONDS * _SECOND) for time in times]
        return [self.place(time) for time in times]

    def place(self, time: int) -> int:
        """Returns the place of an instant."""
        if time >= self.fine_from:
            return time // (FINE * _SECOND)
        if time >= self.minutes_from:
            return _MINUTES + time // (MINUTE * _SECOND)
        return _QUARTERS + time // (quarters.QUARTER_SECONDS * _SECOND)


def recency(now: int) -> Recency:
    """Returns how finely times are distinguished at an instant, in microseconds since 1970."""
    return Recency(fine_from=now - _FINE_AGE * _SECOND, minutes_from=now - _MINUTE_AGE * _SECOND)


QUARTERS_ALONE = Recency(fine_from=_QUARTERS * _SECOND, minutes_from=_QUARTERS * _SECOND)


def split(place: int) -> tuple[int, int]:
    """Returns the quarter hour of a place in time, and the place within that quarter hour."""
    if place >= _QUARTERS:
        return place - _QUARTERS, WHOLE
    if place >= _MINUTES:
        bucket, minute = divmod(place - _MINUTES, MINUTES_PER_QUARTER)
        return bucket, FIRST_MINUTE + minute
    bucket, fine = divmod(place, FINE_PER_QUARTER)
    return bucket, FIRST_FINE + fine


class SlotKey(NamedTuple):
    """The key of the figures of one slot of one value of a dimension."""

    dimension: int
    value: str
    slot: Slot


@dataclass(slots=True)
class Counts:
    """The messages of a slot. bins are the histogram of their response times, see server/histogram.py."""

    messages: int = 0
    sent: int = 0
    failed: int = 0
    responses: int = 0
    response_time: int = 0  # of all responses, in milliseconds
    bins: dict[int, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Returns whether adding them changes nothing. A correction may change what messages were, and not how many."""
        numbers = (self.messages, self.sent, self.failed, self.responses, self.response_time)
        return not any(numbers) and not any(self.bins.values())

    def add(self, other: "Counts") -> None:
        """Adds the counts of another slot, which stay as they were."""
        self.messages += other.messages
        self.sent += other.sent
        self.failed += other.failed
        self.responses += other.responses
        self.response_time += other.response_time
        cells.add_into(self.bins, other.bins.items())


def counts_of(cell: Cell) -> Counts:
    """Returns what a cell says of messages."""
    get = cell.counters.get
    return Counts(
        messages=get(RECEIVED, 0) + get(SENT, 0),
        sent=get(SENT, 0),
        failed=get(FAILED, 0),
        responses=get(RESPONSES, 0),
        response_time=get(RESPONSE_TIME, 0),
        bins={key - FIRST_BIN: count for key, count in cell.bins.items() if FIRST_BIN <= key <= LAST_BIN},
    )


def cell_of(counts: Counts) -> Cell:
    """Returns the counts as a cell, from which figures are computed; the inverse of counts_of."""
    return Cell(
        {
            RECEIVED: counts.messages - counts.sent,
            SENT: counts.sent,
            FAILED: counts.failed,
            RESPONSES: counts.responses,
            RESPONSE_TIME: counts.response_time,
        },
        {key + FIRST_BIN: count for key, count in counts.bins.items()},
    )
