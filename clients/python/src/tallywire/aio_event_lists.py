"""Lists of events of a client for asyncio code."""

import abc
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TypeVar, Unpack

import grpc
import grpc.aio

from tallywire import aio_stubs, event_list_requests, retries
from tallywire.event_list_requests import PAGE_SIZE, EventListOptions
from tallywire.v1 import list_events_pb2

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class AsyncEventLists(abc.ABC):
    """A client's lists of events; how a call is made is the client's own."""

    @abc.abstractmethod
    def _bound(self) -> aio_stubs.Stubs:
        """Returns the connection and the stubs of the running loop."""

    @abc.abstractmethod
    async def _call(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[_Request, _Response]",
        build: Callable[[], _Request],
        policy: retries.Policy,
        timeout: float | None,
    ) -> _Response:
        """Returns the answer of a method, tried again as long as that helps and time is left."""

    async def list_events(
        self,
        start: datetime,
        end: datetime,
        *,
        page_size: int = PAGE_SIZE,
        timeout: float | None = None,
        **options: Unpack[EventListOptions],
    ) -> AsyncIterator[list_events_pb2.EventRow]:
        """Yields the events that occurred in [start, end), as Client.list_events() does."""
        async for row in self._rows(event_list_requests.between(start, end, options, page_size), timeout):
            yield row

    async def events_behind(
        self, rows_token: str, *, oldest_first: bool = False, page_size: int = PAGE_SIZE, timeout: float | None = None
    ) -> AsyncIterator[list_events_pb2.EventRow]:
        """Yields the events that a figure was counted from, as Client.events_behind() does."""
        first = event_list_requests.behind(rows_token, oldest_first=oldest_first, page_size=page_size)
        async for row in self._rows(first, timeout):
            yield row

    async def _rows(
        self, first: list_events_pb2.ListEventsRequest, timeout: float | None
    ) -> AsyncIterator[list_events_pb2.EventRow]:
        request: list_events_pb2.ListEventsRequest | None = first
        while request is not None:
            answer = await self._page(request, timeout)
            for row in answer.rows:
                yield row
            request = event_list_requests.following(request, answer)

    async def _page(
        self, request: list_events_pb2.ListEventsRequest, timeout: float | None
    ) -> list_events_pb2.ListEventsResponse:
        return await self._call(self._bound().events.ListEvents, lambda: request, retries.QUERY, timeout)
