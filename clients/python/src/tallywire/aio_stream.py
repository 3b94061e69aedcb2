"""The two tasks under AsyncClient.stream: one takes batches from their source, the other one sends them."""

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio

from tallywire import errors, stream_batches
from tallywire.v1 import event_pb2, event_service_pb2

_Call: TypeAlias = (
    "grpc.aio.StreamStreamCall[event_service_pb2.StreamEventsRequest, event_service_pb2.StreamEventsResponse]"
)

_REFUSAL: Final = 0.2  # seconds


class Feed:
    """A window of unacknowledged batches on which tasks can wait."""

    def __init__(self, window: stream_batches.UnackedBatches) -> None:
        self.window = window
        self._changed = asyncio.Condition()
        self._masked = False

    async def take(
        self, batches: AsyncIterable[Iterable[event_pb2.Event]] | Iterable[Iterable[event_pb2.Event]]
    ) -> None:
        """Moves batches from their source into the window while it has room, then closes it."""
        try:
            async for batch in _each(batches):
                async with self._changed:
                    await self._changed.wait_for(lambda: not self.window.full)
                    self.window.add(batch)
                    self._changed.notify_all()
        finally:
            # After an error of the source, too: what it gave before is still sent and acknowledged.
            async with self._changed:
                self.window.closed = True
                self._changed.notify_all()

    async def send(self, call: _Call) -> None:
        """Writes what the connection has not sent yet, until everything is acknowledged."""
        if self._masked:
            # Gives a server that refuses the stream the time to say why before anything is written.
            await asyncio.sleep(_REFUSAL)
        # A call that has ended refuses writes; its reader gets the reason.
        with contextlib.suppress(grpc.RpcError, asyncio.InvalidStateError):
            while True:
                async with self._changed:
                    await self._changed.wait_for(lambda: self.window.has_unsent or self.window.finished)
                    if self.window.finished:
                        break
                    request = self.window.next_request()
                await call.write(request)
            await call.done_writing()

    def error_of(self, error: grpc.aio.AioRpcError) -> errors.TallywireError:
        """Returns the error with which a connection has ended.

        A write that meets the end of its call makes grpc.aio replace the server's status by INTERNAL
        (github.com/grpc/grpc/issues/36066). Then only the break is known; the next connection gets the reason.
        """
        self._masked = error.code() is grpc.StatusCode.INTERNAL and error.details() == "Internal error from Core"
        if self._masked:
            return errors.Unavailable("the stream broke", grpc.StatusCode.UNAVAILABLE)
        return errors.from_rpc(error)

    async def acknowledged(self, response: event_service_pb2.StreamEventsResponse) -> list[event_service_pb2.StreamAck]:
        """Returns the new acknowledgements, and drops their batches."""
        async with self._changed:
            acks = list(self.window.acknowledged(response))
            self._changed.notify_all()
        return acks


async def stop(task: asyncio.Task[None]) -> None:
    """Cancels a task and waits for its end; an error of its own stays in the task."""
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()  # marks it as seen


async def _each(batches: AsyncIterable[Any] | Iterable[Any]) -> AsyncIterator[Any]:
    """Yields the items of either kind of iterable."""
    if isinstance(batches, AsyncIterable):
        async for batch in batches:
            yield batch
    else:
        for batch in batches:
            yield batch
