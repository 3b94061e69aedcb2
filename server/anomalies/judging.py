"""Judging: is a bucket of a series unusual, how much, and beside what."""

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from server.anomalies import baseline, surprise
from server.anomalies.baseline import Baseline, Usual
from server.anomalies.samples import Direction, Sample, Sensitivity, SeriesKind
from server.anomalies.seasons import Basis

__all__ = ["Basis", "Direction", "Judgement", "Kind", "Method", "Sample", "Sensitivity", "describe", "judge", "judged"]

# The name that callers use.
Kind = SeriesKind
# Counts below this are judged as counts: above it chance is normal, and the spread that was seen says more.
_SMALL = 30.0


class Method(enum.Enum):
    """What told how unusual a bucket is."""

    ROBUST_Z = "robust z"
    POISSON = "Poisson"
    BINOMIAL = "binomial"
    EWMA = "EWMA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A bucket beside what is usual for it.

    low and high are the ends of the usual at the sensitivity that was asked for. score is the surprise in sigmas,
    negative below the usual and between -99 and 99; by EWMA it is that of the latest buckets together, whose own values
    may lie within low and high. is_anomalous says that the score reaches the sensitivity on the side that was asked
    for, and that the value is away from what was expected by the minimum effect.
    """

    expected: float
    low: float
    high: float
    score: float
    is_anomalous: bool
    method: Method
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """Bounds of the usual and the surprise of a value."""

    expected: float
    low: float
    high: float
    score: float
    method: Method


def judge(
    history: Sequence[Sample],
    current: Sample,
    *,
    kind: Kind,
    zone: ZoneInfo,
    width: timedelta,
    direction: Direction,
    sensitivity: Sensitivity,
    minimum_effect: float,
) -> Judgement | None:
    """Returns how unusual a bucket is after the ones before it; None if that cannot be said.

    history is in the order of time, with buckets of that width (for days and longer: about that width). What begins at
    or after the current bucket is left out, so a series may be passed with the bucket in it; a bucket that is still
    running must not be passed as current. Absent values are gaps.

    It takes the values of a whole day in the history (24 hours, or 96 quarters of an hour), and 10 if buckets are days
    or longer; with fewer of them None is the answer, as it is if current has no value. The current bucket is compared
    with the same hour of the week in the zone from the third week on (8 are remembered), before that with the same hour
    of working days or of weekends from 4 and 3 of them on, and if buckets are days with the same day of the week from
    the third week on; with all buckets until then. So 8 weeks are all that is of use, and of an hour's width 48 buckets
    and, for them and the current one, the same hours of the weeks before.

    minimum_effect is a share of what was expected (0.1: a tenth), and of fractions a distance (0.05: five points); 0
    lets everything through.
    """
    earlier = [sample for sample in history if sample.at < current.at]
    usual = Baseline(kind=kind, zone=zone, width=width)
    usual.load(earlier[: -baseline.RECENT])
    for sample in earlier[-baseline.RECENT :]:
        usual.observe(sample, usual.expected(sample))
    return judged(
        usual, current, kind=kind, direction=direction, sensitivity=sensitivity, minimum_effect=minimum_effect
    )


def judged(
    seen: Baseline,
    current: Sample,
    *,
    kind: Kind,
    direction: Direction,
    sensitivity: Sensitivity,
    minimum_effect: float,
    usual: Usual | None = None,
) -> Judgement | None:
    """Returns how unusual a bucket is after what a baseline has seen, as judge does.

    usual is what the baseline says about the bucket, for callers who have asked it already.
    """
    usual = usual or seen.usual(current)
    if current.value is None or usual is None:
        return None
    verdict = _verdict(current.value, current.trials, usual, kind, sensitivity.sigmas)
    drift = seen.drift(current.value, usual)
    method, score = verdict.method, verdict.score
    if abs(score) < sensitivity.sigmas <= abs(drift):
        method, score = Method.EWMA, math.copysign(min(abs(drift), surprise.MAX_SIGMAS), drift)
    is_anomalous = (
        abs(score) >= sensitivity.sigmas
        and _is_on_side(score, direction)
        and _has_effect(current.value, verdict.expected, kind, minimum_effect)
    )
    return Judgement(
        expected=verdict.expected,
        low=verdict.low,
        high=verdict.high,
        score=score,
        is_anomalous=is_anomalous,
        method=method,
        basis=usual.basis,
    )


def _verdict(value: float, trials: int | None, usual: Usual, kind: Kind, sigmas: float) -> _Verdict:
    """Returns the surprise of a value: of small counts by the one of two methods that is less surprised."""
    robust = _by_spread(value, usual, kind, sigmas)
    samples = usual.basis.samples
    if kind is Kind.COUNT and usual.mean < _SMALL:
        score = surprise.of_count(value, usual.mean, samples)
        least, most = surprise.count_bounds(usual.mean, samples, sigmas)
        return _milder(robust, _Verdict(expected=usual.mean, low=least, high=most, score=score, method=Method.POISSON))
    is_share = kind is Kind.FRACTION and _are_shares(value, usual.mean)
    if is_share and trials and trials * usual.mean * (1 - usual.mean) < _SMALL:
        score = surprise.of_successes(value * trials, trials, usual.mean, samples)
        least, most = surprise.success_bounds(trials, usual.mean, samples, sigmas)
        ends = least / trials, most / trials
        return _milder(
            robust,
            _Verdict(expected=usual.mean, low=ends[0], high=ends[1], score=score, method=Method.BINOMIAL),
        )
    return robust


def _are_shares(*values: float) -> bool:
    """Returns whether values are from 0 to 1. A fraction is not where what is counted above comes in another bucket
    than what it is divided by.
    """
    return all(0 <= one <= 1 for one in values)


def _by_spread(value: float, usual: Usual, kind: Kind, sigmas: float) -> _Verdict:
    margin = surprise.to_distance(sigmas, usual.freedom)
    low = min(usual.least, usual.expected - margin * usual.fall)
    high = max(usual.most, usual.expected + margin * usual.rise)
    if kind is Kind.COUNT:
        low = max(0.0, low)
    if kind is Kind.FRACTION:
        low, high = max(min(0.0, usual.least), low), min(max(1.0, usual.most), high)
    score = surprise.of_distance(usual.distance(value), usual.freedom)
    if usual.least <= value <= usual.most:
        # It has been seen before: it is no rarer than that.
        score = math.copysign(min(abs(score), surprise.of_tail(2.5 / (usual.basis.samples + 1))), score)
    return _Verdict(expected=usual.expected, low=low, high=high, score=score, method=Method.ROBUST_Z)


def _milder(robust: _Verdict, chance: _Verdict) -> _Verdict:
    """Returns the verdict with the smaller surprise, and of both bounds those that leave more room."""
    chosen = robust if abs(robust.score) < abs(chance.score) else chance
    return _Verdict(
        expected=chosen.expected,
        low=min(robust.low, chance.low),
        high=max(robust.high, chance.high),
        score=chosen.score,
        method=chosen.method,
    )


def _is_on_side(score: float, direction: Direction) -> bool:
    return direction is Direction.BOTH or (score > 0) == (direction is Direction.ABOVE)


def _has_effect(value: float, expected: float, kind: Kind, minimum: float) -> bool:
    least = minimum if kind is Kind.FRACTION else minimum * abs(expected)
    return abs(value - expected) >= least


def describe(judgement: Judgement, current: Sample, *, kind: Kind) -> str:
    """Returns a judgement in words: "5.2 σ above the usual 340-410 for Tuesdays 14:00", with a dash between numbers."""
    low, high = _written(judgement.low, kind), _written(judgement.high, kind)
    usual = f"the usual {low}" if low == high else f"the usual {low}–{high}"
    place = f"for {judgement.basis.label}"
    size, side = f"{abs(judgement.score):.1f} σ", "above" if judgement.score > 0 else "below"
    if judgement.method is Method.EWMA:
        return f"the latest buckets together are {size} {side} what is usual, each within or near {usual[4:]} {place}"
    value = current.value if current.value is not None else judgement.expected
    if judgement.low <= value <= judgement.high:
        return f"within {usual} {place}"
    return f"{size} {side} {usual} {place}"


def _written(value: float, kind: Kind) -> str:
    """Returns a number as people write it: counts whole, fractions in percent, others with three digits that count."""
    if kind is Kind.COUNT:
        return f"{round(value):,}"
    if kind is Kind.FRACTION:
        return f"{value * 100:.3g} %"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
