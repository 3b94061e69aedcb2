"""Windows: the latest values of a series, in order, so that a median costs no sorting."""

import bisect
from collections import deque
from collections.abc import Iterable

# For normally distributed values, what the median distance has to be multiplied by to be the standard deviation.
_SIGMAS_PER_MAD = 1.4826
# The same for the mean distance.
_SIGMAS_PER_MEAN_DISTANCE = 1.2533
# What a spread of few values is too small by (Croux and Rousseeuw 1992, "Time-efficient algorithms for two highly
# robust estimators of scale"), for 0 to 9 values.
_FEW = (1.0, 1.0, 1.196, 1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107)
# How far away the last twentieth of a side is, and from how many values on that is known.
_SIGMAS_OF_TAIL = 1.645
_LEAST_TAILS = 20
# How much of both ends a trimmed mean leaves out.
_TRIMMED = 0.1


class SortedWindow:
    """The latest values of a series, at most `most` of them.

    Taking one in costs a few moves in a short list, or nothing but an append as long as nobody has asked for figures.
    """

    __slots__ = ("_latest", "_ordered")

    def __init__(self, most: int, values: Iterable[float] = ()) -> None:
        """Begins with values, the oldest first."""
        self._latest: deque[float] = deque(values, maxlen=most)
        self._ordered: list[float] | None = None

    def __len__(self) -> int:
        """Returns how many values there are."""
        return len(self._latest)

    def add(self, value: float) -> None:
        """Takes in a value, and forgets the oldest one where there are too many."""
        latest, ordered = self._latest, self._ordered
        if ordered is not None:
            if len(latest) == latest.maxlen:
                del ordered[bisect.bisect_left(ordered, latest[0])]
            bisect.insort(ordered, value)
        latest.append(value)

    def ordered(self) -> list[float]:
        """Returns the values, the smallest first. Not to be changed."""
        if self._ordered is None:
            self._ordered = sorted(self._latest)
        return self._ordered

    def median(self) -> float:
        """Returns the median of at least one value."""
        return _middle(self.ordered())

    def trimmed_mean(self) -> float:
        """Returns the mean without the tenth of the smallest and the tenth of the greatest values."""
        ordered = self.ordered()
        skipped = int(len(ordered) * _TRIMMED)
        kept = ordered[skipped : len(ordered) - skipped]
        return sum(kept) / len(kept)

    def seen(self, times: int) -> tuple[float, float]:
        """Returns the least and the greatest value that was reached so often."""
        ordered = self.ordered()
        return ordered[min(times, len(ordered)) - 1], ordered[-min(times, len(ordered))]

    def tails(self, center: float) -> tuple[float, float]:
        """Returns the standard deviations below and above a center as the last twentieth of each side tells them.

        Durations and prices reach far up and not far down; of a series by day and night one is the center and the other
        a tail. 0 with fewer than 20 values.
        """
        ordered = self.ordered()
        if len(ordered) < _LEAST_TAILS:
            return 0.0, 0.0
        skipped = len(ordered) // 20
        return (center - ordered[skipped]) / _SIGMAS_OF_TAIL, (ordered[-1 - skipped] - center) / _SIGMAS_OF_TAIL

    def spread(self, center: float) -> float:
        """Returns the standard deviation around a center as the median distance tells it.

        Where more than half of the values are equal, as the mean distance tells it; 0 if all are equal.
        """
        ordered = self.ordered()
        count = len(ordered)
        found = _SIGMAS_PER_MAD * _median_distance(ordered, center)
        if found == 0.0:
            found = _SIGMAS_PER_MEAN_DISTANCE * sum(abs(value - center) for value in ordered) / count
        return found * (_FEW[count] if count < len(_FEW) else count / (count - 0.8))


def _middle(ordered: list[float]) -> float:
    count = len(ordered)
    half = count // 2
    return ordered[half] if count % 2 else (ordered[half - 1] + ordered[half]) / 2


def _median_distance(ordered: list[float], center: float) -> float:
    """Returns the median of |value - center|: the lower one of the two in the middle, which costs two bisections."""
    count = len(ordered)
    wanted = (count + 1) // 2
    # The `wanted` values that are next to the center stand side by side: find where they begin.
    low, high = 0, count - wanted
    while low < high:
        begin = (low + high) // 2
        if center - ordered[begin] > ordered[begin + wanted] - center:
            low = begin + 1
        else:
            high = begin
    return max(abs(center - ordered[low]), abs(ordered[low + wanted - 1] - center))
