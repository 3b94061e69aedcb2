"""Periods on the command line: dates, zones, and what answers say of points that are not whole."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import answers
import pytest
import scripted
from typer.testing import Result

from tallywire.cli import period, problems

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
) -> period.AskedPeriod:
    """Returns the period that options ask about."""
    question = period.Question(last=last, start=start, end=end, zone=zone, now=now)
    question.check()
    return question.period(lambda: organization)


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
