"""Room for the calls of a client: how many are under way on its connections.

A server takes 100 calls of a connection at once. What is sent beyond waits inside gRPC, or, with some servers, is
refused. So calls wait here, and leave room for streams.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Final

import grpc

from tallywire import errors

MOST: Final = 90  # on one connection


def _full() -> errors.TallywireError:
    return errors.DeadlineExceeded(
        "too many calls were under way for all of its time", grpc.StatusCode.DEADLINE_EXCEEDED
    )


class AsyncCallRoom:
    """The room of an AsyncClient, on one event loop."""

    def __init__(self, connections: int) -> None:
        self._places = asyncio.Semaphore(MOST * connections)

    @contextlib.asynccontextmanager
    async def place(self, timeout: float) -> AsyncIterator[None]:
        """Holds a place for the length of the block. Raises DeadlineExceeded when none is free in time."""
        try:
            async with asyncio.timeout(timeout):
                await self._places.acquire()
        except TimeoutError:
            raise _full() from None
        try:
            yield
        finally:
            self._places.release()


class CallRoom:
    """The room of a Client, whose calls come from several threads."""

    def __init__(self, connections: int) -> None:
        self._places = threading.Semaphore(MOST * connections)

    @contextlib.contextmanager
    def place(self, timeout: float) -> Iterator[None]:
        """Holds a place for the length of the block. Raises DeadlineExceeded when none is free in time."""
        if not self._places.acquire(timeout=timeout):
            raise _full()
        try:
            yield
        finally:
            self._places.release()
