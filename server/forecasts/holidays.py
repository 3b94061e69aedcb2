"""Days that are not like others: left out of what models see, and put back where they have been seen before."""

from collections.abc import Mapping, Sequence

import numpy as np

from server.forecasts import naive
from server.forecasts.arrays import Floats, History, Integers
from server.forecasts.intervals import LEVELS, Band
from server.forecasts.values import Effect

_SIGMAS = dict(zip(LEVELS, (1.2816, 1.9600), strict=True))  # of the spread of the effect, for each level
_MOST = 20.0  # times the ordinary value: no effect is larger
_DOUBT = 0.25  # of the change, where it was seen once alone


def without(values: Floats, marks: Sequence[str]) -> Floats:
    """Returns values with a gap for each that has a mark."""
    marked = np.array([bool(name) for name in marks[: len(values)]] or [False] * len(values))
    return np.asarray(np.where(marked, np.nan, values))


def learned(history: History, values: Floats, marks: Sequence[str]) -> Mapping[str, Effect]:
    """Returns the effect of each name, from earlier values that have it: the middle of what each was, against what
    would have been expected there. values are those of the history, with those that have a mark; marks reach further
    ahead.
    """
    found: dict[str, Effect] = {}
    for name in dict.fromkeys(filter(None, marks)):
        places = np.array([at for at, one in enumerate(marks[: len(values)]) if one == name and at > 0], dtype=np.int64)
        places = places[np.isfinite(values[places])] if len(places) else places
        ratios = _ratios(history, values, places) if len(places) else np.array([])
        ratios = ratios[np.isfinite(ratios)]
        if not len(ratios):
            found[name] = Effect(occurrences=0, factor=None, spread=0.0)
            continue
        factor = float(np.clip(np.median(ratios), 0.0, _MOST))
        spread = float(np.std(ratios, ddof=1)) if len(ratios) > 1 else _DOUBT * abs(factor - 1)
        found[name] = Effect(occurrences=len(ratios), factor=factor, spread=min(spread, _MOST))
    return found


def _ratios(history: History, values: Floats, places: Integers) -> Floats:
    one_ahead = History(values=history.values, seasons=history.seasons, horizon=1)
    expected = naive.profile(one_ahead, history.seasons[0], places)[:, 0]
    return np.asarray(np.where(expected > 0, values[places] / np.where(expected > 0, expected, 1), np.nan))


def _factors(ahead: Sequence[Effect | None]) -> tuple[Floats, Floats]:
    factors = np.array([1.0 if one is None or one.factor is None else one.factor for one in ahead])
    return factors, np.array([0.0 if one is None else one.spread for one in ahead])


def applied(points: Floats, bands: Sequence[Band], ahead: Sequence[Effect | None]) -> tuple[Floats, list[Band]]:
    """Returns points and their intervals with the effects of the days ahead."""
    factors, spreads = _factors(ahead)
    changed = []
    for level, band in zip(LEVELS, bands, strict=True):
        doubt = _SIGMAS[level] * spreads * np.abs(points)
        changed.append(
            Band(low=-np.hypot(band.low * factors, doubt), high=np.hypot(band.high * factors, doubt))
            if np.any(spreads > 0) or np.any(factors != 1)
            else band
        )
    return points * factors, changed


def added_up(points: Floats, bands: Sequence[Band], ahead: Sequence[Effect | None]) -> tuple[Floats, list[Band]]:
    """Returns the running sums of points and their intervals with the effects of the days up to each."""
    factors, spreads = _factors(ahead)
    changed = []
    for level, band in zip(LEVELS, bands, strict=True):
        doubt = np.sqrt(np.cumsum((_SIGMAS[level] * spreads * points) ** 2))
        changed.append(Band(low=-np.hypot(band.low, doubt), high=np.hypot(band.high, doubt)))
    return np.cumsum(points * factors), changed
