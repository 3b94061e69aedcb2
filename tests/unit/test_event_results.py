"""Responses hold the result of every event, in the order in which they were sent."""

from collections.abc import Sequence

import pytest
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


_NAMES = {
    EventStatus.ACCEPTED: "EVENT_STATUS_ACCEPTED",
    EventStatus.DUPLICATE: "EVENT_STATUS_DUPLICATE",
    EventStatus.REJECTED: "EVENT_STATUS_REJECTED",
}


@given(_RESULTS, st.integers(0, 2**62), st.integers(0, 2**62))
def test_every_response_has_the_results_in_order(results: Sequence[Result], revision: int, sequence: int) -> None:
    submission = Submission(results=results, revision=revision)
    response = event_results.track_events_response(submission)
    (ack,) = event_results.stream_events_response(sequence, submission).acks
    assert (response.revision, ack.revision, ack.sequence) == (revision, revision, sequence)
    assert list(response.results) == list(ack.results)
    assert len(response.results) == len(results)
    for message, result in zip(response.results, results, strict=True):
        assert (message.event_id, event_service_pb2.EventStatus.Name(message.status)) == (
            result.event_id,
            _NAMES[result.status],
        )
        assert [event_service_pb2.EventWarning.Name(one) for one in message.warnings] == [
            f"EVENT_WARNING_{one.name}" for one in result.warnings
        ]
        assert message.HasField("rejection") == (result.rejection is not None)
        if result.rejection is not None:
            assert message.rejection.message == result.rejection.message[:200]
            assert message.rejection.field == result.rejection.field
        alone = event_results.track_event_response(Submission(results=[result], revision=revision))
        assert (alone.result, alone.revision) == (message, revision)


@pytest.mark.parametrize("status", [EventStatus.ACCEPTED, EventStatus.DUPLICATE])
@pytest.mark.parametrize("length", [1, 36, 112, 116, 120, 123, 124, 127, 128])
@pytest.mark.parametrize("letters", ["xyz", "\0\n$", "x\N{LATIN SMALL LETTER E WITH ACUTE}z"])
def test_results_that_differ_in_their_ids_alone_are_all_there(letters: str, length: int, status: EventStatus) -> None:
    submission = Submission(results=[Result(letter * length, status, None, ()) for letter in letters], revision=3)
    response = event_results.track_events_response(submission)
    (ack,) = event_results.stream_events_response(7, submission).acks
    assert [one.event_id for one in response.results] == [letter * length for letter in letters]
    assert {event_service_pb2.EventStatus.Name(one.status) for one in response.results} == {_NAMES[status]}
    assert list(ack.results) == list(response.results)
