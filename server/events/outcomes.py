"""How a conversation went: a function of its closing and reopening events alone, whatever order they arrive in."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


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
    handoff_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationOutcome:
    """How and when a conversation was closed, and to whom and what that is attributed. The reason is of a hand-over."""

    kind: ClosingKind
    closed_at: int
    agent_id: str
    channel: str
    team_id: str
    handoff_reason: str

    @property
    def bucket(self) -> int:
        """The quarter hour in which it was closed."""
        return self.closed_at // 900_000_000


def outcome(closings: Iterable[Closing]) -> ConversationOutcome | None:
    """The outcome that a conversation's closing and reopening events add up to; None while it is open.

    Only events later than the last reopening count. The earliest of them says when it was closed; the highest kind says
    how, and of several of that kind the earliest, then the lowest event key, says by whom.
    """
    closed = since_reopening(closings)
    if not closed:
        return None
    decisive = min(closed, key=lambda one: (-one.kind, one.occurred_at, one.event_key))
    return ConversationOutcome(
        kind=decisive.kind,
        closed_at=closed[0].occurred_at,
        agent_id=decisive.agent_id,
        channel=decisive.channel,
        team_id=decisive.team_id,
        handoff_reason=decisive.handoff_reason if decisive.kind is ClosingKind.ESCALATED else "",
    )


def since_reopening(closings: Iterable[Closing]) -> list[Closing]:
    """Returns the closing events that are later than the last reopening, in order of time, then of key."""
    events = sorted(closings, key=lambda one: (one.occurred_at, one.event_key))
    reopened = max((one.occurred_at for one in events if one.kind is ClosingKind.REOPENED), default=None)
    return [
        one
        for one in events
        if one.kind is not ClosingKind.REOPENED and (reopened is None or one.occurred_at > reopened)
    ]


def human_resolution(closed: Sequence[Closing]) -> Closing | None:
    """Returns the event by which a human resolved a conversation that was handed over, of what since_reopening() gives:
    the first resolving event after a hand-over; None where there is none.
    """
    handed_over = False
    for one in closed:
        if one.kind is ClosingKind.ESCALATED:
            handed_over = True
        elif one.kind is ClosingKind.RESOLVED and handed_over:
            return one
    return None
