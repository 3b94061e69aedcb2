"""Models without parameters: the yardstick of all others, the last value with its drift, and profile times level.

Each returns what it forecasts from each origin, which is how many values are known: [O, H].
"""

import numpy as np

from server.forecasts import arrays
from server.forecasts.arrays import Floats, History, Integers, SeasonPlaces

_SEASONS = 6  # that a profile is the middle of
_WEIGHTS = np.array([0.6, 0.25, 0.15])  # of the last rounds of the shortest season, for the level


def seasonal_naive(history: History, season: SeasonPlaces, origins: Integers) -> Floats:
    """Forecasts the last value of the same place in the season. This is the yardstick of MASE."""
    last = arrays.latest(season, history.values, origins, 1)[:, 0, :]
    known = arrays.filled(history.values)[origins - 1]
    last = np.where(np.isfinite(last), last, known[:, None])
    return np.asarray(np.take_along_axis(last, season.phases[history.targets(origins)], axis=1))


def drift(history: History, origins: Integers) -> Floats:
    """Forecasts the last value, and as much more for each step as the steps up to it had on average."""
    seen = np.flatnonzero(np.isfinite(history.values))
    first = seen[0] if len(seen) else 0
    known = arrays.filled(history.values)
    last = known[origins - 1]
    slope = (last - known[first]) / np.maximum(origins - 1 - first, 1)
    return np.asarray(last[:, None] + slope[:, None] * np.arange(1, history.horizon + 1))


def profile(history: History, season: SeasonPlaces, origins: Integers) -> Floats:
    """Forecasts the level of the last rounds of the shortest season times how much each place of a season has of it.

    The profile is the middle of the last six seasons, so one odd week does not change it, or their mean where most
    values are 0. Of values below 0 it is what each place adds to the level.
    """
    values = history.values
    seasons = arrays.latest(season, values, origins, _SEASONS)
    levels = arrays.mean(seasons, 2)[:, :, None]
    is_share = bool(np.nanmin(values) >= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(levels > 0, seasons / levels, np.nan) if is_share else seasons - levels
    neutral = 1.0 if is_share else 0.0
    is_sparse = np.mean(values[np.isfinite(values)] == 0) > 0.2
    shape = arrays.mean(parts, 1) if is_sparse else arrays.median(parts, 1)
    shape = np.where(np.isfinite(shape), shape, neutral)
    if is_share:
        total = shape.mean(axis=1, keepdims=True)
        shape = np.where(total > 0, shape / np.where(total > 0, total, 1), neutral)
    level = _level(history, season, shape, origins, is_share=is_share)
    ahead = np.take_along_axis(shape, season.phases[history.targets(origins)], axis=1)
    return np.asarray(level[:, None] * ahead if is_share else level[:, None] + ahead)


def _level(history: History, season: SeasonPlaces, shape: Floats, origins: Integers, *, is_share: bool) -> Floats:
    """Returns the level at each origin, from the last rounds of the shortest season: [O]."""
    window = max(history.seasons[0].period, 4)
    back = origins[:, None] - 1 - np.arange(window * len(_WEIGHTS))
    places = np.maximum(back, 0)
    values = np.where(back >= 0, history.values[places], np.nan)
    parts = np.take_along_axis(shape, season.phases[places], axis=1)
    parts = np.where(np.isfinite(values), parts, np.nan)
    rounds = (len(origins), len(_WEIGHTS), window)
    values, parts = values.reshape(rounds), parts.reshape(rounds)
    if is_share:
        sums = np.nansum(parts, axis=2)
        levels = np.where(sums > 0, np.nansum(values, axis=2) / np.where(sums > 0, sums, 1), np.nan)
    else:
        levels = arrays.mean(values - parts, 2)
    weights = np.where(np.isfinite(levels), _WEIGHTS, 0.0)
    total = weights.sum(axis=1)
    level = np.nansum(levels * weights, axis=1) / np.where(total > 0, total, 1)
    return np.asarray(np.where(total > 0, level, arrays.filled(history.values)[origins - 1]))
