"""What is known of an agent: the same whatever order its events arrive in."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from server.events.agent_profile import AgentEvent, AgentKind, AgentProfile

DESCRIBE = ("agent.created", "agent.updated", "agent.deployed")
TYPES = (*DESCRIBE, "agent.deleted", "agent.status_changed", "message.sent")
TEXTS = st.sampled_from(("", "a", "b"))
EVENTS = st.lists(
    st.builds(
        lambda key, at, event_type, team, name, kind, version: AgentEvent(
            1, 0, at, bytes((key,)), event_type, "ada", team, name, kind, version
        ),
        st.integers(0, 255),
        st.integers(0, 5),
        st.sampled_from(TYPES),
        TEXTS,
        TEXTS,
        st.integers(0, 2),
        TEXTS,
    ),
    min_size=1,
    max_size=9,
)


def told(events: list[AgentEvent]) -> AgentProfile:
    known = AgentProfile.of(events[0])
    for event in events[1:]:
        known.take(event)
    return known


@given(st.data(), EVENTS)
def test_an_agent_does_not_depend_on_the_order_of_arrival(data: st.DataObject, events: list[AgentEvent]) -> None:
    assert told(data.draw(st.permutations(events))) == told(events)


@given(EVENTS, EVENTS)
def test_what_two_sets_of_events_say_merges(some: list[AgentEvent], others: list[AgentEvent]) -> None:
    known = told(some)
    known.merge(told(others))
    assert known == told([*some, *others])


@given(EVENTS)
def test_the_newest_description_holds_whatever_else_the_agent_did(events: list[AgentEvent]) -> None:
    known = told(events)
    for name in ("name", "kind", "agent_version", "team_id"):
        said = [
            (one.occurred_at, getattr(one, name)) for one in events if one.event_type in DESCRIBE and getattr(one, name)
        ]
        expected = max(said, default=(None, getattr(AgentProfile.of(DID_NOTHING), name)))
        assert (getattr(known, f"{name}_at"), getattr(known, name)) == expected
    times = [one.occurred_at for one in events]
    assert (known.first_seen_at, known.last_seen_at) == (min(times), max(times))


DID_NOTHING = AgentEvent(1, 0, 0, b"", "message.sent", "ada", "north", "", 0, "")


def test_what_other_events_carry_describes_nobody() -> None:
    known = dataclasses.asdict(told([DID_NOTHING._replace(name="Ada", kind=2, agent_version="7")]))
    assert (known["name"], known["kind"], known["agent_version"], known["team_id"]) == ("", AgentKind.UNKNOWN, "", "")


def test_a_deleted_agent_exists_again_once_it_is_created_later() -> None:
    def at(minute: int, event_type: str) -> AgentEvent:
        return DID_NOTHING._replace(occurred_at=minute, event_type=event_type)

    created, deleted = at(1, "agent.created"), at(2, "agent.deleted")
    assert not told([created]).is_deleted
    assert told([deleted, created]).is_deleted
    assert told([created, deleted, at(3, "agent.updated"), at(3, "message.sent")]).is_deleted
    assert told([at(2, "agent.created"), deleted]).is_deleted
    assert not told([deleted, at(3, "agent.created"), created]).is_deleted
