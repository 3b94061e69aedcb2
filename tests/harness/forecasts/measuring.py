"""Forecasts against what came to be: errors beside the seasonal naive's, and how many values intervals held."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from server.forecasts import series_forecast
from server.forecasts.arrays import SeasonPlaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A history with its possible seasons, and what came after it; None and NaN are gaps."""

    name: str
    seasons: tuple[int, ...]
    history: Sequence[float | None]
    future: Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one forecast came to. mase and naive_mase are None for a history that repeats itself exactly, told_80 is the
    coverage that the forecast said it had measured.
    """

    mase: float | None
    naive_mase: float | None
    held_80: float
    held_95: float
    told_80: float | None
    told_mase: float | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The means of some outcomes; ratio is the mean error over that of the seasonal naive."""

    count: int
    held_80: float
    held_95: float
    told_80: float
    mase: float
    naive_mase: float
    told_mase: float
    seconds: float

    @property
    def ratio(self) -> float:
        """The error over that of the seasonal naive."""
        return self.mase / self.naive_mase


def outcome(case: Case) -> Outcome | None:
    """Forecasts one case; None where nothing is known of what came after it."""
    future = np.array([np.nan if one is None else one for one in case.future])
    seen = np.isfinite(future)
    if not seen.any():
        return None
    horizon, length = len(future), len(case.history)
    seasons = [SeasonPlaces.regular(period, length + horizon) for period in case.seasons]
    began = time.process_time()
    found = series_forecast.forecast(case.history, horizon=horizon, seasons=seasons, lower=0.0)
    seconds = time.process_time() - began
    points = np.array([(one.point, one.low_80, one.high_80, one.low_95, one.high_95) for one in found.points])[seen]
    actual = future[seen]
    known = np.array([np.nan if one is None else one for one in case.history])
    period = case.seasons[0]
    unit = float(np.nanmean(np.abs(known[period:] - known[:-period])))
    naive = _naive(known, period, horizon)[seen]
    return Outcome(
        mase=float(np.mean(np.abs(actual - points[:, 0]))) / unit if unit else None,
        naive_mase=float(np.mean(np.abs(actual - naive))) / unit if unit else None,
        held_80=float(np.mean((actual >= points[:, 1]) & (actual <= points[:, 2]))),
        held_95=float(np.mean((actual >= points[:, 3]) & (actual <= points[:, 4]))),
        told_80=found.errors.coverage_80,
        told_mase=found.errors.mase,
        seconds=seconds,
    )


def _naive(known: np.ndarray, period: int, horizon: int) -> np.ndarray:
    """The last value of each place of the shortest season."""
    last = [
        next((one for one in known[len(known) - period + place :: -period] if np.isfinite(one)), 0.0)
        for place in range(period)
    ]
    return np.resize(np.array(last), horizon)


def summary(cases: Iterable[Case]) -> Summary:
    """Forecasts all cases, and sums up."""
    found = [one for one in map(outcome, cases) if one is not None]
    scaled = [one for one in found if one.mase is not None and one.naive_mase is not None]

    def mean(values: Iterable[float | None]) -> float:
        known = [one for one in values if one is not None]
        return float(np.mean(known)) if known else float("nan")

    return Summary(
        count=len(found),
        held_80=mean(one.held_80 for one in found),
        held_95=mean(one.held_95 for one in found),
        told_80=mean(one.told_80 for one in found),
        mase=mean(one.mase for one in scaled),
        naive_mase=mean(one.naive_mase for one in scaled),
        told_mase=mean(one.told_mase for one in found),
        seconds=mean(one.seconds for one in found),
    )
