"""The results of events for their senders, as messages."""

import functools
from collections.abc import Sequence
from typing import TypeAlias

from google.protobuf import duration_pb2

from server.errors import Rejection
from server.ingest.results import EventStatus, Result, Submission
from tallywire.v1 import error_reason_pb2, event_service_pb2

_STATUSES = {
    EventStatus.ACCEPTED: event_service_pb2.EVENT_STATUS_ACCEPTED,
    EventStatus.DUPLICATE: event_service_pb2.EVENT_STATUS_DUPLICATE,
    EventStatus.REJECTED: event_service_pb2.EVENT_STATUS_REJECTED,
}
_Holder: TypeAlias = event_service_pb2.TrackEventsResponse | event_service_pb2.StreamAck


def track_event_response(submission: Submission) -> event_service_pb2.TrackEventResponse:
    """Returns the response to the one event of a submission."""
    response = event_service_pb2.TrackEventResponse(revision=submission.revision, clock_skew=skew(submission))
    (result,) = submission.results
    _fill(response.result, result)
    return response


def track_events_response(submission: Submission) -> event_service_pb2.TrackEventsResponse:
    """Returns the response to a batch."""
    response = event_service_pb2.TrackEventsResponse(revision=submission.revision, clock_skew=skew(submission))
    _add(response, submission.results)
    return response


def stream_events_response(sequence: int, submission: Submission) -> event_service_pb2.StreamEventsResponse:
    """Returns the response that acknowledges one batch of a stream."""
    response = event_service_pb2.StreamEventsResponse()
    ack = response.acks.add(sequence=sequence, revision=submission.revision, clock_skew=skew(submission))
    _add(ack, submission.results)
    return response


def skew(submission: Submission) -> duration_pb2.Duration | None:
    """Returns how far the sender's clock seems to be ahead; None where that is nothing to report."""
    if not submission.clock_skew:
        return None
    ahead = duration_pb2.Duration()
    ahead.FromMicroseconds(submission.clock_skew)
    return ahead


def _add(to: _Holder, results: Sequence[Result]) -> None:
    """Adds results to a message."""
    plain = _plain(type(to), results) if results else None
    if plain is not None:
        to.MergeFromString(plain)
        return
    for result in results:
        _fill(to.results.add(), result)


def _plain(holder: type[_Holder], results: Sequence[Result]) -> bytes | None:
    """Returns the bytes of results that have one status, ids of one length and nothing else; None for other results.

    Nearly all batches have such results. Their bytes take 0.2 µs a result, and messages 0.5 µs.
    """
    ids, statuses, rejections, warnings = zip(*results, strict=True)
    status, length = statuses[0], len(ids[0])
    alike = statuses.count(status) == len(ids) and set(map(len, ids)) == {length} and "".join(ids).isascii()
    if not alike or not length or any(rejections) or any(warnings):
        return None
    before, after = _around(holder, status, length)  # type: ignore[arg-type]  # classes have a hash
    return f"{before}{(after + before).join(ids)}{after}".encode("latin-1")


@functools.lru_cache(maxsize=512)
def _around(holder: type[_Holder], status: EventStatus, length: int) -> tuple[str, str]:
    """Returns what Protocol Buffers write before and after the id, of that many characters, of a result."""
    event_id = "\0" * length
    message = holder(results=[event_service_pb2.EventResult(event_id=event_id, status=_STATUSES[status])])
    before, _, after = message.SerializeToString().decode("latin-1").partition(event_id)
    return before, after


def _fill(message: event_service_pb2.EventResult, result: Result) -> None:
    event_id, status, rejection, warnings = result
    message.event_id = event_id
    message.status = _STATUSES[status]
    if rejection is not None:
        message.rejection.CopyFrom(rejection_message(rejection))
    for warning in warnings:
        message.warnings.append(event_service_pb2.EventWarning.Value(f"EVENT_WARNING_{warning.name}"))


def rejection_message(value: Rejection) -> event_service_pb2.Rejection:
    """Returns a rejection as a message."""
    return event_service_pb2.Rejection(
        field=value.field,
        reason=error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{value.reason.name}"),
        message=value.message[:200],
        code=value.reason.status.value,
    )
