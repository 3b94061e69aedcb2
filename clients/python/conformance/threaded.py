"""Client, which blocks, with the methods of AsyncClient: the testee drives both alike. Each call has a thread."""

import asyncio
import concurrent.futures
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc

import tallywire
from tallywire import errors, retries

_threads = concurrent.futures.ThreadPoolExecutor(256)


async def _in_thread(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(
        _threads, functools.partial(function, *arguments, **options)
    )


async def _rows(begin: Callable[[], Iterator[Any]]) -> AsyncIterator[Any]:
    for row in await _in_thread(lambda: list(begin())):
        yield row


class ThreadedSubscription:
    """A Subscription as an asynchronous iterator."""

    def __init__(self, subscription: Any) -> None:
        self._subscription = subscription

    @property
    def silence(self) -> float:
        """The seconds of silence after which a connection counts as dead."""
        seconds: float = self._subscription.silence
        return seconds

    @silence.setter
    def silence(self, seconds: float) -> None:
        self._subscription.silence = seconds

    async def __anext__(self) -> Any:
        """Returns the next message."""
        message = await _in_thread(next, self._subscription, None)
        if message is None:
            raise StopAsyncIteration
        return message

    async def close(self) -> None:
        """Ends the subscription."""
        await _in_thread(self._subscription.close)


class ThreadedEventStream:
    """A stream of events as an asynchronous iterator."""

    def __init__(self, source: Any, acks: Iterator[Any]) -> None:
        self.source = source
        self._acks = acks

    async def __anext__(self) -> Any:
        """Returns the next acknowledgement."""
        ack = await _in_thread(next, self._acks, None)
        if ack is None:
            raise StopAsyncIteration
        return ack

    async def close(self) -> None:
        """Ends the stream, which must not be waited for."""
        self.source.put(None)
        await _in_thread(self._acks.close)  # type: ignore[attr-defined]  # a generator


class ThreadedClient:
    """A Client whose methods are awaited."""

    can_cancel = False  # nobody can end a call that blocks a thread, but by closing the client

    def __init__(self, **options: Any) -> None:
        self._client = tallywire.Client(**options)

    def __repr__(self) -> str:
        """Returns what the client says of itself."""
        return repr(self._client)

    async def close(self) -> None:
        """Closes the client."""
        await _in_thread(self._client.close)

    async def unary(self, path: str, codecs: dict[str, Any], request: Any, policy: retries.Policy, timeout: Any) -> Any:
        """Returns the answer of an RPC, with the retries of the client."""
        method = self._client._channel.unary_unary(path, **codecs)
        return await _in_thread(self._client._call, method, lambda: request, policy, timeout)

    def events(self, source: Any, **options: Any) -> "ThreadedEventStream":
        """Opens a stream of events."""
        return ThreadedEventStream(source, self._client.stream(source, **options))

    async def responses(self, path: str, codecs: dict[str, Any], request: Any, timeout: Any) -> list[Any]:
        """Returns all responses of an RPC that streams them."""
        method = self._client._channel.unary_stream(path, **codecs)
        try:
            return await _in_thread(
                lambda: list(method(request, timeout=timeout, metadata=self._client._connection.metadata))
            )
        except grpc.RpcError as failure:
            raise errors.from_rpc(failure) from failure

    async def track(self, event: Any, **options: Any) -> Any:
        """Tracks an event."""
        return await _in_thread(self._client.track, event, **options)

    async def track_batch(self, events: Any, **options: Any) -> Any:
        """Tracks events."""
        return await _in_thread(self._client.track_batch, events, **options)

    def watch(self, **options: Any) -> ThreadedSubscription:
        """Watches states."""
        return ThreadedSubscription(self._client.watch(**options))

    def updates(self, **options: Any) -> ThreadedSubscription:
        """Follows updates."""
        return ThreadedSubscription(self._client.updates(**options))

    def __getattr__(self, name: str) -> Callable[..., AsyncIterator[Any]]:
        """Returns a list in pages as an asynchronous iterator."""
        if not name.startswith("list_"):
            raise AttributeError(name)
        return lambda *arguments, **options: _rows(lambda: getattr(self._client, name)(*arguments, **options))
