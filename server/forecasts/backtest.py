"""Backtests: every model forecasts from many origins of the past, and is held against what came to be.

The choice is tested with the models: at each origin it is made from errors that were known there. What is measured is
what somebody would have seen who had asked at each of these origins.
"""

import math
from dataclasses import dataclass

import numpy as np

from server.forecasts import naive, smoothing
from server.forecasts.arrays import Floats, History, Integers
from server.forecasts.values import Model

_MOST_ORIGINS = 48
_BEST_OF = 3  # models that are combined
_PREFERENCE = 0.96  # a model alone has to be better than their combination by as much
_SPARSE = 0.2  # share of zeros beyond which logarithms say nothing


_SMOOTH = {Model.THETA: smoothing.theta, Model.DAMPED_ETS: smoothing.ets}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """What was forecast from each origin, and what came to be: [O, H]; the last origin is now, and has nothing yet.

    model is what is chosen now; members are the models of a combination, or that one. naive_forecasts are of the
    yardstick; one_step is the mean absolute error of the yardstick within the history, by which MASE is scaled.
    """

    origins: Integers
    forecasts: Floats
    actual: Floats
    naive_forecasts: Floats
    model: Model
    members: tuple[Model, ...]
    one_step: float

    @property
    def residuals(self) -> Floats:
        """Returns what came to be, less what was forecast: [O, H], NaN where that is not known."""
        return self.actual - self.forecasts


def needed(period: int, horizon: int) -> int:
    """Returns how many values a forecast needs: two seasons to learn from, the horizon once for its error and once to
    hold that error against what came then, and some origins.
    """
    return 2 * period + 2 * horizon + max(period, 8)


def origins_of(history: History) -> Integers:
    """Returns from where the past is forecast, and now: as many origins as are worth their time, at every place of the
    season.
    """
    period, length = history.seasons[0].period, history.length
    first = min(max(2 * period, length // 3), length - 2 * history.horizon - max(period, 8) + 1)
    first = max(first, min(2 * period, length - 1), 2)
    stride = max(1, math.ceil((length - first) / _MOST_ORIGINS))
    while stride > 1 and math.gcd(stride, period) > 1:
        stride += 1
    return np.arange(length, first - 1, -stride)[::-1].astype(np.int64)


def run(history: History, bounds: tuple[float | None, float | None]) -> Backtest:
    """Tests all models, and their choice, over the history. Forecasts are kept within bounds."""
    origins = origins_of(history)
    actual = history.actual(origins)
    names, made = _all(history, origins)
    made = np.clip(made, *bounds) if bounds != (None, None) else made
    errors = _known_errors(np.abs(actual - made), history.targets(origins), origins)
    combined = _combined(made, errors)
    both = np.concatenate([made, combined[None]])
    all_errors = _known_errors(np.abs(actual - both), history.targets(origins), origins)
    all_errors[-1] *= _PREFERENCE
    chosen = np.argmin(all_errors, axis=0)
    forecasts = both[chosen, np.arange(len(origins))]
    last = int(chosen[-1])
    best = np.argsort(errors[:, -1], kind="stable")[:_BEST_OF]
    members = tuple(dict.fromkeys(names[one] for one in best)) if last == len(names) else (names[last],)
    count = len(history.seasons)
    yardstick = int(np.argmin(np.nansum(np.abs(actual - made[:count]), axis=(1, 2))))
    return Backtest(
        origins=origins,
        forecasts=forecasts,
        actual=actual,
        naive_forecasts=made[yardstick],
        model=Model.COMBINATION if last == len(names) else names[last],
        members=members,
        one_step=_one_step(history, yardstick),
    )


def _all(history: History, origins: Integers) -> tuple[list[Model], Floats]:
    """Returns the forecasts of each model: [M, O, H]; the first ones are the seasonal naive's, one of each season."""
    names, made = [], []
    for season in history.seasons:
        names.append(Model.SEASONAL_NAIVE)
        made.append(naive.seasonal_naive(history, season, origins))
    names.append(Model.DRIFT)
    made.append(naive.drift(history, origins))
    for season in history.seasons:
        names.append(Model.PROFILE)
        made.append(naive.profile(history, season, origins))
    added = _added(history)
    variants = [history.values] if added is None else [history.values, np.log(history.values + added)]
    for season in history.seasons:
        for name, model in _SMOOTH.items():
            found = model(np.stack(variants), season, origins, history.horizon)
            names += [name] * len(variants)
            made.append(found[0])
            if added is not None:
                most = np.log(np.nanmax(history.values) * 10 + added)
                made.append(np.exp(np.minimum(found[1], most)) - added)
    return names, np.stack(made)


def _added(history: History) -> float | None:
    """Returns what is added to values before their logarithms are taken, by which seasons and trends multiply. None
    where there are values below 0 or many zeros, of which logarithms say nothing.
    """
    values = history.values
    seen = values[np.isfinite(values)]
    if seen.min() < 0 or np.mean(seen == 0) > _SPARSE or seen.max() <= 0:
        return None
    return 0.05 * float(seen.mean())


def _known_errors(errors: Floats, targets: Integers, origins: Integers) -> Floats:
    """Returns the mean error of each model at each origin, of all that was known there: [M, O]. Where nothing was
    known, later models are preferred.
    """
    is_seen = np.isfinite(errors[0]).ravel()
    is_known = (targets.ravel()[:, None] < origins[None, :]) & is_seen[:, None]
    sizes = np.where(is_seen, errors.reshape(len(errors), -1), 0.0)
    totals = is_known.sum(axis=0)
    preferred = -np.arange(len(errors))[:, None]
    return np.asarray(np.where(totals > 0, sizes @ is_known.astype(np.float64) / np.maximum(totals, 1), preferred))


def _combined(made: Floats, errors: Floats) -> Floats:
    """Returns the mean of the best models of each origin: [O, H]."""
    best = np.argsort(errors, axis=0, kind="stable")[:_BEST_OF]
    return np.asarray(made[best, np.arange(made.shape[1])].mean(axis=0))


def _one_step(history: History, yardstick: int) -> float:
    """Returns the mean absolute error of the seasonal naive within the history: by what values differ from those of a
    season before.
    """
    season, values = history.seasons[yardstick], history.values
    differences = np.abs(values[season.period :] - values[: -season.period])
    seen = differences[np.isfinite(differences)]
    return float(seen.mean()) if len(seen) else float("nan")
