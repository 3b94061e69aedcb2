"""The results of events for their senders: as a message, and as the bytes of many."""

from collections.abc import Sequence

from google.protobuf import duration_pb2

from server.errors import Rejection
from server.ingest.results import EventStatus, Result, Submission
from tallywire.v1 import error_reason_pb2, event_service_pb2

_STATUSES = {
    EventStatus.ACCEPTED: event_service_pb2.EVENT_STATUS_ACCEPTED,
    EventStatus.DUPLICATE: event_service_pb2.EVENT_STATUS_DUPLICATE,
    EventStatus.REJECTED: event_service_pb2.EVENT_STATUS_REJECTED,
}


def message(result: Result) -> event_service_pb2.EventResult:
    """The message of what became of an event."""
    answer = event_service_pb2.EventResult(event_id=result.event_id, status=_STATUSES[result.status])
    if result.rejection is not None:
        answer.rejection.CopyFrom(_rejection_message(result.rejection))
    for warning in result.warnings:
        answer.warnings.append(event_service_pb2.EventWarning.Value(f"EVENT_WARNING_{warning.name}"))
    return answer


def _rejection_message(rejection: Rejection) -> event_service_pb2.Rejection:
    return event_service_pb2.Rejection(
        field=rejection.field,
        reason=error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{rejection.reason.name}"),
        message=rejection.message[:200],
        code=rejection.reason.status.value,
    )


def skew(submission: Submission) -> duration_pb2.Duration | None:
    """How far the sender's clock seems to be ahead, where that is worth saying."""
    if not submission.clock_skew:
        return None
    answer = duration_pb2.Duration()
    answer.FromMicroseconds(submission.clock_skew)
    return answer


def track_response(submission: Submission) -> bytes:
    """A TrackEventsResponse."""
    rest = event_service_pb2.TrackEventsResponse(revision=submission.revision, clock_skew=skew(submission))
    return rest.SerializeToString() + _repeated(_TRACK_RESULTS, submission.results)


def stream_response(sequence: int, submission: Submission) -> bytes:
    """A StreamEventsResponse that acknowledges one batch."""
    rest = event_service_pb2.StreamAck(sequence=sequence, revision=submission.revision, clock_skew=skew(submission))
    ack = rest.SerializeToString() + _repeated(_ACK_RESULTS, submission.results)
    return _length_delimited(_ACKS, ack)


# The wire format of Protocol Buffers: a message is its fields in any order, each a tag and a value; the value of a text
# or a message is its length and its bytes.
_LENGTH_DELIMITED = 2
_TRACK_RESULTS = event_service_pb2.TrackEventsResponse.RESULTS_FIELD_NUMBER << 3 | _LENGTH_DELIMITED
_ACK_RESULTS = event_service_pb2.StreamAck.RESULTS_FIELD_NUMBER << 3 | _LENGTH_DELIMITED
_ACKS = event_service_pb2.StreamEventsResponse.ACKS_FIELD_NUMBER << 3 | _LENGTH_DELIMITED
_EVENT_ID = event_service_pb2.EventResult.EVENT_ID_FIELD_NUMBER << 3 | _LENGTH_DELIMITED
_STATUS = event_service_pb2.EventResult.STATUS_FIELD_NUMBER << 3
_SHORT = 100  # characters of an id, up to which no length takes a second byte


def _length_delimited(tag: int, content: bytes) -> bytes:
    size, length = bytearray(), len(content)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    size.append(length)
    return bytes((tag, *size)) + content


def _heads(tag: int) -> list[str]:
    """What stands before the id of a result without more than an id and a status, by the length of the id."""
    return [f"{chr(tag)}{chr(length + 4)}{chr(_EVENT_ID)}{chr(length)}" for length in range(_SHORT + 1)]


_HEADS = {tag: _heads(tag) for tag in (_TRACK_RESULTS, _ACK_RESULTS)}
_ACCEPTED = chr(_STATUS) + chr(event_service_pb2.EVENT_STATUS_ACCEPTED)
_DUPLICATE = chr(_STATUS) + chr(event_service_pb2.EVENT_STATUS_DUPLICATE)


def _repeated(tag: int, results: Sequence[Result]) -> bytes:
    """Results as a repeated field. Nearly all are an id and a status, and take a tenth of the time of a message."""
    heads = _HEADS[tag]
    parts = []
    for result in results:
        event_id, status, rejection, warnings = result
        if rejection is None and not warnings and 0 < len(event_id) <= _SHORT and event_id.isascii():
            parts.append(
                f"{heads[len(event_id)]}{event_id}{_ACCEPTED if status is EventStatus.ACCEPTED else _DUPLICATE}"
            )
        else:
            parts.append(_length_delimited(tag, message(result).SerializeToString()).decode("latin-1"))
    return "".join(parts).encode("latin-1")
