"""The way to the service: gRPC connections, each with no more calls than it takes, and calls as bytes."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import grpc

from server.web import methods

MOST_CALLS: Final = 90  # at once on a connection: the service takes 100
_SERVING = b"\x08\x01"  # of grpc.health.v1.HealthCheckResponse
_HEALTH_SECONDS = 2.0
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    # A name with several addresses stands for several servers, which share the calls.
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
)


@dataclass(slots=True, kw_only=True)
class _Connection:
    channel: grpc.aio.Channel
    target: str
    calls: int = 0


@dataclass(slots=True)
class _Pool:
    """Connections to one server, opened as they are needed."""

    target: str
    credentials: grpc.ChannelCredentials | None
    connections: list[_Connection] = field(default_factory=list)

    def least_used(self) -> _Connection:
        """Returns a connection with room for one more call."""
        found = min(self.connections, key=lambda one: one.calls, default=None)
        if found is not None and found.calls < MOST_CALLS:
            return found
        if self.credentials is None:
            options = (*_OPTIONS, ("grpc.enable_http_proxy", 0))
            channel = grpc.aio.insecure_channel(self.target, options=options)
        else:
            channel = grpc.aio.secure_channel(self.target, self.credentials, options=_OPTIONS)
        opened = _Connection(channel=channel, target=self.target)
        self.connections.append(opened)
        return opened


class Connections:
    """Connections to servers, which calls use in turn; one that cannot be reached is left out while another can."""

    def __init__(self, targets: Sequence[str], credentials: grpc.ChannelCredentials | None) -> None:
        self._pools = [_Pool(target, credentials) for target in targets]
        self._turn = itertools.count()

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[grpc.aio.Channel]:
        """Gives a connection for one call."""
        connection = self._next()
        connection.calls += 1
        try:
            yield connection.channel
        finally:
            connection.calls -= 1

    def _next(self) -> _Connection:
        first = next(self._turn)
        found = [self._pools[(first + offset) % len(self._pools)].least_used() for offset in range(len(self._pools))]
        failing = grpc.ChannelConnectivity.TRANSIENT_FAILURE
        return next((one for one in found if one.channel.get_state(try_to_connect=True) is not failing), found[0])

    async def close(self) -> None:
        """Closes all connections."""
        for one in [connection for pool in self._pools for connection in pool.connections]:
            await one.channel.close()


class Upstream:
    """The service. Streams have connections of their own, so that questions never wait for a place behind them."""

    def __init__(self, targets: Sequence[str], credentials: grpc.ChannelCredentials | None = None) -> None:
        self._questions = Connections(targets, credentials)
        self._streams = Connections(targets, credentials)

    async def ask(self, method: str, request: bytes, credential: str | None, timeout: float) -> bytes:
        """Makes a unary call. Raises AioRpcError."""
        async with self._questions.one() as channel:
            call: Any = channel.unary_unary(method)  # without serializers: bytes
            answer: bytes = await call(request, metadata=_metadata(credential), timeout=timeout)
            return answer

    @contextlib.asynccontextmanager
    async def stream(
        self, method: str, request: bytes, credential: str | None, timeout: float | None = None
    ) -> AsyncIterator[Any]:
        """Opens a server stream for the length of the block: what it gives yields messages, or raises AioRpcError."""
        async with self._streams.one() as channel:
            make: Any = channel.unary_stream(method)
            call = make(request, metadata=_metadata(credential), timeout=timeout)
            try:
                yield call
            finally:
                call.cancel()

    async def is_serving(self) -> bool:
        """Returns whether a server says that it serves."""
        try:
            return await self.ask(methods.HEALTH, b"", None, _HEALTH_SECONDS) == _SERVING
        except grpc.aio.AioRpcError:
            return False

    async def close(self) -> None:
        """Closes all connections."""
        await self._questions.close()
        await self._streams.close()


def _metadata(credential: str | None) -> tuple[tuple[str, str], ...]:
    return () if credential is None else (("authorization", f"Bearer {credential}"),)
