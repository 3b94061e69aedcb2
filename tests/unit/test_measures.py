"""Values without cells of their own: what they count is under the one that stands for them, and nothing is lost."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from server import cells, measures
from server.cells import OTHER, Cells, Dimension
from server.events import Event
from server.measures import Numbers, Overflow

QUARTER = 900_000_000  # in microseconds
AGENTS, CHANNELS, TEAMS, TYPES = ("a", "b", "c"), ("web", "phone"), ("north", "south"), ("x.y", "message.sent", "z")


def event(agent_id: str, channel: str, team_id: str, event_type: str, bucket: int, user: int) -> Event:
    return Event(
        event_id="",
        event_key=b"",
        fingerprint=0,
        event_type=event_type,
        occurred_at=bucket * QUARTER,
        agent_id=agent_id,
        user_id=f"user-{user}",
        conversation_id="c",
        channel=channel,
        team_id=team_id,
        campaign_id="",
        resource_type="",
        resource_id="",
        detail={"response_time_ms": user} if event_type == "message.sent" else {},
        properties="",
        warnings=(),
    )


EVENTS = st.lists(
    st.builds(
        event,
        st.sampled_from(AGENTS),
        st.sampled_from(CHANNELS),
        st.sampled_from(TEAMS),
        st.sampled_from(TYPES),
        st.integers(1, 2),
        st.integers(0, 5),
    ),
    max_size=30,
)
OVERFLOWS = st.builds(
    Overflow, *(st.frozensets(st.sampled_from(values)) for values in (AGENTS, CHANNELS, TEAMS, TYPES))
)


def numbers(overflow: Overflow) -> Numbers:
    return Numbers(
        users={f"user-{user}": user for user in range(6)},
        agents={agent: 100 + place for place, agent in enumerate(AGENTS)},
        overflow=overflow,
    )


def relabelled(counted: Cells, overflow: Overflow) -> Cells:
    """Cells that were counted without limits, added up as the limits want them."""
    over = {
        Dimension.AGENT: overflow.agents,
        Dimension.CHANNEL: overflow.channels,
        Dimension.TEAM: overflow.teams,
        Dimension.EVENT_TYPE: overflow.event_types,
    }
    result: Cells = {}
    for key, cell in counted.items():
        value = OTHER if key.value in over.get(Dimension(key.dimension), ()) else key.value
        cells.cell(result, key._replace(value=value)).add(cell)
    return result


@given(EVENTS, OVERFLOWS)
def test_what_is_over_the_limit_is_added_up(events: Sequence[Event], overflow: Overflow) -> None:
    counted = measures.of_events(events, numbers(overflow))
    expected = relabelled(measures.of_events(events, numbers(measures.NO_OVERFLOW)), overflow)
    assert not cells.differences(counted, expected)


@given(EVENTS, OVERFLOWS)
def test_the_values_of_a_dimension_add_up_to_the_total(events: Sequence[Event], overflow: Overflow) -> None:
    counters: dict[int, Counter[int]] = {dimension: Counter() for dimension in Dimension}
    for key, cell in measures.of_events(events, numbers(overflow)).items():
        counters[key.dimension].update(cell.counters)
    for dimension in (Dimension.AGENT, Dimension.CHANNEL, Dimension.TEAM):
        assert counters[dimension] == counters[Dimension.TOTAL]


@given(EVENTS, OVERFLOWS)
def test_an_event_is_marked_where_a_value_of_it_is_over_the_limit(events: Sequence[Event], overflow: Overflow) -> None:
    for one in events:
        keys = measures.of_events([one], numbers(overflow)).keys()
        assert overflow.holds(one) == any(key.value == OTHER for key in keys)


def test_a_closing_is_attributed_to_the_values_that_are_counted() -> None:
    overflow = Overflow(agents={"a"}, teams={"north"})
    events = [event("a", "web", "north", "conversation.ended", 1, 0), event("b", "web", "south", "message.sent", 1, 0)]
    (closing,) = measures.closings_of(events, overflow)
    assert (closing.agent_id, closing.channel, closing.team_id) == (OTHER, "web", OTHER)
