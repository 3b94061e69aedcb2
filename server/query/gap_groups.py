"""Content gaps as answers have them: what a topic comes to with those merged into it, and what is said of it."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from server import timerange
from server.catalog import cells, dimensions, registry
from server.catalog.gap_lists import GapFilter, GapState
from server.events import content_gap
from server.events.content_gap import GapExamples, Occurrences
from server.projections.conversations import Conversations
from server.query.queries import ReadState
from server.store import content_gaps as stored
from server.store import gap_states, ranking
from server.store.database import Driver
from server.store.ranking import Values
from server.timerange import Span

PROJECTIONS = (stored.PROJECTION, Conversations.name)
MOST = 20_000  # topics that are put in order
_AT_ONCE = 1_000  # topics that are looked at in one turn of the event loop
_CLOSED = [
    cells.count_key(registry.MEASURES[f"conversations_{name}"].number)
    for name in ("resolved", "escalated", "abandoned", "ended")
]


@dataclass(slots=True, kw_only=True)
class GapGroup:
    """A topic with those that count for it, whose numbers add up. found is how often it was found within the period
    that was asked about; resolved and closed are conversations about it in that period, or ever.
    """

    topic: str
    numbers: Occurrences
    state: GapState
    members: list[str]
    found: int | None = None
    resolved: int = 0
    closed: int = 0

    @property
    def resolution_rate(self) -> float | None:
        """Returns the share of closed conversations about it that the agent resolved alone; None without any."""
        return self.resolved / self.closed if self.closed else None

    @property
    def priority(self) -> float:
        """Returns how often it was found, less the share that is resolved of conversations about it."""
        return (self.numbers.frequency if self.found is None else self.found) * (1 - (self.resolution_rate or 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentGap:
    """A content gap with everything that is known of it. reopenings are when it occurred again after it was resolved,
    each time the first.
    """

    group: GapGroup
    examples: GapExamples
    reopenings: Sequence[int]

    @property
    def reopened_at(self) -> int | None:
        """Returns when it has occurred first since it was resolved; None where it has not, or is not resolved."""
        is_reopened = self.group.state.is_reopened(self.group.numbers.last_at)
        return self.reopenings[-1] if is_reopened and self.reopenings else None


async def groups(
    driver: Driver, organization_id: int, known: ReadState, chosen: GapFilter, span: Span | None
) -> list[GapGroup] | None:
    """Returns the content gaps of a filter; within a span those alone that were found in it. None for too many."""
    merges = await gap_states.merges(driver, organization_id)
    also = merges.keys() | set(merges.values())
    numbers = await stored.listed(
        driver, organization_id, prefix=chosen.prefix, search=chosen.search, also=also, most=MOST + 1
    )
    if len(numbers) > MOST:
        return None
    states = await gap_states.states(driver, organization_id)
    found = await _grouped(numbers, merges, states)
    if span is not None:
        for topic, frequency in (await stored.frequencies(driver, organization_id, numbers, span)).items():
            if (group := found.get(merges.get(topic, topic))) is not None:
                group.found = (group.found or 0) + frequency
    await _count_conversations(driver, organization_id, known, found, merges, span)
    return [
        one
        for one in found.values()
        if any(topic.startswith(chosen.prefix) and chosen.search in topic for topic in one.members)
        and (span is None or one.found)
        and chosen.status in (None, one.state.status_now(one.numbers.last_at))
    ]


async def _grouped(
    numbers: Mapping[str, Occurrences], merges: Mapping[str, str], states: Mapping[str, GapState]
) -> dict[str, GapGroup]:
    found: dict[str, GapGroup] = {}
    for place, (topic, one) in enumerate(numbers.items()):
        if place % _AT_ONCE == 0:
            await asyncio.sleep(0)  # all of this is work of this process; others want their turn
        own = merges.get(topic, topic)
        group = found.get(own)
        if group is None:
            group = GapGroup(topic=own, numbers=Occurrences(), state=states.get(own, GapState()), members=[])
            found[own] = group
        group.numbers.add(one)
        group.members.append(topic)
    return found


async def _count_conversations(
    driver: Driver,
    organization_id: int,
    known: ReadState,
    found: Mapping[str, GapGroup],
    merges: Mapping[str, str],
    span: Span | None,
) -> None:
    """Counts the conversations about topics, however these are spelt."""
    if span is None:
        span = Span(start=0, end=timerange.ceil_bucket(known.as_of.at + timerange.MAX_AHEAD))
    values = Values(dimension=dimensions.TOPIC, span=span)
    counted = await ranking.sums(driver, organization_id, values, _CLOSED, most=MOST)
    for place, (spelling, cell) in enumerate(counted.items()):
        if place % _AT_ONCE == 0:
            await asyncio.sleep(0)  # as above
        topic = content_gap.normalized(spelling)
        group = found.get(merges.get(topic, topic))
        if group is not None:
            group.resolved += cell.counters.get(_CLOSED[0], 0)
            group.closed += sum(cell.counters.get(key, 0) for key in _CLOSED)


async def one(driver: Driver, organization_id: int, known: ReadState, topic: str) -> GapGroup | None:
    """Returns a content gap by its topic, or by one that was merged into it; None where it was never found."""
    merges = await gap_states.merges(driver, organization_id)
    own = merges.get(topic, topic)
    members = [own, *(one for one, into in merges.items() if into == own)]
    numbers = await stored.listed(driver, organization_id, prefix=_NOTHING, search="", also=members, most=MOST)
    found = await _grouped(numbers, merges, await gap_states.states(driver, organization_id))
    await _count_conversations(driver, organization_id, known, found, merges, None)
    return found.get(own)


_NOTHING = chr(0x10FFFF)  # no topic begins with it


async def completed(driver: Driver, organization_id: int, some: Iterable[GapGroup]) -> list[ContentGap]:
    """Returns content gaps with everything that is known of them."""
    wanted = list(some)
    examples = await stored.examples(driver, organization_id, [topic for one in wanted for topic in one.members])
    windows = [
        (place, order, topic, resolution)
        for place, one in enumerate(wanted)
        for order, resolution in enumerate(one.state.resolutions)
        for topic in one.members
    ]
    first = await stored.first_within(
        driver,
        organization_id,
        [
            (number, topic, one.since, one.until if one.until is not None else _EVER)
            for number, (_, _, topic, one) in enumerate(windows)
        ],
    )
    reopenings: list[dict[int, int]] = [{} for _ in wanted]
    for number, at in first.items():
        place, order, *_ = windows[number]
        reopenings[place][order] = min(at, reopenings[place].get(order, at))
    return [
        ContentGap(group=one, examples=_merged(examples, one), reopenings=[told[order] for order in sorted(told)])
        for one, told in zip(wanted, reopenings, strict=True)
    ]


_EVER = 4_000_000_000_000_000  # microseconds since 1970: later than all events


def _merged(examples: Mapping[str, GapExamples], group: GapGroup) -> GapExamples:
    """Returns the examples of a topic and of those that count for it; it is called what it is called itself."""
    found = GapExamples()
    for topic in group.members:
        found.merge(examples[topic])
    if (own := examples.get(group.topic)) is not None:
        found.name, found.name_at = own.name, own.name_at
    return found
