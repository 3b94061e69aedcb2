"""What the raw events of a window add up to, with the conversations and leads recorded in it, counted again."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from server import timerange
from server.catalog import cells, counting, custom_counting, dimensions
from server.catalog import conversations as counting_conversations
from server.catalog import leads as counting_leads
from server.catalog.cells import Cells
from server.catalog.counting import Numbers, Overflow
from server.catalog.custom_metrics import KeptMetric
from server.events import event_types, outcomes
from server.events.conversation import Attribution, Conversation
from server.events.event import Event, conversation_key_of, is_made
from server.events.lead import Lead, LeadEvent
from server.events.outcomes import Closing
from server.rollups import member_numbers
from server.rollups.windows import Snapshot
from server.store import conversations, custom_values, leads, members, replaced_events
from server.store import events as stored_events
from server.store.members import Member
from server.store.replaced_events import ReplacedLately
from server.timerange import Span

_TOKENS = ("prompt_tokens", "completion_tokens")
_NOBODY = Member(2**32 - 1, overflow=False)  # stands for an id that has no number; it is nobody's
Beginning = tuple[bool, int, bytes]  # that no start is told, the time, the key: the smallest is where it began
Scored = tuple[int, int, str]  # when a score was told, the score, and its rubric: the greatest holds
Topic = tuple[int, str, str]  # when it was told, the topic, the value under which it is counted: the greatest holds


@dataclass(slots=True)
class RawConversation:
    """What raw events say of a conversation."""

    events: int = 0
    messages: int = 0
    tokens: int = 0
    cost_micros: int = 0
    content_gaps: int = 0
    last_event_at: int = 0
    rating: Scored = (0, 0, "")
    quality: Scored = (0, -1, "")
    began: Beginning = (True, 2**63, b"")
    topic: Topic = (0, "", "")
    idle_ends: frozenset[bytes] = frozenset()  # the keys of the events by which the service ended it

    def add(self, other: "RawConversation") -> None:
        """Adds what other raw events say."""
        self.events += other.events
        self.messages += other.messages
        self.tokens += other.tokens
        self.cost_micros += other.cost_micros
        self.content_gaps += other.content_gaps
        self.last_event_at = max(self.last_event_at, other.last_event_at)
        self.rating = max(self.rating, other.rating)
        self.quality = max(self.quality, other.quality)
        self.began = min(self.began, other.began)
        self.topic = max(self.topic, other.topic)
        self.idle_ends |= other.idle_ends


@dataclass(slots=True)
class Told:
    """What raw events say of conversations, by their keys, and of leads, by lead_id."""

    conversations: dict[bytes, RawConversation] = field(default_factory=dict)
    leads: dict[str, Lead] = field(default_factory=dict)

    def add(self, other: "Told") -> None:
        """Adds what other raw events say."""
        for key, conversation in other.conversations.items():
            self.conversations.setdefault(key, RawConversation()).add(conversation)
        for one in other.leads.values():
            self.add_lead(one)

    def add_lead(self, one: Lead) -> None:
        """Adds what other raw events say of a lead."""
        known = self.leads.setdefault(one.lead_id, one)
        if known is not one:
            known.merge(one)


@dataclass(slots=True, kw_only=True)
class RawCounts:
    """What a window adds up to: cells of quarter hours, and what raw events say of conversations and leads. recorded:
    the conversations as they are kept that count in it.
    """

    recorded: Mapping[bytes, Conversation]
    events: int = 0
    cells: Cells = field(default_factory=dict)
    closings: set[Closing] = field(default_factory=set)
    told: Told = field(default_factory=Told)


Portion = Sequence[tuple[int, Event]]
# Gives a number to ids that have none yet, and decides whether they have cells of their own.
Enrol = Callable[[Sequence[members.Key]], Awaitable[Mapping[members.Key, Member]]]


class Also(Protocol):
    """What else is made of the raw events of a window."""

    def take(self, portion: Portion) -> None:
        """Takes in events, each with its revision."""

    def take_replaced(self, replaced: Sequence[ReplacedLately]) -> None:
        """Takes in what events were that projections may have seen before they were replaced."""


async def count(view: Snapshot, span: Span, enrol: Enrol | None = None, also: Also | None = None) -> RawCounts:
    """Counts a window again. Where ids are not to be enrolled, those without a number count as nobody's. also gets the
    events, too.
    """
    start, end = timerange.instant(span.start), timerange.instant(span.end)
    counts = RawCounts(recorded=await conversations.between(view.driver, view.organization_id, start, end))
    async for portion in stored_events.occurred_between(view.driver, view.organization_id, start, end):
        known = await numbers(view, portion, enrol)
        cells.add_all(counts.cells, await of_events(view, portion, known))
        for revision, event in portion:
            if event.conversation_id and revision <= view.seen:
                _count_conversation(counts, event, known.overflow)
            if revision <= view.seen_leads:
                _count_lead(counts.told, event, known.overflow)
        counts.events += len(portion)
        if also is not None:
            also.take(portion)
    await _count_replaced(counts, view, span, also)
    for conversation in counts.recorded.values():
        mine = [
            one for one in counting_conversations.contributions(conversation) if span.start <= one.bucket < span.end
        ]
        counting_conversations.add(counts.cells, mine)
    for lead in (await leads.between(view.driver, view.organization_id, start, end)).values():
        counting_leads.add(counts.cells, counting_leads.contribution(lead))
    return counts


async def _count_replaced(counts: RawCounts, view: Snapshot, span: Span, also: Also | None) -> None:
    """Counts what events were that have been replaced since, for those projections that have not seen it yet."""
    start, end = timerange.instant(span.start), timerange.instant(span.end)
    replaced = await replaced_events.pending(view.driver, view.organization_id, start, end)
    if not replaced:
        return
    if also is not None:
        also.take_replaced(replaced)
    known = await numbers(view, [(revision, event) for _, revision, event in replaced])
    for replaced_by, revision, event in replaced:
        if event.conversation_id and revision <= view.seen < replaced_by:
            _count_conversation(counts, event, known.overflow)
        if revision <= view.seen_leads < replaced_by:
            _count_lead(counts.told, event, known.overflow)
    custom = [(revision, event) for by, revision, event in replaced if revision <= view.custom_seen < by]
    if view.custom and custom:
        cells.add_all(counts.cells, await _custom(view, custom, known.overflow))


async def of_events(view: Snapshot, portion: Sequence[tuple[int, Event]], known: Numbers) -> Cells:
    """Returns what events, each with its revision, add to cells."""
    found = counting.of_events([event for _, event in portion], known)
    if not view.custom:
        return found
    merged: Cells = {}  # what is found may hold one cell under several keys
    cells.add_all(merged, found)
    cells.add_all(merged, await _custom(view, portion, known.overflow))
    return merged


def _count_lead(told: Told, event: Event, overflow: Overflow) -> None:
    says = LeadEvent.of(event)
    if says is not None:
        told.add_lead(Lead.of(says, lambda one: counting_leads.attributed(one, overflow)))


async def _custom(view: Snapshot, portion: Sequence[tuple[int, Event]], overflow: Overflow) -> Cells:
    """Returns what events have added to custom metrics: those that the projection has counted, and those of their
    history as far as that is counted.
    """
    alike: dict[tuple[int, int | None], list[KeptMetric]] = {}
    for one in view.custom:
        alike.setdefault((one.counted_after, one.history_until), []).append(one)
    result: Cells = {}
    for (counted_after, until), metrics in alike.items():
        events = [
            event
            for revision, event in portion
            if (revision <= view.custom_seen if revision > counted_after else until is None or event.bucket < until)
        ]
        found = custom_counting.taken(metrics, events)
        numbers = await custom_values.known(view.driver, view.organization_id, found.values())
        cells.add_all(result, custom_counting.added(found, numbers, overflow))
    return result


def _count_conversation(counts: RawCounts, event: Event, overflow: Overflow) -> None:
    key = conversation_key_of(event.conversation_id)
    began = (event.event_type != "conversation.started", event.occurred_at, event.event_key)
    one = counts.told.conversations.setdefault(key, RawConversation())
    one.add(RawConversation(events=1, last_event_at=event.occurred_at, began=began))
    one.messages += event.event_type in event_types.MESSAGES
    if event.event_type in event_types.MODEL_USES:
        one.tokens += sum(int(event.detail.get(name, 0)) for name in _TOKENS)
        one.cost_micros += int(event.detail.get("cost_micros", 0))
    if is_made(event.event_key):
        one.idle_ends |= {event.event_key}
        return
    _count_review(one, event)
    of_conversation = (dimensions.TOPIC, dimensions.HANDOFF_REASON)
    is_told = event.event_type in event_types.CONVERSATIONS  # reviews and content gaps have topics of their own
    of_details = (one.value_of(event) if is_told else "" for one in of_conversation)
    told = Attribution(event.agent_id, event.channel, event.team_id, *of_details)
    labels = counting_conversations.attributed(told, overflow) if overflow else told
    if told.topic:
        one.topic = max(one.topic, (event.occurred_at, told.topic, labels.topic))
    kind = outcomes.KIND_OF_EVENT_TYPE.get(event.event_type)
    if kind is not None:
        to = labels.agent_id, labels.channel, labels.team_id, labels.handoff_reason
        counts.closings.add(Closing(key, event.occurred_at, event.event_key, kind, *to))


def _count_review(one: RawConversation, event: Event) -> None:
    match event.event_type:
        case "feedback.submitted" if "rating" in event.detail:
            one.rating = max(one.rating, (event.occurred_at, int(event.detail["rating"]), ""))
        case "quality.scored" if "overall" in event.detail:
            rubric = dimensions.RUBRIC.value_of(event)
            one.quality = max(one.quality, (event.occurred_at, int(event.detail["overall"]), rubric))
        case "content_gap.found":
            one.content_gaps += 1


async def numbers(view: Snapshot, portion: Sequence[tuple[int, Event]], enrol: Enrol | None = None) -> Numbers:
    """Returns what ingest knew of the ids of events, or would know today."""
    events = [event for _, event in portion]
    keys = await _looked_up(view, member_numbers.ids_of(events), enrol)
    overflow = Overflow.of(key for key in keys if view.known[key].overflow)
    keys += await _looked_up(view, member_numbers.ids_of_pairs(events, view.pairs, overflow), enrol)
    return member_numbers.of_members(((key, view.known[key]) for key in keys), view.pairs)


async def _looked_up(view: Snapshot, ids: Mapping[int, set[str]], enrol: Enrol | None) -> list[members.Key]:
    """Returns ids, which the view then knows."""
    keys = [(kind, one) for kind, some in ids.items() for one in some]
    missing = [key for key in keys if key not in view.known]
    if missing:
        found = await members.known(view.driver, view.organization_id, missing)
        if enrol is not None and (strangers := [key for key in missing if key not in found]):
            found |= await enrol(strangers)
        view.known.update({key: found.get(key, _NOBODY) for key in missing})
    return keys
