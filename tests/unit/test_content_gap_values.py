"""Content gaps: how topics are normalized, and that what is kept of them does not depend on the order of events."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.events.content_gap import (
    EVENT_TYPE,
    MOST_QUESTIONS,
    MOST_USERS,
    FoundGaps,
    GapEvent,
    GapExamples,
    digest,
    distinct,
    normalized,
    smallest,
)


@pytest.mark.parametrize(
    ("spelling", "topic"),
    [
        ("Refund policy", "refund policy"),
        ("  REFUND -- policy!? ", "refund policy"),
        ("refund_policy", "refund policy"),
        ("refund\u00a0policy\u200b", "refund policy"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("Cafe\u0301", "caf\u00e9"),
        ("price in $", "price in $"),
        ("???", "???"),
        ("a.b", "a b"),
    ],
)
def test_spellings_of_a_topic_are_one(spelling: str, topic: str) -> None:
    assert normalized(spelling) == topic


@given(st.text(max_size=60))
def test_a_normalized_topic_stays_as_it_is(topic: str) -> None:
    once = normalized(topic)
    assert normalized(once) == once
    assert bool(once) == bool(topic)


def event(dice: random.Random) -> GapEvent:
    return GapEvent(
        revision=1,
        received_at=0,
        occurred_at=dice.randrange(30) * 100_000_000,
        event_key=b"",
        event_type=EVENT_TYPE,
        topic=dice.choice(("Refunds", "refunds", "Delivery")),
        question=dice.choice(("", *(f"Question {number}?" for number in range(9)))),
        user_id=dice.choice(("", "ann", "bob")),
        confidence=dice.choice((None, 0, 5_000)),
    )


@given(st.integers(min_value=0, max_value=2**32))
def test_what_is_kept_does_not_depend_on_the_order_of_events(seed: int) -> None:
    dice = random.Random(seed)
    events = [event(dice) for _ in range(dice.randrange(1, 60))]
    expected = FoundGaps.of(events)
    merged: dict[str, GapExamples] = {}
    dice.shuffle(events)
    for start in range(0, len(events), 7):
        for topic, told in FoundGaps.of(events[start : start + 7]).examples.items():
            merged.setdefault(topic, GapExamples()).merge(told)
    assert merged == expected.examples
    assert FoundGaps.of(events).quarters == expected.quarters
    for topic, kept in merged.items():
        asked: dict[str, int] = {}
        for one in events:
            if one.key == topic and one.question:
                asked[one.question] = max(one.occurred_at, asked.get(one.question, 0))
        newest = sorted(asked, key=lambda one: (asked[one], one), reverse=True)[:MOST_QUESTIONS]
        assert set(kept.questions) == set(newest)
        assert kept.name_at == max(one.occurred_at for one in events if one.key == topic)


def test_users_are_exact_as_far_as_all_are_kept_and_estimated_beyond() -> None:
    for number in (0, 1, MOST_USERS - 1):
        assert distinct(smallest(frozenset(digest(str(user)) for user in range(number)))) == (number, False)
    users, is_estimate = distinct(smallest(frozenset(digest(str(user)) for user in range(20_000))))
    assert is_estimate
    assert 16_000 < users < 24_000
