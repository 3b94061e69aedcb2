"""Periods to the microsecond: slices add up to their whole, whatever instants they are cut at."""

import functools
import itertools
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server import timerange
from server.catalog import registry
from server.catalog.metrics import Aggregation
from server.events.event import Event
from server.query import comparison, edges
from server.rollups import fold
from server.store import organizations
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy.principal import Scope
from tallywire.v1 import (
    answer_pb2,
    custom_metric_service_pb2,
    custom_metric_service_pb2_grpc,
    event_pb2,
    time_pb2,
)
from tests.support import serving, worlds
from tests.support.serving import Accounts, Caller, refused
from tests.support.tiny_worlds import NOON, e, presence, sent

HOUR = datetime(2026, 3, 10, 9, tzinfo=UTC)
ADDITIVE = [
    one.name for one in registry.MEASURES.values() if one.aggregation is not Aggregation.UNIQUE and not one.only_by
]
PARTS: Sequence[Mapping[str, str]] = ({}, {"agent_id": "bot-7"}, {"agent_id": "bot-7", "channel": "web"})
Figures = dict[str, int]


@pytest.fixture(scope="module")
async def small(database: Database, accounts: Accounts) -> tuple[Caller, list[Event]]:
    """An organization with two hours of events, half of them folded, and these events."""
    caller = await accounts.caller()
    events = worlds.events(11, 600, end=HOUR + timedelta(minutes=90), days=2 / 24)
    await worlds.store(database, caller.organization_id, events[:300])
    await worlds.project(database, caller.organization_id)
    await fold.fold_all(database, caller.organization_id)
    await worlds.store(database, caller.organization_id, events[300:])
    return caller, events


async def series(caller: Caller, start: datetime, end: datetime, granularity: int, **part: str) -> list[Figures]:
    """The additive figures of each point, and the answers' bounds must be as asked."""
    found: list[Figures] = []
    for first in range(0, len(ADDITIVE), 20):
        names = ADDITIVE[first : first + 20]
        answer = await caller.trends(serving.period(start, end), *names, granularity=granularity, **part)
        assert (answer.context.start, answer.context.end) == (serving.stamp(start), serving.stamp(end))
        assert (answer.buckets[0].start, answer.buckets[-1].end) == (answer.context.start, answer.context.end)
        found = found or [{} for _ in answer.buckets]
        for one in answer.series:
            for point, value in zip(found, one.values, strict=True):
                point[one.metric] = value.integer
    return found


def added(some: Sequence[Figures]) -> Figures:
    return {name: sum(one[name] for one in some) for name in ADDITIVE}


@pytest.mark.parametrize("part", PARTS, ids=["all", "agent", "pair"])
async def test_slices_add_up_to_an_hour(small: tuple[Caller, list[Event]], part: Mapping[str, str]) -> None:
    caller, _ = small
    end = HOUR + timedelta(hours=1)
    (whole,) = await series(caller, HOUR, end, time_pb2.GRANULARITY_HOUR, **part)
    assert sum(map(bool, whole.values())) > (4 if part else 20)
    fine = await series(caller, HOUR, end, time_pb2.GRANULARITY_FIVE_MINUTES, **part)
    assert len(fine) == 12
    assert added(fine) == whole
    dice = random.Random(len(part))
    cuts = [HOUR, *sorted(HOUR + timedelta(microseconds=dice.randrange(3_600_000_000)) for _ in range(4)), end]
    asked = functools.partial(series, caller, granularity=time_pb2.GRANULARITY_HOUR, **part)
    slices = [await asked(first, last) for first, last in itertools.pairwise(cuts)]
    assert added([one for points in slices for one in points]) == whole


def test_whatever_projections_count_is_counted_in_edges() -> None:
    assert {one.projection for one in registry.MEASURES.values() if one.projection} <= edges.PROJECTIONS


async def test_distinct_users_and_types_of_events_are_exact(small: tuple[Caller, list[Event]]) -> None:
    caller, events = small
    start, end = HOUR - timedelta(minutes=7, seconds=3), HOUR + timedelta(minutes=61, microseconds=17)
    inside = [one for one in events if start <= timerange.of_microseconds(one.occurred_at) < end]
    answer = await caller.overview(serving.period(start, end))
    assert answer.overview.events == len(inside)
    assert answer.overview.unique_users == len({one.user_id for one in inside if one.user_id})
    expected: dict[str, int] = {}
    for one in inside:
        expected[one.event_type] = expected.get(one.event_type, 0) + 1
    assert {one.event_type: one.events for one in answer.overview.events_by_type} == expected
    assert answer.context.source == answer_pb2.ANSWER_SOURCE_BOTH
    agent = await caller.agent("ada", serving.period(start, end))
    assert agent.agent.unique_users == len({one.user_id for one in inside if one.agent_id == "ada" and one.user_id})
    minutes = await caller.trends(
        serving.period(start, end), "unique_users", granularity=time_pb2.GRANULARITY_MINUTE, agent_id="ada"
    )
    assert minutes.context.source == answer_pb2.ANSWER_SOURCE_RAW_EVENTS
    assert len(minutes.buckets) == 70
    for bucket, value in zip(minutes.buckets, minutes.series[0].values, strict=True):
        first, last = (at.ToMicroseconds() for at in (bucket.start, bucket.end))
        mine = [one for one in inside if one.agent_id == "ada" and first <= one.occurred_at < last]
        assert value.integer == len({one.user_id for one in mine if one.user_id})
    whole = await caller.overview(serving.period(HOUR, HOUR + timedelta(hours=1)))
    assert whole.context.source == answer_pb2.ANSWER_SOURCE_ROLLUPS


async def test_where_raw_events_are_gone_or_too_many_bounds_are_quarter_hours(
    caller: Caller, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await caller.track_all([e("message.sent", minute) for minute in (-1, 1, 14, 16, 29)])
    asked = serving.period(NOON + timedelta(minutes=5), NOON + timedelta(minutes=20))
    quarters = serving.stamp(NOON), serving.stamp(NOON + timedelta(minutes=30))

    async def bounds(expected: int) -> tuple[Any, Any]:
        answer = await caller.overview(asked)
        assert answer.overview.events == expected
        return answer.context.start, answer.context.end

    assert await bounds(2) == (asked.start, asked.end)
    fine = functools.partial(caller.trends, asked, "events", granularity=time_pb2.GRANULARITY_FIVE_MINUTES)
    assert [one.integer for one in (await fine()).series[0].values] == [0, 1, 1]
    monkeypatch.setattr(comparison, "MOST_REQUIRED", 3)
    monkeypatch.setattr(comparison, "Exactness", functools.partial(edges.Exactness, most=3))
    assert await bounds(4) == quarters
    error = await refused(fine())
    assert serving.refusal(error) == ("FAILED_PRECONDITION", "TOO_MANY_RAW_EVENTS", "granularity", False)
    monkeypatch.undo()
    async with database.transaction(of=EVERY) as driver:
        await organizations.raise_raw_from(driver, caller.organization_id, timerange.floor_bucket(NOON) + 1)
    assert await bounds(3) == (serving.stamp(NOON), asked.end)
    error = await refused(fine())
    assert serving.refusal(error) == ("FAILED_PRECONDITION", "RAW_EVENTS_GONE", "granularity", False)
    assert serving.info(error)["kept_from"] == "2024-05-15T12:15:00Z"


async def test_comparisons_and_presence_are_to_the_microsecond(caller: Caller) -> None:
    week = 7 * 24 * 60
    await caller.track_all(
        [
            e("a.b", -2 * week),
            *(sent(minute - week, response_time_ms=40) for minute in (4.99, 5, 9, 19.99, 20)),
            *(sent(minute, response_time_ms=80) for minute in (4.99, 5, 20)),
            *(sent(minute) for minute in (-10.01, -10)),
            presence(7 - week, event_pb2.AGENT_STATUS_AVAILABLE),
        ]
    )
    asked = serving.period(NOON + timedelta(minutes=5), NOON + timedelta(minutes=20))
    then = serving.period(NOON + timedelta(minutes=5, days=-7), NOON + timedelta(minutes=20, days=-7))
    before = await caller.overview(asked)
    assert (before.overview.messages_sent, before.overview.messages_change.percent) == (1, -50)  # -10 and 4.99
    week_before = time_pb2.Comparison(mode=time_pb2.COMPARISON_MODE_PREVIOUS_WEEK)
    answer = await caller.overview(asked, week_before)
    assert (answer.compared.start, answer.compared.end) == (then.start, then.end)
    assert (answer.earlier.messages_sent, answer.earlier.avg_response_time_ms) == (3, 40)
    agent = await caller.agent("bot", asked, comparison=week_before)
    assert agent.earlier.available_time_ms == 13 * 60_000
    for granularity in (time_pb2.GRANULARITY_HOUR, time_pb2.GRANULARITY_FIVE_MINUTES):
        now = await caller.trends(asked, "messages_sent", comparison=week_before, granularity=granularity)
        alone = await caller.trends(then, "messages_sent", granularity=granularity)
        assert now.earlier_series == alone.series
        assert [one.end for one in now.earlier_buckets] == [one.end for one in alone.buckets]
        assert sum(one.integer for one in alone.series[0].values) == 3


async def test_leads_and_custom_metrics_are_counted_in_edges(caller: Caller, accounts: Accounts) -> None:
    admin = await accounts.another(caller, scopes=(Scope.ADMIN,))
    definition = custom_metric_service_pb2.CustomMetric(
        name="orders",
        event_types=["order.placed"],
        aggregation=custom_metric_service_pb2.CUSTOM_METRIC_AGGREGATION_COUNT,
    )
    stub = custom_metric_service_pb2_grpc.CustomMetricServiceStub(admin.channel)
    request = custom_metric_service_pb2.CreateCustomMetricRequest(metric=definition)
    await stub.CreateCustomMetric(request, metadata=admin.metadata, timeout=20)
    await caller.track_all(
        [
            *(e("order.placed", minute) for minute in (4, 6, 7, 16)),
            *(e("lead.created", minute, lead=event_pb2.LeadDetail(lead_id=str(minute))) for minute in (4, 6, 21)),
            e("lead.converted", 60, lead=event_pb2.LeadDetail(lead_id="6")),
        ]
    )
    names = ("custom.orders", "leads_generated", "cohort_leads_converted")
    for granularity, expected in (
        (time_pb2.GRANULARITY_HOUR, [[3], [1], [1]]),
        (time_pb2.GRANULARITY_FIVE_MINUTES, [[2, 0, 1], [1, 0, 0], [1, 0, 0]]),
    ):
        asked = serving.period(NOON + timedelta(minutes=5), NOON + timedelta(minutes=20))
        answer = await caller.trends(asked, *names, granularity=granularity)
        assert [[value.integer for value in one.values] for one in answer.series] == expected
