"""A forecast of a plain series: values, what they are expected to be next, and how wrong such forecasts have been."""

from collections.abc import Sequence

import numpy as np

from server.forecasts import backtest, holidays, intervals
from server.forecasts.arrays import Floats, History, SeasonPlaces
from server.forecasts.backtest import Backtest
from server.forecasts.intervals import Band, Intervals
from server.forecasts.values import Errors, Expected, SeriesForecast, TooShortError

MOST_VALUES = 1_500  # the last ones, which are used of a longer history


def bounds_of(values: Sequence[float | None], *, is_fraction: bool) -> tuple[float | None, float | None]:
    """Returns what a series is not expected to fall below, or to exceed: what has never been below 0 is not, nor is a
    fraction above 1 that has never been.
    """
    seen = [value for value in values if value is not None]
    is_share = is_fraction and all(value <= 1 for value in seen)
    return 0.0 if all(value >= 0 for value in seen) else None, 1.0 if is_share else None


def forecast(
    values: Sequence[float | None],
    *,
    horizon: int,
    seasons: Sequence[SeasonPlaces] = (),
    lower: float | None = None,
    upper: float | None = None,
    marks: Sequence[str] = (),
) -> SeriesForecast:
    """Returns what the next values of a series are expected to be.

    values are oldest first, with None for gaps; of more than MOST_VALUES the last ones count. seasons are the seasons
    that it may have, shortest first, each with the places of its values and of those ahead; none: it has none. No point
    and no interval is below lower or above upper. marks has a name for each value and for each of those ahead, empty
    for what is like any other: a holiday. What it does to values is learned from earlier ones of the name, and models
    do not see them.

    Raises TooShortError where the history is too short to know the error.
    """
    array = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    ordinary = holidays.without(array, marks)
    start, seen = _used(ordinary)
    known = tuple(seasons) or (SeasonPlaces.regular(1, len(array) + horizon),)
    needed = backtest.needed(known[0].period, horizon)
    if len(array) - start < needed or seen < max(needed // 2, 8):
        raise TooShortError(needed=needed, found=min(len(array) - start, seen))
    used = [one for one in known if one is known[0] or len(array) - start >= 3 * one.period + horizon]
    cut = tuple(SeasonPlaces(period=one.period, phases=one.phases[start:]) for one in used)
    unit = float(np.nanmax(np.abs(ordinary[start:]))) or 1.0
    history = History(values=ordinary[start:] / unit, seasons=cut, horizon=horizon)
    bounds = (None if lower is None else lower / unit, None if upper is None else upper / unit)
    test = backtest.run(history, bounds)
    if not np.isfinite(test.residuals).any():  # all values are from before the first instant that was tested
        raise TooShortError(needed=needed, found=int(np.isfinite(history.values[-needed:]).sum()))
    at_points, at_sums = intervals.of_points(history, test), intervals.of_sums(history, test)
    points = test.forecasts[-1]
    effects = holidays.learned(history, array[start:] / unit, marks[start:])
    ahead = [effects.get(name) for name in marks[len(array) :]] or [None] * horizon
    at_days = holidays.applied(points, at_points.bands, ahead)
    at_ends = holidays.added_up(points, at_sums, ahead)
    return SeriesForecast(
        points=_expected(*at_days, unit, bounds),
        sums=_expected(*at_ends, unit, (0.0 if lower == 0 else None, None)),
        model=test.model,
        members=test.members,
        errors=_errors(test, at_points),
        values_used=seen,
        effects=effects,
    )


def _used(values: Floats) -> tuple[int, int]:
    """Returns where the history begins that is used: at the first value that is there, and how many are."""
    seen = np.flatnonzero(np.isfinite(values))
    start = max(int(seen[0]), len(values) - MOST_VALUES) if len(seen) else len(values)
    return start, int((seen >= start).sum())


def _expected(
    points: Floats, bands: Sequence[Band], unit: float, bounds: tuple[float | None, float | None]
) -> list[Expected]:
    """Returns points with their intervals, in the unit of the series."""
    rows = [points]
    for band in bands:
        rows += [points + band.low, points + band.high]
    within = np.stack(rows) if bounds == (None, None) else np.clip(np.stack(rows), *bounds)
    return [
        Expected(point=point, low_80=low_80, high_80=high_80, low_95=low_95, high_95=high_95)
        for point, low_80, high_80, low_95, high_95 in (within * unit).T.tolist()
    ]


def _errors(test: Backtest, found: Intervals) -> Errors:
    """Returns the errors of the backtest, over the origins for which the choice between models was tested, too."""
    actual, errors = test.actual, np.abs(test.residuals)
    naive = np.abs(actual - test.naive_forecasts)
    is_scaled = np.isfinite(test.one_step) and test.one_step > 0
    return Errors(
        mase=float(np.nanmean(errors)) / test.one_step if is_scaled else None,
        naive_mase=float(np.nanmean(naive)) / test.one_step if is_scaled else None,
        coverage_80=found.coverage[0],
        coverage_95=found.coverage[1],
        origins=len(test.origins) - 1,
    )
