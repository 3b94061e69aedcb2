"""Answers to the microsecond by the values of dimensions, held against events that are counted without the service."""

import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from server.query import comparison, edges
from server.rollups import fold
from server.settings import Settings
from server.store.database import Database
from server.tenancy.principal import Scope
from tallywire.v1 import (
    answer_pb2,
    api_usage_pb2,
    call_metrics_pb2,
    campaign_service_pb2,
    campaign_service_pb2_grpc,
    custom_metric_service_pb2,
    custom_metric_service_pb2_grpc,
    event_pb2,
    leaderboard_service_pb2,
    leaderboard_service_pb2_grpc,
    metrics_service_pb2,
    quality_pb2,
    time_pb2,
)
from tests.support import commands, serving, worlds
from tests.support.serving import Accounts, Caller

HOUR = datetime(2026, 3, 10, 9, tzinfo=UTC)
END = HOUR + timedelta(hours=1)
FIRST, LAST = HOUR - timedelta(minutes=50), HOUR + timedelta(minutes=100)  # of the world
WEEK = timedelta(days=7)
WEEK_BEFORE = time_pb2.Comparison(mode=time_pb2.COMPARISON_MODE_PREVIOUS_WEEK)
# So few that some values of each have no figures of their own.
LIMITS = {"agent": 3, "campaign": 1, "model": 1, "endpoint": 2, "queue": 1}
OTHER = "_other"


def _content(dice: random.Random, number: int) -> dict[str, Any]:
    """The type of an event and its details."""
    match dice.randrange(8):
        case 0 | 1:
            message = event_pb2.MessageDetail(
                response_time_ms=dice.randrange(1, 9_000), cost_micros=dice.randrange(900), model=dice.choice("pqr")
            )
            return {"event_type": "message.sent", "message": message}
        case 2:
            call = event_pb2.ApiDetail(
                method=dice.choice(("GET", "PUT")),
                endpoint=dice.choice(("/a", "/b", "/c")),
                status_code=dice.choice((200, 404, 500)),
                latency_ms=dice.randrange(900),
            )
            return {"event_type": "api.called", "api": call}
        case 3:
            kind = dice.choice(("started", "answered", "ended"))
            queue = event_pb2.CallDetail(queue=dice.choice("uvw"), wait_ms=dice.randrange(90_000), talk_ms=1_000)
            return {"event_type": f"call.{kind}", "call": queue}
        case 4:
            scored = event_pb2.QualityDetail(rubric_version="v1", overall=dice.randrange(10_000), scorer="judge")
            return {"event_type": "quality.scored", "quality": scored}
        case 5:
            lead = event_pb2.LeadDetail(lead_id=f"lead-{number}", value_micros=dice.randrange(50), currency="EUR")
            return {"event_type": "lead.created", "lead": lead}
        case 6:
            return {"event_type": "points.awarded", "task": event_pb2.TaskDetail(points=dice.randrange(9))}
    return {"event_type": "order.placed", "properties": {"kind": dice.choice("xyz")}}


def made(seed: int, count: int) -> Iterator[event_pb2.Event]:
    """Events of every kind of figure, and conversations of one agent each; those of a week before, too."""
    dice = random.Random(seed)
    for number in range(count):
        at = FIRST + dice.random() * (LAST - FIRST) - dice.choice((timedelta(), timedelta(), WEEK))
        who = {
            "agent_id": dice.choice(("", "a", "b", "c", "d", "e")),
            "channel": dice.choice(("", "web", "phone")),
            "user_id": dice.choice(("", *(f"user-{one}" for one in range(9)))),
            "campaign_id": dice.choice(("", "spring", "autumn")),
        }
        if dice.random() < 0.2:
            for kind, later in (("started", 0.0), ("resolved", dice.random() * 1_500)):
                moment = at + timedelta(seconds=later)
                yield serving.event(f"conversation.{kind}", at=moment, conversation_id=f"c-{seed}-{number}", **who)
        else:
            yield serving.event(at=at, **who, **_content(dice, seed * 10_000 + number))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """An organization, where its server listens, and its events."""

    caller: Caller
    address: str
    events: Sequence[event_pb2.Event]

    def within(self, start: datetime, end: datetime) -> list[event_pb2.Event]:
        first, last = serving.stamp(start).ToMicroseconds(), serving.stamp(end).ToMicroseconds()
        return [one for one in self.events if first <= one.occurred_at.ToMicroseconds() < last]


@pytest.fixture(scope="module")
async def world(accounts: Accounts, settings: Settings, database: Database) -> AsyncIterator[World]:
    """Half of its events are folded, and the others are not."""
    async with (
        serving.running(settings, max_distinct=LIMITS) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        caller = replace(await accounts.caller(), channel=channel)
        admin = replace(await accounts.another(caller, scopes=(Scope.ADMIN,)), channel=channel)
        definition = custom_metric_service_pb2.CustomMetric(
            name="orders",
            event_types=["order.placed"],
            aggregation=custom_metric_service_pb2.CUSTOM_METRIC_AGGREGATION_COUNT,
            dimension="properties.kind",
        )
        stub: Any = custom_metric_service_pb2_grpc.CustomMetricServiceStub(channel)
        request = custom_metric_service_pb2.CreateCustomMetricRequest(metric=definition)
        await stub.CreateCustomMetric(request, metadata=admin.metadata, timeout=20)
        first = serving.event("a.b", at=FIRST - 2 * WEEK, campaign_id="spring")  # which gets figures of its own
        await caller.track(first)
        events = [first, *made(1, 900)]
        await caller.track_all(events[1:500])
        await worlds.project(database, caller.organization_id)
        await fold.fold_all(database, caller.organization_id)
        await caller.track_all(events[500:])
        yield World(caller=caller, address=server.address, events=events)


def counted(event: event_pb2.Event) -> Mapping[str, int]:
    """What an event adds to metrics that add up."""
    kind = event.event_type
    return {
        "events": 1,
        "messages_sent": kind == "message.sent",
        "cost_micros": event.message.cost_micros,
        "api_calls": kind == "api.called",
        "calls_handled": kind == "call.ended",
        "quality_reviews": kind == "quality.scored",
        "points_awarded": event.task.points,
        "total_conversations": kind == "conversation.started",
        "conversations_resolved": kind == "conversation.resolved",
        "leads_generated": kind == "lead.created",
        "custom.orders": kind == "order.placed",
    }


METRICS = tuple(counted(event_pb2.Event()))
DIMENSIONS: Mapping[str, Callable[[event_pb2.Event], str]] = {
    "agent": lambda one: one.agent_id,
    "channel": lambda one: one.channel,
    "campaign": lambda one: one.campaign_id,
    "model": lambda one: one.message.model,
    "queue": lambda one: one.call.queue,
    "endpoint": lambda one: f"{one.api.method} {one.api.endpoint}".strip(),
    "status_class": lambda one: f"{one.api.status_code // 100}xx" if one.api.status_code else "",
    "event_type": lambda one: one.event_type,
    "custom.orders": lambda one: str(dict(one.properties).get("kind", "")),
    "user": lambda one: one.user_id,
}
GROUPS = (
    *((name,) for name in DIMENSIONS),
    *(("agent", "channel"), ("endpoint", "status_class")),
    # Counted from raw events.
    *(("agent", "campaign"), ("channel", "campaign")),
)


def values(events: Sequence[event_pb2.Event], by: Sequence[str]) -> dict[tuple[str, ...], list[event_pb2.Event]]:
    found: dict[tuple[str, ...], list[event_pb2.Event]] = {}
    for one in events:
        value = tuple(DIMENSIONS[name](one) for name in by)
        if all(value):
            found.setdefault(value, []).append(one)
    return found


def added(events: Sequence[event_pb2.Event]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in events:
        total.update(counted(one))
    return total


async def pages(caller: Caller, *args: Any, **asked: Any) -> list[metrics_service_pb2.QueryMetricsResponse]:
    found = [await caller.table(*args, page_size=5, **asked)]
    while found[-1].next_page_token:
        found.append(await caller.table(*args, page_size=5, page_token=found[-1].next_page_token, **asked))
    return found


def instants(dice: random.Random) -> tuple[datetime, datetime]:
    """The bounds of a period: some of its ends are quarter hours, and some periods are within one."""
    length = timedelta(seconds=dice.choice((300, 3_000, 6_000)) * dice.random())
    start = FIRST + dice.random() * (LAST - FIRST - length)
    bounds = [start, start + length + timedelta(microseconds=1)]
    if length > timedelta(minutes=30) and (place := dice.randrange(3)) < 2:
        at = bounds[place]
        bounds[place] = at - timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)
    return bounds[0], bounds[1]


@pytest.mark.parametrize("by", GROUPS, ids=",".join)
async def test_rows_are_those_of_the_events(world: World, by: Sequence[str]) -> None:
    """Rows, what is left, the total and GetOverview, in periods that are cut anywhere."""
    dice = random.Random(",".join(by))
    listed = await world.caller.table(
        serving.period(FIRST - WEEK, LAST), *METRICS, by=by, page_size=1_000, **_ordered(by, "events")
    )
    own = {tuple(row.values) for row in listed.rows}  # the others have no figures of their own
    for number in range(3):
        start, end = (FIRST, LAST - timedelta(microseconds=7)) if not number else instants(dice)
        events, asked = world.within(start, end), serving.period(start, end)
        order = dice.choice(("events", "messages_sent", "custom.orders"))
        found = await pages(world.caller, asked, *METRICS, by=by, **_ordered(by, order))
        last = found[-1]
        assert (last.context.start, last.context.end) == (asked.start, asked.end)
        columns = [one.metric for one in last.metrics]
        assert dict(zip(columns, _integers(last.total.figures), strict=True)) == dict(added(events))
        overview = await world.caller.overview(asked)
        assert overview.context.as_of_revision == last.context.as_of_revision
        assert (overview.overview.events, overview.overview.total_conversations) == (
            added(events)["events"],
            added(events)["total_conversations"],
        )
        rows = {tuple(row.values): row for table in found for row in table.rows}
        expected = values(events, by)
        assert {one for one, row in rows.items() if any(_integers(row.figures))} == expected.keys() & own
        assert last.distinct_values == len(rows)
        for place, name in enumerate(columns):
            shown = {one: row.figures[place] for one, row in rows.items()}
            if last.rest.figures[place].WhichOneof("value") is None:  # not kept by the dimension
                assert not any(one.WhichOneof("value") for one in shown.values())
                continue
            sums = {one: added(expected.get(one, []))[name] for one in shown}
            assert {one: figure.integer for one, figure in shown.items()} == sums, name
            other = last.other.figures[place].integer if last.HasField("other") else 0
            assert other == sum(added(some)[name] for one, some in expected.items() if one not in own), name
            left = last.rest.figures[place].integer
            assert sum(sums.values()) + other + left == last.total.figures[place].integer, name


def _ordered(by: Sequence[str], name: str) -> dict[str, str]:
    """A metric of the table that orders it; by a dimension of its own a metric has no events."""
    return {"order_by": "custom.orders" if by == ("custom.orders",) else name}


def _integers(figures: Sequence[metrics_service_pb2.SeriesValue]) -> list[int]:
    return [one.integer for one in figures]


async def _ask(rpc: str, request: Any, world: World, period: time_pb2.TimeRange, **asked: Any) -> Any:
    return await world.caller.ask(rpc, request(time_range=period, **asked))


async def _campaigns(rpc: str, request: Any, world: World, period: time_pb2.TimeRange, **asked: Any) -> Any:
    stub = campaign_service_pb2_grpc.CampaignServiceStub(world.caller.channel)
    return await getattr(stub, rpc)(request(time_range=period, **asked), metadata=world.caller.metadata, timeout=20)


async def _leaderboard(world: World, period: time_pb2.TimeRange) -> Any:
    stub: Any = leaderboard_service_pb2_grpc.LeaderboardServiceStub(world.caller.channel)
    request = leaderboard_service_pb2.GetLeaderboardRequest(time_range=period, top=100)
    return await stub.GetLeaderboard(request, metadata=world.caller.metadata, timeout=20)


QUESTIONS: Mapping[str, Callable[..., Any]] = {
    "table": partial(
        _ask,
        "QueryMetrics",
        partial(metrics_service_pb2.QueryMetricsRequest, metrics=METRICS, group_by=["agent"]),
    ),
    "api": partial(_ask, "GetApiUsage", partial(api_usage_pb2.GetApiUsageRequest, top=100)),
    "calls": partial(_ask, "GetCallMetrics", partial(call_metrics_pb2.GetCallMetricsRequest, top=100)),
    "quality": partial(_ask, "GetQuality", partial(quality_pb2.GetQualityRequest, top=100)),
    "costs": partial(_ask, "GetCosts", partial(metrics_service_pb2.GetCostsRequest, rows=100)),
    "roi": partial(_ask, "GetRoi", metrics_service_pb2.GetRoiRequest),
    "campaigns": partial(_campaigns, "ListCampaigns", campaign_service_pb2.ListCampaignsRequest),
    "campaign": partial(
        _campaigns, "GetCampaign", partial(campaign_service_pb2.GetCampaignRequest, campaign_id="spring")
    ),
    "leaderboard": _leaderboard,
    "values": partial(
        _ask, "ListDimensionValues", partial(metrics_service_pb2.ListDimensionValuesRequest, dimension="agent")
    ),
}
TOTALS = {
    "table": "points_awarded",
    "api": "api_calls",
    "calls": "calls_handled",
    "quality": "quality_reviews",
    "costs": "cost_micros",
    "roi": "conversations_resolved",
    "campaigns": "leads_generated",
}
# What does not add up, is of another period, or is rounded.
_LEFT_OUT = {
    *("context", "granularity", "series", "points", "compared", "earlier", "earlier_figures", "earlier_total"),
    *("unique_users", "longest_wait_ms", "distinct_values", "distinct_rubrics", "campaign_count", "participants"),
    *("rank", "low", "base", "high", "estimated_costs", "token_estimate", "assumptions", "tenths", "without_campaign"),
}
_PARTS = ("rows", "rest", "other")
_NAMES = ("value", "values", "rubric_version", "campaign_id", "id", "currency", "seconds", "weekday", "hour")


def numbers(message: Message, path: tuple[object, ...] = ()) -> Counter[tuple[object, ...]]:
    """The whole numbers of an answer that add up, each by where it is: rows by what they are about, but for those of a
    breakdown, which leaves to its rest what has nothing of the figure that orders its rows.
    """
    found: Counter[tuple[object, ...]] = Counter()
    for field, content in message.ListFields():
        if field.name in _LEFT_OUT or field.name in _NAMES:
            continue
        is_figures = field.name == "figures" and not field.is_repeated
        is_part = bool(path) and (field.name in _PARTS or is_figures)
        for place, one in enumerate(content if field.is_repeated else [content]):
            here = path if is_part else (*path, field.name, *_about(one, place))
            if isinstance(one, Message):
                found.update(numbers(one, here))
            elif field.type == field.TYPE_INT64:
                found[here] += one
    return found


def _about(one: object, place: int) -> list[object]:
    names = one.DESCRIPTOR.fields_by_name if isinstance(one, Message) else ()
    return [str(getattr(one, name)) for name in _NAMES if name in names] or [place]


def _without_zeros(found: Counter[tuple[object, ...]]) -> dict[tuple[object, ...], int]:
    return {name: amount for name, amount in found.items() if amount}


@pytest.mark.parametrize("name", QUESTIONS)
async def test_slices_add_up_to_an_hour(world: World, name: str) -> None:
    """Twelve of five minutes, and some that are cut anywhere; and the hour is what its events are."""
    ask = QUESTIONS[name]
    whole = numbers(await ask(world, serving.period(HOUR, END)))
    expected = added(world.within(HOUR, END))
    assert name not in TOTALS or expected[TOTALS[name]] in whole.values()
    dice = random.Random(name)
    for cuts in (
        [HOUR + timedelta(minutes=5) * number for number in range(13)],
        [HOUR, *sorted(HOUR + dice.random() * (END - HOUR) for _ in range(2)), END],
    ):
        total: Counter[tuple[object, ...]] = Counter()
        for start, end in itertools.pairwise(cuts):
            answer = await ask(world, serving.period(start, end))
            assert (answer.context.start, answer.context.end) == (serving.stamp(start), serving.stamp(end))
            total.update(numbers(answer))
        assert _without_zeros(total) == _without_zeros(whole)


@pytest.mark.parametrize("name", [one for one in QUESTIONS if one not in ("leaderboard", "values")])
async def test_series_and_comparisons_are_to_the_microsecond(world: World, name: str) -> None:
    ask = QUESTIONS[name]
    start, end = HOUR + timedelta(minutes=7, microseconds=3), END + timedelta(minutes=1, seconds=20)
    asked, then = serving.period(start, end), serving.period(start - WEEK, end - WEEK)
    now = await ask(world, asked, comparison=WEEK_BEFORE)
    assert (now.compared.start, now.compared.end) == (then.start, then.end)
    assert now.context.source == answer_pb2.ANSWER_SOURCE_BOTH
    alone = await ask(world, then)
    if name == "table":
        rows = {tuple(row.values): list(row.figures) for row in alone.rows}
        assert all(list(row.earlier_figures) == rows[tuple(row.values)] for row in now.rows)
        assert list(now.total.earlier_figures) == list(alone.total.figures)
    elif name == "quality":
        assert now.rubrics[0].earlier == alone.rubrics[0].figures
    elif name == "campaigns":
        assert now.earlier_total == alone.total
    elif name == "campaign":
        assert now.campaign.earlier_figures == alone.campaign.figures
    else:
        assert now.earlier == getattr(alone, {"costs": "total", "roi": "roi"}.get(name, "figures"))


async def test_series_of_rows_begin_and_end_where_the_period_does(world: World) -> None:
    start, end = HOUR + timedelta(minutes=7, microseconds=3), END + timedelta(minutes=1, seconds=20)
    series = metrics_service_pb2.SeriesRequest(granularity=time_pb2.GRANULARITY_HALF_HOUR)
    for by in (["channel"], ["agent", "campaign"], ["user"]):
        table = await world.caller.table(serving.period(start, end), "events", by=by, series=series)
        bounds = [(one.start, one.end) for one in table.buckets]
        cuts = [start, HOUR + timedelta(minutes=30), END, end]
        assert bounds == [tuple(map(serving.stamp, pair)) for pair in itertools.pairwise(cuts)]
        for row in table.rows:
            mine = [
                values(world.within(first, last), by).get(tuple(row.values), [])
                for first, last in itertools.pairwise(cuts)
            ]
            assert _integers(row.series[0].values) == list(map(len, mine))


async def test_beyond_so_many_events_all_of_an_answer_is_by_quarter_hours(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, end = HOUR + timedelta(minutes=7), END + timedelta(minutes=1)
    quarters = HOUR, END + timedelta(minutes=15)
    monkeypatch.setattr(comparison, "Exactness", partial(edges.Exactness, most=3))
    for ask in QUESTIONS.values():
        rounded, whole = await ask(world, serving.period(start, end)), await ask(world, serving.period(*quarters))
        for answer in (rounded, whole):
            answer.context.ClearField("as_of_time")
        assert rounded == whole


COMMANDS = {
    "query": ("--metric", "events", "--by", "agent", "--series", "quarter_hour"),
    "costs": ("--granularity", "quarter_hour"),
    "roi": ("--granularity", "quarter_hour"),
    "campaigns": ("spring", "--granularity", "quarter_hour"),
    **dict.fromkeys(("api", "calls", "quality", "leaderboard", "conversations"), ()),
}


@pytest.mark.parametrize("name", COMMANDS)
async def test_commands_ask_for_half_an_hour_from_any_minute_on(world: World, name: str) -> None:
    dates = ("--from", "2026-03-10T09:05:00Z", "--to", "2026-03-10T09:35:00Z")
    answer = await commands.document(world.address, world.caller, name, *COMMANDS[name], *dates)
    assert (answer["context"]["start"], answer["context"]["end"]) == (dates[1], dates[3])
    points = answer.get("buckets") or [one["bucket"] for one in answer.get("points") or []]
    assert not points or ([one["start"][14:16] for one in points], points[-1]["end"]) == (["05", "15", "30"], dates[3])
