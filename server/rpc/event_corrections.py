"""Corrections of events, and their history: conversion between messages and values."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from server.admission import request_limits
from server.errors import Refused, Rejection
from server.events import rules
from server.events.event import Event, key_of
from server.ingest.corrections import Corrected, Correction, CorrectionResult, CorrectionStatus
from server.query.event_history import EventHistory
from server.rpc import event_conversion, event_messages, event_results
from server.rpc.event_conversion import SenderFacts
from server.rpc.questions import shared
from tallywire.v1 import event_service_pb2

_STATUSES = {
    status: event_service_pb2.CorrectionStatus.Value(f"CORRECTION_STATUS_{status.name}") for status in CorrectionStatus
}
_MAX_REASON_BYTES = 500
# A correction, or what became of one that is none: its event is not what an event may be.
Read = Correction | CorrectionResult


def reason(text: str) -> str:
    """Returns the reason of a request; refuses one that is missing or too long."""
    if not text.strip():
        raise rules.required("reason")
    return rules.identifier("reason", text, _MAX_REASON_BYTES)


def corrections(request: event_service_pb2.CorrectEventsRequest, sender: SenderFacts) -> list[Read]:
    """Returns the corrections that a request asks for, in its order."""
    request_limits.CORRECTIONS.check(len(request.events))
    found: list[Read] = []
    for message, one in zip(request.events, event_conversion.read(request.events, sender), strict=True):
        if not message.event_id:
            found.append(_rejected("", rules.required("event_id").rejection))
        elif isinstance(one, Refused):
            found.append(_rejected(message.event_id[: rules.MAX_EVENT_ID], one.rejection))
        else:
            has_time = message.HasField("occurred_at")
            found.append(Correction(event_id=one.event_id, event_key=one.event_key, event=one, has_time=has_time))
    return found


def retractions(request: event_service_pb2.RetractEventsRequest) -> list[Read]:
    """Returns the retractions that a request asks for, in its order."""
    request_limits.CORRECTIONS.check(len(request.event_ids))
    found: list[Read] = []
    for event_id in request.event_ids:
        try:
            checked = event_key(event_id)
        except Refused as refusal:
            found.append(_rejected(event_id[: rules.MAX_EVENT_ID], refusal.rejection))
        else:
            found.append(Correction(event_id=event_id, event_key=checked, event=None))
    return found


def event_key(event_id: str) -> bytes:
    """Returns the key of an id; refuses what is none."""
    if not event_id:
        raise rules.required("event_id")
    return key_of(rules.event_id(event_id))


def _rejected(event_id: str, rejection: Rejection) -> CorrectionResult:
    return CorrectionResult(event_id=event_id, status=CorrectionStatus.REJECTED, rejection=rejection)


async def done(read: Sequence[Read], correct: Callable[[Sequence[Correction]], Awaitable[Corrected]]) -> Corrected:
    """Makes those corrections that are some, and returns what became of all."""
    made = await correct([one for one in read if isinstance(one, Correction)])
    results = iter(made.results)
    every = [next(results) if isinstance(one, Correction) else one for one in read]
    return Corrected(results=every, revision=made.revision)


def results(found: Iterable[CorrectionResult]) -> list[event_service_pb2.CorrectionResult]:
    """Returns results as messages."""
    return [
        event_service_pb2.CorrectionResult(
            event_id=one.event_id,
            status=_STATUSES[one.status],
            rejection=None if one.rejection is None else event_results.rejection_message(one.rejection),
        )
        for one in found
    ]


def history(found: EventHistory, *, user_details: bool) -> event_service_pb2.GetEventResponse:
    """Returns an event and what it was before as a message."""
    now = found.now
    response = event_service_pb2.GetEventResponse(
        event=None if now is None else _stored(now.event, now.received_at, now.revision, user_details=user_details)
    )
    for one in found.earlier:
        was = one.stored
        response.earlier.add(
            stored=_stored(was.event, was.received_at, was.revision, user_details=user_details),
            replaced_at=shared.instant(one.replaced_at),
            replaced_revision=one.revision,
            retracted=one.is_retracted,
            reason=one.note.reason,
            key_id=one.note.key_id,
        )
    return response


def _stored(event: Event, received_at: datetime, revision: int, *, user_details: bool) -> event_service_pb2.StoredEvent:
    return event_service_pb2.StoredEvent(
        event=event_messages.message(event, user_details=user_details),
        received_at=shared.instant(received_at),
        revision=revision,
    )
