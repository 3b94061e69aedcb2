"""Subscriptions for asyncio code: streams that reconnect by themselves."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Self, TypeAlias, TypeVar, cast

import grpc
import grpc.aio

from tallywire import aio_stubs, errors, progress

_Response = TypeVar("_Response")
Call: TypeAlias = "grpc.aio.UnaryStreamCall[Any, _Response]"


class AsyncSubscription(progress.Resumable[_Response]):
    """An asynchronous iterator over the messages of the server; it connects with the first step.

    It ends when it is closed: at the end of `async with`, by close(), or when nobody refers to it any more. Cancelling
    a step, as asyncio.wait_for does, loses nothing: the next one connects anew and goes on.
    """

    def __init__(
        self,
        connect: Callable[[Any], "Call[_Response]"],
        seen: progress.SubscriptionProgress[Any, _Response],
        options: progress.SubscriptionOptions,
    ) -> None:
        super().__init__(seen, options)
        self._connect = connect
        self._call: Call[_Response] | None = None
        self._closed = asyncio.Event()

    def __aiter__(self) -> Self:
        """Returns the subscription itself."""
        return self

    async def __anext__(self) -> _Response:
        """Returns the next message; waits through lost connections."""
        try:
            while not self._closed.is_set():
                try:
                    response = await self._received()
                except errors.TallywireError as error:
                    await self._pause(error)
                    continue
                taken = self._seen.take(response)
                if taken is not None:
                    return taken
        except errors.TallywireError:
            await self.close()
            raise
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        """Returns the subscription itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ends the subscription."""
        await self.close()

    def __del__(self) -> None:
        """Ends the call of a subscription that was left behind."""
        if getattr(self, "_call", None) is not None:
            with contextlib.suppress(RuntimeError):  # its event loop may be gone
                self._drop()

    async def close(self) -> None:
        """Ends the subscription; a step that is waiting ends the loop."""
        self._closed.set()
        self._drop()

    async def aclose(self) -> None:
        """Does what close() does, for contextlib.aclosing."""
        await self.close()

    async def _received(self) -> _Response:
        """Returns the next message of the connection, which is opened if need be. Raises the error of its end."""
        try:
            async with asyncio.timeout(self.silence):
                response = await self._opened().read()
        except TimeoutError:
            raise self._after(progress.silent(self.silence)) from None
        except asyncio.CancelledError:
            self._drop()
            if aio_stubs.is_cancelled():
                raise
            # A call that was cancelled here raises this in whoever reads from it.
            raise progress.ended() from None
        except grpc.aio.AioRpcError as failure:
            raise self._after(errors.from_rpc(failure, out_of_time=False)) from failure
        if response is grpc.aio.EOF:
            raise self._after(progress.ended())
        self._policy.heard()
        return cast("_Response", response)

    def _opened(self) -> "Call[_Response]":
        if self._call is None:
            try:
                self._call = self._connect(self._seen.request())
            except grpc.aio.UsageError:
                raise errors.closed() from None
        return self._call

    def _after(self, error: errors.TallywireError) -> errors.TallywireError:
        """Drops the connection and returns the error that its end means."""
        self._drop()
        return progress.lost(error)

    def _drop(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    async def _pause(self, error: errors.TallywireError) -> None:
        """Waits before the next connection, or raises the error if it is final."""
        if self._closed.is_set():
            return
        wait = self._policy.wait_before_retry(error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), wait)
