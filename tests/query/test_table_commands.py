"""`query`, `top`, `metrics` and `values` of the command line, on a small world of a server."""

from datetime import timedelta
from typing import Any

import pytest

import tallywire
from server.app import Running
from server.query import raw_rows
from tallywire.v1 import event_pb2
from tests.support import commands
from tests.support.serving import Caller
from tests.support.tiny_worlds import DAY, e

PERIOD = ("--from", "2024-05-15", "--to", "2024-05-16", "--zone", "UTC")
MINUTES_OF_A_WEEK = 7 * 24 * 60


def sent(agent_id: str, channel: str, minute: float = 0, **fields: Any) -> event_pb2.Event:
    message = event_pb2.MessageDetail(**fields)
    return e("message.sent", minute, agent_id=agent_id, channel=channel, team_id="", message=message)


WORLD = [
    sent("a", "web", -2 * MINUTES_OF_A_WEEK),
    sent("a", "web", -MINUTES_OF_A_WEEK, cost_micros=1_000_000),
    sent("a", "web", cost_micros=1_000_000, response_time_ms=2_000),
    sent("a", "phone", 61, cost_micros=500_000, response_time_ms=1_000),
    sent("=b", "web", cost_micros=2_250_000),
    sent("", "web", cost_micros=250_000),
    e(
        "agent.created",
        -MINUTES_OF_A_WEEK,
        agent_id="a",
        channel="",
        team_id="",
        agent=event_pb2.AgentDetail(name="Mia"),
    ),
]


def rows(text: str) -> dict[str, list[str]]:
    """Returns the cells of the lines below the rule of a table by their first ones."""
    lines = text.split("─\n", 1)[1].splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines if line.strip()}


async def test_tables_in_a_terminal(caller: Caller, server: Running) -> None:
    await caller.track_all(WORLD)
    text = await commands.shown(server.address, caller, "top", "agent", "--metric", "cost_micros", *PERIOD)
    assert "By agent, in the order of Cost" in text
    assert "Cost (USD)" in text
    assert rows(text) == {
        "=b": ["2.25", "56.2", "%", "█" * 24],
        "a": ["Mia", "1.50", "37.5", "%", "█" * 16],
        "rest": ["0.2500", "6.2", "%"],
        "total": ["4.00", "100.0", "%"],
    }
    text = await commands.shown(
        server.address, caller, "top", "agent", "--compare", "week", "--limit", "1", "--where", "channel=web", *PERIOD
    )
    assert "1 of 2 rows" in text
    assert "compared with 2024-05-08 00:00 to 2024-05-09 00:00" in text
    assert rows(text)["total"] == ["3", "100.0", "%", "+200.0", "%"]

    metrics = "messages_sent,avg_response_time_ms,error_rate,cost_micros"
    question = ("query", "--metric", metrics, "--by", "agent,channel", "--order", "avg_response_time_ms", *PERIOD)
    text = await commands.shown(server.address, caller, *question, "--series", "hour")
    table = rows(text)
    assert [name for name in table if name in ("a", "=b", "rest", "total")] == ["a", "=b", "rest", "total"]
    assert table["total"] == ["4", "1,500", "ms", "0.0", "%", "4.00"]
    wide = await commands.shown(
        server.address, caller, *question, "--metric", "unique_users,p95_response_time_ms,prompt_tokens"
    )
    assert "a · phone · Mia\n  Messages sent" in wide
    assert "1,000 ms" in wide

    text = await commands.shown(
        server.address, caller, "query", "--metric", "messages_sent", "--compare", "week", *PERIOD
    )
    assert rows(text) == {"Messages": ["sent", "4", "1", "+300.0", "%"]}
    text = await commands.shown(server.address, caller, "query", "--metric", "events", "--by", "queue", *PERIOD)
    assert "No rows: nothing that carries a value was counted." in text


async def test_a_pair_that_is_not_kept_is_answered_with_the_command_that_declares_it(
    caller: Caller, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_rows, "MAX_EVENTS", 1)
    await caller.track_all([e("api.called", minute) for minute in range(2)])
    question = ("query", "--metric", "events", "--by", "agent,team", *PERIOD)
    said = await commands.refused(server.address, caller, *question)
    assert "organizations set NAME --pair agent,channel --pair agent,team" in said


async def test_tables_for_programs(caller: Caller, server: Running) -> None:
    await caller.track_all(WORLD)
    question = ("query", "--metric", "cost_micros", "--metric", "avg_response_time_ms", "--by", "agent", *PERIOD)
    document = await commands.document(server.address, caller, *question)
    async with tallywire.AsyncClient(server.address, api_key=caller.key.secret) as client:
        answer = await client.query_all(
            DAY, DAY + timedelta(days=1), ["cost_micros", "avg_response_time_ms"], group_by="agent", time_zone="UTC"
        )
    figures = [[one["integer"] or one["number"] for one in row["figures"]] for row in document["rows"]]
    assert figures == [[2_250_000, None], [1_500_000, 1_500]]
    assert [[one.integer or None, one.number or None] for row in answer.rows for one in row.figures[:1]] == [
        [2_250_000, None],
        [1_500_000, None],
    ]
    lines = await commands.csv(server.address, caller, *question, "--totals", "--compare", "week", "--all")
    assert list(lines[0]) == [
        "row",
        "agent",
        "display_name",
        "cost_micros",
        "avg_response_time_ms",
        "earlier_cost_micros",
        "earlier_avg_response_time_ms",
    ]
    assert [list(line.values()) for line in lines] == [
        ["value", "'=b", "", "2250000", "", "0", ""],
        ["value", "a", "Mia", "1500000", "1500.0", "1000000", ""],
        ["total", "", "", "4000000", "1500.0", "1000000", ""],
        ["rest", "", "", "250000", "", "", ""],
    ]
    series = await commands.csv(server.address, caller, *question, "--series", "day", "--limit", "1")
    assert [list(line.values()) for line in series] == [
        ["'=b", "", "2024-05-15T00:00:00+00:00", "2024-05-16T00:00:00+00:00", "whole", "2250000", ""],
    ]


async def test_what_there_is_to_ask_about(caller: Caller, server: Running) -> None:
    await caller.track_all(WORLD)
    text = await commands.shown(server.address, caller, "values", "agent", *PERIOD)
    assert rows(text) == {"a": ["Mia", "2", "█" * 24], "=b": ["1", "█" * 12]}
    assert "more:" in await commands.shown(server.address, caller, "values", "agent", "--limit", "1")
    found = await commands.csv(server.address, caller, "values", "agent", "mI")
    assert [list(line.values()) for line in found] == [["a", "Mia", "0"]]

    text = await commands.shown(server.address, caller, "metrics", "p95", "response")
    assert "p95_response_time_ms · Response time, p95" in text
    assert "ms · computed from response_time_sum_ms · less is better · within 1 %" in text
    assert "Dimensions: agent," in text
    assert "Pairs: agent,channel" in text
    everything = await commands.document(server.address, caller, "metrics")
    sheet = {line["name"]: line for line in await commands.csv(server.address, caller, "metrics")}
    assert list(sheet) == [one["name"] for one in everything["metrics"]]
    assert sheet["messages_sent"] == {
        "name": "messages_sent",
        "title": "Messages sent",
        "group": "Messages",
        "unit": "1",
        "kind": "stored",
        "has_series": "true",
        "only_by": "",
        "description": "Messages written by agents.",
    }
    assert sheet["messages_change"]["has_series"] == "false"
    listed = await commands.shown(server.address, caller, "metrics")
    assert set(sheet) <= {line.split()[0] for line in listed.splitlines() if line}
