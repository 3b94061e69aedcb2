"""Small worlds on one day: how their events are made, and their figures read."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tallywire.v1 import (
    answer_pb2,
    event_pb2,
)
from tests.support import serving

DAY = datetime(2024, 5, 15, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)
THE_DAY = serving.period(DAY, DAY + timedelta(days=1))
Figure = float | None

# What every event of the worlds carries, so that each filter and the agent's answer hold the same figures as the whole.
PART = {"agent_id": "bot", "channel": "web", "team_id": "blue"}


def e(event_type: str, minute: float = 0, **fields: Any) -> event_pb2.Event:
    """An event so many minutes after noon."""
    return serving.event(event_type, at=NOON + timedelta(minutes=minute), **{**PART, **fields})


def sent(minute: float = 0, conversation_id: str = "", **detail: Any) -> event_pb2.Event:
    return e("message.sent", minute, conversation_id=conversation_id, message=event_pb2.MessageDetail(**detail))


def closing(conversation_id: str, *kinds: str) -> list[event_pb2.Event]:
    return [e(f"conversation.{kind}", minute, conversation_id=conversation_id) for minute, kind in enumerate(kinds)]


def presence(minute: float, status: int) -> event_pb2.Event:
    return e("agent.status_changed", minute, agent=event_pb2.AgentDetail(status=status))


def stored_bytes(delta: int, kind: int = event_pb2.STORAGE_KIND_UNSPECIFIED, at: datetime = NOON) -> event_pb2.Event:
    return serving.event(
        "storage.changed", at=at, storage=event_pb2.StorageDetail(bytes_delta=delta, kind=kind), **PART
    )


def by_field(message: Any) -> dict[str, Figure]:
    """The figures of a message by the names of their fields; what is unset is absent."""
    found: dict[str, Figure] = {}
    for field in message.DESCRIPTOR.fields:
        if field.message_type is answer_pb2.Change.DESCRIPTOR:
            change = getattr(message, field.name)
            found[field.name] = change.percent if change.HasField("percent") else None
        elif field.message_type is None and field.has_presence:
            found[field.name] = getattr(message, field.name) if message.HasField(field.name) else None
    return found
