"""How a list of conversations is asked for, as values: the store takes them."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from server.catalog import cells, registry
from server.catalog import conversations as counted
from server.catalog.catalogue import BUILT_IN
from server.catalog.dimensions import AGENT, CHANNEL, HANDOFF_REASON, TEAM, TOPIC, Dimension
from server.catalog.families.conversations import PROJECTION
from server.catalog.families.started_conversations import OF_STARTED
from server.events.conversation import Conversation
from server.timerange import Interval


class ConversationTime(enum.Enum):
    """What is to lie in a period."""

    CLOSED = enum.auto()
    BEGAN = enum.auto()
    ACTIVE = enum.auto()
    HUMAN_RESOLVED = enum.auto()


class ConversationOrder(enum.Enum):
    """What conversations are put in order by."""

    BEGAN_AT = enum.auto()
    CLOSED_AT = enum.auto()
    LAST_ACTIVITY_AT = enum.auto()
    HUMAN_RESOLVED_AT = enum.auto()
    CONVERSATION_ID = enum.auto()
    MESSAGES = enum.auto()
    DURATION = enum.auto()
    FIRST_RESPONSE = enum.auto()
    FIRST_HUMAN_RESPONSE = enum.auto()
    HUMAN_WAIT = enum.auto()
    TOKENS = enum.auto()
    COST = enum.auto()
    RATING = enum.auto()
    QUALITY = enum.auto()
    REOPENINGS = enum.auto()
    CONTENT_GAPS = enum.auto()
    AGENT = enum.auto()
    CHANNEL = enum.auto()
    TEAM = enum.auto()
    TOPIC = enum.auto()
    USER = enum.auto()
    HANDOFF_REASON = enum.auto()
    OUTCOME = enum.auto()
    PHASE = enum.auto()


class ConversationPhase(enum.IntEnum):
    """Whether anybody is still at work on a conversation."""

    OPEN = 1
    WITH_HUMAN = 2
    CLOSED = 3

    @classmethod
    def of(cls, one: Conversation) -> "ConversationPhase":
        """Returns the phase of a conversation."""
        if one.outcome is None:
            return cls.OPEN
        return cls.WITH_HUMAN if one.is_open else cls.CLOSED


TIME_ORDERS: Mapping[ConversationTime, ConversationOrder] = {
    ConversationTime.CLOSED: ConversationOrder.CLOSED_AT,
    ConversationTime.BEGAN: ConversationOrder.BEGAN_AT,
    ConversationTime.ACTIVE: ConversationOrder.LAST_ACTIVITY_AT,
    ConversationTime.HUMAN_RESOLVED: ConversationOrder.HUMAN_RESOLVED_AT,
}
RANGED = (
    ConversationOrder.MESSAGES,
    ConversationOrder.DURATION,
    ConversationOrder.FIRST_RESPONSE,
    ConversationOrder.FIRST_HUMAN_RESPONSE,
    ConversationOrder.HUMAN_WAIT,
    ConversationOrder.RATING,
    ConversationOrder.QUALITY,
    ConversationOrder.COST,
    ConversationOrder.TOKENS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationFilter:
    """Which conversations are meant; None and empty texts narrow nothing. ranges have the least and the greatest number
    of what conversations are put in order by, both included; counted_topic is the value under which a topic counts.
    """

    prefix: str = ""
    outcome: int | None = None
    phase: int | None = None
    agent_id: str = ""
    channel: str = ""
    team_id: str = ""
    topic: str = ""
    counted_topic: str = ""
    user_id: str = ""
    handoff_reason: str = ""
    has_content_gap: bool | None = None
    ranges: Mapping[ConversationOrder, tuple[int | None, int | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationList:
    """Conversations in an order. Those of a figure add something to one of its measures, whose fields are given."""

    time: ConversationTime
    bounds: Interval | None  # of the time; None: any
    filter: ConversationFilter
    order: ConversationOrder
    descending: bool
    figure: Sequence[str] = ()

    @property
    def is_by_index(self) -> bool:
        """Returns whether the list goes by the order of an index, however long it is."""
        by = ConversationOrder.CONVERSATION_ID if self.filter.prefix else TIME_ORDERS[self.time]
        return self.order is by


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationPlace:
    """A place in a list: after a conversation, and what orders it; None where it has none of it."""

    value: str | None
    key: bytes


_BEGINNING = frozenset(("began", "first_response", "first_human_response", "open", *OF_STARTED.values()))
_HUMAN = frozenset(("human_resolved", "final_resolution"))


def time_of(fields: Sequence[str]) -> ConversationTime:
    """Returns the time at which conversations count for measures, whose fields are given."""
    if _BEGINNING.issuperset(fields):
        return ConversationTime.BEGAN
    return ConversationTime.HUMAN_RESOLVED if _HUMAN.issuperset(fields) else ConversationTime.CLOSED


def part(dimension: Dimension, value: str) -> ConversationFilter:
    """Returns which conversations count for a value of a dimension."""
    return ConversationFilter(
        agent_id=value if dimension is AGENT else "",
        channel=value if dimension is CHANNEL else "",
        team_id=value if dimension is TEAM else "",
        counted_topic=value if dimension is TOPIC else "",
        handoff_reason=value if dimension is HANDOFF_REASON else "",
    )


FIELDS = {name: one.field for name, one in registry.MEASURES.items() if one.projection == PROJECTION}


def amount(one: Conversation, plus: Sequence[str], minus: Sequence[str]) -> int:
    """Returns what a conversation adds to a figure: some terms of the catalogue, less others."""
    added: cells.Cells = {}
    counted.add(added, [each._replace(at=0) for each in counted.contributions(one)])
    (cell,) = (cell for key, cell in added.items() if not key.value)
    return sum(
        sign * cell.counters.get(BUILT_IN.place(term).key, 0)
        for sign, terms in ((1, plus), (-1, minus))
        for term in terms
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationDurations:
    """How long things took in a conversation, in milliseconds; None where there was no end of them."""

    duration: int | None
    first_response: int | None
    first_human_response: int | None
    human_wait: int | None


def durations(one: Conversation) -> ConversationDurations:
    """Returns how long things took in a conversation."""
    return ConversationDurations(
        duration=_milliseconds(one.began_at, one.closed_at),
        first_response=_milliseconds(one.began_at, one.first_sent_at),
        first_human_response=_milliseconds(one.began_at, one.human_messages[0] if one.human_messages else None),
        human_wait=_milliseconds(one.escalated_at, one.human_wait_ends_at),
    )


def _milliseconds(start: int | None, end: int | None) -> int | None:
    return None if start is None or end is None else max(0, end - start) // 1000
