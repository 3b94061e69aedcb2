"""Values without cells of their own: what they count is under the one that stands for them, and nothing is lost."""

from collections import Counter
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from server import histogram
from server.catalog import cells, counting, dimensions, pairs, registry
from server.catalog.cells import OTHER, Cell, CellKey, Cells
from server.catalog.counting import Numbers, Overflow
from server.catalog.metrics import Aggregation
from server.events import rules
from server.events.event import Event

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
LIMITED = {
    dimensions.AGENT.number: AGENTS,
    dimensions.CHANNEL.number: CHANNELS,
    dimensions.TEAM.number: TEAMS,
    dimensions.EVENT_TYPE.number: TYPES,
}
OVERFLOWS = st.fixed_dictionaries(
    {}, optional={number: st.frozensets(st.sampled_from(values), min_size=1) for number, values in LIMITED.items()}
).map(Overflow)


def numbers(overflow: Overflow) -> Numbers:
    return Numbers(
        users={f"user-{user}": user for user in range(6)},
        agents={agent: 100 + place for place, agent in enumerate(AGENTS)},
        overflow=overflow,
        pairs=pairs.counted(pairs.DEFAULT_NUMBERS),
    )


def relabelled(counted: Cells, overflow: Overflow) -> Cells:
    """Cells that were counted without limits, added up as the limits want them."""
    result: Cells = {}
    for key, cell in counted.items():
        value = overflow.label(dimensions.TABLE.by_number[key.dimension], key.value)
        cells.cell(result, key._replace(value=value)).add(cell)
    return result


@given(EVENTS, OVERFLOWS)
def test_what_is_over_the_limit_is_added_up(events: Sequence[Event], overflow: Overflow) -> None:
    counted = counting.of_events(events, numbers(overflow))
    expected = relabelled(counting.of_events(events, numbers(counting.NO_OVERFLOW)), overflow)
    assert not cells.differences(counted, expected)


@given(EVENTS, OVERFLOWS)
def test_the_values_of_a_dimension_add_up_to_the_total(events: Sequence[Event], overflow: Overflow) -> None:
    counters: dict[int, Counter[int]] = {dimension: Counter() for dimension in dimensions.TABLE.by_number}
    for key, cell in counting.of_events(events, numbers(overflow)).items():
        counters[key.dimension].update(cell.counters)
    for dimension in (dimensions.AGENT.number, dimensions.CHANNEL.number, dimensions.TEAM.number):
        assert counters[dimension] == counters[dimensions.TOTAL.number]


@given(EVENTS, OVERFLOWS)
def test_an_event_is_marked_where_a_value_of_it_is_over_the_limit(events: Sequence[Event], overflow: Overflow) -> None:
    for one in events:
        keys = counting.of_events([one], numbers(overflow)).keys()
        assert overflow.holds(one) == any(key.value == OTHER for key in keys)


DETAILS: Mapping[str, st.SearchStrategy[dict[str, int | str]]] = {
    "message.sent": st.fixed_dictionaries(
        {},
        optional={
            "response_time_ms": st.integers(0, 300),
            "prompt_tokens": st.integers(0, 3),
            "cost_micros": st.integers(0, 3),
            "model": st.just("m"),
            "failed": st.integers(0, 1),
            "knowledge_hit": st.integers(0, 1),
        },
    ),
    "storage.changed": st.fixed_dictionaries({"bytes_delta": st.integers(-5, 5)}, optional={"kind": st.integers(0, 3)}),
    "feedback.submitted": st.fixed_dictionaries({"rating": st.integers(1, 5)}),
    "call.ended": st.fixed_dictionaries(
        {},
        optional={
            "talk_ms": st.integers(0, 300),
            "hold_ms": st.integers(0, 3),
            "wait_ms": st.integers(0, 3),
            "direction": st.integers(0, 2),
        },
    ),
    "call.started": st.fixed_dictionaries({}, optional={"direction": st.integers(0, 2)}),
    "api.called": st.fixed_dictionaries(
        {}, optional={"endpoint": st.sampled_from(["/a", "/b"]), "status_code": st.sampled_from([200, 404, 499, 500])}
    ),
    "quality.scored": st.fixed_dictionaries(
        {}, optional={"overall": st.integers(0, 10_000), "rubric_version": st.sampled_from(["v1", "v2"])}
    ),
    "custom": st.just({}),
}


@st.composite
def detailed(draw: st.DrawFn) -> Event:
    event_type = draw(st.sampled_from(sorted(DETAILS)))
    one = event(
        draw(st.sampled_from(["", *AGENTS])),
        draw(st.sampled_from(["", *CHANNELS])),
        draw(st.sampled_from(["", *TEAMS])),
        event_type,
        draw(st.integers(1, 2)),
        draw(st.integers(0, 5)),
    )
    user_id = draw(st.sampled_from(["", one.user_id]))
    return one._replace(user_id=user_id, detail=draw(DETAILS[event_type]))


@given(st.lists(detailed(), max_size=20), OVERFLOWS)
def test_events_add_up_to_what_each_of_them_adds(events: Sequence[Event], overflow: Overflow) -> None:
    expected: Cells = {}
    for one in events:
        for key, cell in counting.of_events([one], numbers(overflow)).items():
            cells.cell(expected, key).add(cell)
    assert not cells.differences(counting.of_events(events, numbers(overflow)), expected)


@given(detailed())
def test_an_event_counts_in_full_for_each_of_its_values(one: Event) -> None:
    counted = counting.of_events([one], numbers(counting.NO_OVERFLOW))
    values = {
        CellKey(dimension, value, one.bucket)
        for dimension, value in (
            (dimensions.TOTAL.number, ""),
            *((one_of.number, one_of.value_of(one)) for one_of in dimensions.TABLE.filters),
            *((pair.number, pair.value_of(one)) for pair in numbers(counting.NO_OVERFLOW).pairs),
        )
        if value or dimension == dimensions.TOTAL.number
    }
    by_type = {CellKey(dimensions.EVENT_TYPE.number, one.event_type, one.bucket)}
    by_kind = {key for key in counted if key.dimension == dimensions.STORAGE_KIND.number}
    assert counted.keys() == values | by_type | by_kind
    assert bool(by_kind) == (one.event_type == "storage.changed")
    for key in values:
        assert not cells.differences({key: counted[key]}, {key: by_definition(one, key.dimension)}), key


def by_definition(one: Event, dimension: int) -> Cell:
    """What an event adds to a cell of a dimension, measure by measure as their entries say it."""
    cell = Cell()
    for measure in registry.MEASURES.values():
        is_known = one.event_type in rules.FAMILIES
        is_of_type = (
            not is_known
            if measure.of_unknown_types
            else one.event_type in measure.event_types or not (measure.event_types or measure.projection)
        )
        keepers = dimensions.TABLE.by_number[dimension].sides or (dimensions.TABLE.by_number[dimension],)
        if not is_of_type or (measure.only_by and not {each.name for each in keepers} & {*measure.only_by}):
            continue
        if measure.aggregation is Aggregation.UNIQUE:
            members = [getattr(one, measure.field)] if getattr(one, measure.field) else []
            known = numbers(counting.NO_OVERFLOW)
            of_kind = known.users if measure.field == "user_id" else known.agents
            cell.sets[measure.number] = BitMap(of_kind[member] for member in members)
            continue
        where = measure.where
        if where is not None and not where.least <= int(one.detail.get(where.field, 0)) <= where.most:
            continue
        if measure.without in one.detail:
            continue
        told = [int(one.detail[name]) for name in measure.fields if name in one.detail]
        if measure.aggregation is Aggregation.COUNT:
            cell.counters[cells.count_key(measure.number)] = int(not measure.field or any(told))
        elif told:
            cell.counters[cells.count_key(measure.number)] = 1
            cell.counters[cells.sum_key(measure.number)] = sum(told)
            if measure.aggregation is Aggregation.HISTOGRAM:
                histogram.count([sum(told)], cell.bins, cells.first_bin_key(measure.number))
    return cell
