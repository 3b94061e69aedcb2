"""Detectors: each makes a score for every point from that point and the ones before it alone."""

import itertools
import math
import random
import statistics
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from server.anomalies.judging import Direction, Kind, Sample, Sensitivity
from server.anomalies.scanning import Manner, Scanner
from tests.harness.nab.files import Series

Detector = Callable[[Series], Sequence[float]]

# Of the benchmark's windowed Gaussian detector.
_WINDOW = 6_400
_STEP = 100


def chance(series: Series) -> Sequence[float]:
    """Knows nothing: random numbers, the same in each run."""
    made = random.Random(series.name)
    return [made.random() for _ in series.values]


def windowed_gaussian(series: Series) -> Sequence[float]:
    """Takes the values of a sliding window as normally distributed, and 1 less the tail beyond a value as its score."""
    window: list[float] = []
    step: list[float] = []
    mean, deviation, scores = 0.0, 1.0, []
    total = squares = 0.0
    for value in series.values:
        scores.append(1 - 0.5 * math.erfc(abs(value - mean) / deviation / math.sqrt(2)) if window else 0.0)
        if len(window) < _WINDOW:
            window.append(value)
            total, squares = total + value, squares + value * value
            mean = total / len(window)
            deviation = max(1e-6, math.sqrt(max(0.0, squares / len(window) - mean * mean)))
            continue
        step.append(value)
        if len(step) == _STEP:
            window = window[_STEP:] + step
            step = []
            mean, deviation = statistics.fmean(window), max(1e-6, statistics.pstdev(window))
    return scores


def ours(series: Series) -> Sequence[float]:
    """The service's judgements: sigmas of each point beside what is usual, or of a drift where that is more."""
    width = statistics.median(later - earlier for earlier, later in itertools.pairwise(series.times))
    manner = Manner(
        kind=Kind.VALUE,
        zone=ZoneInfo("UTC"),
        width=width,
        direction=Direction.BOTH,
        sensitivity=Sensitivity.MEDIUM,
        minimum_effect=0.0,
    )
    scanner = Scanner(manner)
    scores = []
    for at, value in zip(series.times, series.values, strict=True):
        scanner.take(Sample(at=at, value=value))
        scores.append(scanner.surprise)
    return scores


def alarms(scores: Sequence[float], threshold: float, quiet: int, goes_on: float = 1.0) -> list[int]:
    """Returns the places where alarms begin.

    An alarm lasts until more than `quiet` points are below that share of the threshold.
    """
    found: list[int] = []
    open_until = -1
    for place, one in enumerate(scores):
        is_open = place <= open_until
        if one >= threshold and not is_open:
            found.append(place)
        if one >= threshold or (is_open and one >= threshold * goes_on):
            open_until = place + quiet
    return found
