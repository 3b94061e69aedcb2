"""Clients whose clocks are days off, which say when they send by the same clock, and ask for it to be corrected."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from tallywire.v1 import event_pb2, event_service_pb2
from tests.harness.faults.plain import PlainClient

# A connection is tried again soon, and one that has gone silent is given up.
_OPTIONS = (
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
)


class Stray(PlainClient):
    """Sends events with its own clock's times, each call once."""

    def __init__(self, target: str, *, api_key: str, ahead: timedelta) -> None:
        super().__init__(target, api_key=api_key, retries=False, options=_OPTIONS)
        self._ahead = ahead

    async def track(self, event: event_pb2.Event, *, timeout: float | None = None) -> event_service_pb2.EventResult:
        """Stores one event."""
        (result,) = await self.track_batch([event], timeout=timeout)
        return result

    async def track_batch(
        self, events: Iterable[event_pb2.Event], *, timeout: float | None = None
    ) -> Sequence[event_service_pb2.EventResult]:
        """Stores a batch."""
        request = event_service_pb2.TrackEventsRequest(events=events, correct_clock=True)
        for event in request.events:
            event.occurred_at.FromDatetime(event.occurred_at.ToDatetime(UTC) + self._ahead)
        request.sent_at.FromDatetime(datetime.now(UTC) + self._ahead)
        return (await self._called(self._events.TrackEvents, request, timeout)).results
