"""Holds every figure that was worked out without the service against what the service answers."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tallywire import AsyncClient
from tallywire.v1 import event_pb2

OUTCOMES = ("resolved", "escalated", "abandoned", "ended")
PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a replay must come to."""

    figures: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Expected":
        return cls(figures=json.loads(path.read_text()))

    @property
    def start(self) -> datetime:
        return datetime.fromisoformat(self.figures["first"]).replace(hour=0, minute=0, second=0, microsecond=0)

    @property
    def end(self) -> datetime:
        return datetime.fromisoformat(self.figures["last"]).replace(
            hour=0, minute=0, second=0, microsecond=0
        ) + timedelta(days=1)


async def check(client: AsyncClient, expected: Expected) -> None:
    """Fails on the first figure that differs: counts, sums and uniques must be equal, percentiles within 1 %."""
    await _check_overview(client, expected)
    for zone, days in expected.figures["days"].items():
        await _check_days(client, expected, zone, days)
    for agent in expected.figures["top_agents"]:
        await _check_agent(client, expected, agent)


async def _check_overview(client: AsyncClient, expected: Expected) -> None:
    figures = expected.figures
    overview = (await client.overview(expected.start, expected.end, time_zone="UTC")).overview
    assert {one.event_type: one.events for one in overview.events_by_type} == figures["by_type"]
    assert overview.events == figures["events"]
    for name in (
        "total_messages",
        "total_conversations",
        "active_agents",
        "unique_users",
        "rating_count",
        "prompt_tokens",
        "completion_tokens",
        "cost_micros",
    ):
        assert getattr(overview, name) == figures[name], name
    assert overview.token_usage == figures["prompt_tokens"] + figures["completion_tokens"]
    for outcome in OUTCOMES:
        assert getattr(overview, f"conversations_{outcome}") == figures["closed"][f"conversation.{outcome}"]
    _check_response_times(overview, figures["response_time_ms"])
    _check_mean(overview, "satisfaction_score", figures["satisfaction_score"])
    await _check_bounds(client, expected)


async def _check_bounds(client: AsyncClient, expected: Expected) -> None:
    """The first and the last event stand in the first and last hour that has any."""
    first, last = (datetime.fromisoformat(expected.figures[name]) for name in ("first", "last"))
    for bound in (first, last):
        hour = bound.replace(minute=0, second=0, microsecond=0)
        inside = (await client.overview(hour, hour + timedelta(hours=1))).overview
        assert inside.events > 0
    hour = first.replace(minute=0, second=0, microsecond=0)
    assert (await client.overview(hour - timedelta(days=30), hour)).overview.events == 0
    assert (await client.overview(last + timedelta(minutes=15), last + timedelta(days=30))).overview.events == 0


async def _check_days(client: AsyncClient, expected: Expected, zone: str, days: dict[str, Any]) -> None:
    midnight = datetime.combine(expected.start.date(), datetime.min.time(), ZoneInfo(zone)) - timedelta(days=1)
    end = datetime.combine(expected.end.date(), datetime.min.time(), ZoneInfo(zone)) + timedelta(days=1)
    answer = await client.usage(
        midnight,
        end,
        granularity="day",
        metrics=["total_messages", "total_conversations", "unique_users"],
        time_zone=zone,
    )
    assert answer.context.time_zone == zone
    found = {
        bucket.start.ToDatetime(UTC).astimezone(ZoneInfo(zone)).date().isoformat(): {
            "messages": messages.integer,
            "conversations": conversations.integer,
            "unique_users": users.integer,
        }
        for bucket, messages, conversations, users in zip(
            answer.buckets, *(one.values for one in answer.series), strict=True
        )
    }
    nothing = {"messages": 0, "conversations": 0, "unique_users": 0}
    assert {day: figures for day, figures in found.items() if figures != nothing} == {
        day: figures for day, figures in days.items() if figures != nothing
    }
    assert len(found) == (end.date() - midnight.date()).days  # gaps are filled


async def _check_agent(client: AsyncClient, expected: Expected, figures: dict[str, Any]) -> None:
    agent = (await client.agent(figures["agent_id"], expected.start, expected.end, time_zone="UTC")).agent
    assert agent.message_count == figures["messages"]
    assert agent.conversation_count == figures["conversations"]
    assert agent.unique_users == figures["unique_users"]
    assert agent.token_usage == figures["tokens"]
    for outcome in OUTCOMES:
        assert getattr(agent, f"conversations_{outcome}") == figures["closed"][outcome]
    rates = [agent.resolution_rate, agent.escalation_rate, agent.abandonment_rate, agent.ended_rate]
    assert sum(rates) == pytest.approx(1)
    _check_response_times(agent, figures["response_time_ms"])
    _check_mean(agent, "satisfaction_score", figures["satisfaction_score"])


async def check_tables(client: AsyncClient, expected: Expected, events: Iterable[event_pb2.Event]) -> None:
    """Fails unless tables of cost and tokens by agent and of calls by endpoint are those of the events."""
    metrics = ("messages_sent", "prompt_tokens", "completion_tokens", "cost_micros")
    told: dict[str, Counter[str]] = {}
    tools = Counter[str]()
    for event in events:
        of_agent = told.setdefault(event.agent_id, Counter())
        if event.event_type == "message.sent":
            of_agent["messages_sent"] += 1
            of_agent.update({name: getattr(event.message, name) for name in metrics[1:]})
        tools[event.api.endpoint] += event.event_type == "api.called"
    by_agent = await client.query_metrics(expected.start, expected.end, metrics, group_by="agent")
    assert {
        row.values[0]: {name: one.integer for name, one in zip(metrics, row.figures, strict=True)}
        for row in by_agent.rows
    } == {agent: {name: counts[name] for name in metrics} for agent, counts in told.items()}
    by_tool = await client.query_metrics(
        expected.start, expected.end, ["api_calls"], group_by="endpoint", page_size=1000
    )
    assert {row.values[0]: row.figures[0].integer for row in by_tool.rows} == {
        name: count for name, count in tools.items() if name and count
    }


def _check_response_times(answer: Any, figures: dict[str, Any]) -> None:
    assert answer.response_time_count == figures["count"]
    assert answer.response_time_sum_ms == figures["sum"]
    _check_mean(answer, "avg_response_time_ms", figures["avg"])
    for percent in PERCENTILES:
        name = f"p{percent}_response_time_ms"
        exact = figures[f"p{percent}"]
        assert abs(getattr(answer, name) - exact) <= 0.01 * exact, name


def _check_mean(answer: Any, name: str, exact: float | None) -> None:
    assert answer.HasField(name) == (exact is not None)
    if exact is not None:
        assert getattr(answer, name) == pytest.approx(exact, rel=1e-12)
