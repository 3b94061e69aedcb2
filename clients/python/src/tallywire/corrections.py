"""Corrections: how a client corrects, retracts and looks up events that are stored."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import grpc

from tallywire import requests, retries
from tallywire.v1 import event_pb2, event_service_pb2, event_service_pb2_grpc

MAX_EVENTS: Final = 100
MAX_BYTES: Final = 60 * 1024  # the server takes 64 KiB
CorrectionResult = event_service_pb2.CorrectionResult
EventHistory = event_service_pb2.GetEventResponse
# What a client calls a method with, as its questions do.
Call = Callable[["grpc.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None], Any]


def correcting(events: Iterable[event_pb2.Event], reason: str) -> Iterator[event_service_pb2.CorrectEventsRequest]:
    """Yields the requests that correct any number of events, in their order."""
    gathered: list[event_pb2.Event] = []
    total = 0
    for event in events:
        extent = requests.size(event)
        if gathered and (len(gathered) == MAX_EVENTS or total + extent > MAX_BYTES):
            yield event_service_pb2.CorrectEventsRequest(events=gathered, reason=reason)
            gathered, total = [], 0
        gathered.append(event)
        total += extent
    if gathered:
        yield event_service_pb2.CorrectEventsRequest(events=gathered, reason=reason)


def retracting(event_ids: Iterable[str], reason: str) -> Iterator[event_service_pb2.RetractEventsRequest]:
    """Yields the requests that retract any number of events, in their order. Raises TypeError for a text."""
    if isinstance(event_ids, str):
        raise TypeError("event_ids is a sequence of ids, not one text")
    every = [*event_ids]
    for start in range(0, len(every), MAX_EVENTS):
        some = every[start : start + MAX_EVENTS]
        yield event_service_pb2.RetractEventsRequest(event_ids=some, reason=reason)


class Corrections:
    """Corrections of stored events, as `client.corrections`; they need a key with the scope correct."""

    def __init__(self, channel: grpc.Channel, call: Call) -> None:
        self._stub = event_service_pb2_grpc.EventServiceStub(channel)
        self._call = call

    def correct(
        self, events: Iterable[event_pb2.Event], *, reason: str, timeout: float | None = None
    ) -> list[CorrectionResult]:
        """Makes stored events what is given under their ids, and returns a result for each; some may be REJECTED.

        Over 100 events or 60 KiB they go as several requests, each with the whole timeout. If one fails, it is
        safe to send all of them again.
        """
        results: list[CorrectionResult] = []
        for request in correcting(events, reason):
            results += self._results(self._stub.CorrectEvents, request, timeout)
        return results

    def retract(self, event_ids: Iterable[str], *, reason: str, timeout: float | None = None) -> list[CorrectionResult]:
        """Takes events out of all figures, and returns a result for each id; some may be REJECTED.

        Requests and errors are as in correct(). An id that was retracted before is REJECTED as EVENT_NOT_FOUND.
        """
        results: list[CorrectionResult] = []
        for request in retracting(event_ids, reason):
            results += self._results(self._stub.RetractEvents, request, timeout)
        return results

    def history(self, event_id: str, *, timeout: float | None = None) -> EventHistory:
        """Returns an event as it counts now, and what it was before. Raises NotFound if none is kept.

        Needs a key with the scope events.
        """
        request = event_service_pb2.GetEventRequest(event_id=event_id)
        found: EventHistory = self._call(self._stub.GetEvent, lambda: request, retries.QUERY, timeout)
        return found

    def _results(self, method: Any, request: object, timeout: float | None) -> Iterable[CorrectionResult]:
        found: Iterable[CorrectionResult] = self._call(method, lambda: request, retries.INGEST, timeout).results
        return found
