"""Models that smooth: Theta of a series without its season, and exponential smoothing with a damped trend and a season.

Each follows the variants of a series once ([V, T]: as it is, and as logarithms), for a grid of parameters side by side,
and forecasts from every origin on the way with the parameters that had the smallest error up to there: [V, O, H]. So
nothing that is forecast has been seen before, and a
hundred origins cost no more than one. An error that is far larger than those before it moves the state as one of three
times their mean would: an outlier is not followed, while a level that stays is, since it moves the mean too.
"""

from dataclasses import dataclass

import numpy as np

from server.forecasts import arrays
from server.forecasts.arrays import Floats, Integers, SeasonPlaces

_CLIP = 3.0  # times the mean absolute error
_MEMORY = 0.1  # of the mean absolute error
_FADING = 0.995  # of errors by which parameters are chosen
_DEPTH = 16  # seasons whose mean is the season of Theta
_THETA_ALPHAS = np.array([0.03, 0.1, 0.2, 0.4, 0.65, 0.9])
_ETS_GRID = np.array(
    [
        (alpha, alpha * beta, (1 - alpha) * gamma, damping)
        for alpha in (0.03, 0.12, 0.3, 0.6, 0.9)
        for beta, damping in ((0.0, 0.9), (0.05, 0.9), (0.15, 0.9), (0.05, 0.98))
        for gamma in (0.03, 0.12, 0.3)
    ]
)


def theta(variants: Floats, season: SeasonPlaces, origins: Integers, horizon: int) -> Floats:
    """Forecasts by the Theta method: simple exponential smoothing with half of the slope of the line through all
    values, of the series less its season, which is added again.

    Assimakopoulos and Nikolopoulos (2000), in the form of Hyndman and Billah (2003).
    """
    phases, length = season.phases, variants.shape[1]
    indices = np.concatenate([_indices(one, season, origins) for one in variants])  # [V × O, period]
    adjusted = np.repeat(variants, len(origins), axis=0) - indices[:, phases[:length]]
    known = np.tile(origins, len(variants))
    level, alpha = _smoothed(adjusted, known)
    slope = _slope(adjusted, known)
    ahead = np.arange(horizon)[None, :]
    drift = slope[:, None] / 2 * (ahead + ((1 - (1 - alpha) ** known) / alpha)[:, None])
    seasonal = np.take_along_axis(indices, phases[known[:, None] + ahead], axis=1)
    return np.asarray((level[:, None] + drift + seasonal).reshape(len(variants), len(origins), horizon))


def _indices(values: Floats, season: SeasonPlaces, origins: Integers) -> Floats:
    """Returns what each place of the season adds: [O, period], from values against the whole rounds around them."""
    period = season.period
    if period == 1:
        return np.zeros((len(origins), 1))
    whole = arrays.filled(values)
    weights = np.ones(period + 1 - period % 2)
    if period % 2 == 0:
        weights[[0, -1]] = 0.5
    half = len(weights) // 2
    around = np.full(len(values), np.nan)
    if len(values) >= len(weights):
        around[half : len(values) - half] = np.convolve(whole, weights / weights.sum(), mode="valid")
    kept = arrays.mean(arrays.latest(season, values - around, origins - half, _DEPTH), 1)
    kept = np.where(np.isfinite(kept), kept, 0.0)
    return np.asarray(kept - kept.mean(axis=1, keepdims=True))


def _smoothed(adjusted: Floats, origins: Integers) -> tuple[Floats, Floats]:
    """Returns the level at the origin of each series, and the alpha that had the smallest error up to it: [N]. Gaps are
    at the same places of all series.
    """
    count, length = adjusted.shape
    wanted: dict[int, list[int]] = {}
    for row, origin in enumerate(origins.tolist()):
        wanted.setdefault(origin, []).append(row)
    early = adjusted[:, : max(8, length // 20)]
    first = np.nan_to_num(arrays.mean(early, 1))
    level = np.repeat(first[:, None], len(_THETA_ALPHAS), axis=1)
    scale = np.repeat(_first_scale(early, first)[:, None], len(_THETA_ALPHAS), axis=1)
    errors = np.zeros_like(level)
    found, alphas = np.zeros(count), np.ones(count)
    columns = np.ascontiguousarray(adjusted.T)[:, :, None]
    is_seen = np.isfinite(adjusted[0]).tolist()
    for at in range(length + 1):
        if at in wanted:
            rows = np.array(wanted[at])
            best = np.argmin(errors[rows], axis=1)
            found[rows], alphas[rows] = level[rows, best], _THETA_ALPHAS[best]
        if at == length:
            break
        if is_seen[at]:
            error = columns[at] - level
            size = np.abs(error)
            errors *= _FADING
            errors += size
            level += _THETA_ALPHAS * _bounded(error, scale)
            scale += _MEMORY * (size - scale)
    return found, alphas


def _bounded(error: Floats, scale: Floats) -> Floats:
    """Returns errors that are no larger than three times their mean."""
    bound = _CLIP * scale
    return np.asarray(np.minimum(np.maximum(error, -bound), bound))


def _first_scale(columns: Floats, level: Floats) -> Floats:
    """Returns how far the first values are from their level: [N]. columns are [N, early]."""
    return np.asarray(np.nan_to_num(arrays.mean(np.abs(columns - level[:, None]), 1)))


def _slope(adjusted: Floats, origins: Integers) -> Floats:
    """Returns the slope of the line of least squares through the values before each origin: [N]."""
    at = np.arange(adjusted.shape[1])[None, :]
    used = (at < origins[:, None]) & np.isfinite(adjusted)
    count = np.maximum(used.sum(axis=1), 1)
    values = np.where(used, adjusted, 0.0)
    middle = np.where(used, at, 0).sum(axis=1) / count
    offset = np.where(used, at - middle[:, None], 0.0)
    spread = (offset**2).sum(axis=1)
    return np.asarray((offset * values).sum(axis=1) / np.where(spread > 0, spread, 1))


@dataclass(slots=True, kw_only=True)
class EtsState:
    """The states of exponential smoothing of N series, each with its parameters: [N], and its season: [N, period]."""

    level: Floats
    trend: Floats
    season: Floats


def step(state: EtsState, parameters: Floats, place: int, values: Floats, scale: Floats) -> Floats:
    """Takes values in and returns their absolute errors: [N]. parameters are what of an error goes into the
    level, the trend and the season, and the damping: [4, N]. No error moves the state by more than three times scale:
    [N].
    """
    alpha, beta, gamma, damping = parameters
    trend = damping * state.trend
    expected = state.level + trend
    error = values - expected - state.season[:, place]
    moved = _bounded(error, scale)
    state.level = expected + alpha * moved
    state.trend = trend + beta * moved
    state.season[:, place] += gamma * moved
    return np.asarray(np.abs(error))


def ets(variants: Floats, season: SeasonPlaces, origins: Integers, horizon: int) -> Floats:
    """Forecasts by exponential smoothing with a damped additive trend, an additive season and additive errors (ETS
    AAdA): Hyndman, Koehler, Ord and Snyder (2008).
    """
    count, length = variants.shape
    parameters = np.ascontiguousarray(np.tile(_ETS_GRID, (count, 1)).T)
    size = len(_ETS_GRID)
    state = _begin(variants, season)
    early = variants[:, : max(8, 2 * season.period)]
    scale = np.repeat(_first_scale(early, state.level[::size]), size)
    errors = np.zeros(count * size)
    found = np.empty((count, len(origins), horizon))
    wanted = {origin: row for row, origin in enumerate(origins.tolist())}
    warm_up = min(season.period * 2, length // 3)
    columns = np.ascontiguousarray(np.repeat(variants, size, axis=0).T)
    is_seen, places = np.isfinite(variants[0]).tolist(), season.phases.tolist()
    for at in range(length + 1):
        if at in wanted:
            ahead = season.phases[at : at + horizon]
            for one in range(count):
                best = one * size + int(np.argmin(errors[one * size : (one + 1) * size]))
                found[one, wanted[at]] = ahead_of(state, best, parameters[3, best], ahead)
        if at == length:
            break
        if not is_seen[at]:
            state.trend = parameters[3] * state.trend
            state.level = state.level + state.trend
            continue
        error = step(state, parameters, places[at], columns[at], scale)
        if at >= warm_up:
            errors *= _FADING
            errors += error
        scale += _MEMORY * (error - scale)
    return found


def _begin(variants: Floats, season: SeasonPlaces) -> EtsState:
    """Returns the states before the first value, from the first two seasons."""
    size, early = len(_ETS_GRID), 2 * season.period
    levels, seasons = [], []
    for values in variants:
        level = float(arrays.mean(values[None, :early], 1)[0])
        level = level if np.isfinite(level) else 0.0
        added = arrays.mean(arrays.latest(season, values, np.array([early]), 2)[0], 0) - level
        levels.append(level)
        seasons.append(np.where(np.isfinite(added), added, 0.0) if season.period > 1 else np.zeros(1))
    return EtsState(
        level=np.repeat(np.array(levels), size),
        trend=np.zeros(len(variants) * size),
        season=np.repeat(np.stack(seasons), size, axis=0),
    )


def ahead_of(state: EtsState, one: int, damping: float, phases: Integers) -> Floats:
    """Returns what one of the states forecasts: [H]."""
    steps = np.cumsum(damping ** np.arange(1, len(phases) + 1))
    return np.asarray(state.level[one] + steps * state.trend[one] + state.season[one, phases])
