"""Distributions in a few bins of round bounds, as people read them, made of the many bins of a histogram."""

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server import histogram

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_SIXTIETHS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 45)
# The lowest value of each bin; the last one has no upper bound.
DURATIONS = (
    *(0, 100, 200, 500),
    *(number * _SECOND for number in _SIXTIETHS),
    *(number * _MINUTE for number in _SIXTIETHS),
    *(number * _HOUR for number in (1, 2, 3, 4, 6, 8, 12)),
    *(number * _DAY for number in (1, 2, 3, 5, 7, 14, 30, 90)),
)
COUNTS = (
    *range(11),
    *(12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 2_000, 5_000, 10_000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """How many values are from lower on and below upper; None: there is no upper bound."""

    lower: int
    upper: int | None
    count: int


def bins(found: Mapping[int, int], first_key: int, bounds: Sequence[int]) -> list[Bin]:
    """Returns a histogram whose keys begin at first_key in bins of these bounds, from the first to the last one that
    has any value. A bin of the histogram counts where its mean is, so that what it mixes is within 1 % of a bound.
    """
    counts = [0] * len(bounds)
    for mean, count in histogram.means(found, first_key):
        counts[bisect.bisect_right(bounds, mean) - 1] += count
    filled = [place for place, count in enumerate(counts) if count]
    if not filled:
        return []
    uppers = [*bounds[1:], None]
    return [
        Bin(lower=bounds[place], upper=uppers[place], count=counts[place]) for place in range(filled[0], filled[-1] + 1)
    ]
