"""Figures by each dimension: small worlds by every road there is, values over the limit, and what is refused."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import grpc
import pytest

from server.catalog import dimensions, registry
from server.catalog.cells import OTHER
from server.catalog.dimensions import Dimension, Dimensions
from server.catalog.figures import is_kept, only_by
from server.rollups import audit, fold
from server.settings import Settings
from server.store.database import Database
from tallywire.v1 import answer_pb2, event_pb2, metrics_service_pb2, realtime_service_pb2, realtime_service_pb2_grpc
from tests.support import serving, worlds
from tests.support.serving import Accounts, Caller, refused
from tests.support.tiny_worlds import THE_DAY, by_field, closing, e, sent, stored_bytes

ApiDetail, CallDetail, ConversationDetail = event_pb2.ApiDetail, event_pb2.CallDetail, event_pb2.ConversationDetail
QualityDetail, LeadDetail, TaskDetail = event_pb2.QualityDetail, event_pb2.LeadDetail, event_pb2.TaskDetail
OTHERS = [*closing("c0", "started", "resolved"), stored_bytes(5), e("order.placed")]

# Events by the dimension whose values they carry, and the figures that each value must give.
WORLDS: Mapping[str, tuple[Sequence[event_pb2.Event], Mapping[str, Mapping[str, float | None]]]] = {
    "model": (
        [
            sent(0, "c", model="small-2", prompt_tokens=10, completion_tokens=5, cost_micros=7, response_time_ms=10),
            sent(1, "c", model="small-2", prompt_tokens=1, response_time_ms=30, failed=True),
            sent(200, "c", model="large-1", prompt_tokens=100, cost_micros=90),
            sent(2, "c", prompt_tokens=1000),
            sent(3, "c", model="small-2", prompt_tokens=20, cached_tokens=4, completion_tokens=5),
        ],
        {
            "small-2": {
                "events": 3,
                "messages_sent": 3,
                "token_usage": 41,
                "uncosted_prompt_tokens": 21,
                "uncosted_cached_tokens": 4,
                "uncosted_completion_tokens": 5,
                "uncosted_tokens": 26,
                "cost_micros": 7,
                "avg_response_time_ms": 20,
                "error_rate": 1 / 3,
            },
            "large-1": {"messages_sent": 1, "token_usage": 100, "cost_micros": 90, "avg_response_time_ms": None},
            "nobody": {"events": 0, "messages_sent": 0, "error_rate": None},
        },
    ),
    "endpoint": (
        [
            e("api.called", api=ApiDetail(method="GET", endpoint="/orders/{id}", response_bytes=10)),
            e("api.called", 30, api=ApiDetail(method="GET", endpoint="/orders/{id}", response_bytes=20)),
            e("api.called", api=ApiDetail(method="POST", endpoint="/orders/{id}")),
            e("api.called", api=ApiDetail(endpoint="/health")),
            e("api.called", api=ApiDetail(method="GET")),
        ],
        {
            "GET /orders/{id}": {"events": 2, "api_calls": 2, "messages_sent": 0},
            "POST /orders/{id}": {"api_calls": 1},
            "/health": {"api_calls": 1},
        },
    ),
    "campaign": (
        [
            e("message.received", campaign_id="spring", user_id="u1"),
            e("message.received", 400, campaign_id="spring", user_id="u2"),
            e("message.received", campaign_id="autumn", user_id="u1"),
            e("lead.created", campaign_id="spring", resource_id="l"),
            e("lead.converted", 5, campaign_id="autumn", resource_id="l"),
        ],
        {
            "spring": {
                "messages_received": 2,
                "unique_users": 2,
                "active_agents": 1,
                "leads_converted": 0,
                "lead_conversion_rate": 1,
                "cohort_lead_value_micros": None,
            },
            "autumn": {"messages_received": 1, "unique_users": 1, "leads_converted": 1, "lead_conversion_rate": None},
        },
    ),
    "queue": (
        [
            e("call.started", call=CallDetail(queue="billing")),
            e("call.ended", 3, call=CallDetail(queue="billing", talk_ms=60_000)),
            e("call.ended", 3, call=CallDetail(queue="sales", talk_ms=1)),
        ],
        {"billing": {"events": 2, "active_agents": 1}, "sales": {"events": 1}},
    ),
    "topic": (
        [
            e("conversation.started", conversation_id="c1"),  # whose topic is told later
            sent(1, "c1"),
            e("conversation.resolved", 20, conversation_id="c1", conversation=ConversationDetail(topic="returns")),
            e("conversation.started", conversation_id="c2", conversation=ConversationDetail(topic="delivery")),
            sent(3, "c2"),
            e("conversation.ended", 40, conversation_id="c2", conversation=ConversationDetail(topic="returns")),
            e("conversation.started", conversation_id="c3", conversation=ConversationDetail(topic="delivery")),
            # These count for their topics, and do not change that of the conversation.
            e("quality.scored", 41, conversation_id="c2", quality=QualityDetail(topic="delivery")),
            e("content_gap.found", 41, conversation_id="c2", content_gap=event_pb2.ContentGapDetail(topic="returns")),
            e("content_gap.found", 42, conversation_id="c2", content_gap=event_pb2.ContentGapDetail(topic="delivery")),
        ],
        {
            "returns": {
                "events": 3,
                "content_gaps_found": 1,
                "resolution_events": 1,
                "total_conversations": 2,
                "conversations_closed": 2,
                "conversations_resolved": 1,
                "resolution_rate": 0.5,
                "avg_messages_per_conversation": 1,
                "avg_conversation_duration_ms": 30 * 60_000,
                "avg_first_response_time_ms": 2 * 60_000,
            },
            "delivery": {
                "events": 4,
                "quality_reviews": 1,
                "resolution_events": 0,
                "total_conversations": 1,
                "conversations_closed": 0,
                "resolution_rate": None,
                "avg_first_response_time_ms": None,
            },
            "nobody": {"events": 0, "total_conversations": 0, "resolution_rate": None},
        },
    ),
    "handoff_reason": (
        [
            e("conversation.started", conversation_id="c1"),
            e(
                "conversation.escalated",
                20,
                conversation_id="c1",
                conversation=ConversationDetail(handoff_reason="asked"),
            ),
            e(
                "conversation.escalated",
                30,
                conversation_id="c1",
                conversation=ConversationDetail(handoff_reason="angry"),
            ),
            e("conversation.resolved", 40, conversation_id="c1"),
            e("conversation.escalated", conversation_id="c2", conversation=ConversationDetail(handoff_reason="angry")),
            e("conversation.escalated", conversation_id="c3", conversation=ConversationDetail(handoff_reason="asked")),
            e("conversation.reopened", 10, conversation_id="c3"),
            e("conversation.escalated", 50, conversation_id="c4"),
        ],
        {
            "asked": {
                "events": 2,
                "escalation_events": 2,
                "total_conversations": 1,
                "conversations_escalated": 1,
                "human_resolutions": 1,
                "human_resolution_rate": 1,
                "avg_conversation_duration_ms": 20 * 60_000,
            },
            "angry": {
                "events": 2,
                "escalation_events": 2,
                "total_conversations": 1,
                "conversations_escalated": 1,
                "human_resolutions": 0,
                "human_resolution_rate": 0,
            },
            "nobody": {"events": 0, "total_conversations": 0, "human_resolution_rate": None},
        },
    ),
    "currency": (
        [
            e("lead.created", lead=LeadDetail(value_micros=5, currency="EUR")),
            e("lead.created"),
            e("lead.converted", 30, lead=LeadDetail(value_micros=7, currency="EUR")),
            e("lead.created", resource_id="l"),
            e("lead.converted", 30, resource_id="l", lead=LeadDetail(value_micros=3, currency="USD")),
            e("campaign.cost_recorded", campaign=event_pb2.CampaignDetail(cost_micros=11, currency="EUR")),
            e("payment.failed", 1, billing=event_pb2.BillingDetail(amount_micros=17, currency="EUR")),
            e("payment.succeeded", 1, billing=event_pb2.BillingDetail(amount_micros=13)),
        ],
        {
            "EUR": {
                "events": 4,
                "leads_created": 1,
                "lead_value_micros": 5,
                "converted_value_micros": 7,
                "campaign_cost_micros": 11,
                "payment_amount_micros": 0,
            },
            "USD": {
                "leads_generated": 1,
                "cohort_leads_converted": 1,
                "cohort_lead_value_micros": 3,
                "cohort_converted_value_micros": 3,
                "avg_lead_value_micros": 3,
            },
            "XXX": {"events": 1, "payments_succeeded": 1, "payment_amount_micros": 13, "lead_value_micros": 0},
        },
    ),
    "rubric": (
        [
            e("quality.scored", quality=QualityDetail(rubric_version="v1", overall=9000, politeness=0, scorer="ann")),
            e("quality.scored", 1, quality=QualityDetail(rubric_version="v1", overall=7000, accuracy=10_000)),
            e("quality.scored", 2, quality=QualityDetail(rubric_version="v2", overall=1000, helpfulness=2500)),
            e("quality.scored", 3, quality=QualityDetail(overall=4000)),
            e("quality.scored", 3),
        ],
        {
            "v1": {
                "quality_reviews": 2,
                "quality_overall": 16_000,
                "avg_quality_overall": 0.8,
                "p50_quality_overall": 0.8,
                "quality_accuracy": 10_000,
                "avg_quality_accuracy": 1,
                "p50_quality_accuracy": 1,
                "quality_politeness": 0,
                "avg_quality_politeness": 0,
                "p50_quality_politeness": 0,
                "avg_quality_helpfulness": None,
                "p50_quality_helpfulness": None,
            },
            "v2": {
                "avg_quality_overall": 0.1,
                "quality_helpfulness": 2500,
                "avg_quality_helpfulness": 0.25,
                "p50_quality_helpfulness": 0.25,
            },
            "unspecified": {"quality_reviews": 1, "avg_quality_overall": 0.4},
        },
    ),
}
# The other dimensions, whose values are one detail each.
SINGLE_DETAILS: Mapping[str, tuple[Sequence[event_pb2.Event], Mapping[str, Mapping[str, float | None]]]] = {
    "error_code": (
        [sent(failed=True, error_code="timeout"), sent(error_code="timeout"), sent()],
        {"timeout": {"messages_sent": 2, "error_rate": 0.5}},
    ),
    "status_class": (
        [e("api.called", api=ApiDetail(status_code=code, method="GET")) for code in (200, 299, 404, 500)],
        {
            "2xx": {"api_calls": 2, "api_errors": 0},
            "4xx": {"api_client_errors": 1, "api_client_error_rate": 1},
            "5xx": {"api_errors": 1, "api_error_rate": 1},
        },
    ),
    "method": ([e("api.called", api=ApiDetail(method="PUT"))], {"GET": {"api_calls": 4}, "PUT": {"api_calls": 1}}),
    "scorer": (
        [e("quality.scored", quality=QualityDetail(scorer="ann", overall=5000))],
        {"ann": {"quality_reviews": 1, "avg_quality_overall": None, "quality_overall": None}},
    ),
    "stage": (
        [e("lead.stage_entered", lead=LeadDetail(stage="demo")), e("lead.lost", lead=LeadDetail(stage="demo"))],
        {"demo": {"lead_stage_entries": 1, "leads_lost": 1}},
    ),
    "badge": ([e("badge.earned", task=TaskDetail(badge="gold", points=5))], {"gold": {"points_awarded": 5}}),
}
NOT_ADDED_UP = ("unique_users", "active_agents", "avg_messages_per_conversation")  # over points in time
OF_CONVERSATIONS = (
    "total_conversations",
    "conversations_closed",
    "conversations_resolved",
    "avg_first_response_time_ms",
)


def by(dimension: str, value: str) -> list[answer_pb2.DimensionFilter]:
    """A filter by a value of a dimension."""
    return [answer_pb2.DimensionFilter(dimension=dimension, value=value)]


def has_conversations(dimension: str) -> bool:
    """Whether what is counted from whole conversations is kept by a dimension."""
    return dimensions.TABLE.by_name[dimension].keeps("conversations")


async def roads(caller: Caller, dimension: str, figures: Mapping[str, Mapping[str, float | None]]) -> list[Any]:
    """Holds the figures of each value against what they must be, and returns all that was answered."""
    answers: list[Any] = []
    for value, expected in figures.items():
        overview = by_field((await caller.overview(THE_DAY, dimensions=by(dimension, value))).overview)
        there = {name: figure for name, figure in expected.items() if name in overview}
        assert {name: overview[name] for name in there} == pytest.approx(there), value
        assert has_conversations(dimension) or all(overview[name] is None for name in OF_CONVERSATIONS)
        mixed = [name for name in expected if only_by(name) and not is_kept(name, dimensions.TABLE.by_name[dimension])]
        metrics = dict.fromkeys(name for name in (*expected, "total_conversations") if name not in mixed)
        trends = await caller.trends(THE_DAY, *metrics, dimensions=by(dimension, value))
        for series in trends.series:
            points = [getattr(point, point.WhichOneof("value") or "", None) for point in series.values]
            assert len(points) == len(trends.buckets)
            if not is_kept(series.metric, dimensions.TABLE.by_name[dimension]):
                assert set(points) == {None}
            elif series.unit == "1" and series.metric not in NOT_ADDED_UP:
                assert sum(points) == expected[series.metric], (value, series.metric)
        answers.append((overview, [list(series.values) for series in trends.series]))
    return answers


@pytest.mark.parametrize("dimension", WORLDS)
async def test_the_figures_of_a_dimension(caller: Caller, database: Database, dimension: str) -> None:
    """From deltas, folded, and widened; and the audit agrees."""
    events, figures = WORLDS[dimension]
    await worlds.keep_every_width(database, caller.organization_id)
    await caller.track_all([*reversed(events), *OTHERS])
    total = (await caller.overview(THE_DAY)).overview
    before = await roads(caller, dimension, figures)
    assert await fold.fold_all(database, caller.organization_id) > 0
    assert await roads(caller, dimension, figures) == before
    assert await worlds.unfolded(database, caller.organization_id) == 0
    assert (await caller.overview(THE_DAY)).overview == total
    assert (await audit.check(database, caller.organization_id)).mismatches == 0


async def test_the_figures_of_dimensions_of_one_detail(caller: Caller, database: Database) -> None:
    await caller.track_all([one for events, _ in SINGLE_DETAILS.values() for one in events])
    before = [await roads(caller, dimension, figures) for dimension, (_, figures) in SINGLE_DETAILS.items()]
    await fold.fold_all(database, caller.organization_id)
    assert [await roads(caller, name, figures) for name, (_, figures) in SINGLE_DETAILS.items()] == before
    assert (await audit.check(database, caller.organization_id)).mismatches == 0


def test_every_dimension_is_in_a_world_and_what_is_kept_by_it_alone() -> None:
    of_fields = {one.name for one in dimensions.TABLE.filters if one.has_slots}
    assert WORLDS.keys() | SINGLE_DETAILS.keys() == {one.name for one in dimensions.TABLE.filters} - of_fields
    told = {name for name in registry.METRICS if only_by(name)}
    for name in told:
        (dimension,) = only_by(name)
        assert any(found.get(name) is not None for found in WORLDS[dimension][1].values()), name


async def test_changes_of_conversations_are_absent_with_the_reason(caller: Caller) -> None:
    earlier = [sent(-24 * 60, "c", model="m"), sent(-24 * 60, "c", model="m"), e("agent.created", -48 * 60)]
    await caller.track_all([sent(0, "c", model="m"), *earlier])
    overview = (await caller.overview(THE_DAY, dimensions=by("model", "m"))).overview
    assert overview.messages_change.percent == -50
    assert overview.conversations_change.absence_reason == answer_pb2.ABSENCE_REASON_NOT_KEPT


@pytest.fixture(scope="module")
async def small(settings: Settings) -> AsyncIterator[grpc.aio.Channel]:
    """A server that keeps figures of one value of each new dimension."""
    limits = dict.fromkeys(WORLDS, 1)
    async with (
        serving.running(settings, max_distinct=limits) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        yield channel


@pytest.mark.parametrize("dimension", WORLDS)
async def test_values_over_the_limit(
    accounts: Accounts, small: grpc.aio.Channel, database: Database, dimension: str
) -> None:
    """They are counted together, senders are warned, and who asks about one of them is refused."""
    caller = replace(await accounts.caller(), channel=small)
    events, figures = WORLDS[dimension]
    values = [value for value in figures if value != "nobody"]
    warnings = [
        serving.warnings((await caller.track(event)).result)
        for event in sorted(events, key=lambda one: one.occurred_at.ToNanoseconds())
    ]
    assert ["CARDINALITY_OVERFLOW"] in warnings
    over = []
    conversations = 0
    for value in values:
        asked = caller.overview(THE_DAY, dimensions=by(dimension, value))
        (answer,) = await asyncio.gather(asked, return_exceptions=True)
        if isinstance(answer, grpc.aio.AioRpcError):
            over.append(serving.refusal(answer)[:3])
            conversations += int(figures[value].get("total_conversations") or 0)
    assert over == [("FAILED_PRECONDITION", "CARDINALITY_OVERFLOW", "filter")] * (len(values) - 1)
    others = (await caller.overview(THE_DAY, dimensions=by(dimension, OTHER))).overview
    assert others.events == warnings.count(["CARDINALITY_OVERFLOW"])
    assert others.total_conversations == conversations
    assert (await audit.check(database, caller.organization_id)).mismatches == 0


@pytest.mark.parametrize(
    ("part", "expected", "says"),
    [
        ({"dimensions": by("colour", "red")}, ("UNKNOWN_DIMENSION", "filter.dimensions.dimension"), "these are: agent"),
        ({"dimensions": by("total", "x")}, ("UNKNOWN_DIMENSION", "filter.dimensions.dimension"), "these are: agent"),
        ({"dimensions": by("event_type", "a")}, ("UNKNOWN_DIMENSION", "filter.dimensions.dimension"), "these are"),
        ({"dimensions": by("model", "")}, ("REQUIRED_FIELD", "filter.dimensions.value"), ""),
        ({"dimensions": by("model", "x" * 257)}, ("FIELD_TOO_LONG", "filter.dimensions.value"), ""),
        ({"dimensions": by("endpoint", "x" * 514)}, ("FIELD_TOO_LONG", "filter.dimensions.value"), ""),
        (
            {"agent_id": "a", "dimensions": [*by("model", "m"), *by("campaign", "c")]},
            ("TOO_MANY_FILTERS", "filter"),
            "filter by at most two values, each of another dimension",
        ),
        (
            {"agent_id": "a", "dimensions": by("agent", "b")},
            ("TOO_MANY_FILTERS", "filter"),
            "each of another dimension",
        ),
    ],
)
async def test_filters_that_are_refused(
    caller: Caller, part: dict[str, Any], expected: tuple[str, str], says: str
) -> None:
    for call in (caller.overview(THE_DAY, **part), caller.trends(THE_DAY, "events", **part)):
        error = await refused(call)
        assert serving.refusal(error)[:3] == ("INVALID_ARGUMENT", *expected)
        assert says in (error.details() or "")


async def test_the_fields_of_a_filter_are_dimensions_like_any_other(caller: Caller) -> None:
    await caller.track_all([sent(0, "c"), e("message.received")])
    for name, value in (("agent", "bot"), ("channel", "web"), ("team", "blue")):
        answer = (await caller.overview(THE_DAY, dimensions=by(name, value))).overview
        assert (answer.events, answer.total_conversations) == (2, 1)


async def test_the_catalogue_lists_dimensions(caller: Caller) -> None:
    listed = (await caller.ask("ListMetrics", metrics_service_pb2.ListMetricsRequest())).dimensions
    assert [one.name for one in listed] == sorted(one.name for one in dimensions.TABLE.filters)
    assert {one.name for one in listed if one.has_conversations} == {
        "agent",
        "channel",
        "team",
        "topic",
        "handoff_reason",
    }
    assert {one.name for one in listed if one.has_leads} == {"agent", "channel", "team", "campaign", "currency"}
    assert {one.name for one in listed if one.has_realtime} == {"agent", "channel", "team"}
    assert all(one.description for one in listed)


async def test_updates_name_the_dimension(caller: Caller) -> None:
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    call = stub.WatchUpdates(realtime_service_pb2.WatchUpdatesRequest(), metadata=caller.metadata, timeout=20)
    await call.initial_metadata()
    await caller.track(sent(0, model="small-2"))
    async for message in call:
        named = {(change.dimension, change.value) for change in message.changes}
        if message.revision:
            break
    call.cancel()
    assert (realtime_service_pb2.CHANGE_DIMENSION_MODEL, "small-2") in named


async def test_a_dimension_is_an_entry(caller: Caller, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted, limited, asked for, listed and audited, and nothing else was touched."""
    resource = Dimension(
        number=90, name="resource", description="What it is about.", field="resource_id", member_kind=90, limit=1
    )
    monkeypatch.setattr(dimensions, "TABLE", Dimensions((*dimensions.TABLE.entries, resource)))
    for number, resource_id in enumerate(("r1", "r2", "r1", "r3", "")):
        await caller.track(e("message.received", number, resource_id=resource_id))
    for _ in range(2):
        found = [
            (await caller.overview(THE_DAY, dimensions=by("resource", value))).overview.messages_received
            for value in ("r1", OTHER, "r9")
        ]
        assert found == [2, 2, 0]
        await fold.fold_all(database, caller.organization_id)
    error = await refused(caller.overview(THE_DAY, dimensions=by("resource", "r2")))
    assert serving.refusal(error).reason == "CARDINALITY_OVERFLOW"
    listed = (await caller.ask("ListMetrics", metrics_service_pb2.ListMetricsRequest())).dimensions
    assert "resource" in [one.name for one in listed]
    assert (await audit.check(database, caller.organization_id)).mismatches == 0
