"""Logarithmic histograms of non-negative integers with a bounded relative error.

The layout is that of DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", PVLDB 12, 2019): bin i holds the values in (γ^(i−1), γ^i], γ = (1 + α) ÷ (1 − α). Bins merge
by addition, so that a percentile over any period is that of all its values. The bounds are integers worked out once,
which makes the bin of a value the same on every machine; a bin with a single integer in it is exact.
"""

import bisect
from collections.abc import Iterable, Mapping

RELATIVE_ERROR = 0.01
MAXIMUM = 10**12


def _upper_bounds() -> list[int]:
    bounds, exact = [0], 1.0
    gamma = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
    while bounds[-1] < MAXIMUM:
        if int(exact) > bounds[-1]:  # powers closer together than integers share a bin
            bounds.append(int(exact))
        exact *= gamma
    return bounds


_UPPER = _upper_bounds()
BIN_COUNT = len(_UPPER)


def bin_of(value: int) -> int:
    """The number of the bin that holds value, 0 ≤ value ≤ MAXIMUM."""
    return bisect.bisect_left(_UPPER, value)


def bins_of(values: Iterable[int]) -> list[int]:
    """The numbers of the bins that hold values."""
    return [bisect.bisect_left(_UPPER, value) for value in values]


def representative(number: int) -> float:
    """The value that stands for a bin: at most RELATIVE_ERROR away from every integer in it."""
    if number == 0:
        return 0.0
    lowest, highest = _UPPER[number - 1] + 1, _UPPER[number]
    return 2.0 * lowest * highest / (lowest + highest)


def quantile(bins: Mapping[int, int], q: float) -> float | None:
    """The q-quantile, interpolated between neighbouring ranks as SQL's percentile_cont; None without values."""
    count = sum(bins.values())
    if count <= 0:
        return None
    rank = q * (count - 1)
    lower = int(rank)
    low, high = _values_at(bins, lower, min(lower + 1, count - 1))
    return low + (high - low) * (rank - lower)


def _values_at(bins: Mapping[int, int], first: int, second: int) -> tuple[float, float]:
    seen, low = 0, None
    for number in sorted(bins):
        seen += bins[number]
        if low is None and seen > first:
            low = representative(number)
        if seen > second:
            high = representative(number)
            return (high if low is None else low), high
    raise ValueError("a bin has a negative count")
