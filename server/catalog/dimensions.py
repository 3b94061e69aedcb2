"""The dimensions by which figures are kept, defined once.

Counting, dense numbers, `_other`, filters, realtime, updates and the audit go by this table. To add a dimension, add
an entry. Two of the dimensions that answers can be narrowed by make a pair, if events can carry both, and an
organization may declare it.
"""

import functools
import itertools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from server.events import rules
from server.events.event import Event

USER_KIND = 1  # of members, as member_kind of a dimension: users have numbers, and no cells
_PAIRS = 100  # the number of a pair is that of its first dimension × this + that of its second one
_PAIR_LIMIT = 20_000
_NO_NUMBER = -1
_BETWEEN = "\x1f"  # stands between the two values of a pair; no value holds it


@functools.cache
def field(name: str) -> Callable[[Event], str]:
    """Returns a function that takes a field from an event by its place, which takes half the time of its name."""
    return operator.itemgetter(Event._fields.index(name))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dimension:
    """Something to group by, and how its value is taken from an event: from a field, or from details of a family.

    Several details make one value, with spaces between; without the last one there is none. The numbers are stored:
    they are never changed, nor used for another dimension.
    """

    number: int
    name: str
    description: str
    field: str = ""
    family: str = ""
    details: tuple[str, ...] = ()
    member_kind: int = 0  # of its values in the table of members; 0: they are not limited
    limit: int = 1_000  # of distinct values with cells of their own, unless the operator sets another one
    highest_limit: int = 1_000_000  # that the operator may set
    only_measures: tuple[str, ...] = ()  # those that are kept by it; none: all, so that questions can be narrowed by it
    has_projections: bool = False  # what projections count is kept by it, too
    has_slots: bool = False  # so that realtime can be narrowed to some of its values
    sides: "tuple[Dimension, Dimension] | None" = None  # of a pair

    @property
    def has_all_measures(self) -> bool:
        """Returns whether all measures of events are kept by it, so that questions can be narrowed by it."""
        return not self.only_measures

    @property
    def max_bytes(self) -> int:
        """Returns the length of the longest value."""
        if self.sides is not None:
            return sum(one.max_bytes + 1 for one in self.sides) - 1
        parts = max(1, len(self.details))
        return parts * (rules.MAX_ID_BYTES + 1) - 1

    def value_of(self, event: Event) -> str:
        """Returns the value that an event carries; empty: none."""
        if self.sides is not None:
            return joined(*(one.value_of(event) for one in self.sides))
        if self.field:
            return str(getattr(event, self.field))
        if self.details and rules.FAMILIES.get(event.event_type) == self.family:
            return self.value_in(event.detail)
        return ""

    def values_of(self, events: Sequence[Event]) -> set[str]:
        """Returns the values that events carry, of a dimension or pair."""
        if self.sides is not None and all(one.field for one in self.sides):
            first, second = (map(field(one.field), events) for one in self.sides)
            return {joined(*both) for both in set(zip(first, second, strict=True))}
        return set(map(self.value_of, events))

    def value_in(self, detail: Mapping[str, int | str]) -> str:
        """Returns the value that details of the family hold; empty: none."""
        last = detail.get(self.details[-1])
        if not last or len(self.details) == 1:
            return str(last or "")
        return " ".join(str(detail[name]) for name in self.details if detail.get(name))


def joined(first: str, second: str) -> str:
    """Returns the value of a pair; empty where one of the two is."""
    return f"{first}{_BETWEEN}{second}" if first and second else ""


def combined(values: Sequence[str]) -> str:
    """Returns the value of a combination; empty where one of them is."""
    return _BETWEEN.join(values) if all(values) else ""


def beginning(first: str) -> str:
    """Returns what the values of a pair with this first value begin with."""
    return first + _BETWEEN


def ending(second: str) -> str:
    """Returns what the values of a pair with this second value end with."""
    return _BETWEEN + second


def combination(some: Sequence[Dimension]) -> Dimension:
    """Returns what stands for dimensions together of which no figures are kept, so that they have to be counted from
    events.
    """
    names = ",".join(one.name for one in some)
    return Dimension(number=_NO_NUMBER, name=names, description=f"What carries all of {names}.")


def parted(value: str) -> Sequence[str]:
    """Returns the two values that the value of a pair consists of."""
    return value.split(_BETWEEN)


def is_pair(number: int) -> bool:
    """Returns whether the number of a dimension is that of a pair."""
    return number >= _PAIRS


def _pair(first: Dimension, second: Dimension) -> Dimension:
    number = first.number * _PAIRS + second.number
    return Dimension(
        number=number,
        name=f"{first.name},{second.name}",
        description=f"What carries both: {first.name} and {second.name}.",
        member_kind=number,
        limit=_PAIR_LIMIT,
        sides=(first, second),
    )


def exclude(first: Dimension, second: Dimension) -> bool:
    """Returns whether no event tells values of both dimensions: details of two families, or what no event tells."""
    is_told = all(one.field or one.details for one in (first, second))
    return not is_told or bool(first.details and second.details and first.family != second.family)


class FieldPair(NamedTuple):
    """A pair of dimensions that are fields, with their places among those."""

    dimension: Dimension
    first: int
    second: int


class Dimensions:
    """A table of dimensions, and what follows from it."""

    def __init__(self, entries: Iterable[Dimension]) -> None:
        self.entries = tuple(entries)
        sides = itertools.combinations(sorted(self.filters, key=lambda one: one.number), 2)
        pairs = [_pair(first, second) for first, second in sides if not exclude(first, second)]
        self.pairs = {one.name: one for one in pairs}
        self.by_number = {one.number: one for one in (*self.entries, *self.pairs.values())}
        self.by_name = {one.name: one for one in self.entries}
        self.by_field = {one.field: one for one in self.entries if one.field}
        self.limited = tuple(one for one in self.entries if one.member_kind)
        self.by_member_kind = {one.member_kind: one for one in (*self.limited, *self.pairs.values())}
        full = [one for one in self.entries if one.has_all_measures]
        self.of_fields = tuple(one for one in full if one.field)
        self.of_details: Mapping[str, Sequence[Dimension]] = {
            event_type: mine
            for event_type, family in rules.FAMILIES.items()
            if (mine := [one for one in full if one.details and one.family == family])
        }
        self.fields_of: Callable[[Event], tuple[str, ...]] = operator.itemgetter(
            *(Event._fields.index(one.field) for one in self.of_fields)
        )

    def split_pairs(self, pairs: Iterable[Dimension]) -> tuple[Sequence[FieldPair], Sequence[Dimension]]:
        """Returns those pairs of which both values are fields of events, and the others."""
        of_fields: list[FieldPair] = []
        others: list[Dimension] = []
        for one in pairs:
            if one.sides is not None and all(side.field for side in one.sides):
                first, second = map(self.of_fields.index, one.sides)
                of_fields.append(FieldPair(one, first, second))
            else:
                others.append(one)
        return of_fields, others

    @property
    def filters(self) -> Sequence[Dimension]:
        """Returns the dimensions by which a question can be narrowed."""
        return [one for one in self.entries if one.has_all_measures and one is not TOTAL]

    @property
    def groups(self) -> Sequence[Dimension]:
        """Returns the dimensions that the rows of a table can be about."""
        return [*(one for one in self.entries if one is not TOTAL), USER]

    def pair(self, first: Dimension, second: Dimension) -> Dimension | None:
        """Returns the pair of two dimensions, in whatever order they are given; None where no event carries both."""
        lower, higher = sorted((first, second), key=lambda one: one.number)
        return self.pairs.get(f"{lower.name},{higher.name}")

    @property
    def of_realtime(self) -> Sequence[Dimension]:
        """Returns the dimensions by which realtime figures can be narrowed."""
        return [one for one in self.entries if one.has_slots and one is not TOTAL]

    @property
    def of_updates(self) -> Sequence[Dimension]:
        """Returns the dimensions by which updates can be narrowed, events included: those whose values events carry."""
        return [one for one in self.entries if one.field or one.details]


TOTAL = Dimension(
    number=0, name="total", description="The organization as a whole.", has_projections=True, has_slots=True
)
AGENT = Dimension(
    number=1,
    name="agent",
    description="The AI agent, bot or human agent that an event is about.",
    field="agent_id",
    member_kind=2,
    limit=10_000,
    has_projections=True,
    has_slots=True,
)
CHANNEL = Dimension(
    number=2,
    name="channel",
    description="The way by which users are reached.",
    field="channel",
    member_kind=4,
    has_projections=True,
    has_slots=True,
)
TEAM = Dimension(
    number=3,
    name="team",
    description="The team that the agent worked for.",
    field="team_id",
    member_kind=5,
    has_projections=True,
    has_slots=True,
)
EVENT_TYPE = Dimension(
    number=4,
    name="event_type",
    description="The type of an event. Types that the service knows are not limited. The number of events alone.",
    field="event_type",
    member_kind=3,
    highest_limit=1_000,
    only_measures=("events",),
)
STORAGE_KIND = Dimension(
    number=5,
    name="storage_kind",
    description="What is stored. The storage in use alone.",
    only_measures=("storage_change_bytes",),
)
MODEL = Dimension(
    number=6,
    name="model",
    description="The language model that a message was made with.",
    family="message",
    details=("model",),
    member_kind=6,
)
ENDPOINT = Dimension(
    number=7,
    name="endpoint",
    description='The route of a call of an interface, with its method: "GET /orders/{id}".',
    family="api",
    details=("method", "endpoint"),
    member_kind=7,
)
CAMPAIGN = Dimension(
    number=8,
    name="campaign",
    description="The campaign that an event belongs to.",
    field="campaign_id",
    member_kind=8,
)
QUEUE = Dimension(
    number=9,
    name="queue",
    description="Where the caller of a call waited.",
    family="call",
    details=("queue",),
    member_kind=9,
)
TOPIC = Dimension(
    number=10,
    name="topic",
    description="What a conversation is about: events count by the topic that they tell, a conversation as a whole by "
    "the one that was told last.",
    family="conversation",
    details=("topic",),
    member_kind=10,
    has_projections=True,
)
HANDOFF_REASON = Dimension(
    number=11,
    name="handoff_reason",
    description="Why a human took over: events count by the reason that they tell, a conversation as a whole by that "
    "of the event that handed it over.",
    family="conversation",
    details=("handoff_reason",),
    member_kind=11,
    has_projections=True,
)

# Users have no cells: what they did is kept by the projection of users, which counts these measures.
USER = Dimension(
    number=_NO_NUMBER,
    name="user",
    description="Who was served. Tables alone.",
    field="user_id",
    only_measures=(
        "events",
        "messages_received",
        "messages_sent",
        "total_conversations",
        "prompt_tokens",
        "completion_tokens",
        "cost_micros",
        "rating_sum",
    ),
    has_projections=True,
)

TABLE = Dimensions(
    (TOTAL, AGENT, CHANNEL, TEAM, EVENT_TYPE, STORAGE_KIND, MODEL, ENDPOINT, CAMPAIGN, QUEUE, TOPIC, HANDOFF_REASON),
)
