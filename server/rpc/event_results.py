"""The results of events for their senders, as messages."""

from collections.abc import Sequence

from google.protobuf import duration_pb2
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from server.errors import Rejection
from server.ingest.results import EventStatus, Result, Submission
from tallywire.v1 import error_reason_pb2, event_service_pb2

_STATUSES = {
    EventStatus.ACCEPTED: event_service_pb2.EVENT_STATUS_ACCEPTED,
    EventStatus.DUPLICATE: event_service_pb2.EVENT_STATUS_DUPLICATE,
    EventStatus.REJECTED: event_service_pb2.EVENT_STATUS_REJECTED,
}


def track_event_response(submission: Submission) -> event_service_pb2.TrackEventResponse:
    """Returns the response to the one event of a submission."""
    batch = track_events_response(submission)
    (result,) = batch.results
    return event_service_pb2.TrackEventResponse(result=result, revision=batch.revision, clock_skew=skew(submission))


def track_events_response(submission: Submission) -> event_service_pb2.TrackEventsResponse:
    """Returns the response to a batch."""
    response = event_service_pb2.TrackEventsResponse(revision=submission.revision, clock_skew=skew(submission))
    _add(response.results, submission.results)
    return response


def stream_events_response(sequence: int, submission: Submission) -> event_service_pb2.StreamEventsResponse:
    """Returns the response that acknowledges one batch of a stream."""
    response = event_service_pb2.StreamEventsResponse()
    ack = response.acks.add(sequence=sequence, revision=submission.revision, clock_skew=skew(submission))
    _add(ack.results, submission.results)
    return response


def skew(submission: Submission) -> duration_pb2.Duration | None:
    """Returns how far the sender's clock seems to be ahead; None where that is nothing to report."""
    if not submission.clock_skew:
        return None
    ahead = duration_pb2.Duration()
    ahead.FromMicroseconds(submission.clock_skew)
    return ahead


def _add(to: "RepeatedCompositeFieldContainer[event_service_pb2.EventResult]", results: Sequence[Result]) -> None:
    """Adds results to a field. Filling the field in place takes half the time of making messages and copying them."""
    for event_id, status, rejection, warnings in results:
        message = to.add(event_id=event_id, status=_STATUSES[status])
        if rejection is not None:
            message.rejection.CopyFrom(_rejection(rejection))
        for warning in warnings:
            message.warnings.append(event_service_pb2.EventWarning.Value(f"EVENT_WARNING_{warning.name}"))


def _rejection(rejection: Rejection) -> event_service_pb2.Rejection:
    return event_service_pb2.Rejection(
        field=rejection.field,
        reason=error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{rejection.reason.name}"),
        message=rejection.message[:200],
        code=rejection.reason.status.value,
    )
