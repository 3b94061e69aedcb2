"""Asks the service for its figures and holds each against the model."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tallywire import AsyncClient
from tallywire.v1 import metrics_service_pb2
from tests.harness.faults import model
from tests.harness.faults.checker import Violation
from tests.harness.faults.model import Figure
from tests.harness.faults.workload import Fact

ZONES = ("UTC", "America/St_Johns", "Asia/Kathmandu")
_PERCENTILES = {"p50_response_time_ms": 0.5, "p90_response_time_ms": 0.9, "p99_response_time_ms": 0.99}
_ERROR = 0.01  # of a percentile
_SHOWN = 5
_DAILY = (
    "events",
    "response_time_sum_ms",
    "response_time_count",
    "token_usage",
    "cost_micros",
    "unique_users",
    "active_agents",
    "total_conversations",
    "conversations_closed",
    "conversations_resolved",
    "conversations_escalated",
    "rating_count",
    "conversations_reopened",
    "escalated_conversations_resolved",
    "human_resolutions",
    "conversation_duration_ms",
    "first_response_time_ms",
    "first_human_response_time_ms",
    "human_wait_time_ms",
    "final_resolution_time_ms",
)


async def compare(
    client: AsyncClient, organization: int, facts: Sequence[Fact], start: datetime, end: datetime
) -> list[Violation]:
    """What the service says of an organization and the model does not."""
    moments = model.moments(facts)
    found: list[str] = []
    overview = (await client.overview(start, end)).overview
    found += _differences("overview", _values(overview, model.overview(facts, moments)))
    found += _percentiles("overview", overview, facts)
    reported = {one.event_type: one.events for one in overview.events_by_type}
    found += _differences(
        "events by type", {name: (reported.get(name), count) for name, count in model.by_type(facts).items()}
    )
    for channel in ("web", "phone"):
        answer = await client.overview(start, end, channel=channel)
        mine = [one for one in moments if one.channel == channel]
        wanted = model.overview([fact for fact in facts if fact.channel == channel], mine)
        found += _differences(f"channel {channel}", _values(answer.overview, wanted))
    for zone in ZONES:
        found += await _compare_days(client, "", facts, moments, start, end, zone)
    for agent in sorted({fact.agent_id for fact in facts} - {""}):
        part = [fact for fact in facts if fact.agent_id == agent]
        mine = [one for one in moments if one.agent_id == agent]
        answered = (await client.agent(agent, start, end)).agent
        found += _differences(f"agent {agent}", _values(answered, model.agent(part, mine)))
        found += _percentiles(f"agent {agent}", answered, part)
        found += await _compare_days(client, agent, part, mine, start, end, ZONES[-1])
    if not found:
        return []
    text = f"organization {organization}: {len(found)} figures are not those of the model, the first: {found[0]}"
    return [Violation(check="figures", text=text, evidence=tuple(found[1:_SHOWN]))]


async def _compare_days(
    client: AsyncClient,
    agent: str,
    facts: Sequence[Fact],
    moments: Sequence[model.Moment],
    start: datetime,
    end: datetime,
    zone: str,
) -> list[str]:
    answer = await client.usage(start, end, granularity="day", metrics=_DAILY, time_zone=zone, agent_id=agent or None)
    expected = model.by_day(facts, moments, ZoneInfo(zone))
    nothing = model.of_day((), ())
    found: list[str] = []
    days = [bucket.start.ToDatetime(UTC).astimezone(ZoneInfo(zone)).date() for bucket in answer.buckets]
    for position, day in enumerate(days):
        reported = {one.metric: _value(one.values[position]) for one in answer.series}
        wanted = expected.pop(day, nothing)
        found += _differences(
            f"{agent or 'all'} on {day} in {zone}", {name: (reported[name], wanted[name]) for name in _DAILY}
        )
    return found + [f"{agent or 'all'} in {zone}: no point for {day}" for day in expected]


def _value(value: metrics_service_pb2.SeriesValue) -> Figure:
    which = value.WhichOneof("value")
    return getattr(value, which) if which else None


def _values(message: Any, expected: Mapping[str, Figure]) -> dict[str, tuple[Figure, Figure]]:
    """Each expected figure beside the one of the message."""
    return {
        name: (getattr(message, name) if message.HasField(name) else None, wanted) for name, wanted in expected.items()
    }


def _differences(where: str, pairs: Mapping[str, tuple[Figure, Figure]]) -> Iterator[str]:
    for name, (reported, wanted) in pairs.items():
        same = reported == wanted
        if isinstance(reported, float) and wanted is not None:
            same = math.isclose(reported, wanted, rel_tol=1e-9)
        if not same:
            yield f"{where}: {name} is {reported}, the model says {wanted}"


def _percentiles(where: str, message: Any, facts: Sequence[Fact]) -> Iterator[str]:
    for name, q in _PERCENTILES.items():
        reported = getattr(message, name) if message.HasField(name) else None
        wanted = model.percentile(facts, q)
        if (reported is None) != (wanted is None) or (
            reported is not None and wanted is not None and not math.isclose(reported, wanted, rel_tol=_ERROR)
        ):
            yield f"{where}: {name} is {reported}, the model says {wanted}"
