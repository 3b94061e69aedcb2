"""Intervals from what a backtest got wrong: conformal, by horizon, and as wide as errors are at such a time and level.

Residuals are divided by a scale that follows the level of the forecast and how much the series has lately moved. Their
quantiles, with the correction for how few there are, times the scale of now, are the interval (Vovk, Gammerman and
Shafer 2005). No distribution is assumed. How often such intervals held is measured in the same way: at origins of the
past, with residuals that were known there.
"""

import math
from dataclasses import dataclass

import numpy as np

from server.forecasts.arrays import Floats, History, Integers
from server.forecasts.backtest import Backtest

LEVELS = (0.80, 0.95)
_POWERS = (0.0, 0.5, 1.0)  # of the level, to which errors are in proportion
_FLOOR = 0.2  # of the typical level, below which errors do not become smaller
_OUTLIER = 10.0  # times the middle error: what is further away was no error of the forecast
_NEIGHBOURS = 14  # horizons on each side whose scores count for a horizon at most
_FEW = 40  # scores, below which both tails are taken as one
_JUDGED = 10  # origins at which intervals are held against what came to be
_LEAST_KNOWN = 4  # origins that must be known before one is judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The interval of one level around points: [H] each, or [O, H] of many origins."""

    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """The intervals of each of LEVELS, and the share of values of the past that such intervals held; None where none
    could be judged.
    """

    bands: tuple[Band, ...]
    coverage: tuple[float | None, ...]


def of_points(history: History, test: Backtest) -> Intervals:
    """Returns the intervals of the values that are forecast."""
    scale = _scale(history, test)
    scores = test.residuals / scale
    bands = _bands(_without_outliers(scores), scale[-1])
    return Intervals(bands=bands, coverage=_coverage(scores, test.origins))


def of_sums(history: History, test: Backtest) -> tuple[Band, ...]:
    """Returns the intervals of their running sums: errors of days that follow each other add up, or cancel out."""
    scale = np.cumsum(_scale(history, test), axis=1)
    residuals = test.residuals
    known = np.cumsum(np.where(np.isfinite(residuals), residuals, 0.0), axis=1)
    is_known = history.targets(test.origins) < history.length
    return _bands(_without_outliers(np.where(is_known, known, np.nan) / scale), scale[-1])


def _without_outliers(scores: Floats) -> Floats:
    """Returns scores of which none is further away than ten times their middle, if that is not 0."""
    sizes = np.abs(scores[np.isfinite(scores)])
    bound = _OUTLIER * float(np.median(sizes)) if len(sizes) else 0.0
    return np.clip(scores, -bound, bound) if bound > 0 else scores


def _bands(scores: Floats, scale: Floats) -> tuple[Band, ...]:
    """Returns the interval of each level, each of which holds the one before it."""
    found: list[Band] = []
    for low, high in _tails(scores[:-1]):
        band = Band(low=low * scale, high=high * scale)
        if found:
            band = Band(low=np.minimum(band.low, found[-1].low), high=np.maximum(band.high, found[-1].high))
        found.append(band)
    return tuple(found)


def _scale(history: History, test: Backtest) -> Floats:
    """Returns by how much forecasts may be expected to err: [O, H], up to a factor; that power of the level is chosen
    that makes intervals narrowest.
    """
    size = np.abs(test.forecasts)
    typical = float(np.nanmean(np.abs(history.values)))
    if typical <= 0:
        return np.ones_like(size)
    relative = _FLOOR + size / typical
    lately = _lately(history, test.origins)[:, None]
    found, narrowest = np.ones_like(size), np.inf
    residuals = np.abs(test.residuals)
    for power in _POWERS:
        for local in (0.0, 0.5, 1.0):
            scale = relative**power * lately**local
            scores = (residuals / scale)[np.isfinite(residuals)]
            if not len(scores):
                continue
            width = float(np.quantile(scores, LEVELS).sum() * np.mean(scale))
            if width < narrowest * 0.98:
                found, narrowest = scale, width
    return found


def _lately(history: History, origins: Integers) -> Floats:
    """Returns how much values have lately differed from those of a season before, against all the time before: [O]."""
    period, values = history.seasons[0].period, history.values
    moves = np.abs(values[period:] - values[:-period])
    moves = np.where(np.isfinite(moves), moves, np.nanmean(moves) if np.isfinite(moves).any() else 0.0)
    memory = 1 / (3 * period + 5)
    typical = float(moves.mean()) if len(moves) else 0.0
    if typical <= 0:
        return np.ones(len(origins))
    found, recent = np.full(history.length + 1, typical), typical
    for at, move in enumerate(moves):
        recent += memory * (min(float(move), 5 * typical) - recent)
        found[at + period + 1] = recent
    return np.asarray(0.2 + found[origins] / typical)


def _tails(scores: Floats) -> list[tuple[Floats, Floats]]:
    """Returns the ends of the interval of scores for each level and horizon: [H] each. Scores of horizons nearby count
    for a horizon, too.
    """
    counts = np.isfinite(scores).sum(axis=0)
    pooled = _pooled(scores, min(_NEIGHBOURS, max(1, scores.shape[1] // 6)))
    sizes = np.isfinite(pooled).sum(axis=0)
    is_few = sizes < _FEW
    signed, absolute = np.sort(pooled, axis=0), np.sort(np.abs(pooled), axis=0)
    effective = np.maximum(counts, 1) ** 0.75 * np.maximum(sizes, 1) ** 0.25  # neighbours tell less than others would
    correction = (effective + 1) / effective
    ends = []
    for level in LEVELS:
        tail = np.minimum(1.0, (0.5 + level / 2) * correction)
        both = _quantile(absolute, sizes, np.minimum(1.0, level * correction))
        low = np.where(is_few, -both, np.minimum(_quantile(signed, sizes, 1 - tail), 0.0))
        high = np.where(is_few, both, np.maximum(_quantile(signed, sizes, tail), 0.0))
        ends.append((-_rising(-low, counts), _rising(high, counts)))
    return ends


def _pooled(scores: Floats, around: int) -> Floats:
    """Returns for each horizon the scores of those around it: [O × (2 around + 1), H], with NaN beyond the ends."""
    padded = np.pad(scores, ((0, 0), (around, around)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * around + 1, axis=1)
    return np.asarray(windows.transpose(0, 2, 1).reshape(-1, scores.shape[1]))


def _quantile(ordered: Floats, sizes: Integers, shares: Floats) -> Floats:
    """Returns a quantile of each column of ordered values, of which so many are not NaN; NaN where none are."""
    places = np.maximum(sizes - 1, 0) * shares
    below = np.floor(places).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(sizes - 1, 0))
    columns = np.arange(ordered.shape[1])
    low, high = ordered[below, columns], ordered[above, columns]
    return np.asarray(low + (high - low) * (places - below))


def _rising(ends: Floats, weights: Integers) -> Floats:
    """Returns ends that never become narrower further ahead: of all such ends those that are nearest.

    Pool adjacent violators (Ayer and others, 1955).
    """
    pools: list[tuple[float, float, int]] = []
    for end, weight in zip(ends.tolist(), weights.tolist(), strict=True):
        is_known = math.isfinite(end)
        known = end if is_known else pools[-1][0] if pools else 0.0
        pools.append((known, weight + 1e-9 if is_known else 1e-9, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            last, before = pools.pop(), pools.pop()
            total = last[1] + before[1]
            pools.append(((last[0] * last[1] + before[0] * before[1]) / total, total, last[2] + before[2]))
    return np.array([end for end, _, count in pools for _ in range(count)])


def _judged(origins: Integers) -> Integers:
    """Returns the rows of origins at which intervals are judged: those before which enough is known, evenly."""
    first = _LEAST_KNOWN + 1
    rows = np.arange(first, len(origins) - 1)
    if len(rows) <= _JUDGED:
        return rows
    return np.unique(np.linspace(first, len(origins) - 2, _JUDGED).astype(np.int64))


def _coverage(scores: Floats, origins: Integers) -> tuple[float | None, ...]:
    """Returns the share of later scores that intervals of the past held, of each level."""
    ahead = np.arange(scores.shape[1])
    held: list[list[Floats]] = [[] for _ in LEVELS]
    for row in _judged(origins):
        is_known = origins[:row, None] + ahead[None, :] < origins[row]
        known = _without_outliers(np.where(is_known, scores[:row], np.nan))
        steps = np.isfinite(known).sum(axis=0) >= _LEAST_KNOWN
        if not steps.any():
            continue
        actual = scores[row, steps]
        seen = np.isfinite(actual)
        for place, (low, high) in enumerate(_tails(known[:, steps])):
            held[place].append(((actual >= low) & (actual <= high))[seen])
    joined = [np.concatenate(one) if one else np.array([]) for one in held]
    return tuple(float(one.mean()) if len(one) else None for one in joined)
