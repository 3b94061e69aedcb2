"""Slots: every instant is in one of each width, and what is told apart by them adds up to what is not."""

import itertools
import json
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_measures import EVENTS, numbers

from server.catalog import cells, counting, dimensions, slots
from server.catalog.cells import CellKey, Cells
from server.catalog.slots import Slot
from server.events.event import Event
from server.store import updates

SECOND, QUARTER = 1_000_000, 900_000_000
RECENCIES = st.integers(-60, 90 * 60).map(lambda seconds: slots.recency(2 * QUARTER + seconds * SECOND))


def spread(events: Sequence[Event], seconds: Sequence[int]) -> list[Event]:
    """The events, each so many seconds after the beginning of its quarter hour."""
    return [
        one._replace(occurred_at=one.occurred_at + second * SECOND)
        for one, second in zip(events, seconds, strict=False)
    ]


EVERYWHERE = st.builds(spread, EVENTS, st.lists(st.integers(0, 899), min_size=30, max_size=30))


@given(EVERYWHERE, RECENCIES)
def test_slots_add_up_to_quarter_hours(events: Sequence[Event], recency: slots.Recency) -> None:
    found: Cells = {}
    for key, cell in counting.of_events(events, numbers(counting.NO_OVERFLOW), recency).items():
        assert key.slot == slots.WHOLE or dimensions.TABLE.by_number[key.dimension].has_slots
        cells.cell(found, key._replace(slot=slots.WHOLE)).add(cell)
    assert not cells.differences(found, counting.of_events(events, numbers(counting.NO_OVERFLOW)))


@given(EVERYWHERE, RECENCIES)
def test_an_update_tells_each_cell_once_whatever_its_slots(events: Sequence[Event], recency: slots.Recency) -> None:
    def reported(changes: Cells) -> tuple[int, list[object]]:
        encoded = updates.encode(changes)
        portions = [json.loads(zlib.decompress(content)) for _, content in encoded.portions]
        return encoded.events, sorted(itertools.chain(*portions), key=lambda one: one[:3])

    def plain(events: int, content: list[object]) -> tuple[int, list[object]]:
        return events, [[*key, sorted(pairs)] for *key, pairs in content]  # type: ignore[misc]

    split = reported(counting.of_events(events, numbers(counting.NO_OVERFLOW), recency))
    whole = reported(counting.of_events(events, numbers(counting.NO_OVERFLOW)))
    assert plain(*split) == plain(*whole)


@given(EVERYWHERE, RECENCIES)
def test_an_event_counts_in_the_slot_in_which_it_occurred(events: Sequence[Event], recency: slots.Recency) -> None:
    for one in events:
        counted = counting.of_events([one], numbers(counting.NO_OVERFLOW), recency)
        (key,) = [key for key in counted if key.dimension == dimensions.TOTAL.number]
        if key.slot != slots.WHOLE:
            slot = slots.slot_of(key.bucket, key.slot)
            assert slot.number == one.occurred_at // (slot.seconds * SECOND)
            assert slot.minute == one.occurred_at // (60 * SECOND)
        assert key.bucket == one.bucket


@pytest.mark.parametrize(
    ("age", "seconds"),
    [(-60, slots.FINE), (0, slots.FINE), (300, slots.FINE), (400, slots.MINUTE), (3600, slots.MINUTE), (4000, 0)],
)
def test_what_is_older_is_distinguished_less_finely(age: int, seconds: int) -> None:
    now = 1_800_000_123 * SECOND
    bucket, place = slots.split(slots.recency(now).place(now - age * SECOND))
    assert bucket == (now - age * SECOND) // QUARTER
    assert (slots.slot_of(bucket, place).seconds if place else 0) == seconds


def test_places_of_a_quarter_hour_are_all_of_its_slots() -> None:
    found = [slots.slot_of(1, place) for place in range(1, 196)]
    assert found == [
        *(Slot(60, 15 + number) for number in range(15)),
        *(Slot(5, 180 + number) for number in range(180)),
    ]
    assert CellKey(0, "", 1) == CellKey(0, "", 1, slots.WHOLE)
