"""The dimensions by which figures are kept, defined once.

Counting, dense numbers, `_other`, filters, realtime, updates and the audit go by this table. To add a dimension, add
an entry. Two of the dimensions that answers can be narrowed by make a pair, if events can carry both, and an
organization may declare it.
"""

import itertools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence

from server.catalog.dimension import (
    NO_NUMBER,
    USER_KIND,
    Dimension,
    all_joined,
    beginning,
    combination,
    combined,
    ending,
    exclude,
    field,
    is_pair,
    joined,
    pair_of,
    parted,
)
from server.events import rules
from server.events.event import Event

__all__ = (
    "USER_KIND",
    "Dimension",
    "all_joined",
    "beginning",
    "combination",
    "combined",
    "ending",
    "exclude",
    "field",
    "is_pair",
    "joined",
    "parted",
)
# The pairs that are kept for every organization: only events that carry both cost anything.
_STANDING = ("agent,rubric", "endpoint,status_class", "campaign,currency", "topic,rubric", "rubric,scorer")
_PROJECTIONS_OF_PAIRS = {"campaign,currency": ("leads",)}


class Dimensions:
    """A table of dimensions, and what follows from it."""

    def __init__(self, entries: Iterable[Dimension]) -> None:
        self.entries = tuple(entries)
        sides = itertools.combinations(sorted(self.filters, key=lambda one: one.number), 2)
        pairs = [pair_of(first, second, _PROJECTIONS_OF_PAIRS) for first, second in sides if not exclude(first, second)]
        self.pairs = {one.name: one for one in pairs}
        self.standing = [self.pairs[name] for name in _STANDING]
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
            if (mine := [one for one in full if one.details and family in one.families])
        }
        self.fields_of: Callable[[Event], tuple[str, ...]] = operator.itemgetter(
            *(Event._fields.index(one.field) for one in self.of_fields)
        )

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


TOTAL = Dimension(number=0, name="total", description="The organization as a whole.", has_slots=True)
AGENT = Dimension(
    number=1,
    name="agent",
    description="The AI agent, bot or human agent that an event is about.",
    field="agent_id",
    member_kind=2,
    limit=10_000,
    projections=("conversations", "leads"),
    has_slots=True,
)
CHANNEL = Dimension(
    number=2,
    name="channel",
    description="The way by which users are reached.",
    field="channel",
    member_kind=4,
    projections=("conversations", "leads"),
    has_slots=True,
)
TEAM = Dimension(
    number=3,
    name="team",
    description="The team that the agent worked for.",
    field="team_id",
    member_kind=5,
    projections=("conversations", "leads"),
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
    families=("message",),
    details=("model",),
    member_kind=6,
)
ENDPOINT = Dimension(
    number=7,
    name="endpoint",
    description='The route of a call of an interface, with its method: "GET /orders/{id}".',
    families=("api",),
    details=("method", "endpoint"),
    member_kind=7,
)
CAMPAIGN = Dimension(
    number=8,
    name="campaign",
    description="The campaign that an event belongs to.",
    field="campaign_id",
    member_kind=8,
    projections=("leads",),
)
QUEUE = Dimension(
    number=9,
    name="queue",
    description="Where the caller of a call waited.",
    families=("call",),
    details=("queue",),
    member_kind=9,
)
TOPIC = Dimension(
    number=10,
    name="topic",
    description="What a conversation is about: events count by the topic that they tell, as do reviews and content "
    "gaps; a conversation as a whole by the one that its own events told last.",
    families=("conversation", "quality", "content_gap"),
    details=("topic",),
    member_kind=10,
    projections=("conversations",),
)
HANDOFF_REASON = Dimension(
    number=11,
    name="handoff_reason",
    description="Why a human took over: events count by the reason that they tell, a conversation as a whole by that "
    "of the event that handed it over.",
    families=("conversation",),
    details=("handoff_reason",),
    member_kind=11,
    projections=("conversations",),
)
ERROR_CODE = Dimension(
    number=12,
    name="error_code",
    description="How a message failed, in the sender's own words.",
    families=("message",),
    details=("error_code",),
    member_kind=12,
)
STATUS_CLASS = Dimension(
    number=13,
    name="status_class",
    description='The class of the status of a call of an interface: "2xx".',
    families=("api",),
    details=("status_code",),
    classes=tuple(f"{code // 100}xx" for code in range(1_000)),
    member_kind=13,
)
METHOD = Dimension(
    number=14,
    name="method",
    description='The method of a call of an interface: "GET".',
    families=("api",),
    details=("method",),
    member_kind=14,
)
CURRENCY = Dimension(
    number=15,
    name="currency",
    description="The currency of an amount of a lead, a campaign or a payment. Without one an amount counts for XXX, "
    "ISO 4217's code for no currency.",
    families=("lead", "campaign", "billing"),
    details=("currency",),
    otherwise="XXX",
    if_told=("value_micros", "cost_micros", "amount_micros"),
    member_kind=15,
    projections=("leads",),
)
RUBRIC = Dimension(
    number=16,
    name="rubric",
    description='The rubric by which a conversation was scored. Without one scores count for "unspecified".',
    families=("quality",),
    details=("rubric_version",),
    otherwise="unspecified",
    if_told=("overall", "helpfulness", "accuracy", "politeness"),
    member_kind=16,
)
SCORER = Dimension(
    number=17,
    name="scorer",
    description="Who or what scored a conversation.",
    families=("quality",),
    details=("scorer",),
    member_kind=17,
)
STAGE = Dimension(
    number=18,
    name="stage",
    description="The stage of the funnel that a lead entered.",
    families=("lead",),
    details=("stage",),
    member_kind=18,
)
BADGE = Dimension(
    number=19,
    name="badge",
    description="The badge that was earned.",
    families=("task",),
    details=("badge",),
    member_kind=19,
)

# Users have no cells: what they did is kept by the projection of users, which counts these measures.
_OF_USERS = (
    *("events", "messages_received", "messages_sent", "total_conversations"),
    *("prompt_tokens", "cached_tokens", "completion_tokens", "cost_micros", "rating_sum"),
)
USER = Dimension(
    number=NO_NUMBER,
    name="user",
    description="Who was served. Tables alone.",
    field="user_id",
    only_measures=_OF_USERS,
    only_terms=(*_OF_USERS, "rating_sum.count"),
    projections=("conversations",),
)

TABLE = Dimensions(
    (
        *(TOTAL, AGENT, CHANNEL, TEAM, EVENT_TYPE, STORAGE_KIND, MODEL, ENDPOINT, CAMPAIGN, QUEUE, TOPIC),
        *(HANDOFF_REASON, ERROR_CODE, STATUS_CLASS, METHOD, CURRENCY, RUBRIC, SCORER, STAGE, BADGE),
    ),
)
