"""What the figures must be, worked out from the facts alone: plain Python, nothing of the service in it."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.harness.faults.workload import Fact

Figure = int | float | None

_PRECEDENCE = ("conversation.ended", "conversation.abandoned", "conversation.resolved", "conversation.escalated")
_OUTCOMES = tuple(f"conversations_{name}" for name in ("resolved", "escalated", "abandoned", "ended"))
OF_CONVERSATIONS = (
    "total_conversations",
    *_OUTCOMES,
    "conversations_reopened",
    "escalated_conversations_resolved",
    "human_resolutions",
    "closed_conversation_messages",
    "conversation_duration_ms",
    "first_response_time_ms",
    "first_human_response_time_ms",
    "human_wait_time_ms",
    "final_resolution_time_ms",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An instant at which a conversation counts: what for, by the names of figures, and whose it is then."""

    conversation_id: str
    at: datetime
    agent_id: str
    channel: str
    team_id: str
    figures: Mapping[str, int]


def by_conversation(facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    """The facts of each conversation, in order of time."""
    found: dict[str, list[Fact]] = defaultdict(list)
    for fact in sorted(facts, key=lambda one: one.occurred_at):
        if fact.conversation_id:
            found[fact.conversation_id].append(fact)
    return found


def moments(facts: Iterable[Fact]) -> list[Moment]:
    """All instants at which conversations count."""
    return [moment for some in by_conversation(facts).values() for moment in _moments(some)]


def _moments(facts: Sequence[Fact]) -> Iterator[Moment]:
    """When a conversation begins, is closed, and is resolved by a human who took it over.

    It begins at its first start, or with its first fact where no start is told. Of the closing events after the last
    reopening the first one says when it is closed, and the highest by precedence how and by whom; of several of that
    kind it is the first. The first resolution after a hand-over is that of a human. Users wait for a human from the
    first hand-over on, whether or not the conversation was reopened since.
    """
    begin = next((one for one in facts if one.event_type == "conversation.started"), facts[0])
    sent = [one for one in facts if one.event_type == "message.sent"]
    by_human = [one for one in sent if one.numbers.get("by_human")]
    figures = {
        "total_conversations": 1,
        "first_response_time_ms": _taken(begin, next(iter(sent), None)),
        "first_human_response_time_ms": _taken(begin, next(iter(by_human), None)),
    }
    yield _moment(begin, begin.occurred_at, figures)
    closing = closings(facts)
    if not closing:
        return
    by = max(closing, key=lambda one: _PRECEDENCE.index(one.event_type))  # the first one of several
    resolved = _first_after(_handed_over(closing), closing, lambda one: one.event_type == "conversation.resolved")
    handed_over = _handed_over(facts)
    figures = {
        f"conversations_{by.event_type.removeprefix('conversation.')}": 1,
        "conversations_reopened": int(any(one.event_type == "conversation.reopened" for one in facts)),
        "escalated_conversations_resolved": int(resolved is not None),
        "closed_conversation_messages": sum(one.event_type.startswith("message.") for one in facts),
        "conversation_duration_ms": _taken(begin, closing[0]),
        "human_wait_time_ms": _taken(handed_over, _first_after(handed_over, by_human)),
    }
    yield _moment(by, closing[0].occurred_at, figures)
    if resolved is not None:
        figures = {"human_resolutions": 1, "final_resolution_time_ms": _taken(begin, resolved)}
        yield _moment(resolved, resolved.occurred_at, figures)


def closings(facts: Sequence[Fact]) -> list[Fact]:
    """The closing events of a conversation after its last reopening, in order of time."""
    reopened = [place for place, one in enumerate(facts) if one.event_type == "conversation.reopened"]
    return [one for one in facts[max(reopened, default=-1) + 1 :] if one.event_type in _PRECEDENCE]


def _moment(by: Fact, at: datetime, figures: Mapping[str, int]) -> Moment:
    return Moment(
        conversation_id=by.conversation_id,
        at=at,
        agent_id=by.agent_id,
        channel=by.channel,
        team_id=by.team_id,
        figures=figures,
    )


def _handed_over(facts: Iterable[Fact]) -> Fact | None:
    """The first hand-over."""
    return next((one for one in facts if one.event_type == "conversation.escalated"), None)


def _first_after(
    after: Fact | None, facts: Iterable[Fact], wanted: Callable[[Fact], bool] = lambda _: True
) -> Fact | None:
    """The first of some facts after another one; None where there is none, or no other one."""
    if after is None:
        return None
    return next((one for one in facts if wanted(one) and one.occurred_at > after.occurred_at), None)


def _taken(begin: Fact | None, end: Fact | None) -> int:
    """The milliseconds from one fact to another; 0 where that came earlier or not at all."""
    if begin is None or end is None:
        return 0
    return max(timedelta(0), end.occurred_at - begin.occurred_at) // timedelta(milliseconds=1)


def of_conversations(some: Iterable[Moment]) -> dict[str, int]:
    """The figures that moments add up to."""
    added: Counter[str] = Counter()
    for one in some:
        added.update(one.figures)
    return {name: added[name] for name in OF_CONVERSATIONS}


def overview(facts: Sequence[Fact], moments: Sequence[Moment]) -> dict[str, Figure]:
    """The key figures of some facts and moments of conversations, by the names that the service gives them."""
    sent = [fact for fact in facts if fact.event_type == "message.sent"]
    messages = [fact for fact in facts if fact.event_type.startswith("message.")]
    times = [fact.numbers["response_time_ms"] for fact in sent if "response_time_ms" in fact.numbers]
    ratings = [fact.numbers["rating"] for fact in facts if "rating" in fact.numbers]
    failed = sum(1 for fact in sent if fact.numbers.get("failed"))
    tokens = {name: _added(messages, name) for name in ("prompt_tokens", "completion_tokens")}
    types = Counter(fact.event_type for fact in facts)
    conversations = of_conversations(moments)
    spoken = ("message.", "conversation.")
    figures: dict[str, Figure] = {
        "events": len(facts),
        "messages_received": types["message.received"],
        "messages_sent": len(sent),
        "total_messages": len(messages),
        "total_conversations": conversations["total_conversations"],
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
    }
    outcomes = {name: conversations[name] for name in _OUTCOMES}
    return {**figures, **outcomes, "conversations_closed": sum(outcomes.values())}


def now(part: Sequence[Fact], moments: Sequence[Moment], at: datetime, midnight: datetime) -> dict[str, Figure]:
    """The figures of now, as of an instant, of a part of the facts and of the moments of conversations; a day begins at
    midnight and lasts 24 hours.

    A window ends with the five seconds that are running, and is made of whole five seconds or, for the hour, minutes.
    """
    slots, end = {fact.event_id: _slot(fact.occurred_at) for fact in part}, _slot(at)
    hour, five_minutes, minute = (
        [fact for fact in part if first <= slots[fact.event_id] <= end]
        for first in (_minute(at) * 12 - 59 * 12, end - 59, end - 11)
    )
    tomorrow = midnight + timedelta(days=1)
    day = overview(
        [fact for fact in part if midnight <= fact.occurred_at < tomorrow],
        [one for one in moments if midnight <= one.at < tomorrow],
    )
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


def active(everything: Iterable[Fact], at: datetime, name: str = "", values: Collection[str] = ()) -> int:
    """How many conversations are active as of an instant: those that are open and of which anything was heard in the
    minute of that instant or the 59 before. One that was handed over to a human is open until somebody closes it.

    With the name of a field, only those that were last with one of its values.
    """
    count = 0
    for some in by_conversation(everything).values():
        closing = closings(some)
        is_open = not closing or closing[-1].event_type == _PRECEDENCE[-1]
        last = next((value for one in reversed(some) if (value := getattr(one, name))), "") if name else ""
        if is_open and _minute(some[-1].occurred_at) >= _minute(at) - 59:
            count += not name or last in values
    return count


def _slot(at: datetime) -> int:
    """Which five seconds an instant is in, counted since 1970."""
    return int(at.timestamp()) // 5


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def agent(facts: Sequence[Fact], moments: Sequence[Moment]) -> dict[str, Figure]:
    """The figures of one agent from its own facts and moments, by the names that the service gives them."""
    shared = overview(facts, moments)
    closed = sum(shared[name] or 0 for name in _OUTCOMES)
    sent = [fact for fact in facts if fact.event_type == "message.sent"]
    flags = {name: sum(1 for one in sent if one.numbers.get(name)) for name in ("fallback", "knowledge_hit")}
    own = {
        "conversation_count": shared["total_conversations"],
        "message_count": shared["total_messages"],
        "avg_messages_per_conversation": _ratio(of_conversations(moments)["closed_conversation_messages"], closed),
        "resolution_rate": _ratio(shared["conversations_resolved"], closed),
        "ended_rate": _ratio(shared["conversations_ended"], closed),
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


def by_day(facts: Iterable[Fact], moments: Iterable[Moment], zone: ZoneInfo) -> dict[date, Mapping[str, Figure]]:
    """The figures of each day of a zone on which anything happened."""
    reported: dict[date, list[Fact]] = defaultdict(list)
    counted: dict[date, list[Moment]] = defaultdict(list)
    for fact in facts:
        reported[fact.occurred_at.astimezone(zone).date()].append(fact)
    for one in moments:
        counted[one.at.astimezone(zone).date()].append(one)
    return {day: of_day(reported[day], counted[day]) for day in sorted(reported.keys() | counted.keys())}


def of_day(facts: Sequence[Fact], moments: Sequence[Moment]) -> dict[str, Figure]:
    """The figures of a day."""
    return {**overview(facts, moments), **of_conversations(moments)}


def _added(facts: Iterable[Fact], name: str) -> int:
    return sum(fact.numbers.get(name, 0) for fact in facts)


def _ratio(above: Figure, below: int | float) -> float | None:
    return (above or 0) / below if below else None
