"""The audit's checks: what is stored of a window, held against its raw events, conversations and leads counted again.

What is found is told without any of the tenant's values.
"""

import asyncio
import copy
import enum
import itertools
import operator
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TypeVar

from server import quarters, timerange
from server.catalog import cells
from server.catalog.cells import Cell, CellKey, Cells
from server.events.conversation import Conversation
from server.events.lead import Lead
from server.events.outcomes import Closing
from server.quarters import Width
from server.rollups import raw_counts
from server.rollups.raw_counts import Also, RawConversation, RawCounts, Told
from server.rollups.windows import Snapshot
from server.store import conversations, leads, rollups
from server.store import events as stored_events
from server.store.conversations import RecordedClosings
from server.timerange import Span

_KEYS_AT_A_TIME = 5_000
_EXAMPLES = 20
_T = TypeVar("_T")


class Fault(enum.StrEnum):
    """What does not agree."""

    CELL = "cell"  # rollups and deltas with raw events and conversations
    ROLLUP = "rollup"  # a rollup with the finer ones of the same time
    CLOSING = "closing"  # stored closing and reopening events with raw ones
    OUTCOME = "outcome"  # a conversation's recorded outcome with that of its closing events
    MESSAGES = "messages"  # a conversation's recorded events, messages, their tokens and their cost with raw ones
    BEGINNING = "beginning"  # a conversation's recorded beginning with raw events
    REVIEWS = "reviews"  # a conversation's recorded rating, score and content gaps with raw events
    TOPIC = "topic"  # a conversation's recorded topic with raw events
    LEAD = "lead"  # a recorded lead with raw events
    AGENT = "agent"  # what is recorded of an agent with raw events
    USER = "user"  # what is recorded of a user, or of a day of one, with raw events
    CONTENT_GAP = "content_gap"  # what is recorded of a topic of content gaps with raw events
    KEY = "key"  # a raw event with the keys: it has none
    REALTIME = "realtime"  # a minute of realtime figures with raw events


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """Something that does not agree, and where. bucket is the cell's, or the first one of the window looked at."""

    fault: Fault
    bucket: int
    granularity: int = 0
    dimension: int = 0
    measures: tuple[int, ...] = ()


Differing = Callable[["Fault", Width, CellKey, Cell, Cell], None]  # of a cell: what is stored, and what was expected


@dataclass(slots=True, kw_only=True)
class Findings:
    """What a recount has come across so far: how much was compared, how much of that differs, and examples. on_cell is
    told of each cell that differs.
    """

    events: int = 0
    cells: int = 0
    mismatches: int = 0
    examples: list[Mismatch] = field(default_factory=list)
    by_fault: Counter[Fault] = field(default_factory=Counter)
    on_cell: Differing | None = None

    def add(self, mismatch: Mismatch, count: int = 1) -> None:
        """Counts what does not agree and keeps the first of it, and the first of each fault."""
        self.mismatches += count
        if count:
            self.by_fault[mismatch.fault] += count
        is_new = all(one.fault is not mismatch.fault for one in self.examples)
        if count and (is_new or len(self.examples) < _EXAMPLES):
            self.examples.append(mismatch)


async def check_window(view: Snapshot, span: Span, findings: Findings, also: Also | None = None) -> Told:
    """Counts a window again, adds what does not agree to the findings, and returns what its raw events tell. also gets
    the events.
    """
    counts = await raw_counts.count(view, span, also=also)
    await check_counts(view, span, counts, findings)
    return counts.told


async def check_counts(view: Snapshot, span: Span, counts: RawCounts, findings: Findings) -> None:
    """Holds what is stored of a window against what was counted again, and adds what does not agree to the findings."""
    findings.events += counts.events
    expected = complete(view, counts.cells)
    for granularity in sorted(Width):
        expected = await _check_cells(view, granularity, span, expected, findings)
    for finer, wide in itertools.pairwise(sorted(Width)[1:]):  # windows are cut at hours
        await _check_cut(view, finer, wide, span, findings)
    await _check_outcomes(view, span, counts.closings, counts.recorded, findings)
    await _check_keys(view, span, findings)


async def _check_cells(view: Snapshot, granularity: Width, span: Span, finer: Cells, findings: Findings) -> Cells:
    """Holds the cells of one width that lie in a window as a whole against what was counted, and returns that: buckets
    of the next width are made of whole ones of this one.
    """
    whole = Span(start=-(-span.start // granularity) * granularity, end=granularity.floor(span.end))
    if whole.length <= 0:
        return {}
    stored = await rollups.stored_between(view.driver, view.organization_id, granularity, whole)
    expected = _widened(finer, granularity, whole)
    _compare(complete(view, stored), expected, Fault.CELL, granularity, findings)
    await asyncio.sleep(0)  # all of this is work of this process; others want their turn
    return expected


async def _check_cut(view: Snapshot, finer: Width, wide: Width, span: Span, findings: Findings) -> None:
    """Holds a rollup's bucket that ends in this window and began in an earlier one against the finer rollups."""
    start = wide.floor(span.start)
    bucket = Span(start=start, end=start + wide)
    if not view.first <= bucket.start < span.start < bucket.end <= span.end:
        return
    stored = await rollups.stored_between(view.driver, view.organization_id, wide, bucket)
    parts = await rollups.stored_between(view.driver, view.organization_id, finer, bucket)
    _compare(complete(view, stored), complete(view, _widened(parts, wide, bucket)), Fault.ROLLUP, wide, findings)


def complete(view: Snapshot, some: Cells) -> Cells:
    """Returns those of the cells that must agree with raw events, without deleted custom metrics."""
    found = {key: cell for key, cell in some.items() if view.is_complete(key.dimension)}
    if not view.custom_deleted:
        return found
    return {key: _without(cell, view.custom_deleted) for key, cell in found.items()}


def _without(cell: Cell, measures: AbstractSet[int]) -> Cell:
    """Returns what a cell has of other measures than some."""
    return Cell(
        {key: amount for key, amount in cell.counters.items() if key // cells.KEY_SPAN not in measures},
        {key: count for key, count in cell.bins.items() if key // cells.KEY_SPAN not in measures},
        {key: members for key, members in cell.sets.items() if key not in measures},
    )


def _widened(finer: Cells, granularity: Width, span: Span) -> Cells:
    """Cells added up to cells of a larger width, as far as they lie in a span."""
    return rollups.merge(
        (key._replace(bucket=granularity.floor(key.bucket)), cell)
        for key, cell in finer.items()
        if span.start <= key.bucket < span.end
    )


def _compare(stored: Cells, expected: Cells, fault: Fault, granularity: Width, findings: Findings) -> None:
    findings.cells += len(stored.keys() | expected.keys())
    for key in cells.differences(stored, expected):
        mine, wanted = stored.get(key, Cell()), expected.get(key, Cell())
        findings.add(
            Mismatch(
                fault=fault,
                bucket=key.bucket,
                granularity=int(granularity),
                dimension=key.dimension,
                measures=_differing_measures(mine, wanted),
            )
        )
        if findings.on_cell is not None:
            findings.on_cell(fault, granularity, key, mine, wanted)


def _differing_measures(left: Cell, right: Cell) -> tuple[int, ...]:
    """The numbers of the measures that two cells do not agree on."""
    counted = {
        key // cells.KEY_SPAN
        for mine, theirs in ((left.counters, right.counters), (left.bins, right.bins))
        for key in mine.keys() | theirs.keys()
        if mine.get(key, 0) != theirs.get(key, 0)
    }
    members_differ = {
        key for key in left.sets.keys() | right.sets.keys() if (left.sets.get(key) or ()) != (right.sets.get(key) or ())
    }
    return tuple(sorted(counted | members_differ))


async def _check_outcomes(
    view: Snapshot, span: Span, raw: set[Closing], recorded: Mapping[bytes, Conversation], findings: Findings
) -> None:
    """Holds closing events against raw ones, and recorded outcomes against those of all closing events."""
    start, end = timerange.instant(span.start), timerange.instant(span.end)
    stored = set(await conversations.closings_between(view.driver, view.organization_id, start, end))
    findings.add(Mismatch(fault=Fault.CLOSING, bucket=span.start), len(stored ^ raw))
    keys = sorted({one.conversation_key for one in stored | raw} | recorded.keys())
    for some in _portions(keys):
        events = await conversations.recorded_closings(view.driver, view.organization_id, some)
        found = await conversations.recorded(view.driver, view.organization_id, some)
        for key in some:
            one = found.get(key)
            if one is None or one != _closed(one, events.get(key, RecordedClosings())):
                findings.add(Mismatch(fault=Fault.OUTCOME, bucket=span.start))


def _closed(conversation: Conversation, closings: RecordedClosings) -> Conversation:
    """Returns what a conversation is by its closing events."""
    again = copy.copy(conversation)
    again.close(closings.deciding)
    again.reopenings, again.escalated_at = closings.reopenings, closings.escalated_at
    return again


async def check_told(view: Snapshot, span: Span, raw: Told, findings: Findings, *, complete: bool) -> None:
    """Holds recorded conversations and leads against raw ones, which are complete or some of them."""
    await _check_conversations(view, span, raw.conversations, findings, complete=complete)
    await _check_leads(view, span, raw.leads, findings, complete=complete)


async def _check_leads(
    view: Snapshot, span: Span, raw: Mapping[str, Lead], findings: Findings, *, complete: bool
) -> None:
    """Holds recorded leads against raw ones. Where raw ones are not complete they say nothing of a lead that is not
    recorded.
    """
    for some in _portions(sorted(raw)):
        recorded = await leads.recorded(view.driver, view.organization_id, some)
        for lead_id in some:
            found, told = recorded.get(lead_id), raw[lead_id]
            if found is not None and not complete:
                again = copy.copy(found)
                again.merge(told)
                told = again
            if found != told:
                findings.add(Mismatch(fault=Fault.LEAD, bucket=span.start))
    if complete:
        recorded_in_all = await leads.count(view.driver, view.organization_id)
        findings.add(Mismatch(fault=Fault.LEAD, bucket=span.start), max(0, recorded_in_all - len(raw)))


async def _check_conversations(
    view: Snapshot, span: Span, raw: Mapping[bytes, RawConversation], findings: Findings, *, complete: bool
) -> None:
    """Holds recorded messages, beginnings, topics and ends of idle conversations against raw ones. Where raw ones are
    not complete there may be more messages, an earlier beginning, a later topic, and an end.
    """
    for some in _portions(sorted(raw)):
        recorded = await conversations.recorded(view.driver, view.organization_id, some)
        for key in some:
            found, told = recorded.get(key), raw[key]
            if not _messages_agree(found, told, complete=complete):
                findings.add(Mismatch(fault=Fault.MESSAGES, bucket=span.start))
            if not _reviews_agree(found, told, complete=complete):
                findings.add(Mismatch(fault=Fault.REVIEWS, bucket=span.start))
            began = (not found.is_start_told, found.began_at, found.began_key) if found else None
            if began is None or began > told.began or (complete and began != told.began):
                findings.add(Mismatch(fault=Fault.BEGINNING, bucket=span.start))
            topic = (found.topic_at or 0, found.topic, found.counted_topic) if found else (0, "", "")
            if topic < told.topic or (complete and topic != told.topic):
                findings.add(Mismatch(fault=Fault.TOPIC, bucket=span.start))
            if found is not None and not _idle_ends_agree(found, told, complete=complete):
                findings.add(Mismatch(fault=Fault.OUTCOME, bucket=span.start))
    if complete:
        recorded_in_all = await conversations.count(view.driver, view.organization_id)
        findings.add(Mismatch(fault=Fault.BEGINNING, bucket=span.start), max(0, recorded_in_all - len(raw)))


def _messages_agree(found: Conversation | None, told: RawConversation, *, complete: bool) -> bool:
    """Whether a conversation has the events and messages that raw events tell, their tokens and cost, or more."""
    if found is None:
        return False
    recorded = (found.events, found.last_event_at or 0, found.messages, found.tokens, found.cost_micros)
    raw = (told.events, told.last_event_at, told.messages, told.tokens, told.cost_micros)
    return recorded == raw if complete else all(map(operator.ge, recorded, raw))


def _reviews_agree(found: Conversation | None, told: RawConversation, *, complete: bool) -> bool:
    """Whether a conversation has the rating, score and content gaps that raw events tell, or later ones and more."""
    if found is None:
        return False
    quality = -1 if found.quality is None else found.quality
    recorded = (
        (found.content_gaps,),
        (found.rating_at or 0, found.rating or 0, ""),
        (found.quality_at or 0, quality, found.quality_rubric),
    )
    raw = ((told.content_gaps,), told.rating, told.quality)
    return recorded == raw if complete else all(map(operator.ge, recorded, raw))


def _idle_ends_agree(found: Conversation, told: RawConversation, *, complete: bool) -> bool:
    """Whether a conversation is ended as idle where a raw event says so that still holds."""
    if not told.idle_ends and found.idle_ended_at is None:
        return True
    is_told = found.idle_end_key in told.idle_ends
    is_ended = found.idle_ended_at is not None
    return is_ended if is_told else not (is_ended and complete)


def _portions(keys: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (keys[start : start + _KEYS_AT_A_TIME] for start in range(0, len(keys), _KEYS_AT_A_TIME))


async def _check_keys(view: Snapshot, span: Span, findings: Findings) -> None:
    """Looks for raw events without a key, as far back as keys are kept."""
    start, end = timerange.instant(span.start), timerange.instant(span.end)
    days = view.kept.key_retention_days
    if days is not None:
        start = max(start, view.kept.now - timerange.QUARTER * quarters.QUARTERS_PER_DAY * days)
    missing = await stored_events.without_key(view.driver, view.organization_id, start, end) if start < end else 0
    findings.add(Mismatch(fault=Fault.KEY, bucket=span.start), missing)
