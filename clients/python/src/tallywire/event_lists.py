"""Lists of events of a client for ordinary, blocking code."""

import abc
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar, Unpack

import grpc

from tallywire import event_list_requests, retries
from tallywire.event_list_requests import PAGE_SIZE, EventListOptions
from tallywire.v1 import event_service_pb2_grpc, list_events_pb2

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class EventLists(abc.ABC):
    """A client's lists of events; how a call is made is the client's own."""

    _events: event_service_pb2_grpc.EventServiceStub

    @abc.abstractmethod
    def _call(
        self,
        method: "grpc.UnaryUnaryMultiCallable[_Request, _Response]",
        build: Callable[[], _Request],
        policy: retries.Policy,
        timeout: float | None,
    ) -> _Response:
        """Returns the answer of a method, tried again as long as that helps and time is left."""

    def list_events(
        self,
        start: datetime,
        end: datetime,
        *,
        page_size: int = PAGE_SIZE,
        timeout: float | None = None,
        **options: Unpack[EventListOptions],
    ) -> Iterator[list_events_pb2.EventRow]:
        """Yields the events that occurred in [start, end), the newest first, with all that they carry.

        The options narrow the list (EventListOptions). All of it is of one revision: what comes in meanwhile is not in
        it. Pages are asked for as they are needed, each with the whole timeout. The key needs the scope events.
        """
        yield from self._rows(event_list_requests.between(start, end, options, page_size), timeout)

    def events_behind(
        self, rows_token: str, *, oldest_first: bool = False, page_size: int = PAGE_SIZE, timeout: float | None = None
    ) -> Iterator[list_events_pb2.EventRow]:
        """Yields the events that a figure was counted from, each with its amount: these add up to the figure.

        rows_token is a token of an answer that was asked for with include_rows_tokens.
        """
        yield from self._rows(
            event_list_requests.behind(rows_token, oldest_first=oldest_first, page_size=page_size), timeout
        )

    def _rows(
        self, first: list_events_pb2.ListEventsRequest, timeout: float | None
    ) -> Iterator[list_events_pb2.EventRow]:
        request: list_events_pb2.ListEventsRequest | None = first
        while request is not None:
            answer = self._page(request, timeout)
            yield from answer.rows
            request = event_list_requests.following(request, answer)

    def _page(
        self, request: list_events_pb2.ListEventsRequest, timeout: float | None
    ) -> list_events_pb2.ListEventsResponse:
        return self._call(self._events.ListEvents, lambda: request, retries.QUERY, timeout)
