"""Made-up events: conversations of users with agents, evenly over a span of time, the same ones for the same seed."""

import json
import random
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.json_format import MessageToDict

from tallywire.v1 import event_pb2

CHANNELS = ("web", "whatsapp", "phone")
_SHIFTS = 3
_AT_A_TIME = 20  # conversations, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What made-up events are like. A third of the agents works in each eight hours of the day."""

    events: int
    start: datetime
    span: timedelta
    users: int
    agents: int
    seed: int
    conversation_events: int = 10  # of one user with one agent


def live(events: int, seed: int) -> Recipe:
    """Events as they happen: the last ten minutes of an organization with 5,000 users and 48 agents."""
    span = timedelta(minutes=10)
    return Recipe(events=events, start=datetime.now(UTC) - span, span=span, users=5000, agents=48, seed=seed)


def made_up(recipe: Recipe) -> Iterator[event_pb2.Event]:
    """The events in order of time. Messages carry response times, tokens and costs, some events ratings."""
    rng = random.Random(recipe.seed)
    jitter = _AT_A_TIME * recipe.conversation_events
    for number in range(recipe.events):
        at = recipe.start + recipe.span * number / recipe.events
        conversation = (number + rng.randrange(jitter)) // recipe.conversation_events
        event = event_pb2.Event(
            event_id=_uuid7(at, rng),
            agent_id=f"agent-{_agent(recipe, conversation, at)}",
            user_id=f"user-{conversation * 104729 % recipe.users}",
            conversation_id=f"conversation-{recipe.seed}-{conversation}",
            channel=CHANNELS[conversation % len(CHANNELS)],
        )
        event.occurred_at.FromDatetime(at)
        _fill(event, rng)
        yield event


def logins(recipe: Recipe) -> Iterator[event_pb2.Event]:
    """One event of each user, in the order of their names and on the day before: it gives users their numbers, which so
    have nothing to do with when they are active.
    """
    rng = random.Random(-1 - recipe.seed)
    at = recipe.start - timedelta(days=1)
    for number in range(recipe.users):
        event = event_pb2.Event(event_id=_uuid7(at, rng), event_type="user.logged_in", user_id=f"user-{number}")
        event.occurred_at.FromDatetime(at)
        yield event


def json_bytes(events: Iterable[event_pb2.Event]) -> int:
    """How long the events are as JSON without any white space, in bytes of UTF-8."""
    return sum(
        len(json.dumps(MessageToDict(one, preserving_proto_field_name=True), separators=(",", ":"))) for one in events
    )


def _agent(recipe: Recipe, conversation: int, at: datetime) -> int:
    each = max(recipe.agents // _SHIFTS, 1)
    return (at.hour * _SHIFTS // 24) * each + conversation * 7919 % each


def _uuid7(at: datetime, rng: random.Random) -> str:
    noise = rng.getrandbits(74)
    number = int(at.timestamp() * 1000) << 80 | 7 << 76 | (noise >> 62) << 64 | 2 << 62 | noise & (1 << 62) - 1
    return str(uuid.UUID(int=number))


def _fill(event: event_pb2.Event, rng: random.Random) -> None:
    draw = rng.random()
    if draw < 0.45:
        event.event_type = "message.received"
    elif draw < 0.90:
        event.event_type = "message.sent"
        event.message.response_time_ms = int(rng.lognormvariate(7, 1))
        event.message.prompt_tokens = rng.randrange(2000)
        event.message.completion_tokens = rng.randrange(500)
        event.message.cost_micros = rng.randrange(5000)
    elif draw < 0.95:
        event.event_type = "conversation.started"
    elif draw < 0.98:
        event.event_type = "conversation.resolved"
    else:
        event.event_type = "feedback.submitted"
        event.feedback.rating = rng.randrange(1, 6)
