"""A client of plain gRPC, with the published service config and nothing else of the Python client's patience."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Self

import grpc.aio

from tallywire import connection, errors, requests
from tallywire.v1 import (
    event_pb2,
    event_service_pb2,
    event_service_pb2_grpc,
    metrics_service_pb2,
    metrics_service_pb2_grpc,
)

_CLOCK: Final = requests.ClientClock(stamp=True, correct=False)


class PlainClient:
    """Makes each call once: whatever is tried again is so by the service config, if at all."""

    def __init__(
        self, target: str, *, api_key: str, retries: bool = True, options: Sequence[tuple[str, int]] = ()
    ) -> None:
        self._metadata = (("authorization", f"Bearer {api_key}"),)
        own = (("grpc.service_config", connection.service_config()), ("grpc.enable_retries", int(retries)))
        self._channel = grpc.aio.insecure_channel(target, options=(*own, *options))
        self._events: Any = event_service_pb2_grpc.EventServiceStub(self._channel)
        self._metrics: Any = metrics_service_pb2_grpc.MetricsServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        """Returns the client itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connection."""
        await self._channel.close()

    async def track(self, event: event_pb2.Event, *, timeout: float | None = None) -> event_service_pb2.EventResult:
        """Stores one event."""
        request = requests.track_event(event, _CLOCK)
        return (await self._called(self._events.TrackEvent, request, timeout)).result

    async def track_batch(
        self, events: Iterable[event_pb2.Event], *, timeout: float | None = None
    ) -> Sequence[event_service_pb2.EventResult]:
        """Stores a batch."""
        request = requests.track_events(list(events), _CLOCK)
        return (await self._called(self._events.TrackEvents, request, timeout)).results

    async def overview(
        self, start: datetime, end: datetime, *, timeout: float | None = None
    ) -> metrics_service_pb2.GetOverviewResponse:
        """Returns the key figures of a period."""
        return await self._called(
            self._metrics.GetOverview, requests.overview(requests.time_range(start, end, None), None, {}), timeout
        )

    async def _called(self, method: Any, request: object, timeout: float | None) -> Any:
        """The answer; without a timeout that of the service config holds."""
        try:
            return await method(request, timeout=timeout, metadata=self._metadata)
        except grpc.aio.AioRpcError as failure:
            raise errors.from_rpc(failure) from failure
