"""Conversations: the same whatever order their events arrive in, in however many portions."""

import copy
import dataclasses
import itertools
import uuid
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from server.catalog import conversations as counting
from server.catalog import dimensions, registry
from server.catalog.cells import Cells, differences
from server.catalog.families.conversations import PROJECTION
from server.events import conversation, outcomes
from server.events.conversation import Attribution, Conversation, ConversationEvent
from server.events.event import is_made, key_of
from server.events.outcomes import Closing, ClosingKind

REVIEWS = ("feedback.submitted", "quality.scored", "content_gap.found")
TYPES = (
    "message.received",
    "message.sent",
    "model.called",
    "conversation.started",
    "api.called",
    *outcomes.KIND_OF_EVENT_TYPE,
    *REVIEWS,
)
NAMES = st.sampled_from(("", "a", "b"))
ESCALATED = "conversation.escalated"
MINUTE = 60_000_000
EVENTS = st.lists(
    st.builds(
        lambda key, at, event_type, agent, user, channel, topic, human, reason: ConversationEvent(
            *(
                1,
                0,
                at,
                key_of(str(key)),
                event_type,
                "c",
                agent,
                user,
                channel,
                "",
                topic,
                human,
                reason,
                key,
                3 * key,
            ),
            *(None if user == "b" else key % 5, channel),
        ),
        st.integers(0, 255),
        st.integers(0, 9),
        st.sampled_from(TYPES),
        NAMES,
        NAMES,
        NAMES,
        NAMES,
        st.booleans(),
        NAMES,
    ),
    min_size=1,
    max_size=9,
    unique_by=lambda one: one.event_key,
)


def attribute(event: ConversationEvent) -> Attribution:
    """To whom and what an event is attributed: nothing is over its limit."""
    return Attribution(event.agent_id, event.channel, event.team_id, event.topic, event.handoff_reason)


def made(portions: Sequence[Sequence[ConversationEvent]]) -> Conversation:
    """The conversation that events make, portion by portion."""
    found: Conversation | None = None
    closings: list[Closing] = []
    for portion in portions:
        for event in portion:
            if found is None:
                found = Conversation.of(event, attribute)
            found.take(event, attribute)
            kind = outcomes.KIND_OF_EVENT_TYPE.get(event.event_type)
            if kind is not None and not is_made(event.event_key):
                to = event.agent_id, event.channel, event.team_id, event.handoff_reason
                closings.append(Closing(b"c", event.occurred_at, event.event_key, kind, *to))
        if found is not None:
            found.close(closings)
    assert found is not None
    return found


@given(st.data(), EVENTS)
def test_a_conversation_does_not_depend_on_the_order_of_arrival(
    data: st.DataObject, events: list[ConversationEvent]
) -> None:
    shuffled = data.draw(st.permutations(events))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=3)))
    bounds = [0, *cuts, len(events)]
    portions = [shuffled[first:last] for first, last in itertools.pairwise(bounds)]
    assert made(portions) == made([events])


@given(st.data(), EVENTS, EVENTS)
def test_an_end_of_an_idle_conversation_holds_until_somebody_goes_on(
    data: st.DataObject, before: list[ConversationEvent], others: list[ConversationEvent]
) -> None:
    idle = made([before])
    assume(idle.latest_at is not None and idle.is_open)
    end = before[0]._replace(
        occurred_at=(idle.last_at or 0) + 3, event_key=idle.idle_end_key, event_type=idle.idle_end_type
    )
    told = [*before, *(one._replace(event_key=key_of(f"other {one.event_key!r}")) for one in others)]
    without = made([told])
    place = data.draw(st.integers(0, len(others)))  # after all that the service knew when it was made
    shuffled = [*data.draw(st.permutations(before)), *data.draw(st.permutations(told[len(before) :]))]
    shuffled.insert(len(before) + place, end)
    cut = data.draw(st.integers(0, len(shuffled)))
    found = made([shuffled[:cut], shuffled[cut:]])
    if without.idle_end_key == idle.idle_end_key:
        assert not found.is_open
        assert found.idle_ended_at == end.occurred_at
        assert found == made([[*told, end]])
    else:  # it is an event that there was, and changes nothing else
        count = dataclasses.replace(without, events=found.events, last_event_at=found.last_event_at)
        assert (found, found.events) == (count, without.events + 1)


def _of(*told: tuple[str, int]) -> Conversation:
    return made(
        [
            [
                ConversationEvent(1, 0, at, key_of(f"{event_type} {at}"), event_type, "c", "", "", "", "", "", False)
                for event_type, at in told
            ]
        ]
    )


def test_an_idle_conversation_is_abandoned_where_the_user_spoke_last() -> None:
    asked, answered = ("message.received", 5), ("message.sent", 7)
    assert _of(asked).idle_end_type == "conversation.abandoned"
    assert _of(asked, ("feedback.submitted", 6)).idle_end_type == "conversation.abandoned"
    assert _of(asked, answered).idle_end_type == "conversation.ended"
    assert _of(asked, answered, ("message.received", 8)).idle_end_type == "conversation.abandoned"
    assert _of(("message.received", 7), answered).idle_end_type == "conversation.ended", "at the same time"
    assert _of(("conversation.started", 9)).idle_end_type == "conversation.ended"


def test_the_id_of_an_end_follows_from_the_conversation_and_its_latest_activity() -> None:
    one = _of(("message.sent", 7))
    assert is_made(one.idle_end_key)
    assert one.idle_end_key == _of(("message.sent", 3), ("message.sent", 7), ("feedback.submitted", 9)).idle_end_key
    assert one.idle_end_key != _of(("message.sent", 8)).idle_end_key
    assert one.idle_end_key != _of(("message.received", 7)).idle_end_key
    assert one.idle_end_key != dataclasses.replace(one, conversation_id="d").idle_end_key
    assert not is_made(key_of(str(uuid.UUID(bytes=one.idle_end_key)))), "no client can send it"


@given(EVENTS)
def test_it_begins_with_its_start_event_or_else_with_its_first_event(events: list[ConversationEvent]) -> None:
    starts = [one for one in events if one.event_type == "conversation.started"]
    first = min(starts or events, key=lambda one: (one.occurred_at, one.event_key))
    found = made([events])
    assert (found.began_at, found.began_key, found.is_start_told) == (first.occurred_at, first.event_key, bool(starts))
    assert (found.began_agent_id, found.began_channel) == (first.agent_id, first.channel)


@given(EVENTS)
def test_it_is_over_once_the_last_closing_event_is_no_hand_over(events: list[ConversationEvent]) -> None:
    reopened = max((one.occurred_at for one in events if one.event_type == "conversation.reopened"), default=-1)
    closing = [
        one
        for one in events
        if one.event_type in outcomes.KIND_OF_EVENT_TYPE
        and one.event_type != "conversation.reopened"
        and one.occurred_at > reopened
    ]
    last = max(closing, key=lambda one: (one.occurred_at, one.event_key), default=None)
    found = made([events])
    assert found.is_open == (last is None or last.event_type == "conversation.escalated")
    assert (found.outcome is None) == (last is None)


@given(EVENTS)
def test_what_is_added_can_be_taken_back(events: list[ConversationEvent]) -> None:
    cells: Cells = {}
    before = made([events[:1]])
    counting.add(cells, counting.contributions(before))
    after = made([events])
    counting.add(cells, counting.contributions(before), -1)
    counting.add(cells, counting.contributions(after))
    expected: Cells = {}
    counting.add(expected, counting.contributions(after))
    assert not differences(cells, expected)


@given(EVENTS)
def test_all_of_a_conversation_counts_for_the_topic_that_was_told_last(events: list[ConversationEvent]) -> None:
    telling = [one for one in events if one.topic and one.event_type not in ("api.called", "model.called", *REVIEWS)]
    told = max(((one.occurred_at, one.topic) for one in telling), default=(0, ""))[1]
    found = made([events])
    cells: Cells = {}
    counting.add(cells, counting.contributions(found))
    by_topic = {key: cell for key, cell in cells.items() if key.dimension == dimensions.TOPIC.number}
    totals = {key: cell for key, cell in cells.items() if key.dimension == dimensions.TOTAL.number}
    assert {key.value for key in by_topic} == ({told} if told else set())
    if told:
        under_total = {key._replace(dimension=0, value=""): cell for key, cell in by_topic.items()}
        assert not differences(under_total, totals)


@given(EVENTS)
def test_all_of_a_conversation_counts_for_the_reason_of_the_hand_over_that_decided(
    events: list[ConversationEvent],
) -> None:
    reopened = max((one.occurred_at for one in events if one.event_type == "conversation.reopened"), default=-1)
    handing_over = [one for one in events if one.event_type == ESCALATED and one.occurred_at > reopened]
    first = min(handing_over, key=lambda one: (one.occurred_at, one.event_key), default=None)
    cells: Cells = {}
    counting.add(cells, counting.contributions(made([events])))
    by_reason = {key for key in cells if key.dimension == dimensions.HANDOFF_REASON.number}
    assert {key.value for key in by_reason} == ({first.handoff_reason} - {""} if first else set())


@given(EVENTS)
def test_how_it_went_counts_at_its_closing_and_at_its_beginning(events: list[ConversationEvent]) -> None:
    one = made([events])
    messages = [event for event in events if event.event_type in ("message.received", "message.sent")]
    uses = [*messages, *(event for event in events if event.event_type == "model.called")]
    told = {
        "messages": len(messages),
        "tokens": sum(event.tokens for event in uses),
        "cost": sum(event.cost_micros for event in uses),
    }
    by_time: dict[int, dict[str, int]] = {}
    for added in counting.contributions(one):
        by_time.setdefault(added.at, {}).update(added.taken)
    assert ("open" in by_time[one.began_at]) == one.is_open
    for name, value in told.items():
        if one.closed_at is None:
            assert f"started_{name}" not in by_time[one.began_at]
        else:
            assert by_time[one.closed_at][name] == by_time[one.began_at][f"started_{name}"] == value


def test_every_measure_of_conversations_is_counted_by_some_conversation() -> None:
    kinds = (ClosingKind.RESOLVED, ClosingKind.ESCALATED, ClosingKind.ABANDONED, ClosingKind.ENDED)
    counted = {name for kind in kinds for one in counting.contributions(_told(kind)) for name, _ in one.taken}
    assert counted == {one.field for one in registry.MEASURES.values() if one.projection == PROJECTION}


def _told(kind: ClosingKind) -> Conversation:
    return Conversation(
        conversation_id="c",
        first_at=0,
        began_at=0,
        began_key=b"",
        first_sent_at=MINUTE,
        human_messages=[3 * MINUTE],
        escalated_at=2 * MINUTE,
        reopenings=1,
        outcome=kind,
        closed_at=2 * MINUTE,
        human_resolved_at=4 * MINUTE if kind is ClosingKind.ESCALATED else None,
    )


@given(st.permutations(range(12)), st.integers(0, 12), st.integers(1, 4))
def test_the_first_human_messages_are_kept_whenever_the_hand_over_is_told(
    minutes: list[int], handed_over: int, size: int
) -> None:
    """Of many messages the same ones are kept in whatever portions they come, before the hand-over or behind it."""
    told = [_by_human(minute) for minute in minutes]
    told.insert(minutes[0], _by_human(handed_over)._replace(event_key=key_of("hand-over"), event_type=ESCALATED))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversation, "MOST_HUMAN_MESSAGES", 5)
        found = made([told[start : start + size] for start in range(0, len(told), size)])
    assert found.human_messages == [minute * MINUTE for minute in range(5)]
    assert found.human_wait_ends_at == (handed_over * MINUTE if handed_over < 5 else None)


def _by_human(minute: int) -> ConversationEvent:
    return ConversationEvent(
        1, 0, minute * MINUTE, key_of(str(minute)), "message.sent", "c", "ann", "", "", "", "", True
    )


def test_a_copy_shares_nothing_that_changes() -> None:
    one = made([[ConversationEvent(1, 0, 1, key_of("k"), "message.sent", "c", "", "", "", "", "", True)]])
    other = copy.copy(one)
    other.human_messages = [*one.human_messages]
    other.take(ConversationEvent(1, 0, 2, key_of("l"), "message.sent", "c", "", "", "", "", "", True), attribute)
    assert (one.messages, len(one.human_messages)) == (1, 1)


def test_the_rating_and_the_score_are_those_told_last_and_gaps_are_counted() -> None:
    def told(event_type: str, at: int, score: int | None = None, rubric: str = "") -> ConversationEvent:
        key = key_of(f"{event_type} {at} {score} {rubric}")
        return ConversationEvent(*(1, 0, at, key, event_type, "c", "", "", "", "", "", None, "", 0, 0), score, rubric)

    one = made(
        [
            [
                told("feedback.submitted", 7, 2),
                told("feedback.submitted", 5, 5),
                told("feedback.submitted", 9),
                told("quality.scored", 8, 0, "v2"),
                told("quality.scored", 8, 0, "v1"),
                told("quality.scored", 6, 9000, "v3"),
                told("content_gap.found", 4),
                told("content_gap.found", 3),
            ]
        ]
    )
    assert (one.rating, one.rating_at) == (2, 7)
    assert (one.quality, one.quality_at, one.quality_rubric) == (0, 8, "v2")
    assert (one.content_gaps, one.events, one.last_event_at, one.messages) == (2, 8, 9, 0)
