"""GetForecast: what it learns from, what it says of its error, and what it refuses."""

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.forecasts import extras
from tallywire.v1 import event_pb2, forecast_service_pb2, forecast_service_pb2_grpc, time_pb2
from tests.support import commands, serving
from tests.support.serving import Accounts, Caller, Running, refused

START = datetime(2025, 1, 6, tzinfo=UTC)  # a Monday
END = START + timedelta(days=120)
_WEEK = (100, 110, 100, 105, 95, 40, 30)


def points(at: datetime, count: int, **fields: Any) -> event_pb2.Event:
    return serving.event("points.awarded", at=at, task=event_pb2.TaskDetail(points=count), **fields)


def stored(at: datetime, count: int) -> event_pb2.Event:
    return serving.event("storage.changed", at=at, storage=event_pb2.StorageDetail(bytes_delta=count))


def daily(count: int, *, level: float = 1.0, start: datetime = START, **fields: Any) -> list[event_pb2.Event]:
    """An event of each day with a weekly profile of points."""
    chance = random.Random(7)
    return [
        points(start + timedelta(days=day), round(level * _WEEK[day % 7] * chance.uniform(0.9, 1.1)), **fields)
        for day in range(count)
    ]


async def ask(caller: Caller, metric: str = "points_awarded", **fields: Any) -> Any:
    request = forecast_service_pb2.GetForecastRequest(metric=metric, **fields)
    stub = forecast_service_pb2_grpc.ForecastServiceStub(caller.channel)
    return await stub.GetForecast(request, metadata=caller.metadata, timeout=60)


def history(end: datetime = END, zone: str = "") -> time_pb2.TimeRange:
    return serving.period(START, end, zone)


async def test_a_forecast_knows_its_error(caller: Caller) -> None:
    await caller.track_all(daily(120, agent_id="ada"))
    found = await ask(caller, time_range=history(), horizon=14)
    assert (found.metric, found.unit, found.granularity) == ("points_awarded", "1", time_pb2.GRANULARITY_DAY)
    starts = [one.bucket.start.ToDatetime(UTC) for one in found.points]
    assert starts == [END + timedelta(days=day) for day in range(14)]
    for place, one in enumerate(found.points):
        assert one.expected.point == pytest.approx(_WEEK[(120 + place) % 7], rel=0.15)
        value = one.expected
        assert 0 <= value.low_95 <= value.low_80 <= value.point <= value.high_80 <= value.high_95
        assert not one.HasField("so_far"), "the history ends in the past"
    assert found.error.mase < found.error.naive_mase
    assert 0.6 < found.error.coverage_80 < found.error.coverage_95 <= 1
    assert found.history.points == 120
    assert found.history.end.ToDatetime(UTC) == END
    assert found.context.as_of_revision > 0
    assert (len(found.members) > 1) is (found.model == forecast_service_pb2.FORECAST_MODEL_COMBINATION)
    of_agent = await ask(caller, time_range=history(), filter={"agent_id": "ada"})
    assert [one.expected for one in of_agent.points] == [one.expected for one in found.points]
    of_nobody = await ask(caller, time_range=history(), filter={"agent_id": "eve"})
    assert {one.expected.high_95 for one in of_nobody.points} == {0}


async def test_what_the_month_and_the_quarter_come_to(caller: Caller) -> None:
    await caller.track_all(daily(150))
    end = datetime(2025, 5, 21, tzinfo=UTC)
    found = await ask(caller, time_range=history(end), limit=2400)
    month, quarter = found.projections
    assert (month.granularity, quarter.granularity) == (time_pb2.GRANULARITY_MONTH, time_pb2.GRANULARITY_QUARTER)
    assert month.bucket.start.ToDatetime(UTC) == datetime(2025, 5, 1, tzinfo=UTC)
    assert month.bucket.end.ToDatetime(UTC) == datetime(2025, 6, 1, tzinfo=UTC)
    done = await caller.table(serving.period(datetime(2025, 5, 1, tzinfo=UTC), end), "points_awarded")
    assert month.so_far == done.total.figures[0].integer
    ordinary = sum(_WEEK) / 7
    assert month.at_end.point == pytest.approx(31 * ordinary, rel=0.1)
    assert quarter.at_end.point == pytest.approx(91 * ordinary, rel=0.1)
    assert month.so_far <= month.at_end.low_80 <= month.at_end.point <= month.at_end.high_80
    limit = found.limit
    assert limit.outcome == forecast_service_pb2.LIMIT_OUTCOME_EXPECTED
    assert limit.earliest.start.ToDatetime(UTC) <= limit.expected.start.ToDatetime(UTC)
    assert limit.looked_until == month.bucket.end
    assert (await ask(caller, time_range=history(end), limit=10)).limit.outcome == (
        forecast_service_pb2.LIMIT_OUTCOME_REACHED
    )
    assert (await ask(caller, time_range=history(end), limit=1e6)).limit.outcome == (
        forecast_service_pb2.LIMIT_OUTCOME_NOT_EXPECTED
    )


async def test_the_running_day_is_no_history(caller: Caller) -> None:
    today = serving.now().replace(hour=0, minute=0, second=0, microsecond=0)
    await caller.track_all(daily(90, start=today - timedelta(days=90)))
    before = await ask(caller)
    await caller.track_all([points(serving.now(), 100_000)])
    found = await ask(caller)
    assert found.points[0].bucket.start == before.points[0].bucket.start
    assert found.points[0].so_far >= 100_000
    assert found.points[0].expected.low_95 >= 100_000, "it has as much already"
    assert [one.expected for one in found.points[1:]] == [one.expected for one in before.points[1:]]
    assert found.history.points == before.history.points


async def test_what_a_day_has_beyond_what_was_expected_comes_on_top_of_the_month(caller: Caller) -> None:
    today = serving.now().replace(hour=0, minute=0, second=0, microsecond=0)
    await caller.track_all(daily(90, start=today - timedelta(days=90)))
    before = (await ask(caller)).projections[0]
    await caller.track_all([points(serving.now(), 100_000)])
    found = await ask(caller, limit=before.at_end.point + 99_000)
    month = found.projections[0]
    added = month.at_end.point - before.at_end.point
    assert 99_500 < added < 100_000, "the rest of the month comes, too"
    assert month.so_far <= month.at_end.low_80 <= month.at_end.point <= month.at_end.high_80
    assert found.limit.outcome in (
        forecast_service_pb2.LIMIT_OUTCOME_REACHED,
        forecast_service_pb2.LIMIT_OUTCOME_EXPECTED,
    )


async def test_what_may_fall_again_is_no_least(caller: Caller) -> None:
    """Storage that is freed counts below 0: a day that has taken much may end with less."""
    today = serving.now().replace(hour=0, minute=0, second=0, microsecond=0)
    await caller.track_all([stored(today - timedelta(days=90 - day), 100 if day % 2 else -100) for day in range(90)])
    await caller.track_all([stored(serving.now(), 1_000_000)])
    found = await ask(caller, "storage_change_bytes")
    assert found.points[0].so_far == 1_000_000
    assert found.points[0].expected.high_95 < 10_000


async def test_days_of_a_zone_are_23_to_25_hours(caller: Caller) -> None:
    await caller.track_all(daily(80))
    end = datetime(2025, 3, 27, 23, tzinfo=UTC)  # midnight in Berlin, two days before clocks change
    found = await ask(caller, time_range=history(end, "Europe/Berlin"), horizon=5)
    lengths = [
        (one.bucket.end.ToDatetime() - one.bucket.start.ToDatetime()) / timedelta(hours=1) for one in found.points
    ]
    assert lengths == [24, 24, 23, 24, 24]


async def test_holidays_are_learned_from_earlier_ones(caller: Caller) -> None:
    days = [START + timedelta(days=day) for day in (21, 56, 91, 122)]
    events = daily(120)
    kept = [one for one in events if one.occurred_at.ToDatetime(UTC).date() not in {day.date() for day in days}]
    await caller.track_all([*kept, *(points(day, 5) for day in days[:3])])
    feast = forecast_service_pb2.Holiday(name="feast", dates=[day.date().isoformat() for day in days])
    never = forecast_service_pb2.Holiday(name="never", dates=["2031-01-01"])
    found = await ask(caller, time_range=history(), holidays=[never, feast])
    unseen, effect = found.holidays
    assert (unseen.name, unseen.occurrences, unseen.HasField("factor")) == ("never", 0, False)
    assert (effect.name, effect.occurrences) == ("feast", 3)
    assert effect.factor < 0.2
    assert [one.holiday for one in found.points[:4]] == ["", "", "feast", ""]
    assert found.points[2].expected.point < 30
    assert found.history.points == 117


async def test_hours_and_weeks_and_months(caller: Caller) -> None:
    chance = random.Random(8)
    start = START - timedelta(days=700)
    by_hour = [
        points(START + timedelta(hours=hour), round(10 + 90 * (8 <= hour % 24 < 18) * chance.uniform(0.8, 1.2)))
        for hour in range(24 * 21)
    ]
    await caller.track_all(by_hour)
    hours = await ask(
        caller, granularity=time_pb2.GRANULARITY_HOUR, time_range=history(START + timedelta(days=21), "Asia/Kolkata")
    )
    assert len(hours.points) == 24
    at_day = {one.bucket.start.ToDatetime(UTC).hour: one.expected.point for one in hours.points}
    assert min(at_day[hour] for hour in range(9, 17)) > 60, "hours of Kolkata begin at half past"
    assert max(at_day[hour] for hour in (0, 1, 2, 20, 21, 22)) < 40
    assert {one.bucket.start.ToDatetime(UTC).minute for one in hours.points} == {30}
    other = daily(700, start=start, channel="web")
    await caller.track_all(other)
    period = serving.period(start, START)
    weeks = await ask(caller, granularity=time_pb2.GRANULARITY_WEEK, time_range=period, filter={"channel": "web"})
    assert [one.expected.point for one in weeks.points] == pytest.approx([sum(_WEEK)] * 4, rel=0.1)
    months = await ask(caller, granularity=time_pb2.GRANULARITY_MONTH, time_range=period, filter={"channel": "web"})
    assert len(months.points) == 3
    assert months.points[0].expected.point == pytest.approx(31 / 7 * sum(_WEEK), rel=0.15)
    assert not weeks.projections


async def test_shares_and_percentiles_are_forecast_with_gaps_where_they_are_absent(caller: Caller) -> None:
    chance = random.Random(3)
    sent = [
        serving.event(
            "message.sent",
            at=START + timedelta(days=day, hours=number),
            message=event_pb2.MessageDetail(response_time_ms=round(math.exp(chance.gauss(6, 0.2)))),
        )
        for day in range(100)
        if day % 4
        for number in range(3)
    ]
    await caller.track_all(sent)
    found = await ask(caller, "p95_response_time_ms", time_range=history(START + timedelta(days=100)), limit=1e9)
    assert found.history.points == 75
    assert all(200 < one.expected.point < 900 for one in found.points)
    assert not found.projections, "percentiles do not add up"
    assert found.limit.outcome == forecast_service_pb2.LIMIT_OUTCOME_NOT_EXPECTED
    assert list(found.context.approximation.metrics) == ["p95_response_time_ms"]


async def test_a_short_history_is_refused_with_what_is_needed(caller: Caller) -> None:
    await caller.track_all(daily(49))
    error = await refused(ask(caller, time_range=history(START + timedelta(days=49))))
    said = serving.refusal(error)
    assert (said.code, said.reason) == ("FAILED_PRECONDITION", "HISTORY_TOO_SHORT")
    assert serving.info(error) | {"needed": "50", "found": "49", "unit": "day"} == serving.info(error)
    assert len((await ask(caller, time_range=history(START + timedelta(days=49)), horizon=10)).points) == 10


_HOLIDAY = forecast_service_pb2.Holiday


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"metric": ""}, "metric", "REQUIRED_FIELD"),
        ({"metric": "no_such"}, "metric", "UNKNOWN_METRIC"),
        ({"granularity": time_pb2.GRANULARITY_YEAR}, "granularity", "INVALID_VALUE"),
        ({"granularity": 99}, "granularity", "INVALID_ENUM"),
        ({"horizon": -1}, "horizon", "VALUE_OUT_OF_RANGE"),
        ({"horizon": 181}, "horizon", "VALUE_OUT_OF_RANGE"),
        ({"limit": 0.0}, "limit", "INVALID_VALUE"),
        ({"limit": math.nan}, "limit", "INVALID_VALUE"),
        ({"time_range": {"time_zone": "Berlin"}}, "time_range.time_zone", "INVALID_TIME_ZONE"),
        ({"time_range": {"start": serving.stamp(START)}}, "time_range.end", "REQUIRED_FIELD"),
        ({"holidays": [_HOLIDAY(name="x")]}, "holidays.dates", "REQUIRED_FIELD"),
        ({"holidays": [_HOLIDAY(dates=["2025-01-01"])]}, "holidays.name", "REQUIRED_FIELD"),
        ({"holidays": [_HOLIDAY(name="x", dates=["2025-02-30"])]}, "holidays.dates", "INVALID_VALUE"),
        ({"holidays": [_HOLIDAY(name="x", dates=["20250101"])]}, "holidays.dates", "INVALID_VALUE"),
        (
            {"granularity": time_pb2.GRANULARITY_WEEK, "holidays": [_HOLIDAY(name="x", dates=["2025-01-01"])]},
            "holidays",
            "INVALID_VALUE",
        ),
    ],
)
async def test_bad_input_is_refused(caller: Caller, fields: dict[str, Any], field: str, reason: str) -> None:
    said = serving.refusal(await refused(ask(caller, **{"metric": "events", **fields})))
    assert (said.reason, said.field) == (reason, field)


async def test_nothing_of_another_organization_is_in_a_forecast(accounts: Accounts, caller: Caller) -> None:
    other = await accounts.caller()
    await other.track_all(daily(120, level=50))
    await caller.track_all(daily(120))
    found = await ask(caller, time_range=history())
    await other.track_all(daily(100, level=5000))
    assert (await ask(caller, time_range=history())).points == found.points
    assert max(one.expected.high_95 for one in found.points) < 200


async def test_without_numpy_the_refusal_names_the_command(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    find: Callable[[str], Any] = extras.importlib.util.find_spec
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None if name == "numpy" else find(name))
    error = await refused(ask(caller))
    assert serving.refusal(error).reason == "FORECAST_NOT_INSTALLED"
    assert serving.info(error)["command"] == extras.INSTALL


async def test_the_command_shows_points_and_errors(server: Running, caller: Caller) -> None:
    today = serving.now().replace(hour=0, minute=0, second=0, microsecond=0)
    await caller.track_all(daily(150, start=today - timedelta(days=150)))
    text = await commands.shown(server.address, caller, "forecast", "points_awarded", "--limit", "1000000")
    assert "80 %" in text
    assert "Tested from" in text
    document = await commands.document(server.address, caller, "forecast", "points_awarded", "--horizon", "3")
    assert len(document["points"]) == 3
    rows = await commands.csv(server.address, caller, "forecast", "points_awarded", "--granularity", "week")
    assert len(rows) == 4
    assert float(rows[0]["low_95"]) <= float(rows[0]["point"])
    feast = [today.date() - timedelta(days=number) for number in (10, 20, 30)]
    options = (f"--holiday=feast={feast[0]},{feast[1]}", f"--holiday=feast={feast[2]}")
    document = await commands.document(server.address, caller, "forecast", "points_awarded", *options)
    assert document["holidays"][0]["occurrences"] == 3, "what is named twice has the dates of both"
    misspelt = await commands.run(server.address, caller, "forecast", "points_awardde")
    assert misspelt.exit_code != 0
    assert "points_awarded" in misspelt.stderr
