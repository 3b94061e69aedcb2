"""Quarter hours of UTC, which every local hour, day and month since 1980 is made of."""

import enum
from typing import NamedTuple

QUARTER_SECONDS = 900
QUARTERS_PER_HOUR = 4
QUARTERS_PER_DAY = 96


class Width(enum.IntEnum):
    """How wide a rollup's bucket is, in quarter hours; each divides the next.

    Days of another zone than UTC are made of quarters, hours and six hours, long periods of days, eight and 32 days.
    """

    QUARTER = 1
    HOUR = QUARTERS_PER_HOUR
    SIX_HOURS = 6 * QUARTERS_PER_HOUR
    DAY = QUARTERS_PER_DAY
    EIGHT_DAYS = 8 * QUARTERS_PER_DAY
    DAYS_32 = 32 * QUARTERS_PER_DAY

    def floor(self, bucket: int) -> int:
        """The first quarter hour of the bucket of this width that holds a quarter hour."""
        return bucket - bucket % int(self)


class Segment(NamedTuple):
    """A run of rollup buckets of one width, [start, end) in quarter hours, which are a part of a span."""

    granularity: Width
    start: int
    end: int


_WIDTHS = sorted(Width)


def segments(start: int, end: int) -> list[Segment]:
    """Returns [start, end) as the fewest rollup buckets: the widest that fit inside, finer ones towards the edges."""
    width = _WIDTHS[0]
    before: list[Segment] = []
    after: list[Segment] = []
    for wider in _WIDTHS[1:]:
        first, last = -(-start // wider) * wider, end // wider * wider
        if first >= last:
            break
        if start < first:
            before.append(Segment(width, start, first))
        if last < end:
            after.append(Segment(width, last, end))
        width, start, end = wider, first, last
    inside = [Segment(width, start, end)] if start < end else []
    return [*before, *inside, *reversed(after)]
