"""The batches of one StreamEvents call: which are sent, which are acknowledged, which must be sent again."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import grpc

from tallywire import errors, ids, requests, retries
from tallywire.v1 import event_pb2, event_service_pb2

MAX_UNACKED: Final = 32  # the server stops reading beyond


class StreamBroken(Exception):
    """The failure of the connection under a stream; `error` is its error. Errors of the source of batches differ from
    it.
    """

    def __init__(self, error: errors.TallywireError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(slots=True, kw_only=True)
class UnackedBatches:
    """The batches without an acknowledgement, oldest first, and how many of them this connection has sent."""

    limit: int
    clock: requests.ClientClock
    closed: bool = field(default=False, init=False)
    _unacked: deque[tuple[int, list[event_pb2.Event]]] = field(default_factory=deque, init=False)
    _sent: int = field(default=0, init=False)
    _last: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Checks the limit."""
        if not 1 <= self.limit <= MAX_UNACKED:
            raise ValueError(f"max_unacked is from 1 to {MAX_UNACKED}")

    @property
    def full(self) -> bool:
        """Returns whether no further batch may be added."""
        return len(self._unacked) >= self.limit

    @property
    def idle(self) -> bool:
        """Returns whether everything that was added is acknowledged."""
        return not self._unacked

    @property
    def finished(self) -> bool:
        """Returns whether nothing more can come and everything is acknowledged."""
        return self.closed and self.idle

    @property
    def has_unsent(self) -> bool:
        """Returns whether there is a batch that this connection has not sent."""
        return self._sent < len(self._unacked)

    def add(self, batch: Iterable[event_pb2.Event]) -> None:
        """Takes a batch in; events without an id get one now, and keep it. Raises ValueError if it is too large."""
        events = [ids.ensure_id(event) for event in batch]
        if len(events) > requests.MAX_EVENTS or sum(map(requests.size, events)) > requests.MAX_BYTES:
            raise ValueError(f"a batch of a stream is at most {requests.MAX_EVENTS} events and 3.5 MiB")
        self._last += 1
        self._unacked.append((self._last, events))

    def next_request(self) -> event_service_pb2.StreamEventsRequest:
        """Returns the request with the next unsent batch and counts it as sent."""
        sequence, events = next(islice(self._unacked, self._sent, None))
        self._sent += 1
        batch = event_service_pb2.StreamBatch(
            sequence=sequence, events=events, sent_at=self.clock.sent_at(), correct_clock=self.clock.correct
        )
        return event_service_pb2.StreamEventsRequest(batch=batch)

    def acknowledged(self, response: event_service_pb2.StreamEventsResponse) -> Iterator[event_service_pb2.StreamAck]:
        """Yields the new acknowledgements, and drops their batches."""
        for ack in response.acks:
            if self._unacked and self._unacked[0][0] == ack.sequence:
                self._unacked.popleft()
                self._sent -= 1
                yield ack

    def rewind(self) -> None:
        """Counts every unacknowledged batch as unsent, for a new connection."""
        self._sent = 0


def attempts(retry_for: float) -> retries.Attempts:
    """Returns the attempts of a stream: `retry_for` seconds without any progress end it."""
    return retries.Attempts(timeout=retry_for, policy=retries.STREAM)


def wait_before_retry(tries: retries.Attempts, window: UnackedBatches, error: errors.TallywireError) -> float:
    """Returns the seconds before a new connection, all batches unsent again; raises the error if it is final."""
    if window.idle:
        # Nothing was outstanding: an idle connection that reached its age is no failure.
        tries.restart()
    wait = tries.next_wait(error)
    if wait is None:
        raise error
    window.rewind()
    return wait


def ended_early() -> errors.TallywireError:
    """Returns the error for a stream that the server ended before everything was acknowledged."""
    return errors.Unavailable("the server ended the stream early", grpc.StatusCode.UNAVAILABLE)
