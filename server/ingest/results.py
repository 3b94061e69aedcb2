"""Results: what became of each event, for its sender."""

import enum
import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from server import telemetry
from server.errors import Reason, Rejection
from server.events import fingerprint
from server.events.event import Event, Warning
from server.ingest.write import Committed


class EventStatus(enum.Enum):
    """What became of an event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


class Result(NamedTuple):
    """What became of one event, for its sender."""

    event_id: str
    status: EventStatus
    rejection: Rejection | None
    warnings: tuple[Warning, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The results of a call's events in their order, and the highest revision that holds one of them (0: none)."""

    results: Sequence[Result]
    revision: int
    clock_skew: int = 0  # microseconds by which its sender's clock seems to be ahead; 0 where that is nothing to tell


_CONFLICT = Rejection(
    reason=Reason.EVENT_ID_CONFLICT,
    message="an event with this event_id and other content is stored; the first one stands",
    field="event_id",
)
REFUSED = Rejection(reason=Reason.INVALID_VALUE, message="the event holds a value that cannot be stored")
ERASED = Rejection(
    reason=Reason.USER_ERASED,
    message="this person was erased, and the organization refuses their later events",
    field="user_id",
)
OVER_QUOTA = Rejection(reason=Reason.EVENT_QUOTA, message="the events of this month are used up")


def distinct(events: Sequence[Event]) -> dict[bytes, Event]:
    """The first event of each key, sorted by key."""
    first: dict[bytes, Event] = {}
    for event in events:
        first.setdefault(event.event_key, event)
    return {key: first[key] for key in sorted(first)}


# By their places: a batch's answer takes a quarter less than by names.
_place_of = Event._fields.index
_content_of: Callable[[Event], tuple[bytes, int]] = operator.itemgetter(*map(_place_of, ("event_key", "fingerprint")))
_answered: Callable[[Event], tuple[str, bytes, int, tuple[Warning, ...]]] = operator.itemgetter(
    *map(_place_of, ("event_id", "event_key", "fingerprint", "warnings"))
)


@dataclass(slots=True, kw_only=True)
class WriteOutcome:
    """What writing an organization's batch did, in one transaction or several."""

    revision: int = 0
    fingerprints: dict[bytes, int] = field(default_factory=dict)  # of every event that is stored now
    new: set[bytes] = field(default_factory=set)
    refused: dict[bytes, Rejection] = field(default_factory=dict)
    overflowed: set[bytes] = field(default_factory=set)  # those of which a value is counted under cells.OTHER

    def add(self, committed: Committed, events: Sequence[Event]) -> None:
        """Takes in what a transaction did with some of the events, which are distinct."""
        self.revision = max(self.revision, committed.revision)
        self.refused.update(dict.fromkeys(committed.refused, ERASED))
        self.fingerprints |= committed.stored
        all_new = len(committed.new) == len(events)
        new = events if all_new else [event for event in events if event.event_key in committed.new]
        self.fingerprints.update(map(_content_of, new))
        self.new |= committed.new
        if committed.overflow:
            overflowed = {event.event_key for event in events if committed.overflow.holds(event)}
            self.overflowed |= overflowed
            telemetry.OVERFLOWED_EVENTS.inc(len(overflowed & committed.new))

    def revision_of(self, results: Sequence[Result]) -> int:
        """Returns the revision to answer with these results."""
        return self.revision if any(result.status is EventStatus.ACCEPTED for result in results) else 0

    def results(self, events: Sequence[Event]) -> list[Result]:
        """What became of events as they were sent, in their order."""
        results = []
        unclaimed = set(self.new)  # the first of several events with a new key is the accepted one
        for event_id, key, said, warnings in map(_answered, events):
            if key in self.overflowed:
                warnings = (*warnings, Warning.CARDINALITY_OVERFLOW)  # noqa: PLW2901
            if (refused := self.refused.get(key)) is not None:
                results.append(Result(event_id, EventStatus.REJECTED, refused, ()))
            elif not fingerprint.same(self.fingerprints[key], said):
                results.append(Result(event_id, EventStatus.REJECTED, _CONFLICT, ()))
            elif key in unclaimed:
                unclaimed.discard(key)
                results.append(Result(event_id, EventStatus.ACCEPTED, None, warnings))
            else:
                results.append(Result(event_id, EventStatus.DUPLICATE, None, warnings))
        return results


def count(results: Sequence[Result]) -> None:
    """Counts what became of events, for operators."""
    statuses = [result.status for result in results]
    for status in EventStatus:
        found = statuses.count(status)
        if found:
            _counter(status.value).inc(found)


_counter = functools.cache(telemetry.EVENTS.labels)
