"""Series as arrays, and what models share: the last values of each place in a season, known before an origin."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from server import timerange

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonPlaces:
    """A season of so many places; phases has the place of each value, and of those that are forecast: [T + H]."""

    period: int
    phases: Integers

    @classmethod
    def regular(cls, period: int, length: int) -> "SeasonPlaces":
        """Returns a season whose places follow each other, as where no clock changes."""
        return cls(period=period, phases=np.arange(length) % period)


def seasons_of_hours(starts: Sequence[datetime], zone: ZoneInfo) -> list[SeasonPlaces]:
    """Returns the seasons that hours may have, a day and a week, each place by the clock on the wall of a zone."""
    walls = [one.astimezone(zone) for one in starts]
    hours = np.array([one.hour for one in walls], dtype=np.int64)
    weekdays = np.array([one.weekday() for one in walls], dtype=np.int64)
    return [SeasonPlaces(period=24, phases=hours), SeasonPlaces(period=168, phases=weekdays * 24 + hours)]


def seasons_of_days(starts: Sequence[datetime], zone: ZoneInfo) -> list[SeasonPlaces]:
    """Returns the season that days may have, a week, each place by the calendar of a zone."""
    weekdays = [timerange.day_at(one, zone).weekday() for one in starts]
    return [SeasonPlaces(period=7, phases=np.array(weekdays, dtype=np.int64))]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Values, oldest first, with NaN for gaps: [T]; the seasons they may have; and how many values are forecast."""

    values: Floats
    seasons: tuple[SeasonPlaces, ...]
    horizon: int

    @property
    def length(self) -> int:
        """Returns how many values there are, gaps included."""
        return len(self.values)

    def targets(self, origins: Integers) -> Integers:
        """Returns the places of what is forecast from each origin: [O, H]. An origin is how many values are known."""
        return np.asarray(origins[:, None] + np.arange(self.horizon)[None, :])

    def actual(self, origins: Integers) -> Floats:
        """Returns what came to be of it: [O, H], with NaN for gaps and for what is still to come."""
        padded = np.concatenate([self.values, np.full(self.horizon, np.nan)])
        return np.asarray(padded[self.targets(origins)])


def latest(season: SeasonPlaces, values: Floats, origins: Integers, depth: int) -> Floats:
    """Returns the last values of each place of a season before each origin, latest first: [O, depth, period], with NaN
    where there were fewer. Gaps are passed over.
    """
    phases = season.phases[: len(values)]
    seen = np.flatnonzero(np.isfinite(values))
    found = np.full((len(origins), depth, season.period), np.nan)
    back = np.arange(depth)
    order = seen[np.argsort(phases[seen], kind="stable")]
    bounds = np.searchsorted(phases[order], np.arange(season.period + 1))
    for place in range(season.period):
        at = order[bounds[place] : bounds[place + 1]]
        if len(at):
            index = np.searchsorted(at, origins)[:, None] - 1 - back
            found[:, :, place] = np.where(index >= 0, values[at[np.maximum(index, 0)]], np.nan)
    return found


def median(values: Floats, axis: int) -> Floats:
    """Returns the median over an axis without NaN; NaN where there is nothing else. It is quicker than nanmedian."""
    ordered = np.sort(values, axis=axis)  # NaN goes to the end
    counts = np.isfinite(values).sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(counts - 1, 0) // 2, axis=axis)
    high = np.take_along_axis(ordered, np.minimum(counts // 2, values.shape[axis] - 1), axis=axis)
    return np.asarray(np.where(counts > 0, (low + high) / 2, np.nan).squeeze(axis=axis))


def mean(values: Floats, axis: int) -> Floats:
    """Returns the mean over an axis without NaN; NaN where there is nothing else."""
    counts = np.isfinite(values).sum(axis=axis)
    sums = np.nansum(values, axis=axis)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))


def filled(values: Floats) -> Floats:
    """Returns values with each gap filled by the value before it; those before the first one by the first."""
    seen = np.isfinite(values)
    places = np.where(seen, np.arange(len(values)), -1)
    last = np.maximum.accumulate(places)
    return np.asarray(values[np.where(last < 0, np.argmax(seen), last)])
