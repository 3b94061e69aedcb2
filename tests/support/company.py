"""Some weeks of a company with AI agents and people, of every family of events: what pages are looked at with.

In the last seven days the busiest agent resolves fewer conversations: those about refunds go to people, since a
document is missing. Everything else goes on as before, so that whoever looks for the reason can find it.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from tallywire import event
from tallywire.v1 import event_pb2

BUSIEST: Final = "support-bot"
TROUBLE: Final = "Refunds"  # the topic whose conversations the busiest agent no longer resolves
TROUBLE_DAYS: Final = 7
REASON: Final = "missing knowledge"

# Agent, its share of conversations, name, team, median of its response times in ms, share of conversations resolved.
_AGENTS: Final = (
    (BUSIEST, 40, "Support bot", "first line", 1_900, 0.8),
    ("sales-bot", 18, "Sales bot", "sales", 1_200, 0.62),
    ("faq-bot", 16, "FAQ bot", "first line", 600, 0.86),
    ("billing-bot", 11, "Billing bot", "billing", 2_600, 0.64),
    ("returns-bot", 9, "Returns bot", "first line", 2_100, 0.7),
    ("anna", 3, "Anna", "night", 45_000, 0.9),
    ("li-wei", 3, "Li Wei", "night", 58_000, 0.86),
)
_TOPICS: Final = ("Refunds", "Delivery", "Invoices", "Passwords", "Opening hours", "Warranty")
_CHANNELS: Final = ("web", "web", "web", "whatsapp", "whatsapp", "email", "widget")
_REASONS: Final = ("customer asked", "low confidence", "policy")
_QUESTIONS: Final = (
    ("Refunds", "Can I have my money back after 60 days?"),
    ("Refunds", "Who pays for the parcel back?"),
    ("Warranty", "Does the warranty cover water damage?"),
    ("Delivery", "Do you deliver to islands?"),
)
_MODELS: Final = ("small-1", "small-1", "large-2")


def events(until: datetime, *, days: int = 15, a_day: int = 30) -> Iterator[event_pb2.Event]:
    """Yields what happened in the days before an instant, `a_day` conversations on working days."""
    dice = random.Random(7)
    start = until - timedelta(days=days)
    yield from _people(start)
    for day in range(days):
        begin = start + timedelta(days=day)
        count = round(a_day * (0.45 if begin.weekday() >= 5 else 1))
        troubled = day >= days - TROUBLE_DAYS
        for n in range(count):
            at = begin + timedelta(minutes=1_430 * (n + dice.random()) / count)
            yield from _conversation(dice, f"c{day:02}{n:03}", at, troubled=troubled and at < until)
        yield from _day(dice, day, begin)


def _people(start: datetime) -> Iterator[event_pb2.Event]:
    for agent_id, _, name, team, _, _ in _AGENTS:
        human = team == "night"
        kind = event_pb2.AGENT_KIND_HUMAN if human else event_pb2.AGENT_KIND_AI
        yield event(
            "agent.created", occurred_at=start, agent_id=agent_id, team_id=team, name=name, kind=kind, version="2026.3"
        )
        if human:
            yield event(
                "agent.status_changed",
                occurred_at=start + timedelta(minutes=1),
                agent_id=agent_id,
                team_id=team,
                status=event_pb2.AGENT_STATUS_AVAILABLE,
            )


def _conversation(dice: random.Random, name: str, at: datetime, *, troubled: bool) -> Iterator[event_pb2.Event]:
    agent_id, _, _, team, median, resolved = dice.choices(_AGENTS, [agent[1] for agent in _AGENTS])[0]
    topic = dice.choices(_TOPICS, (5, 3, 2, 2, 1, 1))[0]
    lost = troubled and agent_id == BUSIEST and topic == TROUBLE
    about: dict[str, Any] = {
        "agent_id": agent_id,
        "user_id": f"user-{dice.randrange(120):03}",
        "conversation_id": name,
        "channel": dice.choice(_CHANNELS),
        "team_id": team,
    }
    yield event("conversation.started", occurred_at=at, topic=topic, **about)
    for turn in range(dice.randrange(1, 5)):
        at += timedelta(seconds=dice.randrange(8, 60))
        yield event("message.received", occurred_at=at, **about)
        wait = round(median * dice.lognormvariate(0, 0.6))
        at += timedelta(milliseconds=wait)
        yield event(
            "message.sent",
            occurred_at=at,
            response_time_ms=wait,
            time_to_first_token_ms=wait // 4,
            prompt_tokens=dice.randrange(200, 900),
            completion_tokens=dice.randrange(40, 240),
            model=dice.choice(_MODELS),
            cost_micros=dice.randrange(200, 1_400),
            knowledge_hit=not lost,
            fallback=lost and turn == 0,
            failed=dice.random() < 0.015,
            **about,
        )
    yield from _ending(dice, at + timedelta(seconds=20), about, topic, lost=lost, resolved=resolved)


def _ending(
    dice: random.Random, at: datetime, about: dict[str, Any], topic: str, *, lost: bool, resolved: float
) -> Iterator[event_pb2.Event]:
    if lost:
        where = {name: about[name] for name in ("agent_id", "user_id", "conversation_id", "channel")}
        question = dice.choice(_QUESTIONS[:2])[1]
        yield event("content_gap.found", occurred_at=at, topic=topic, question=question, confidence=8_700, **where)
    elif dice.random() < 0.03:
        gap, question = dice.choice(_QUESTIONS[2:])
        yield event(
            "content_gap.found",
            occurred_at=at,
            agent_id=about["agent_id"],
            conversation_id=about["conversation_id"],
            topic=gap,
            question=question,
            confidence=6_200,
        )
    luck = dice.random()
    at += timedelta(seconds=5)
    if lost or resolved <= luck < resolved + 0.12:
        reason = REASON if lost else dice.choice(_REASONS)
        yield event("conversation.escalated", occurred_at=at, topic=topic, handoff_reason=reason, **about)
    elif luck < resolved:
        yield event("conversation.resolved", occurred_at=at, topic=topic, **about)
    else:
        yield event("conversation.abandoned", occurred_at=at, topic=topic, **about)
    if dice.random() < 0.35:
        rating = dice.choice((1, 2, 3)) if lost else dice.choices((5, 4, 3, 2), (6, 4, 2, 1))[0]
        yield event("feedback.submitted", occurred_at=at + timedelta(seconds=9), rating=rating, **about)
    if dice.random() < 0.15:
        score = 6_000 if lost else dice.randrange(7_500, 10_000)
        yield event(
            "quality.scored",
            occurred_at=at + timedelta(seconds=30),
            overall=score,
            helpfulness=max(0, score - 400),
            accuracy=min(10_000, score + 300),
            politeness=9_600,
            scorer="reviewer-1",
            rubric_version="2026-1",
            **about,
        )


def _day(dice: random.Random, day: int, begin: datetime) -> Iterator[event_pb2.Event]:
    """Yields what happens beside conversations: calls, leads, campaigns, the API, workflows, storage, users."""
    yield from _calls(dice, begin)
    yield from _leads(dice, day, begin)
    yield from _services(dice, day, begin)


def _calls(dice: random.Random, begin: datetime) -> Iterator[event_pb2.Event]:
    """Yields calls, of which one is abandoned."""
    for n in range(6):
        at = begin + timedelta(hours=3 * n, minutes=dice.randrange(50))
        agent_id = dice.choice(("anna", "li-wei"))
        call = {
            "agent_id": agent_id,
            "channel": "phone",
            "team_id": "night",
            "queue": dice.choice(("billing", "sales")),
        }
        yield event("call.started", occurred_at=at, direction=event_pb2.CALL_DIRECTION_INBOUND, **call)
        if n == 4:
            yield event("call.abandoned", occurred_at=at + timedelta(seconds=70), wait_ms=70_000, **call)
            continue
        yield event(
            "call.answered", occurred_at=at + timedelta(seconds=12), wait_ms=dice.randrange(4, 60) * 1_000, **call
        )
        yield event(
            "call.ended",
            occurred_at=at + timedelta(minutes=5),
            direction=event_pb2.CALL_DIRECTION_INBOUND,
            talk_ms=dice.randrange(60, 400) * 1_000,
            hold_ms=dice.randrange(30) * 1_000,
            wrap_up_ms=30_000,
            **call,
        )


def _leads(dice: random.Random, day: int, begin: datetime) -> Iterator[event_pb2.Event]:
    """Yields the leads of a day and what their campaign has cost."""
    campaign = ("spring", "Spring sale") if day % 2 else ("autumn", "Autumn letters")
    for n in range(4):
        at = begin + timedelta(hours=2 + n)
        lead = {
            "agent_id": "sales-bot",
            "user_id": f"user-{dice.randrange(120):03}",
            "campaign_id": campaign[0],
            "channel": dice.choice(_CHANNELS),
            "lead_id": f"lead-{day}-{n}",
        }
        yield event("lead.created", occurred_at=at, stage="new", **lead)
        if dice.random() < 0.7:
            yield event("lead.contacted", occurred_at=at + timedelta(hours=1), stage="contacted", **lead)
            if dice.random() < 0.4:
                value = dice.randrange(50, 900) * 1_000_000
                yield event(
                    "lead.converted",
                    occurred_at=at + timedelta(hours=5),
                    stage="won",
                    value_micros=value,
                    currency="EUR",
                    **lead,
                )
    yield event(
        "campaign.cost_recorded",
        occurred_at=begin + timedelta(hours=1),
        campaign_id=campaign[0],
        name=campaign[1],
        cost_micros=40_000_000,
        currency="EUR",
    )


def _services(dice: random.Random, day: int, begin: datetime) -> Iterator[event_pb2.Event]:
    """Yields calls of the API, workflows, storage and a new user."""
    for n in range(12):
        slow = n % 4 == 0
        yield event(
            "api.called",
            occurred_at=begin + timedelta(hours=n, minutes=7),
            agent_id=BUSIEST,
            user_id=f"user-{dice.randrange(120):03}",
            endpoint=("/orders/{id}", "/refunds", "/customers/{id}", "/stock")[n % 4],
            method="POST" if n % 4 == 1 else "GET",
            status_code=dice.choices((200, 404, 500), (20, 2, 1))[0],
            latency_ms=dice.randrange(300, 900) if slow else dice.randrange(20, 90),
            request_bytes=310,
            response_bytes=dice.randrange(500, 9_000),
        )
    workflow = {"occurred_at": begin + timedelta(hours=4), "agent_id": BUSIEST, "duration_ms": 1_840}
    yield event("workflow.executed", **workflow)
    if day % 5 == 0:
        yield event("workflow.failed", **{**workflow, "occurred_at": begin + timedelta(hours=5)})
    yield event(
        "storage.changed",
        occurred_at=begin + timedelta(hours=6),
        bytes_delta=dice.randrange(1, 9) * 1_000_000,
        kind=event_pb2.STORAGE_KIND_DOCUMENT,
    )
    yield event("user.registered", occurred_at=begin, user_id=f"user-{day:03}", name=f"Person {day}")
