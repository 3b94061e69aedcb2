"""Responses to batches are, byte for byte in meaning, the messages that generated code would make."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from server.errors import Reason, Rejection
from server.events.event import Warning
from server.ingest.results import EventStatus, Result, Submission
from server.rpc import event_results
from tallywire.v1 import event_service_pb2

_IDS = st.one_of(
    st.uuids(version=4).map(str),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.integers(0, 300).map(lambda length: "x" * length),
)
_REJECTIONS = st.builds(
    Rejection,
    reason=st.sampled_from(Reason),
    message=st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    field=st.sampled_from(["", "event_id"]),
)
_WARNINGS = st.lists(st.sampled_from(Warning), max_size=2).map(tuple)
_RESULTS = st.lists(
    st.one_of(
        st.builds(Result, _IDS, st.sampled_from([EventStatus.ACCEPTED, EventStatus.DUPLICATE]), st.none(), _WARNINGS),
        st.builds(Result, _IDS, st.just(EventStatus.REJECTED), _REJECTIONS, st.just(())),
    ),
    max_size=8,
)


@given(_RESULTS, st.integers(0, 2**62), st.integers(0, 2**62))
def test_responses_are_what_generated_code_would_make(results: Sequence[Result], revision: int, sequence: int) -> None:
    submission = Submission(results=results, revision=revision)
    reported = [event_results.message(result) for result in results]
    response = event_service_pb2.TrackEventsResponse.FromString(event_results.track_response(submission))
    assert response == event_service_pb2.TrackEventsResponse(results=reported, revision=revision)
    (ack,) = event_service_pb2.StreamEventsResponse.FromString(event_results.stream_response(sequence, submission)).acks
    assert ack == event_service_pb2.StreamAck(sequence=sequence, results=reported, revision=revision)


def test_a_response_takes_no_more_bytes_than_a_message() -> None:
    results = [
        Result(f"018f2a3b-4c5d-7e6f-8a9b-{number:012x}", EventStatus.ACCEPTED, None, ()) for number in range(500)
    ]
    reported = event_service_pb2.TrackEventsResponse(results=map(event_results.message, results), revision=7)
    written = event_results.track_response(Submission(results=results, revision=7))
    assert len(written) == reported.ByteSize()
