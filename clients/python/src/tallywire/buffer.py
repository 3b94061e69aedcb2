"""The memory of a Tracker: a bounded first-in-first-out buffer and its counters, without threads of its own."""

from collections import deque
from dataclasses import dataclass, field

from tallywire import requests
from tallywire.v1 import event_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The outcomes of the events given to a Tracker; each event is in exactly one of these counts."""

    sent: int
    """Stored and counted by the server."""
    duplicates: int
    """Stored before with the same id, as when an answer was lost and the event was sent again: a success."""
    rejected: int
    """Refused by the server for what they are."""
    invalid: int
    """Never taken in: they could not be built or could not be sent by anyone."""
    dropped: int
    """Not sent: the buffer was full, or the time for closing ran out."""
    failed: int
    """Given up after being sent; the outcome is unknown, or the server refused the batch as a whole."""
    pending: int
    """Waiting or on their way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOutcome:
    """The outcomes of one batch."""

    sent: int = 0
    duplicates: int = 0
    rejected: int = 0
    dropped: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _WaitingEvent:
    """An event that waits, since when, and its size in bytes."""

    event: event_pb2.Event
    size: int
    since: float


@dataclass(slots=True, kw_only=True)
class EventBuffer:
    """The events that wait or are in flight, at most `max_events` and `max_bytes` of them. Not safe between threads."""

    max_events: int
    max_bytes: int
    invalid: int = 0
    taken: int = field(default=0, init=False)
    settled: int = field(default=0, init=False)
    _waiting: deque[_WaitingEvent] = field(default_factory=deque, init=False)
    _bytes: int = field(default=0, init=False)
    _tally: BatchOutcome = field(default_factory=BatchOutcome, init=False)

    def __len__(self) -> int:
        """Returns how many events wait; events in flight are not counted."""
        return len(self._waiting)

    @property
    def oldest(self) -> float:
        """Returns the time at which the first waiting event came. There must be one."""
        return self._waiting[0].since

    def put(self, event: event_pb2.Event, size: int, now: float) -> bool:
        """Takes an event in; if there is no room, counts it as dropped and returns False."""
        self.taken += 1
        pending = self.taken - self.settled
        if pending > self.max_events or self._bytes + size > self.max_bytes:
            self.settle(BatchOutcome(dropped=1), 1, 0)
            return False
        self._waiting.append(_WaitingEvent(event, size, now))
        self._bytes += size
        return True

    def take(self, limit: int) -> tuple[list[event_pb2.Event], int]:
        """Returns the oldest events that fit in one request, and their bytes; they stay pending until settled."""
        batch: list[event_pb2.Event] = []
        total = 0
        while self._waiting and len(batch) < limit:
            if batch and total + self._waiting[0].size > requests.MAX_BYTES:
                break
            entry = self._waiting.popleft()
            batch.append(entry.event)
            total += entry.size
        return batch, total

    def settle(self, tally: BatchOutcome, events: int, size: int) -> None:
        """Counts the outcomes of `events` events of `size` bytes."""
        self.settled += events
        self._bytes -= size
        self._tally = BatchOutcome(
            sent=self._tally.sent + tally.sent,
            duplicates=self._tally.duplicates + tally.duplicates,
            rejected=self._tally.rejected + tally.rejected,
            dropped=self._tally.dropped + tally.dropped,
            failed=self._tally.failed + tally.failed,
        )

    def drop_waiting(self) -> list[event_pb2.Event]:
        """Counts all waiting events as dropped, and returns them."""
        dropped, size = [entry.event for entry in self._waiting], sum(entry.size for entry in self._waiting)
        self._waiting.clear()
        self.settle(BatchOutcome(dropped=len(dropped)), len(dropped), size)
        return dropped

    def stats(self) -> Stats:
        """Returns the counts."""
        return Stats(
            sent=self._tally.sent,
            duplicates=self._tally.duplicates,
            rejected=self._tally.rejected,
            invalid=self.invalid,
            dropped=self._tally.dropped,
            failed=self._tally.failed,
            pending=self.taken - self.settled,
        )
