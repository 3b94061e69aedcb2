"""Logarithmic histograms of non-negative integers: sparse vectors that merge by addition, with a bounded error.

Bins grow as those of DDSketch do (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", PVLDB 12, 2019): the integers in one are at most RELATIVE_ERROR apart. A histogram holds for
each bin how many values are in it, and how far they are above its lowest integer, added up. So the mean of a bin's
values is known, and it stands for each of them: it is at most RELATIVE_ERROR away from every value of the bin, lies
between the smallest and the greatest of them, and is exact where they are equal. What is added can be taken back. The
bounds are integers worked out once, which makes the bin of a value the same on every machine.
"""

import bisect
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

RELATIVE_ERROR = 0.01
MAXIMUM = 10**12


def _lowest() -> list[int]:
    """Returns the lowest integer of each bin: a bin ends where the next integer would be too far away from it."""
    lowest = [0, 1]
    while (following := int(lowest[-1] * (1 + RELATIVE_ERROR)) + 1) <= MAXIMUM:
        lowest.append(following)
    return lowest


LOWEST = _lowest()
BIN_COUNT = len(LOWEST)
# The bins of small values: most are, and looking one up takes a third of the time of a search.
_SMALL = [bisect.bisect_right(LOWEST, value) - 1 for value in range(20_000)]
KEY_COUNT = 2 * BIN_COUNT  # bin i is counted under the key i; its offsets are added up under BIN_COUNT + i


def count(values: Iterable[int], into: dict[int, int], first_key: int = 0, *, times: int = 1) -> None:
    """Adds values, 0 ≤ value ≤ MAXIMUM, to a histogram whose keys begin at first_key, each so many times; −1 takes them
    back.
    """
    get, lowest, bisect_right, first_offset = into.get, LOWEST, bisect.bisect_right, first_key + BIN_COUNT
    for value in values:
        number = bisect_right(lowest, value) - 1
        key = first_key + number
        into[key] = get(key, 0) + times
        if offset := value - lowest[number]:
            key = first_offset + number
            into[key] = get(key, 0) + times * offset


def place(values: Sequence[int | None], into: Sequence[list[tuple[int, int]]], first_key: int = 0) -> None:
    """Appends to a list for each value the keys to which it adds in a histogram, with how much; nothing for None."""
    small, lowest, most = _SMALL, LOWEST, len(_SMALL)
    for value, keys in zip(values, into, strict=True):
        if value is not None:
            number = small[value] if value < most else bisect.bisect_right(lowest, value) - 1
            key = first_key + number
            keys.append((key, 1))
            if offset := value - lowest[number]:
                keys.append((key + BIN_COUNT, offset))


def means(histogram: Mapping[int, int], first_key: int = 0) -> Iterator[tuple[float, int]]:
    """Yields for each bin of a histogram that has values their mean and how many they are."""
    end = first_key + BIN_COUNT
    for key in sorted([key for key in histogram if first_key <= key < end]):
        count = histogram[key]
        if count > 0:
            yield LOWEST[key - first_key] + histogram.get(key + BIN_COUNT, 0) / count, count


def quantile(histogram: Mapping[int, int], q: float, first_key: int = 0) -> float | None:
    """Returns the q-quantile, interpolated between neighbouring ranks as SQL's percentile_cont; None without values."""
    end = first_key + BIN_COUNT
    keys = sorted([key for key in histogram if first_key <= key < end])
    up_to = list(itertools.accumulate(map(histogram.__getitem__, keys)))  # how many values are in each bin and below
    total = up_to[-1] if up_to else 0
    if total <= 0:
        return None

    def value_at(rank: int) -> float:
        key = keys[bisect.bisect_right(up_to, rank)]
        return LOWEST[key - first_key] + histogram.get(key + BIN_COUNT, 0) / histogram[key]

    rank = q * (total - 1)
    lower = int(rank)
    low, high = value_at(lower), value_at(min(lower + 1, total - 1))
    return min(high, low + (high - low) * (rank - lower))  # rounding does not lead out of the two
