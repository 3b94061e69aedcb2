"""GetUsageTrends: buckets that follow the clock on the wall, without gaps."""

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server import timerange
from server.catalog import registry
from server.organizations.settings import OrganizationSettings
from server.query import restatements, trends
from server.query.trends import Trends
from server.rollups import fold
from server.rpc.questions import trends as trends_messages
from server.store import updates
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import administration
from tallywire.v1 import (
    event_pb2,
    metrics_service_pb2,
    realtime_service_pb2,
    realtime_service_pb2_grpc,
    time_pb2,
)
from tests.support import serving
from tests.support.serving import Accounts, Caller, refused
from tests.support.tiny_worlds import DAY, NOON, THE_DAY, Figure, e, sent


def lengths(answer: Any) -> list[float]:
    """The hours of each bucket."""
    return [(one.end.seconds - one.start.seconds) / 3600 for one in answer.buckets]


def values(answer: Any, metric: str) -> list[Figure]:
    (series,) = (one for one in answer.series if one.metric == metric)
    assert len(series.values) == len(answer.buckets)
    return [getattr(one, one.WhichOneof("value")) if one.WhichOneof("value") else None for one in series.values]


def quarters(start: datetime, end: datetime) -> list[event_pb2.Event]:
    """An event in every quarter hour."""
    count = (end - start) // timerange.QUARTER
    return [serving.event("a.b", at=start + number * timerange.QUARTER) for number in range(count)]


@pytest.mark.parametrize(
    ("zone", "day", "hours", "points"),
    [
        ("Europe/Berlin", "2024-03-31", 23, 23),
        ("Europe/Berlin", "2024-10-27", 25, 25),
        ("Australia/Lord_Howe", "2024-10-06", 23.5, 24),
        ("Australia/Lord_Howe", "2024-04-07", 24.5, 25),
        ("Asia/Kathmandu", "2024-05-15", 24, 24),
        ("America/St_Johns", "2024-03-10", 23, 23),
    ],
)
async def test_days_and_hours_where_clocks_change(
    caller: Caller, zone: str, day: str, hours: float, points: int
) -> None:
    local = datetime.fromisoformat(day).replace(tzinfo=zoneinfo.ZoneInfo(zone))
    before, start = (one.astimezone(UTC) for one in (local - timedelta(days=1), local))
    end, after = ((local + timedelta(days=days)).astimezone(UTC) for days in (1, 2))
    await caller.track_all(quarters(before, after))
    days = await caller.trends(serving.period(before, after, zone), "events", granularity=time_pb2.GRANULARITY_DAY)
    assert lengths(days) == [24, hours, 24]
    assert values(days, "events") == [96, hours * 4, 96]
    by_hour = await caller.trends(serving.period(start, end, zone), "events", granularity=time_pb2.GRANULARITY_HOUR)
    assert len(by_hour.buckets) == points
    assert values(by_hour, "events") == [length * 4 for length in lengths(by_hour)]
    assert sum(lengths(by_hour)) == hours
    assert (by_hour.context.time_zone, by_hour.granularity) == (zone, time_pb2.GRANULARITY_HOUR)


@pytest.mark.parametrize(
    ("granularity", "start", "end", "expected"),
    [
        (
            time_pb2.GRANULARITY_WEEK,
            "2024-12-25",
            "2025-01-14",
            [("2024-12-25", 5), ("2024-12-30", 7), ("2025-01-06", 7), ("2025-01-13", 1)],
        ),
        (
            time_pb2.GRANULARITY_MONTH,
            "2024-01-31",
            "2024-04-02",
            [("2024-01-31", 1), ("2024-02-01", 29), ("2024-03-01", 31), ("2024-04-01", 1)],
        ),
        (time_pb2.GRANULARITY_MONTH, "2023-12-01", "2024-02-01", [("2023-12-01", 31), ("2024-01-01", 31)]),
    ],
)
async def test_weeks_are_those_of_iso_and_months_those_of_the_calendar(
    caller: Caller, granularity: int, start: str, end: str, expected: list[tuple[str, int]]
) -> None:
    first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    days = [first + timedelta(days=number) for number in range((last - first).days)]
    await caller.track_all(serving.event("a.b", at=day, user_id="u") for day in days)
    answer = await caller.trends(serving.period(first, last), "events", "unique_users", granularity=granularity)
    begins = [one.start.ToJsonString()[:10] for one in answer.buckets]
    assert list(zip(begins, values(answer, "events"), strict=True)) == expected
    assert values(answer, "unique_users") == [1] * len(expected)


async def test_gaps_are_zero_where_something_is_counted_and_absent_elsewhere(caller: Caller) -> None:
    await caller.track_all([sent(0, response_time_ms=7), sent(2 * 24 * 60, response_time_ms=9)])
    period = serving.period(DAY - timedelta(days=1), DAY + timedelta(days=4))
    answer = await caller.trends(
        period, "messages_sent", "avg_response_time_ms", "p95_response_time_ms", "unique_users"
    )
    assert answer.granularity == time_pb2.GRANULARITY_DAY
    assert values(answer, "messages_sent") == [0, 1, 0, 1, 0]
    assert values(answer, "avg_response_time_ms") == [None, 7, None, 9, None]
    assert values(answer, "p95_response_time_ms") == [None, 7, None, 9, None]
    assert values(answer, "unique_users") == [0] * 5
    assert [one.unit for one in answer.series] == ["1", "ms", "ms", "1"]
    assert list(answer.context.approximation.metrics) == ["p95_response_time_ms"]
    assert answer.context.approximation.max_relative_error == 0.01


async def test_an_answer_without_percentiles_is_exact(caller: Caller) -> None:
    answer = await caller.trends(THE_DAY, "events", "avg_response_time_ms")
    assert not answer.context.HasField("approximation")
    assert not answer.context.still_running


async def test_unset_metrics_and_zone_have_defaults(accounts: Accounts) -> None:
    caller = await accounts.caller(settings=OrganizationSettings(time_zone="Pacific/Auckland"))
    answer = await caller.trends(THE_DAY)
    assert [one.metric for one in answer.series] == list(trends.DEFAULT_METRICS)
    assert answer.context.time_zone == "Pacific/Auckland"
    assert answer.granularity == time_pb2.GRANULARITY_HOUR


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        (["nope"], "UNKNOWN_METRIC"),
        (["events", "occupancy"], "UNKNOWN_METRIC"),
        ([""], "UNKNOWN_METRIC"),
        (list(registry.METRICS)[:21], "TOO_MANY_METRICS"),
    ],
)
async def test_metrics_that_cannot_be_had_are_refused(caller: Caller, metrics: list[str], reason: str) -> None:
    error = await refused(caller.trends(THE_DAY, *metrics))
    assert serving.refusal(error) == ("INVALID_ARGUMENT", reason, "metrics", False)


async def test_a_long_answer_is_made_in_parts(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[metrics_service_pb2.GetUsageTrendsResponse] = []
    pieces = trends_messages.pieces

    def noted(answer: Trends) -> Iterator[metrics_service_pb2.GetUsageTrendsResponse]:
        for part in pieces(answer):
            parts.append(part)
            yield part

    monkeypatch.setattr(trends_messages, "pieces", noted)
    names = sorted(registry.METRICS)[:20]
    hours = serving.period("2026-01-01T00:00", "2026-03-24T00:00")
    answer = await caller.trends(hours, *names, granularity=time_pb2.GRANULARITY_HOUR)
    assert [one.metric for one in answer.series] == names
    assert {len(one.values) for one in answer.series} == {len(answer.buckets)} == {82 * 24}
    assert max(len(part.series) for part in parts) == 1
    assert sum(len(part.series) + bool(part.buckets) for part in parts) == 21


def partial(answer: Any) -> list[str]:
    """What is not whole of each bucket, empty where nothing is said."""
    names = [
        metrics_service_pb2.PartialBucket.Name(one.partial).removeprefix("PARTIAL_BUCKET_") for one in answer.buckets
    ]
    return ["" if name == "UNSPECIFIED" else name for name in names]


async def test_an_answer_says_what_of_it_is_not_whole(caller: Caller) -> None:
    assert partial(await caller.trends(THE_DAY, granularity=time_pb2.GRANULARITY_DAY)) == ["BEFORE_FIRST_EVENT"]
    assert not (await caller.trends(THE_DAY)).context.HasField("first_event_at")
    await caller.track(e("a.b", 20))
    days = serving.period(DAY - timedelta(hours=30), DAY + timedelta(days=2, hours=1))
    answer = await caller.trends(days, granularity=time_pb2.GRANULARITY_DAY)
    assert partial(answer) == ["BEFORE_FIRST_EVENT", "BEFORE_FIRST_EVENT", "BEFORE_FIRST_EVENT", "", "CUT"]
    assert answer.context.first_event_at.ToDatetime(UTC) == NOON + timedelta(minutes=15)
    assert (answer.context.currency, answer.context.week_start) == ("USD", time_pb2.WEEKDAY_MONDAY)
    later = serving.period(DAY + timedelta(hours=13), DAY + timedelta(days=2))
    assert partial(await caller.trends(later, granularity=time_pb2.GRANULARITY_DAY)) == ["CUT", ""]
    now = serving.now()
    running = serving.period(now - timedelta(hours=1), now + timedelta(minutes=20))
    assert partial(await caller.trends(running, "events"))[-1] == "RUNNING"


async def test_settings_of_an_organization_hold_at_once(caller: Caller, accounts: Accounts) -> None:
    """Its zone, the first day of its weeks and its currency, as soon as a server has looked at the key again, which it
    does for a new one; the request has the last word.
    """
    await caller.track_all([e("a.b", minute) for minute in (0, 11 * 60)])  # 23:00 in UTC is the next day in Berlin
    period = serving.period(DAY - timedelta(days=10), DAY + timedelta(days=4))  # begins on a Sunday
    before = await caller.trends(period, "events", granularity=time_pb2.GRANULARITY_DAY)
    assert values(before, "events")[10:12] == [2, 0]
    assert await zone_of_now(caller) == "UTC"
    names = {"time_zone": "Europe/Berlin", "week_start": "sunday", "currency": "EUR"}
    await administration.change_settings(accounts.database, caller.name, names)
    changed = await accounts.another(caller)
    answer = await changed.trends(period, "events", granularity=time_pb2.GRANULARITY_DAY)
    assert values(answer, "events")[10:12] == [1, 1]
    context = answer.context
    assert (context.time_zone, context.week_start) == ("Europe/Berlin", time_pb2.WEEKDAY_SUNDAY)
    assert context.currency == "EUR"
    assert await zone_of_now(changed) == "Europe/Berlin"
    weeks = await changed.trends(period, "events", granularity=time_pb2.GRANULARITY_WEEK)
    assert values(weeks, "events") == [0, 2, 0]
    period.week_start = time_pb2.WEEKDAY_THURSDAY
    weeks = await changed.trends(period, "events", granularity=time_pb2.GRANULARITY_WEEK)
    assert values(weeks, "events") == [0, 1, 1]
    assert weeks.context.week_start == time_pb2.WEEKDAY_THURSDAY


async def zone_of_now(caller: Caller) -> str:
    """The zone of realtime figures."""
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    request = realtime_service_pb2.GetRealtimeMetricsRequest()
    answer = await stub.GetRealtimeMetrics(request, metadata=caller.metadata, timeout=20)
    return str(answer.state.time_zone)


async def test_what_has_changed_since_an_answer_is_marked(
    caller: Caller, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    period = serving.period(DAY, DAY + timedelta(days=3))
    now = serving.now()
    running = serving.period(now - timedelta(hours=1), now + timedelta(minutes=30))

    async def restated(*metrics: str, since: int, asked: time_pb2.TimeRange = period, **part: str) -> list[int]:
        answer = await caller.trends(
            asked, *metrics, granularity=time_pb2.GRANULARITY_DAY, since_revision=since, **part
        )
        return [place for place, bucket in enumerate(answer.buckets) if bucket.restated]

    await caller.track_all([e("message.sent", 0), e("message.sent", 24 * 60)])
    seen = (await caller.trends(period)).context.as_of_revision
    assert await restated(since=seen) == []
    await caller.track(e("message.sent", 24 * 60 + 1, channel="phone"))
    await caller.track(e("feedback.submitted", 48 * 60, feedback=event_pb2.FeedbackDetail(rating=3)))
    await caller.track(serving.event(at=now))
    for _ in ("in deltas", "in rollups"):
        assert await restated("events", since=seen) == [1, 2]
        assert await restated("messages_sent", since=seen) == [1]
        assert await restated("messages_sent", since=seen, channel="web") == []
        assert await restated("p95_response_time_ms", "satisfaction_score", since=seen) == [2]
        assert await restated("unique_users", since=seen, channel="phone") == [1]
        assert await restated("events", since=seen, asked=running) == []  # it had not been over
        assert await restated("events", since=0) == []
        await fold.fold_all(database, caller.organization_id)
    error = await refused(caller.trends(period, since_revision=seen + 99))
    assert serving.refusal(error) == ("OUT_OF_RANGE", "FUTURE_REVISION", "since_revision", False)
    async with database.transaction(of=EVERY) as driver:
        await updates.remove_before(driver, caller.organization_id, serving.now() + timedelta(hours=1), seen)
    error = await refused(caller.trends(period, since_revision=seen))
    assert serving.refusal(error) == ("OUT_OF_RANGE", "CHANGES_NOT_KEPT", "since_revision", False)
    oldest = int(serving.info(error)["oldest_revision"])
    assert oldest == seen + 1
    assert await restated("events", since=oldest) == [2]
    monkeypatch.setattr(restatements, "MAX_REVISIONS", 1)
    newest = (await caller.trends(period)).context.as_of_revision
    error = await refused(caller.trends(period, since_revision=oldest))
    assert serving.info(error)["oldest_revision"] == str(newest - 1)
