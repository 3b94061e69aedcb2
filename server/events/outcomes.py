"""How a conversation went: a function of its closing and reopening events alone, whatever order they arrive in."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from server.events.event import Event, conversation_key_of


class ClosingKind(enum.IntEnum):
    """What a closing or reopening event says; of several, the highest wins. The numbers are stored and never change."""

    REOPENED = 0
    ENDED = 1
    ABANDONED = 2
    RESOLVED = 3
    ESCALATED = 4


KIND_OF_EVENT_TYPE = {
    "conversation.reopened": ClosingKind.REOPENED,
    "conversation.ended": ClosingKind.ENDED,
    "conversation.abandoned": ClosingKind.ABANDONED,
    "conversation.resolved": ClosingKind.RESOLVED,
    "conversation.escalated": ClosingKind.ESCALATED,
}


class Closing(NamedTuple):
    """A closing or reopening event, as far as the outcome depends on it. Times are microseconds since 1970."""

    conversation_key: bytes
    occurred_at: int
    event_key: bytes
    kind: ClosingKind
    agent_id: str
    channel: str
    team_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationOutcome:
    """How and when a conversation was closed, and to whom and what that is attributed."""

    kind: ClosingKind
    closed_at: int
    agent_id: str
    channel: str
    team_id: str

    @property
    def bucket(self) -> int:
        """The quarter hour in which it was closed."""
        return self.closed_at // 900_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What is kept of a conversation: its messages so far, and its outcome as it has been counted."""

    messages: int
    outcome: ConversationOutcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummary:
    """A conversation as it stands, and who took part in it last. The time is in microseconds since 1970; the outcome
    is None while it is open.
    """

    conversation_id: str
    agent_id: str
    user_id: str
    channel: str
    last_activity: int
    messages: int
    outcome: int | None


def closing_of(event: Event) -> Closing | None:
    """The event as a closing or reopening one; None for all others."""
    kind = KIND_OF_EVENT_TYPE.get(event.event_type)
    if kind is None:
        return None
    return Closing(
        conversation_key_of(event.conversation_id),
        event.occurred_at,
        event.event_key,
        kind,
        event.agent_id,
        event.channel,
        event.team_id,
    )


def outcome(closings: Iterable[Closing]) -> ConversationOutcome | None:
    """The outcome that a conversation's closing and reopening events add up to; None while it is open.

    Only events later than the last reopening count. The earliest of them says when it was closed; the highest kind says
    how, and of several of that kind the earliest, then the lowest event key, says by whom.
    """
    events = list(closings)
    reopened = max((one.occurred_at for one in events if one.kind is ClosingKind.REOPENED), default=None)
    closed = [
        one
        for one in events
        if one.kind is not ClosingKind.REOPENED and (reopened is None or one.occurred_at > reopened)
    ]
    if not closed:
        return None
    decisive = min(closed, key=lambda one: (-one.kind, one.occurred_at, one.event_key))
    return ConversationOutcome(
        kind=decisive.kind,
        closed_at=min(one.occurred_at for one in closed),
        agent_id=decisive.agent_id,
        channel=decisive.channel,
        team_id=decisive.team_id,
    )
