"""What users did: the same whatever order events arrive in, in however many portions."""

import dataclasses
import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from server.events.user_activity import Activity, Beginning, DayActivity, UserDay, UserEvent

DAY = 86_400_000_000
TYPES = ("message.received", "message.sent", "conversation.started", "conversation.ended", "api.called")
EVENTS = st.lists(
    st.builds(
        lambda at, event_type, user, conversation, name, tokens, cost: UserEvent(
            1, 0, at * DAY // 3, b"", event_type, user, conversation, name, tokens, tokens, 2 * tokens, cost, tokens
        ),
        st.integers(0, 9),
        st.sampled_from(TYPES),
        st.sampled_from(("ann", "bob")),
        st.sampled_from(("", "c", "d")),
        st.sampled_from(("", "Ann", "Bob")),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    max_size=12,
)
Days = dict[UserDay, tuple[int, ...]]


def in_portions(portions: Sequence[Sequence[UserEvent]]) -> Days:
    """The days that portions add up to, each counted with what was known before it."""
    days: dict[UserDay, list[int]] = {}
    known: dict[str, Beginning] = {}
    for portion in portions:
        activity = Activity.of(portion)
        for conversation, begins in activity.beginnings.items():
            if conversation not in known or begins < known[conversation]:
                activity.begin(begins, known.get(conversation))
                known[conversation] = begins
        for key, added in activity.days.items():
            day = days.setdefault(key, [0] * len(dataclasses.fields(DayActivity)))
            days[key] = [one + other for one, other in zip(day, dataclasses.astuple(added), strict=True)]
    return {key: tuple(day) for key, day in days.items()}


@given(st.data(), EVENTS)
def test_days_do_not_depend_on_the_order_of_arrival(data: st.DataObject, events: list[UserEvent]) -> None:
    shuffled = data.draw(st.permutations(events))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=3)))
    portions = [shuffled[first:last] for first, last in itertools.pairwise([0, *cuts, len(events)])]
    assert in_portions(portions) == in_portions([events])


@given(EVENTS)
def test_every_conversation_of_users_counts_once(events: list[UserEvent]) -> None:
    days = in_portions([events]).values()
    assert sum(day[3] for day in days) == len({one.conversation_id for one in events} - {""})
    assert sum(day[0] for day in days) == len(events)


@given(st.data(), EVENTS)
def test_a_user_does_not_depend_on_the_order_of_arrival(data: st.DataObject, events: list[UserEvent]) -> None:
    assert Activity.of(data.draw(st.permutations(events))).profiles == Activity.of(events).profiles


def test_a_conversation_begins_with_its_start_or_else_with_its_first_event() -> None:
    said = UserEvent(1, 0, 5, b"", "message.received", "ann", "c", "", 7, 1, 2, 0, 0)
    started = said._replace(occurred_at=DAY, event_type="conversation.started", user_id="bob")
    assert Activity.of([said]).beginnings["c"].day == UserDay("ann", 0)
    assert Activity.of([said, started]).beginnings["c"].day == UserDay("bob", 1)
    assert Activity.of([started, said]).days[UserDay("ann", 0)] == DayActivity(
        events=1, messages_received=1, prompt_tokens=7, cached_tokens=1, completion_tokens=2
    )
