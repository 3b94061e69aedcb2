"""What events come to, added up in plain Python: no line of the service takes part."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tallywire.v1 import event_pb2

_ZONES = ("UTC", "America/Denver", "Asia/Kathmandu", "Australia/Lord_Howe")
_OUTCOMES = ("resolved", "escalated", "abandoned", "ended")
_MOST_AGENTS = 10
_QUARTER_SECONDS = 900  # midnight of every zone is on a quarter hour


def figures(events: Sequence[event_pb2.Event]) -> dict[str, Any]:
    """The figures of events that have neither tokens nor costs, each of whose conversations starts and closes once."""
    by_type = Counter(event.event_type for event in events)
    times = [event.occurred_at.seconds for event in events]
    return {
        "events": len(events),
        "by_type": dict(by_type),
        "total_messages": _messages(events),
        "total_conversations": by_type["conversation.started"],
        "active_agents": _distinct(event.agent_id for event in events),
        "unique_users": _distinct(event.user_id for event in events),
        "response_time_ms": _response_times(events),
        "satisfaction_score": _mean(_ratings(events)),
        "rating_count": len(_ratings(events)),
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "cost_micros": 0,
        "first": datetime.fromtimestamp(min(times), UTC).isoformat(),
        "last": datetime.fromtimestamp(max(times), UTC).isoformat(),
        "closed": {f"conversation.{outcome}": by_type[f"conversation.{outcome}"] for outcome in _OUTCOMES},
        "days": _days(events),
        "top_agents": _top_agents(events),
    }


def _messages(events: Iterable[event_pb2.Event]) -> int:
    return sum(event.event_type in ("message.received", "message.sent") for event in events)


def _started(events: Iterable[event_pb2.Event]) -> int:
    return sum(event.event_type == "conversation.started" for event in events)


def _distinct(ids: Iterable[str]) -> int:
    return len(set(ids) - {""})


def _ratings(events: Iterable[event_pb2.Event]) -> list[int]:
    return [event.feedback.rating for event in events if event.event_type == "feedback.submitted"]


def _mean(values: Sequence[int]) -> float | None:
    return sum(values) / len(values) if values else None


def _response_times(events: Iterable[event_pb2.Event]) -> dict[str, Any]:
    waits = sorted(event.message.response_time_ms for event in events if event.message.HasField("response_time_ms"))
    return {
        "count": len(waits),
        "sum": sum(waits),
        "avg": _mean(waits),
        **{f"p{percent}": _percentile(waits, percent) for percent in (50, 90, 95, 99) if waits},
    }


def _percentile(ordered: Sequence[int], percent: int) -> float:
    """The percentile, on the line between the two values around it."""
    position = (len(ordered) - 1) * percent / 100
    below, above = ordered[math.floor(position)], ordered[math.ceil(position)]
    return below + (above - below) * (position % 1)


def _days(events: Iterable[event_pb2.Event]) -> dict[str, dict[str, dict[str, int]]]:
    """The figures of each local day that has any event, by zone."""
    quarters: dict[int, list[event_pb2.Event]] = defaultdict(list)
    for event in events:
        quarters[event.occurred_at.seconds // _QUARTER_SECONDS].append(event)
    parts = [
        (quarter, _messages(some), _started(some), {event.user_id for event in some})
        for quarter, some in quarters.items()
    ]
    return {zone: _days_of(parts, ZoneInfo(zone)) for zone in _ZONES}


def _days_of(parts: Iterable[tuple[int, int, int, set[str]]], zone: ZoneInfo) -> dict[str, dict[str, int]]:
    days: dict[str, Counter[str]] = defaultdict(Counter)
    users: dict[str, set[str]] = defaultdict(set)
    for quarter, messages, started, some in parts:
        day = datetime.fromtimestamp(quarter * _QUARTER_SECONDS, zone).date().isoformat()
        days[day].update(messages=messages, conversations=started)
        users[day] |= some
    return {day: {**figures, "unique_users": len(users[day])} for day, figures in days.items()}


def _top_agents(events: Iterable[event_pb2.Event]) -> list[dict[str, Any]]:
    """The figures of the agents with the most messages, the busiest first."""
    agents: dict[str, list[event_pb2.Event]] = defaultdict(list)
    for event in events:
        if event.agent_id:
            agents[event.agent_id].append(event)
    busiest = sorted(agents, key=lambda agent: _messages(agents[agent]), reverse=True)[:_MOST_AGENTS]
    return [_agent(agent, agents[agent]) for agent in busiest]


def _agent(agent: str, events: Sequence[event_pb2.Event]) -> dict[str, Any]:
    by_type = Counter(event.event_type for event in events)
    return {
        "agent_id": agent,
        "messages": _messages(events),
        "conversations": _started(events),
        "unique_users": _distinct(event.user_id for event in events),
        "response_time_ms": _response_times(events),
        "satisfaction_score": _mean(_ratings(events)),
        "tokens": 0,
        "closed": {outcome: by_type[f"conversation.{outcome}"] for outcome in _OUTCOMES},
    }
