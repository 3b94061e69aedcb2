"""`api`, `calls`, `quality`, `leaderboard`, `agent` and `team` of the command line, and the methods of clients behind
them, on one small world.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

import tallywire
from server.app import Running
from tallywire.v1 import event_pb2, time_pb2
from tests.query import test_api_usage, test_call_metrics, test_quality
from tests.support import commands
from tests.support.serving import Caller
from tests.support.tiny_worlds import DAY, e

PERIOD = ("--from", "2024-05-15", "--to", "2024-05-16", "--zone", "UTC")
_MINUTES_OF_A_DAY = 24 * 60


def did(event_type: str, agent_id: str, minute: float = 0, **detail: Any) -> event_pb2.Event:
    return e(event_type, minute, agent_id=agent_id, channel="", team_id="north", **detail)


WORLD = [
    *test_api_usage.WORLD,
    *test_call_metrics.WORLD,
    *test_quality.WORLD,
    did(
        "agent.created",
        "b",
        -2 * _MINUTES_OF_A_DAY,
        agent=event_pb2.AgentDetail(name="Bea", kind=event_pb2.AGENT_KIND_HUMAN, version="3.1"),
    ),
    did("points.awarded", "b", task=event_pb2.TaskDetail(points=20)),
    did("points.awarded", "a", task=event_pb2.TaskDetail(points=5)),
]


def cells(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def holding(rows: Sequence[dict[str, str]], *names: str) -> set[tuple[str, ...]]:
    """Returns some columns of the rows of a CSV."""
    return {tuple(row[name] for name in names) for row in rows}


async def test_breakdowns_in_a_terminal_and_for_programs(caller: Caller, server: Running) -> None:
    await caller.track_all(WORLD)
    await _api(server, caller)
    await _calls(server, caller)
    await _quality(server, caller)
    await _leaderboard(server, caller)
    await _agent_and_team(server, caller)
    await _by_the_asynchronous_client(server, caller)


async def _api(server: Running, caller: Caller) -> None:
    text = await commands.shown(server.address, caller, "api", *PERIOD, "--top", "2", "--compare", "previous")
    lines = cells(text)
    assert "compared with 2024-05-14 00:00 to 2024-05-15 00:00" in text
    assert ["Calls", "8", "0", "–"] in lines, text
    assert ["GET", "/orders", "4", "1", "25.0", "%", "0", "300", "ms", "780", "ms"] in lines, text
    assert ["rest", "3", "1", "33.3", "%", "0", "2,505", "ms", "4,750", "ms"] in lines, text
    text = await commands.shown(server.address, caller, "api", *PERIOD, "--where", "method=POST")
    assert text.endswith(
        "Not kept: figures by endpoint,method and by status_class,method.\nThe operator declares them by\n"
        "  python -m server organizations set NAME --pair agent,channel \\\n"
        "    --pair endpoint,method --pair status_class,method\n"
    )
    rows = await commands.csv(server.address, caller, "api", *PERIOD, "--where", "method=POST")
    assert {
        ("period", "", "3"),
        ("by_endpoint_missing_pair", "endpoint,method", ""),
        ("by_method", "POST", "3"),
        ("by_method_rest", "", "0"),
    } < holding(rows, "kind", "value", "api_calls")
    assert ("point", "whole") in holding(rows, "kind", "state")
    document = await commands.document(server.address, caller, "api", *PERIOD)
    assert (document["figures"]["api_error_rate"], document["series"][0]["state"]) == (0.25, "whole")


async def _calls(server: Running, caller: Caller) -> None:
    levels = ("--service-level", "60", "--service-level", "20")
    text = await commands.shown(server.address, caller, "calls", *PERIOD, *levels)
    lines = cells(text)
    assert ["Answered", "within", "60", "s", "40.0", "%"] in lines, text
    assert ["Wait", "40.0", "s", "20.0", "s", "76.0", "s", "83.0", "s", "88.6", "s", "90.0", "s"] in lines, text
    assert ["billing", "4", "3", "1", "50.0", "%", "40.0", "s", "2", "2.9", "min"] in lines, text
    assert ["Ann", "Lee", "0", "2", "0", "100.0", "%", "15.0", "s", "2", "2.9", "min"] in lines, text
    assert "Offered (█ = 4)" in text
    assert ["Wed", "············█▂··········", "5", "············█···········", "1"] in lines, text
    assert ["Thu", "·" * 24, "0", "·" * 24, "0"] in lines, text
    rows = await commands.csv(server.address, caller, "calls", *PERIOD, *levels)
    assert {
        ("period", "", "5", "2", "0.4"),
        ("by_agent", "ann", "0", "2", "1.0"),
        ("by_agent_rest", "", "5", "0", "0.0"),
        ("hour_of_week", "3 12:00", "4", "", ""),
    } < holding(rows, "kind", "value", "calls_offered", "answered_within_20_s", "answered_within_20_s_share")


async def _quality(server: Running, caller: Caller) -> None:
    text = await commands.shown(server.address, caller, "quality", *PERIOD)
    lines = cells(text)
    assert "5 reviews (all rubrics) of 5 closed conversations: 100.0 %" in text
    assert ["v2", "3", "50.0", "%", "66.7", "%"] in [line[:6] for line in lines], text
    assert ["Overall", "3", "50.0", "%", "50.0", "%", "66.7", "%", "▁█▁▁▁█▁▁▁█"] in lines, text
    assert ["Ada", "2", "70.0", "%", "50.0", "%", "–", "50.0", "%", "–"] in lines, text
    assert "2024-05-15 12:00" not in text  # no points of several versions
    text = await commands.shown(
        server.address, caller, "quality", *PERIOD, "--rubric", "v2", "--compare", "previous", "--agent", "a"
    )
    assert ["2024-05-15", "12:00", "2", "70.0", "%"] in cells(text), text
    text = await commands.shown(server.address, caller, "quality", *PERIOD, "--rubric", "v9")
    assert "No reviews by this version" in text
    rows = await commands.csv(server.address, caller, "quality", *PERIOD, "--threshold", "0.3")
    assert {
        ("v2", "period", "", "0.5", "0.3333333333333333"),
        ("v2", "by_topic", "returns", "0.5", "0.5"),
        ("v1", "by_agent", "a", "1.0", "0.0"),
    } < holding(rows, "rubric_version", "kind", "value", "overall_mean", "overall_poor_share")
    document = await commands.document(server.address, caller, "quality", *PERIOD)
    assert document["rubrics"][0]["series"][12]["state"] == "whole"


async def _leaderboard(server: Running, caller: Caller) -> None:
    text = await commands.shown(server.address, caller, "leaderboard", *PERIOD)
    assert [line[:5] for line in cells(text)[-2:]] == [["1", "b", "Bea", "20", "0"], ["2", "a", "Ada", "5", "0"]], text
    rows = await commands.csv(server.address, caller, "leaderboard", *PERIOD, "--teams")
    assert holding(rows, "rank", "id", "points") == {("1", "north", "25")}
    document = await commands.document(server.address, caller, "leaderboard", *PERIOD, "--order", "calls")
    assert [(row["rank"], row["id"]) for row in document["rows"]] == [(1, "ann"), (1, "bob")]
    text = await commands.shown(server.address, caller, "leaderboard", *PERIOD, "--order", "badges")
    assert "None of them has any badges in this period." in text


async def _agent_and_team(server: Running, caller: Caller) -> None:
    trend = ("--trend-granularity", "hour", "--trend-days", "1")
    text = await commands.shown(server.address, caller, "agent", "b", *PERIOD, *trend)
    assert "Agent Bea (b)\nhuman · version 3.1 · team north\nfirst seen 2024-05-13 12:00 · last seen 2024-05-15" in text
    assert ["2024-05-15", "13:00", "0", "0", "–", "–", "–"] in cells(text), text
    text = await commands.shown(server.address, caller, "team", "north", *PERIOD)
    assert "Team north\n2024-05-15 00:00" in text
    rows = await commands.csv(server.address, caller, "team", "north", *PERIOD)
    assert {row["team_id"] for row in rows} == {"north"}
    refusal = await commands.refused(server.address, caller, "team", "nort", *PERIOD)
    assert "`tallywire values team PREFIX`" in refusal


async def _by_the_asynchronous_client(server: Running, caller: Caller) -> None:
    start, end = DAY, DAY + timedelta(days=1)
    async with tallywire.AsyncClient(server.address, api_key=caller.key.secret) as client:
        api = await client.api_usage(start, end, top=1, granularity="day")
        calls = await client.call_metrics(start, end, service_levels=[60], dimensions={"queue": "billing"})
        quality = await client.quality(start, end, rubric_version="v1", threshold=0.95, compare="previous")
        board = await client.leaderboard(start, end, subject="teams", order="points")
        team = await client.team("north", start, end, trend_granularity="hour", trend_days=1)
        wrong: Any = {"order": "speed"}
        with pytest.raises(ValueError, match="order is one of points, badges, tasks, calls, conversions"):
            await client.leaderboard(start, end, **wrong)
    assert (len(api.by_endpoint.rows), api.granularity) == (1, time_pb2.GRANULARITY_DAY)
    assert (calls.figures.calls_offered, [one.seconds for one in calls.figures.service_levels]) == (4, [60])
    assert ([one.rubric_version for one in quality.rubrics], quality.threshold) == (["v1"], 0.95)
    assert ([row.id for row in board.rows], len(team.trend)) == (["north"], 24)
