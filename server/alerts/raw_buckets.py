"""Buckets within quarter hours, counted from raw events as ingest counts them."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import timedelta

from server import timerange
from server.catalog import counting, dimensions
from server.catalog.cells import KEY_SPAN, Cell
from server.catalog.counting import Numbers
from server.catalog.dimensions import Dimension
from server.catalog.filters import Filter
from server.catalog.selections import Wanted
from server.errors import Reason, Refused
from server.events.event import Event
from server.rollups import raw_counts, windows
from server.store import events as stored_events
from server.store.database import Driver
from server.timerange import Interval

MOST_EVENTS = 250_000
_PORTION = 2_000
_MICROSECOND = timedelta(microseconds=1)
_NOBODY = Numbers({}, {})
_Row = tuple[int, Event]


async def counted(
    driver: Driver,
    organization_id: int,
    part: Filter,
    buckets: Sequence[Interval],
    event_types: Collection[str] | None,
    wanted: Wanted,
    most: int,
) -> tuple[Sequence[Cell], int]:
    """Returns what is wanted of buckets that follow each other, of a part of the organization and of events of some
    types, and how many events were read, of at most so many. It needs the snapshot of the answer, in which raw events
    are held.
    """
    start, width = buckets[0].start, buckets[0].end - buckets[0].start
    first, each = (start - timerange.EPOCH) // _MICROSECOND, width // _MICROSECOND
    where = {part.dimension.field: part.value} if part.dimension.field else None
    view = await windows.of_a_question(driver, organization_id, (), has_custom=False) if wanted.sets else None
    found: dict[int, Cell] = {}
    number = 0
    async for portion in stored_events.occurred_between(
        driver, organization_id, start, buckets[-1].end, where=where, event_types=event_types, portion=_PORTION
    ):
        number += len(portion)
        _check(number, most)
        numbers = _numbers(portion) if view is None else await raw_counts.numbers(view, portion)
        mine = [one for _, one in portion if part.is_whole or _value_of(part.dimension, one) == part.value]
        places = [(one.occurred_at - first) // each for one in mine]
        for place, cell in counting.of_groups(mine, places, numbers, part.dimension).items():
            found.setdefault(place, Cell()).add(_only(wanted, cell))
        await asyncio.sleep(0)
    nothing = Cell()
    return [found.get(place, nothing) for place in range(len(buckets))], number


def _only(wanted: Wanted, cell: Cell) -> Cell:
    """Returns what is wanted of a cell."""
    counters, bins = cell.counters, cell.bins
    return Cell(
        counters={key: counters[key] for key in wanted.counters if key in counters},
        bins={key: count for key, count in bins.items() if key // KEY_SPAN in wanted.histograms}
        if wanted.histograms
        else {},
        sets={key: cell.sets[key] for key in wanted.sets if key in cell.sets},
    )


def _numbers(portion: Sequence[_Row]) -> Numbers:
    """Returns numbers for users and agents that nobody asks for."""
    return Numbers(
        dict.fromkeys((event.user_id for _, event in portion), 0),
        dict.fromkeys((event.agent_id for _, event in portion), 0),
    )


def _value_of(dimension: Dimension, event: Event) -> str:
    if dimension.sides is None:
        return dimension.value_of(event)
    return dimensions.combined([one.value_of(event) for one in dimension.sides])


def _check(number: int, most: int) -> None:
    if number > most:
        raise Refused(
            Reason.TOO_MANY_RAW_EVENTS,
            f"the period has more than {MOST_EVENTS:,} events that would have to be counted: take steps of 15 minutes"
            " or more, or a shorter period",
            field="rule.step",
            metadata={"limit": str(MOST_EVENTS)},
        )
