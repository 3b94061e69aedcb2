"""The table of dimensions is consistent, and an entry is all that a dimension takes."""

import pytest

from server.catalog import cells, conversations, counting, dimensions, figures, leads, registry
from server.catalog.cells import OTHER, CellKey
from server.catalog.counting import NO_OVERFLOW, Numbers, Overflow
from server.catalog.dimensions import Dimension, Dimensions
from server.errors import Refused, SetupError
from server.events import rules
from server.events.event import Event
from server.rollups import member_numbers
from server.rollups.member_numbers import Limits
from server.rpc.questions import catalogue, shared
from server.settings import Settings
from tallywire.cli import options, table_options
from tallywire.v1 import answer_pb2, event_pb2, realtime_service_pb2

ENTRIES = dimensions.TABLE.entries
RESOURCE = Dimension(
    number=90, name="resource", description="What an event is about.", field="resource_id", member_kind=90, limit=7
)
VERSION = Dimension(
    number=91, name="version", description="Of an agent.", families=("agent",), details=("version",), member_kind=91
)


def event(event_type: str, detail: dict[str, int | str] | None = None, **fields: str) -> Event:
    """An event in the second quarter hour of 1970."""
    ids = dict.fromkeys(("agent_id", "user_id", "conversation_id", "channel", "team_id", "campaign_id"), "")
    return Event(
        event_id="",
        event_key=b"",
        fingerprint=0,
        event_type=event_type,
        occurred_at=900_000_000,
        **{**ids, "resource_type": "", "resource_id": "", **fields},
        detail=detail or {},
        properties="",
        warnings=(),
    )


def counted(one: Event, overflow: Overflow = NO_OVERFLOW) -> set[tuple[int, str]]:
    """The dimensions and values under which an event counts, beside the total and its type."""
    found = counting.of_events([one], Numbers(users={}, agents={}, overflow=overflow))
    of_any = (dimensions.TOTAL.number, dimensions.EVENT_TYPE.number)
    return {(key.dimension, key.value) for key in found if key.dimension not in of_any}


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two more entries in the table."""
    monkeypatch.setattr(dimensions, "TABLE", Dimensions((*ENTRIES, RESOURCE, VERSION)))


@pytest.mark.parametrize("attribute", ["number", "name"])
def test_no_number_and_no_name_means_two_dimensions(attribute: str) -> None:
    assert len({getattr(one, attribute) for one in ENTRIES}) == len(ENTRIES)


def test_no_pair_has_the_number_of_a_dimension_or_of_another_pair() -> None:
    pairs = [one.number for one in dimensions.TABLE.pairs.values()]
    assert len({*pairs, *(one.number for one in ENTRIES)}) == len(pairs) + len(ENTRIES)
    assert all(map(dimensions.is_pair, pairs))
    assert not any(dimensions.is_pair(one.number) for one in ENTRIES)


def test_values_that_are_limited_have_a_kind_of_their_own() -> None:
    kinds = [one.member_kind for one in ENTRIES if one.member_kind]
    assert len({*kinds, dimensions.USER_KIND}) == len(kinds) + 1
    assert all(one.member_kind for one in dimensions.TABLE.filters)


def test_the_contract_has_every_dimension_at_one_more_than_its_number() -> None:
    named = {f"CHANGE_DIMENSION_{one.name.upper()}": one.number + 1 for one in ENTRIES}
    assert named | {"CHANGE_DIMENSION_UNSPECIFIED": 0} == dict(realtime_service_pb2.ChangeDimension.items())


def test_values_are_fields_of_events_or_of_their_details() -> None:
    for one in ENTRIES:
        assert not one.field or one.field in Event._fields
        if one.details:
            for family in one.families:
                detail = event_pb2.Event.DESCRIPTOR.fields_by_name[family].message_type
                assert set(one.details) <= set(detail.fields_by_name)
                assert family in rules.FAMILIES.values()


def test_the_command_names_the_dimensions_that_there_are() -> None:
    answers, realtime, updates = (
        [one.name for one in some]
        for some in (dimensions.TABLE.filters, dimensions.TABLE.of_realtime, dimensions.TABLE.of_updates)
    )
    assert list(options.ANSWER_DIMENSIONS) == answers
    assert list(options.REALTIME_DIMENSIONS) == realtime
    assert sorted(options.UPDATE_DIMENSIONS) == sorted(updates)
    assert sorted(table_options.GROUPS) == sorted(one.name for one in dimensions.TABLE.groups)


def test_what_projections_count_is_kept_by_the_dimensions_that_say_so() -> None:
    for projection, kept_by in (
        ("conversations", conversations.DIMENSIONS),
        ("leads", (*leads.DIMENSIONS, leads.CAMPAIGN_CURRENCY)),
    ):
        every = (*ENTRIES, *dimensions.TABLE.pairs.values())
        assert {one for one in every if one.keeps(projection)} == {dimensions.TOTAL, *kept_by}
    assert figures.is_kept("lead_conversion_rate", dimensions.CAMPAIGN)
    assert not figures.is_kept("lead_conversion_rate", dimensions.TOPIC)
    assert not figures.is_kept("resolution_rate", dimensions.CAMPAIGN)
    assert not figures.is_kept("resolution_rate", dimensions.MODEL)
    assert figures.is_kept("resolution_rate", dimensions.TEAM)
    assert figures.is_kept("messages_sent", dimensions.MODEL)


def test_what_must_not_be_added_up_is_kept_by_its_dimension_and_pairs_with_it_alone() -> None:
    of_currency = dimensions.TABLE.pairs["campaign,currency"]
    assert figures.is_kept("campaign_cost_micros", dimensions.CURRENCY)
    assert figures.is_kept("campaign_cost_micros", of_currency)
    assert figures.is_kept("avg_lead_value_micros", of_currency)
    assert not figures.is_kept("cohort_lead_value_micros", dimensions.CAMPAIGN)
    assert not figures.is_kept("cohort_lead_value_micros", dimensions.TOTAL)
    for other in (dimensions.TOTAL, dimensions.CAMPAIGN, dimensions.RUBRIC):
        assert not figures.is_kept("campaign_cost_micros", other)
    assert figures.is_kept("avg_quality_overall", dimensions.TABLE.pairs["agent,rubric"])
    assert not figures.is_kept("avg_quality_overall", dimensions.AGENT)
    assert not figures.is_kept("p50_quality_overall", dimensions.TOTAL)
    assert figures.is_kept("quality_reviews", dimensions.TOTAL)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (event("message.sent", {"model": "small-2"}), {("model", "small-2")}),
        (event("message.sent", {"failed": 1}), set()),
        (event("own.type", {"model": "small-2"}), set()),  # whose family is not known
        (
            event("api.called", {"method": "GET", "endpoint": "/orders/{id}"}),
            {("endpoint", "GET /orders/{id}"), ("method", "GET")},
        ),
        (event("api.called", {"endpoint": "/orders"}), {("endpoint", "/orders")}),
        (event("api.called", {"method": "GET"}), {("method", "GET")}),
        (event("api.called", {"status_code": 404}), {("status_class", "4xx")}),
        (event("api.called", {"status_code": 0}), {("status_class", "0xx")}),
        (event("api.called", {"latency_ms": 5}), set()),
        (event("order.placed", campaign_id="spring"), {("campaign", "spring")}),
        (event("call.ended", {"queue": "billing", "talk_ms": 5}), {("queue", "billing")}),
        (event("conversation.resolved", {"topic": "returns"}), {("topic", "returns")}),
        (event("content_gap.found", {"topic": "returns"}), {("topic", "returns")}),
        (event("quality.scored", {"topic": "returns"}), {("topic", "returns")}),
        (
            event("quality.scored", {"overall": 5, "rubric_version": "v2", "scorer": "ann"}),
            {("rubric", "v2"), ("scorer", "ann")},
        ),
        (event("quality.scored", {"accuracy": 0}), {("rubric", "unspecified")}),
        (event("quality.scored"), set()),
        (
            event("lead.converted", {"value_micros": 5, "currency": "EUR", "stage": "won"}),
            {("currency", "EUR"), ("stage", "won")},
        ),
        (event("lead.converted", {"value_micros": 0}), {("currency", "XXX")}),
        (event("lead.converted", {"stage": "won"}), {("stage", "won")}),
        (event("campaign.cost_recorded", {"cost_micros": 5}), {("currency", "XXX")}),
        (event("payment.succeeded", {"currency": "USD"}), {("currency", "USD")}),
        (event("message.sent", {"failed": 1, "error_code": "timeout"}), {("error_code", "timeout")}),
        (event("badge.earned", {"badge": "gold"}), {("badge", "gold")}),
        (event("conversation.escalated", {"handoff_reason": "angry"}), {("handoff_reason", "angry")}),
    ],
)
def test_an_event_counts_for_the_values_that_it_carries(one: Event, expected: set[tuple[str, str]]) -> None:
    by_name = {(dimensions.TABLE.by_name[name].number, value) for name, value in expected}
    assert counted(one) == by_name
    for name, value in expected:
        dimension = dimensions.TABLE.by_name[name]
        assert dimension.value_of(one) == value
        assert member_numbers.ids_of([one])[dimension.member_kind] == {value}
        over = Overflow({dimension.number: {value}})
        assert counted(one, over) == by_name - {(dimension.number, value)} | {(dimension.number, OTHER)}
        assert over.holds(one)


@pytest.mark.usefixtures("added")
def test_a_dimension_takes_an_entry_and_nothing_else() -> None:
    one, other = event("order.placed", resource_id="r"), event("agent.created", {"version": "v2"}, agent_id="a")
    assert counted(one) == {(90, "r")}
    assert counted(other, Overflow({91: {"v2"}})) == {(dimensions.AGENT.number, "a"), (91, OTHER)}
    assert Overflow.of([(91, "v2")]).holds(other)
    assert member_numbers.ids_of([one, other]).items() >= {90: {"r"}, 91: {"v2"}}.items()
    assert Limits().candidate(90, "r").limit == 7
    assert Limits({"version": 3}).candidate(91, "v2").limit == 3
    narrowed = answer_pb2.Filter(dimensions=[answer_pb2.DimensionFilter(dimension="version", value="v2")])
    assert (shared.part(narrowed).dimension, shared.part(narrowed).value) == (VERSION, "v2")
    assert {"resource", "version"} <= {one.name for one in catalogue.response([], []).dimensions}


def test_a_dimension_without_an_entry_is_not_there() -> None:
    narrowed = answer_pb2.Filter(dimensions=[answer_pb2.DimensionFilter(dimension="version", value="v2")])
    with pytest.raises(Refused, match="these are: agent, channel, team, model, endpoint, campaign, queue, topic, hand"):
        shared.part(narrowed)


def test_all_measures_are_kept_by_a_dimension_of_details() -> None:
    found = counting.of_events(
        [event("message.sent", {"model": "m", "response_time_ms": 30}, user_id="u")], Numbers(users={"u": 1}, agents={})
    )
    total = found[CellKey(dimensions.TOTAL.number, "", 1)]
    assert not cells.differences({CellKey(6, "m", 1): total}, {key: one for key, one in found.items() if key[0] == 6})
    assert total.counters[cells.sum_key(registry.MEASURES["response_time_sum_ms"].number)] == 30


@pytest.mark.parametrize("text", ["agent=1,model=2", " agent = 1 , model=2 ,"])
def test_limits_are_named_by_dimension(text: str) -> None:
    limits = Limits.from_settings(Settings(max_distinct=text))  # type: ignore[arg-type]  # as the environment has it
    assert [limits.candidate(kind, "x").limit for kind in (2, 6, 7)] == [1, 2, 1000]


@pytest.mark.parametrize("text", ["agents=1", "agent=-1", "agent=1000001", "event_type=1001", "storage_kind=1"])
def test_limits_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(SetupError, match=r"agent \(0 to 1000000\)"):
        Limits.from_settings(Settings(max_distinct=text))  # type: ignore[arg-type]  # as the environment has it


@pytest.mark.parametrize("text", ["agent", "agent=1=2", "agent=many"])
def test_limits_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="max_distinct"):
        Settings(max_distinct=text)  # type: ignore[arg-type]  # as the environment has it
