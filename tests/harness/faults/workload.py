"""What the clients send: made-up facts of a small business, the same for the same seed and time."""

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import tallywire
from tallywire.v1 import event_pb2

SPREAD = timedelta(days=25)  # how late an event may be
PLANTED_MAIL = "planted.user{}@mail.example"  # no log may show one

_CLOSINGS = ("conversation.ended", "conversation.resolved", "conversation.escalated", "conversation.abandoned")
_VISITS = 0.2  # how often a conversation has a single event
_AGENTS = ("ada", "grace", "bot-1", "bot-2", "bot-3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """An event in plain values. numbers are the fields of its detail; note goes into its properties."""

    event_id: str
    event_type: str
    occurred_at: datetime
    agent_id: str = ""
    user_id: str = ""
    conversation_id: str = ""
    channel: str = ""
    team_id: str = ""
    numbers: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


def message(fact: Fact) -> event_pb2.Event:
    """The fact as it is sent: the same bytes every time."""
    numbers: dict[str, Any] = dict(fact.numbers)
    return tallywire.event(
        fact.event_type,
        event_id=fact.event_id,
        occurred_at=fact.occurred_at,
        agent_id=fact.agent_id,
        user_id=fact.user_id,
        conversation_id=fact.conversation_id,
        channel=fact.channel,
        team_id=fact.team_id,
        properties={"note": fact.note} if fact.note else None,
        **numbers,
    )


class Business:
    """Makes the facts of one organization. No two of them occur at the same instant.

    vague: their times need only be known by the quarter hour. Since their order is not known, none is of a
    conversation.
    """

    def __init__(self, seed: str, until: datetime, *, vague: bool = False) -> None:
        self._vague = vague
        self._dice = random.Random(f"{seed}/facts")
        self._until = until
        self._taken: set[datetime] = set()

    def facts(self, count: int) -> list[Fact]:
        """That many new facts."""
        return [self._fact() for _ in range(count)]

    def _fact(self) -> Fact:
        dice = self._dice
        event_type, numbers = self._content()
        while self._vague and event_type.startswith("conversation."):
            event_type, numbers = self._content()
        in_conversation = event_type.startswith(("message.", "conversation."))
        user = dice.randrange(60)
        return Fact(
            event_id=self._id(),
            event_type=event_type,
            occurred_at=self._time(),
            agent_id=dice.choice((*_AGENTS, "")),
            user_id=dice.choice(("", f"user-{user}", f"guest-{dice.getrandbits(40)}", PLANTED_MAIL.format(user))),
            conversation_id=self._conversation() if in_conversation and not self._vague else "",
            channel=dice.choice(("web", "phone", "")),
            team_id=dice.choice(("north", "south", "")),
            numbers=numbers,
            note=f"write to {PLANTED_MAIL.format(user)}" if dice.random() < 0.05 else "",
        )

    def _conversation(self) -> str:
        """One that has many events, some of which change what is known of it, or one that has no others."""
        dice = self._dice
        return f"visit-{dice.getrandbits(64):x}" if dice.random() < _VISITS else f"conversation-{dice.randrange(80)}"

    def _id(self) -> str:
        """A UUIDv7 or, now and then, an id of another form, which is stored in another way."""
        bits = self._dice.getrandbits(128)
        if self._dice.random() < 0.2:
            return f"order/{bits:032x}"
        moment = int(self._until.timestamp() * 1000) + self._dice.randrange(10_000)
        tail = (bits & ((1 << 80) - 1)) & ~(0xF << 76) | 0x7 << 76
        return str(uuid.UUID(int=moment << 80 | tail & ~(0b11 << 62) | 0b10 << 62))

    def _time(self) -> datetime:
        """Mostly of late, now and then days ago; vague ones in the middle of a quarter of an hour that has passed."""
        if self._vague:
            day = self._until.replace(minute=0, second=0, microsecond=0) - timedelta(hours=self._dice.randrange(4, 400))
            return day + timedelta(minutes=15 * self._dice.randrange(4) + 7)
        furthest = self._dice.choice((timedelta(minutes=20), timedelta(hours=3), timedelta(days=3), SPREAD))
        while True:
            at = self._until - timedelta(microseconds=self._dice.randrange(int(furthest.total_seconds()) * 1_000_000))
            if at not in self._taken:
                self._taken.add(at)
                return at

    def _content(self) -> tuple[str, dict[str, int]]:
        dice = self._dice
        match dice.randrange(20):
            case 0 | 1 | 2 | 3 | 4:
                return "message.received", {"prompt_tokens": dice.randrange(300)} if dice.random() < 0.3 else {}
            case 5 | 6 | 7 | 8 | 9:
                return "message.sent", self._answer()
            case 10 | 11:
                return "conversation.started", {}
            case 12 | 13 | 14:
                return dice.choice(_CLOSINGS), {}
            case 15:
                return "conversation.reopened", {}
            case 16:
                return "feedback.submitted", {"rating": dice.randrange(1, 6)}
            case 17 | 18:
                return "api.called", {"status_code": 200, "latency_ms": dice.randrange(900)}
            case _:
                return dice.choice(("order.placed", "workflow.executed", "workflow.failed")), {}

    def _answer(self) -> dict[str, int]:
        dice = self._dice
        numbers: dict[str, int] = {"completion_tokens": dice.randrange(200), "cost_micros": dice.randrange(4_000)}
        if dice.random() < 0.9:
            numbers["response_time_ms"] = int(dice.lognormvariate(7, 1))
        for flag in ("failed", "fallback", "knowledge_hit", "by_human"):
            if dice.random() < 0.1:
                numbers[flag] = True
        return numbers
