"""The replay of real conversations: the mapping's figures are those that were computed without it."""

import json
import pathlib
from collections import Counter
from datetime import UTC, datetime

import pytest

from server import errors
from server.local import chitchat
from server.local.chitchat import RecordedConversation
from tallywire.v1 import event_pb2

EXPECTED = json.loads((pathlib.Path(__file__).parents[1] / "data" / "chitchat_expected.json").read_text())


@pytest.fixture(scope="module")
def events() -> list[event_pb2.Event]:
    return list(chitchat.events())


def conversation(*messages: tuple[str, int], rating: int | None = None) -> list[event_pb2.Event]:
    senders = [sender for sender, _ in messages]
    return list(
        chitchat.events_of(
            RecordedConversation(
                conversation_id="c",
                user_id=senders[0],
                agent_id=next((sender for sender in senders if sender != senders[0]), ""),
                messages=messages,
                rating=rating,
            )
        )
    )


def test_counts_by_type(events: list[event_pb2.Event]) -> None:
    assert len(events) == EXPECTED["events"] == 278_469
    assert Counter(event.event_type for event in events) == {
        "conversation.abandoned": 3_150,
        "conversation.ended": 4_018,
        "conversation.started": 7_168,
        "feedback.submitted": 5_988,
        "message.received": 139_514,
        "message.sent": 118_631,
    }
    assert sum(one.event_count for one in chitchat.conversations()) == len(events)


def test_ids_are_distinct_and_complete(events: list[event_pb2.Event]) -> None:
    assert len({event.event_id for event in events}) == len(events)
    assert all(event.user_id and event.event_id.startswith(f"{event.conversation_id}:") for event in events)


def test_numbers_agree_with_the_expected_ones(events: list[event_pb2.Event]) -> None:
    waits = [event.message.response_time_ms for event in events if event.message.HasField("response_time_ms")]
    assert (len(waits), sum(waits)) == (EXPECTED["response_time_ms"]["count"], EXPECTED["response_time_ms"]["sum"])
    ratings = [event.feedback.rating for event in events if event.HasField("feedback")]
    assert len(ratings) == EXPECTED["rating_count"]
    assert sum(ratings) / len(ratings) == pytest.approx(EXPECTED["satisfaction_score"])
    assert len({event.agent_id for event in events} - {""}) == EXPECTED["active_agents"]
    assert len({event.user_id for event in events}) == EXPECTED["unique_users"]
    seconds = [event.occurred_at.seconds for event in events]
    assert [datetime.fromtimestamp(one, UTC).isoformat() for one in (min(seconds), max(seconds))] == [
        EXPECTED["first"],
        EXPECTED["last"],
    ]


def test_one_conversation_event_by_event() -> None:
    found = conversation(("u", 100), ("a", 107), ("a", 109), ("u", 120), rating=4)
    assert [(event.event_id, event.event_type, event.occurred_at.seconds) for event in found] == [
        ("c:start", "conversation.started", 100),
        ("c:0", "message.received", 100),
        ("c:1", "message.sent", 107),
        ("c:2", "message.sent", 109),
        ("c:3", "message.received", 120),
        ("c:rating", "feedback.submitted", 120),
        ("c:end", "conversation.ended", 120),
    ]
    assert all((event.user_id, event.agent_id, event.conversation_id) == ("u", "a", "c") for event in found)
    assert found[2].message.response_time_ms == 7_000
    # The message before was the agent's own: nobody waited.
    assert not found[3].HasField("message")
    assert found[5].feedback.rating == 4


def test_a_conversation_that_nobody_answered_is_abandoned() -> None:
    found = conversation(("u", 100), ("u", 130))
    assert [event.event_type for event in found[1:]] == [
        "message.received",
        "message.received",
        "conversation.abandoned",
    ]
    assert {event.agent_id for event in found} == {""}


def test_a_limit_takes_the_first_conversations() -> None:
    assert [one.conversation_id for one in chitchat.conversations(2)] == [
        one.conversation_id for one in list(chitchat.conversations(5))[:2]
    ]


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chitchat, "PACKAGE", "no_such_package_here")
    with pytest.raises(errors.SetupError, match="pip install chitchat-dataset"):
        chitchat.dataset()
