"""Periods on the command line: dates, zones, and what answers say of points that are not whole."""

import itertools
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import answers
import pytest
import scripted
from typer.testing import Result

from tallywire.cli import period, points, problems
from tallywire.v1 import answer_pb2, metrics_service_pb2, time_pb2

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
Run = Callable[..., Result]


def asked(
    last: str | None = None,
    start: str | None = None,
    end: str | None = None,
    zone: str | None = None,
    *,
    now: datetime = NOW,
    organization: str = "America/New_York",
    week_start: int = 0,
) -> period.AskedPeriod:
    """Returns the period that options ask about."""
    question = period.Question(last=last, start=start, end=end, zone=zone, now=now)
    question.check()
    return question.period(lambda: period.Home(time_zone=organization, week_start=week_start))


def test_periods() -> None:
    week = asked()
    assert (week.start, week.end, week.time_zone) == (NOW - timedelta(days=7), NOW, None)
    assert asked("90m").start == NOW - timedelta(minutes=90)
    by_date = asked(None, "2026-01-01")
    assert (by_date.start, by_date.end, by_date.time_zone) == (datetime(2026, 1, 1, 5, tzinfo=UTC), NOW, None)
    exact = asked(None, "2026-01-01T00:00:00+01:00", "2026-01-02T00:00:00Z")
    assert (exact.start, exact.time_zone) == (datetime(2025, 12, 31, 23, tzinfo=UTC), None)
    # It is the 11th in Kiritimati already.
    assert asked(None, "2026-03-11", organization="Pacific/Kiritimati").start == datetime(2026, 3, 10, 10, tzinfo=UTC)
    with pytest.raises(problems.WrongUsage, match="--from lies in the future"):
        asked(None, "2026-03-11")
    with pytest.raises(
        problems.WrongUsage, match="zone Mars/Base, which this machine does not know: pass instants, or"
    ):
        asked(None, "2026-03-01", organization="Mars/Base")


@pytest.mark.parametrize(
    ("name", "first", "after"),
    [
        ("today", "2026-03-10", "2026-03-11"),
        ("yesterday", "2026-03-09", "2026-03-10"),
        ("week", "2026-03-09", "2026-03-16"),  # the 10th is a Tuesday
        ("Last week", "2026-03-02", "2026-03-09"),
        ("month", "2026-03-01", "2026-04-01"),
        ("last-month", "2026-02-01", "2026-03-01"),
        ("quarter", "2026-01-01", "2026-04-01"),
        ("last quarter", "2025-10-01", "2026-01-01"),
        ("year", "2026-01-01", "2027-01-01"),
        ("last_year", "2025-01-01", "2026-01-01"),
    ],
)
def test_periods_by_name(name: str, first: str, after: str) -> None:
    for zone in ("Asia/Kathmandu", "America/New_York", "Pacific/Kiritimati"):
        now = datetime(2026, 3, 10, 1, 30, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        expected = [datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)) for day in (first, after)]
        by_option, by_home = asked(name, zone=zone, now=now), asked(name, now=now, organization=zone)
        assert [by_option.start, by_option.end] == [by_home.start, by_home.end] == expected
        assert (by_option.time_zone, by_home.time_zone) == (zone, None)


def test_weeks_begin_as_those_of_the_organization() -> None:
    for zone in (None, "UTC"):
        found = asked("last week", zone=zone, organization="UTC", week_start=6)
        assert (found.start, found.end) == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC))
    with pytest.raises(problems.WrongUsage, match="or one of today, yesterday, week, last week, month"):
        asked("fortnight")


def test_comparisons(run: Run, script: scripted.Script) -> None:
    overview, agent, usage = answers.overview(), answers.agent("bot"), answers.usage(metrics=1)
    for answer in (overview, agent, usage):
        answer.compared.start.FromDatetime(answers.START - timedelta(days=7, hours=5, minutes=45))
        answer.compared.end.FromDatetime(answers.START - timedelta(days=2, hours=5, minutes=45))
    overview.earlier.total_messages, overview.earlier.cost_micros = 1_410_000, 5_000_000
    agent.earlier.agent_id = "bot"
    usage.earlier_series.add(metric="a_metric_number_0").values.add(integer=77)
    usage.earlier_series[0].values.extend([metrics_service_pb2.SeriesValue()] * 6)
    script.answers.update(overview=overview, agent=agent, usage=usage)
    shown = run("overview", "--compare", "week").stdout
    assert "compared with 2025-12-29 00:00 to 2026-01-03 00:00" in shown
    assert re.search(r"Messages +1,234,567 +1,410,000 +-12.5 %", shown)
    assert re.search(r"Cost +1.23 EUR +5.00 EUR", shown)
    assert script.requests[-1].comparison.mode == time_pb2.COMPARISON_MODE_PREVIOUS_WEEK
    assert re.search(r"Conversations +1,234 +–", run("agent", "bot", "--compare", "month").stdout)
    assert re.search(r"2026-01-05 +0 +77", run("usage", "--compare", "previous").stdout)
    assert run("overview", "--compare", "none").exit_code == 0
    assert not script.requests[-1].HasField("comparison")
    assert "--compare is one of previous, week, month, year, none" in run("usage", "--compare", "decade").stderr
    overview.ClearField("earlier")
    overview.compared.absence_reason = answer_pb2.ABSENCE_REASON_BEFORE_FIRST_EVENT
    assert (
        "not compared: the earlier period begins before the first event" in run("overview", "--compare", "year").stdout
    )


def test_dates_are_those_of_the_organization(run: Run, script: scripted.Script) -> None:
    script.answers.update(overview=answers.overview(), agent=answers.agent("bot"), usage=answers.usage())
    for command in (["overview"], ["agent", "bot"], ["usage"]):
        script.requests.clear()
        result = run(*command, "--from", "2026-01-05", "--to", "2026-01-12")
        assert result.exit_code == 0, result.stderr
        period_asked = script.requests[-1].time_range
        assert period_asked.start.ToJsonString() == "2026-01-04T18:15:00Z"  # midnight in Nepal
        assert period_asked.time_zone == ""  # the server knows
        assert len(script.requests) == 2
        script.requests.clear()
        assert run(*command).exit_code == 0
        assert len(script.requests) == 1


def test_json_says_of_each_point_whether_it_is_whole(run: Run, script: scripted.Script) -> None:
    usage, agent = answers.usage(), answers.agent("bot")
    for answer in (usage, agent):
        answer.context.as_of_time.FromDatetime(answers.START + timedelta(days=5))
    usage.buckets[0].start.FromDatetime(answers.START)
    script.answers.update(usage=usage, agent=agent)
    whole = ["whole"] * 4
    shown = json.loads(run("usage", "--json").stdout)
    assert [bucket["state"] for bucket in shown["buckets"]] == ["cut", *whole, "running", "not_begun"]
    shown = json.loads(run("agent", "bot", "--json").stdout)
    assert [day["state"] for day in shown["trend"]] == ["whole", *whole, "running", "not_begun"]


def test_points_that_are_cut_within_a_quarter_hour_are_not_whole() -> None:
    made = answers.usage(points=3)
    made.granularity = time_pb2.GRANULARITY_HOUR
    bounds = [answers.START - timedelta(days=9) + timedelta(minutes=minute) for minute in (7, 60, 120, 127)]
    for bucket, (start, end) in zip(made.buckets, itertools.pairwise(bounds), strict=True):
        bucket.start.FromDatetime(start)
        bucket.end.FromDatetime(end)
    made.context.time_zone = "UTC"
    found = points.states(made.buckets, made.granularity, made.context)
    assert [state.value for state in found] == ["cut", "whole", "cut"]


@pytest.mark.parametrize(
    ("day", "zone", "instant"),
    [
        ("2026-03-29", "Europe/Paris", "2026-03-28T23:00"),
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00"),  # midnight was skipped: the day began at 01:00
        ("2018-02-18", "America/Sao_Paulo", "2018-02-18T03:00"),  # 23:00 came twice on the day before
        ("2026-01-01", "Asia/Kathmandu", "2025-12-31T18:15"),
    ],
)
def test_midnights(day: str, zone: str, instant: str) -> None:
    found = asked(None, day, zone=zone, now=datetime(2030, 1, 1, tzinfo=UTC)).start
    assert found == asked(None, day, organization=zone, now=datetime(2030, 1, 1, tzinfo=UTC)).start
    assert found.strftime("%Y-%m-%dT%H:%M") == instant
