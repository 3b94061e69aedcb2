"""What conversations add to which cells: the only place where a conversation becomes numbers."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from server import histogram
from server.catalog import cells, dimensions, registry
from server.catalog.cells import Cell, CellKey, Cells
from server.catalog.counting import Overflow
from server.catalog.families.conversations import PROJECTION
from server.catalog.families.started_conversations import OF_STARTED
from server.catalog.metrics import Aggregation
from server.events.conversation import Attribution, Conversation
from server.events.outcomes import ClosingKind

_QUARTER = 900_000_000  # microseconds
_MEASURES = {one.field: one for one in registry.MEASURES.values() if one.projection == PROJECTION}
# Where a measure is counted: the keys of its count, of its sum, and of its first bin where it has any.
_PLACES = {
    name: (
        cells.count_key(one.number),
        cells.sum_key(one.number),
        cells.first_bin_key(one.number) if one.aggregation is Aggregation.HISTOGRAM else None,
    )
    for name, one in _MEASURES.items()
}
_OUTCOMES: dict[ClosingKind, str] = {
    kind: kind.name.lower() for kind in ClosingKind if kind is not ClosingKind.REOPENED
}
_NOT_TOLD = -1
# The dimensions that conversations are attributed to, in the order of Attribution.
DIMENSIONS = (dimensions.AGENT, dimensions.CHANNEL, dimensions.TEAM, dimensions.TOPIC, dimensions.HANDOFF_REASON)


class Contribution(NamedTuple):
    """What a conversation adds at a time, in microseconds since 1970: the fields of measures, with a value where they
    have one.
    """

    at: int
    to: Attribution
    taken: Sequence[tuple[str, int]]

    @property
    def bucket(self) -> int:
        """The quarter hour in which it counts."""
        return self.at // _QUARTER


def contributions(conversation: Conversation) -> Iterator[Contribution]:
    """Returns all that a conversation adds: when it begins, when it is closed, and when a human resolves it.

    How it went counts twice: when it was closed, and when it began, for those who ask what became of what has begun.
    """
    one, shared = conversation, (conversation.counted_topic, conversation.handoff_reason)
    beginning = Attribution(one.began_agent_id, one.began_channel, one.began_team_id, *shared)
    began = [("began", _NOT_TOLD)]
    if one.first_sent_at is not None:
        began.append(("first_response", _milliseconds(one.began_at, one.first_sent_at)))
    if one.human_messages:
        began.append(("first_human_response", _milliseconds(one.began_at, one.human_messages[0])))
    if one.is_open:
        began.append(("open", _NOT_TOLD))
    if one.outcome is not None and one.closed_at is not None:
        to = Attribution(one.agent_id, one.channel, one.team_id, *shared)
        closed = list(_closed(one, one.outcome, one.closed_at))
        yield Contribution(one.closed_at, to, closed)
        began += ((OF_STARTED[name], value) for name, value in closed)
    yield Contribution(one.began_at, beginning, began)
    if one.human_resolved_at is not None:
        to = Attribution(one.human_resolved_agent_id, one.human_resolved_channel, one.human_resolved_team_id, *shared)
        taken = _milliseconds(one.began_at, one.human_resolved_at)
        yield Contribution(one.human_resolved_at, to, [("human_resolved", _NOT_TOLD), ("final_resolution", taken)])


def _closed(one: Conversation, outcome: ClosingKind, closed_at: int) -> Iterator[tuple[str, int]]:
    yield _OUTCOMES[outcome], _NOT_TOLD
    yield "messages", one.messages
    yield "duration", _milliseconds(one.began_at, closed_at)
    yield "cost", min(one.cost_micros, histogram.MAXIMUM)
    yield "tokens", min(one.tokens, histogram.MAXIMUM)
    if one.reopenings:
        yield "reopened", _NOT_TOLD
    if outcome is ClosingKind.ESCALATED and one.human_resolved_at is not None:
        yield "escalated_resolved", _NOT_TOLD
    if one.escalated_at is not None and one.human_wait_ends_at is not None:
        yield "human_wait", _milliseconds(one.escalated_at, one.human_wait_ends_at)


def attributed(to: Attribution, overflow: Overflow) -> Attribution:
    """Returns the values under which those of an event are counted."""
    return Attribution(*map(overflow.label, DIMENSIONS, to))


def _milliseconds(start: int, end: int) -> int:
    """Returns a duration; 0 where the end was told to be before the start."""
    return min(max(0, end - start) // 1000, histogram.MAXIMUM)


def add(result: Cells, some: Iterable[Contribution], sign: int = 1) -> None:
    """Adds contributions to cells; a sign of −1 takes them back."""
    # Most of many contributions count at the same time for the same values as others: those are added up first.
    gathered: dict[tuple[int, Attribution], Cell] = {}
    for one in some:
        place = (one.bucket, one.to)
        added = gathered.get(place)
        if added is None:
            added = gathered[place] = Cell()
        _take(added, one.taken, sign)
    for (bucket, to), added in gathered.items():
        for key in _keys(bucket, to):
            cells.cell(result, key).add(added)


def _keys(bucket: int, to: Attribution) -> Iterator[CellKey]:
    yield CellKey(dimensions.TOTAL.number, "", bucket)
    for dimension, value in zip(DIMENSIONS, to, strict=True):
        if value:
            yield CellKey(dimension.number, value, bucket)


def _take(cell: Cell, taken: Iterable[tuple[str, int]], sign: int) -> None:
    """Adds to a cell what a contribution adds to each of its own."""
    counters = cell.counters
    for name, value in taken:
        count_key, sum_key, first_bin_key = _PLACES[name]
        counters[count_key] = counters.get(count_key, 0) + sign
        if first_bin_key is not None:
            counters[sum_key] = counters.get(sum_key, 0) + sign * value
            histogram.count((value,), cell.bins, first_bin_key, times=sign)
