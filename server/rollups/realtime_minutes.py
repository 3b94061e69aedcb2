"""The realtime figures of the last hour, minute by minute: as they are kept, and counted again from raw events."""

from server import timerange
from server.catalog import counting, slots
from server.catalog.slots import Counts, Recency, Slot, SlotKey
from server.rollups import raw_counts
from server.rollups.windows import Snapshot
from server.store import events as stored_events
from server.store import slots as stored_slots

MINUTES = 60  # with the one that is running; what a view shows
_AHEAD = timerange.MAX_AHEAD
_BY_MINUTE = Recency(fine_from=slots.QUARTERS_ALONE.fine_from, minutes_from=0)

Minutes = dict[SlotKey, Counts]


def first_minute(view: Snapshot) -> int:
    """Returns the first minute that realtime figures need, counted since 1970."""
    return slots.minute_of(view.kept.now) - MINUTES + 1


async def stored(view: Snapshot) -> Minutes:
    """Returns the minutes as they are kept, of every value that realtime figures can be narrowed to."""
    found = await stored_slots.by_minute(view.driver, view.organization_id, first_minute(view))
    return {key: counts for key, counts in found.items() if view.is_complete(key.dimension)}


async def counted(view: Snapshot) -> Minutes:
    """Returns the minutes as raw events say."""
    found: Minutes = {}
    start = timerange.of_microseconds(first_minute(view) * slots.MINUTE * 1_000_000)
    portions = stored_events.occurred_between(view.driver, view.organization_id, start, view.kept.now + 2 * _AHEAD)
    async for portion in portions:
        known = await raw_counts.numbers(view, portion)
        for key, cell in counting.of_events([event for _, event in portion], known, _BY_MINUTE).items():
            if key.slot != slots.WHOLE and view.is_complete(key.dimension):
                counts = slots.counts_of(cell)
                if counts.messages or counts.failed or counts.responses:
                    slot = slots.slot_of(key.bucket, key.slot)
                    minute = SlotKey(key.dimension, key.value, Slot(slots.MINUTE, slot.minute))
                    found.setdefault(minute, Counts()).add(counts)
    return found


def less(wanted: Counts, kept: Counts) -> Counts:
    """Returns what has to be added to what is kept so that it is what is wanted."""
    return Counts(
        messages=wanted.messages - kept.messages,
        sent=wanted.sent - kept.sent,
        failed=wanted.failed - kept.failed,
        responses=wanted.responses - kept.responses,
        response_time=wanted.response_time - kept.response_time,
        bins={
            key: change
            for key in wanted.bins.keys() | kept.bins.keys()
            if (change := wanted.bins.get(key, 0) - kept.bins.get(key, 0))
        },
    )


def differing(kept: Minutes, wanted: Minutes) -> Minutes:
    """Returns what has to be added to the minutes that differ."""
    return {
        key: change
        for key in sorted(kept.keys() | wanted.keys())
        if (change := less(wanted.get(key, Counts()), kept.get(key, Counts()))) != Counts()
    }
