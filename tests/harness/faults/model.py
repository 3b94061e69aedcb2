"""What the figures must be, worked out from the facts alone: plain Python, nothing of the service in it."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.harness.faults.workload import Fact

Figure = int | float | None

_PRECEDENCE = ("conversation.ended", "conversation.abandoned", "conversation.resolved", "conversation.escalated")
_OUTCOMES = tuple(f"conversations_{name}" for name in ("resolved", "escalated", "abandoned", "ended"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A closed conversation: how, when and by whom it was closed, and its messages so far."""

    conversation_id: str
    outcome: str
    closed_at: datetime
    agent_id: str
    channel: str
    team_id: str
    messages: int


def closed(facts: Iterable[Fact]) -> list[Closed]:
    """The conversations that are closed.

    Of the events after the last reopening the earliest closing one says when, and the highest by precedence says how
    and by whom; of several of that kind it is the earliest.
    """
    endings: dict[str, list[Fact]] = defaultdict(list)
    reopened: dict[str, datetime] = {}
    messages: Counter[str] = Counter()
    for fact in facts:
        conversation = fact.conversation_id
        if fact.event_type in _PRECEDENCE:
            endings[conversation].append(fact)
        elif fact.event_type == "conversation.reopened":
            reopened[conversation] = max(reopened.get(conversation, fact.occurred_at), fact.occurred_at)
        elif fact.event_type.startswith("message."):
            messages[conversation] += 1
    result = []
    for conversation, some in endings.items():
        valid = [one for one in some if conversation not in reopened or one.occurred_at > reopened[conversation]]
        if not valid:
            continue
        highest = max(_PRECEDENCE.index(one.event_type) for one in valid)
        by = min((one for one in valid if one.event_type == _PRECEDENCE[highest]), key=lambda one: one.occurred_at)
        result.append(
            Closed(
                conversation_id=conversation,
                outcome=by.event_type.removeprefix("conversation."),
                closed_at=min(one.occurred_at for one in valid),
                agent_id=by.agent_id,
                channel=by.channel,
                team_id=by.team_id,
                messages=messages[conversation],
            )
        )
    return result


def overview(facts: Sequence[Fact], conversations: Sequence[Closed]) -> dict[str, Figure]:
    """The key figures of some facts and closed conversations, by the names that the service gives them."""
    sent = [fact for fact in facts if fact.event_type == "message.sent"]
    messages = [fact for fact in facts if fact.event_type.startswith("message.")]
    times = [fact.numbers["response_time_ms"] for fact in sent if "response_time_ms" in fact.numbers]
    ratings = [fact.numbers["rating"] for fact in facts if "rating" in fact.numbers]
    failed = sum(1 for fact in sent if fact.numbers.get("failed"))
    tokens = {name: _added(messages, name) for name in ("prompt_tokens", "completion_tokens")}
    types = Counter(fact.event_type for fact in facts)
    spoken = ("message.", "conversation.")
    figures: dict[str, Figure] = {
        "events": len(facts),
        "messages_received": types["message.received"],
        "messages_sent": len(sent),
        "total_messages": len(messages),
        "total_conversations": types["conversation.started"],
        "active_agents": len({one.agent_id for one in facts if one.agent_id and one.event_type.startswith(spoken)}),
        "unique_users": len({fact.user_id for fact in facts if fact.user_id}),
        "response_time_count": len(times),
        "response_time_sum_ms": sum(times),
        "avg_response_time_ms": _ratio(sum(times), len(times)),
        "error_rate": _ratio(failed, len(sent)),
        "success_rate": _ratio(len(sent) - failed, len(sent)),
        "satisfaction_score": _ratio(sum(ratings), len(ratings)),
        "rating_count": len(ratings),
        **tokens,
        "token_usage": sum(tokens.values()),
        "cost_micros": _added(messages, "cost_micros"),
        "api_calls": types["api.called"],
        "workflow_executions": types["workflow.executed"],
        "workflow_failures": types["workflow.failed"],
        "conversations_closed": len(conversations),
    }
    outcomes = Counter(f"conversations_{one.outcome}" for one in conversations)
    return {**figures, **{name: outcomes[name] for name in _OUTCOMES}}


def now(part: Sequence[Fact], at: datetime, midnight: datetime) -> dict[str, Figure]:
    """The figures of now, as of an instant, of a part of the facts; a day begins at midnight and lasts 24 hours.

    A window ends with the five seconds that are running, and is made of whole five seconds or, for the hour, minutes.
    """
    slots, end = {fact.event_id: _slot(fact.occurred_at) for fact in part}, _slot(at)
    hour, five_minutes, minute = (
        [fact for fact in part if first <= slots[fact.event_id] <= end]
        for first in (_minute(at) * 12 - 59 * 12, end - 59, end - 11)
    )
    day = overview([fact for fact in part if midnight <= fact.occurred_at < midnight + timedelta(days=1)], ())
    lately = overview(hour, ())
    return {
        "messages_last_minute": overview(minute, ())["total_messages"],
        "messages_last_hour": lately["total_messages"],
        "avg_response_time_ms": overview(five_minutes, ())["avg_response_time_ms"],
        "p50_response_time_ms": percentile(five_minutes, 0.5),
        "p95_response_time_ms": percentile(five_minutes, 0.95),
        "success_rate": lately["success_rate"],
        "messages_today": day["total_messages"],
        "conversations_today": day["total_conversations"],
        "tokens_today": day["token_usage"],
    }


def messages_by_minute(part: Iterable[Fact], at: datetime) -> list[int]:
    """The messages of each of the 60 minutes that end with the one that is running, up to its five seconds."""
    last, end = _minute(at), _slot(at)
    spoken = (fact for fact in part if fact.event_type.startswith("message.") and _slot(fact.occurred_at) <= end)
    counts = Counter(_minute(fact.occurred_at) for fact in spoken)
    return [counts[minute] for minute in range(last - 59, last + 1)]


def active(everything: Iterable[Fact], at: datetime, name: str = "", values: Collection[str] = ()) -> tuple[int, int]:
    """How many conversations are active as of an instant, at least and at most: those that are not closed and were
    started, spoken in or reopened in the minute of that instant or the 59 before.

    With the name of a field, only those that were last with one of its values. A range, since an earlier event's value
    may stay where later ones came before it and have none.
    """
    everything = list(everything)
    over = {one.conversation_id for one in closed(everything)}
    activity: dict[str, list[Fact]] = defaultdict(list)
    for fact in everything:
        if fact.conversation_id and fact.event_type.startswith(("message.", "conversation.")):
            activity[fact.conversation_id].append(fact)
    least = most = 0
    for conversation, some in activity.items():
        some.sort(key=lambda one: one.occurred_at)
        if conversation in over or _minute(some[-1].occurred_at) < _minute(at) - 59:
            continue
        last = getattr(some[-1], name) if name else ""
        possible = {last} if last or not name else {getattr(one, name) for one in some} - {""}
        least += not name or (bool(possible) and possible <= set(values))
        most += not name or not possible.isdisjoint(values)
    return least, most


def _slot(at: datetime) -> int:
    """Which five seconds an instant is in, counted since 1970."""
    return int(at.timestamp()) // 5


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def agent(facts: Sequence[Fact], conversations: Sequence[Closed]) -> dict[str, Figure]:
    """The figures of one agent from its own facts and conversations, by the names that the service gives them."""
    shared = overview(facts, conversations)
    sent = [fact for fact in facts if fact.event_type == "message.sent"]
    flags = {name: sum(1 for one in sent if one.numbers.get(name)) for name in ("fallback", "knowledge_hit")}
    own = {
        "conversation_count": shared["total_conversations"],
        "message_count": shared["total_messages"],
        "avg_messages_per_conversation": _ratio(sum(one.messages for one in conversations), len(conversations)),
        "resolution_rate": _ratio(shared["conversations_resolved"], len(conversations)),
        "ended_rate": _ratio(shared["conversations_ended"], len(conversations)),
        **{f"{name}_rate": _ratio(count, len(sent)) for name, count in flags.items()},
    }
    there = ("unique_users", "response_time_sum_ms", "rating_count", "token_usage", "cost_micros", *_OUTCOMES)
    return {**own, **{name: shared[name] for name in there}}


def percentile(facts: Iterable[Fact], q: float) -> float | None:
    """A percentile of the response times, interpolated between neighbouring ranks."""
    times = sorted(one.numbers["response_time_ms"] for one in facts if "response_time_ms" in one.numbers)
    if not times:
        return None
    rank = q * (len(times) - 1)
    low, high = times[math.floor(rank)], times[math.ceil(rank)]
    return low + (high - low) * (rank - math.floor(rank))


def by_type(facts: Iterable[Fact]) -> dict[str, int]:
    """Events by type."""
    return dict(Counter(fact.event_type for fact in facts))


def by_day(facts: Iterable[Fact], conversations: Iterable[Closed], zone: ZoneInfo) -> dict[date, Mapping[str, Figure]]:
    """The key figures of each day of a zone on which anything happened."""
    reported: dict[date, list[Fact]] = defaultdict(list)
    ended: dict[date, list[Closed]] = defaultdict(list)
    for fact in facts:
        reported[fact.occurred_at.astimezone(zone).date()].append(fact)
    for one in conversations:
        ended[one.closed_at.astimezone(zone).date()].append(one)
    return {day: overview(reported[day], ended[day]) for day in sorted(reported.keys() | ended.keys())}


def _added(facts: Iterable[Fact], name: str) -> int:
    return sum(fact.numbers.get(name, 0) for fact in facts)


def _ratio(above: Figure, below: int) -> float | None:
    return (above or 0) / below if below else None
