"""Baselines: what is usual for a bucket, learned from the buckets before it, one after the other."""

import itertools
import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from server.anomalies import seasons
from server.anomalies.samples import Sample, SeriesKind
from server.anomalies.seasons import Basis, Season
from server.anomalies.windows import SortedWindow

# How many buckets it takes until they stand for "as usual": weeks of one hour or day of the week, days of one hour of
# working days or of weekends, and any buckets; of parts of days those of a whole day.
_LEAST_WEEKS = 3
_LEAST_DAYS = {False: 4, True: 3}  # by whether the day is of the weekend
_LEAST = 10
# How much is remembered: as usual in autumn is not as usual in spring.
_WEEKS = 8
_DAYS = 21
_WEEKEND = 5 * 24  # the hour of the week with which it begins
_ALL = 672  # four weeks of hours, a week of quarter hours
# The buckets that tell the present level, the noise of the present and a drift.
RECENT = 48
_LEAST_RECENT = 16
_LEAST_NOISE = 8
_SEEN = 2  # what was as far away so often is not unusual
_SEASONS_ASKED = 12
_POOLED = 8  # as many values as the noise of the present counts for beside that of the season
_FREEDOM_PER_SAMPLE = 0.37  # how much a median distance knows, beside a standard deviation of normal values
_DRIFT_WEIGHT = 0.1
_DRIFT_BUCKETS = 12
_CLIPPED = 3.0  # what one bucket can do to a drift, in standard deviations
# Neighbouring buckets are alike, and an average of them varies so much more: at least this correlation is assumed.
_LEAST_CORRELATION = 0.3
_MOST_CORRELATION = 0.95
_SMALL = 60.0  # the mean of greater counts is not asked for
_LEAST_LEVEL = 5.0  # of smaller counts no ratio to the usual is taken
_FLOOR = 0.001  # the least spread of values that are no counts, beside the usual value
_OF_DAYS = (Season.HOUR_OF_WORKING_DAYS, Season.HOUR_OF_WEEKENDS)


_OF_HOURS = (*_OF_DAYS, Season.HOUR_OF_WEEK)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedValue:
    """What is expected of a bucket: a value, and its standard deviation.

    window has the values of its season and center is their median; value is what that comes to at the present level,
    and grown by how much spreads have grown with it.
    """

    window: SortedWindow
    season: Season
    center: float
    level: float | None
    value: float
    spread: float
    grown: float

    def distance(self, value: float) -> float:
        """Returns how far a value is from what is expected, in standard deviations."""
        return (value - self.value) / self.spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What is usual for a bucket: the value to expect, and how far values are from it.

    mean is the season's mean at the present level, which for small counts and fractions says more than a median. least
    and most are values that were seen twice at least, at that level. fall and rise are the standard deviations below
    and above what is expected, where one side may reach farther, and freedom says how well these are known (the degrees
    of freedom of Student's t).
    """

    near: ExpectedValue
    expected: float
    mean: float
    least: float
    most: float
    fall: float
    rise: float
    freedom: float
    basis: Basis

    def distance(self, value: float) -> float:
        """Returns how far a value is from what is expected, in standard deviations of its side."""
        return (value - self.expected) / (self.rise if value > self.expected else self.fall)


class Baseline:
    """The buckets of one series that have been seen, for one kind of value in one zone.

    Memory and the time for a bucket do not grow with the number of buckets.
    """

    def __init__(self, *, kind: SeriesKind, zone: ZoneInfo, width: timedelta) -> None:
        """Has seen nothing."""
        self._kind = kind
        self._clock = seasons.WallClock(zone)
        self._has_hours, self._is_daily = seasons.is_within_days(width), seasons.is_daily(width)
        self._per_hour = max(1, round(timedelta(hours=1) / width)) if self._has_hours else 1
        self._least = 24 * self._per_hour if self._has_hours else _LEAST
        self._by_week: dict[int, SortedWindow] = {}
        self._by_day: dict[int, SortedWindow] = {}
        self._all = SortedWindow(_ALL)
        self._levels = SortedWindow(RECENT)
        self._noise = SortedWindow(RECENT)
        self._latest: deque[float] = deque(maxlen=RECENT)
        self._drift = 0.0
        self._season = Season.ALL

    def load(self, samples: Sequence[Sample]) -> None:
        """Takes in buckets as what is usual alone: they say nothing about the present level, noise and drift."""
        for sample in samples:
            if sample.value is not None:
                self._learn(sample.at, sample.value)

    def observe(self, sample: Sample, expected: ExpectedValue | None) -> None:
        """Takes in a bucket; expected is what was expected of it until now."""
        if sample.value is None:
            return
        if expected is not None:
            self._compare(sample.value, expected)
        self._learn(sample.at, sample.value)

    def expected(self, sample: Sample) -> ExpectedValue | None:
        """Returns what is expected of a bucket; None where too few buckets have been seen."""
        found = self._similar(sample.at)
        if found is None:
            return None
        window, season = found
        if season.is_narrower(self._season):
            self._begin(season)
        center, level = window.median(), self._level()
        expected = self._at_level(center, level)
        spread, grown = self._spread(window, center, expected, sample.trials)
        return ExpectedValue(
            window=window, season=season, center=center, level=level, value=expected, spread=spread, grown=grown
        )

    def usual(self, sample: Sample) -> Usual | None:
        """Returns what is usual for a bucket; None where too few buckets have been seen."""
        expected = self.expected(sample)
        if expected is None:
            return None
        window, level, center = expected.window, expected.level, expected.center
        has_mean = self._kind is not SeriesKind.VALUE and center <= _SMALL
        mean = self._at_level(window.trimmed_mean(), level) if has_mean else expected.value
        fall, rise = window.tails(center)
        least, most = window.seen(_SEEN)
        return Usual(
            near=expected,
            expected=expected.value,
            mean=mean,
            least=self._at_level(least, level),
            most=self._at_level(most, level),
            fall=max(expected.spread, fall * expected.grown),
            rise=max(expected.spread, rise * expected.grown),
            freedom=self._freedom(window),
            basis=self._basis(expected, sample.at),
        )

    def drift(self, value: float, usual: Usual) -> float:
        """Returns how far the average of the latest buckets has moved, in standard deviations of such an average.

        value is that of the bucket in question. It is 0 with too few buckets, and
        as long as a bucket is compared with those of other hours or days: every morning would be a drift.
        """
        is_mixed = (self._has_hours or self._is_daily) and usual.near.season is Season.ALL
        if is_mixed or len(self._latest) < _LEAST_RECENT:
            return 0.0
        kept = 1 - _DRIFT_WEIGHT
        alike = _correlation(self._latest) * kept
        deviation = math.sqrt(_DRIFT_WEIGHT / (1 + kept) * (1 + alike) / (1 - alike))
        return _averaged(self._drift, usual.near.distance(value)) / deviation

    def _learn(self, at: datetime, value: float) -> None:
        self._all.add(value)
        if not (self._has_hours or self._is_daily):
            return
        hour = self._clock.hour_of_week(at)
        if self._has_hours:
            _window(self._by_week, hour, _WEEKS * self._per_hour).add(value)
            _window(self._by_day, _hour_of_day(hour), _DAYS * self._per_hour).add(value)
        else:
            _window(self._by_week, hour // 24, _WEEKS).add(value)

    def _similar(self, at: datetime) -> tuple[SortedWindow, Season] | None:
        """Returns the narrowest season with enough buckets."""
        if self._has_hours:
            hour = self._clock.hour_of_week(at)
            found = self._by_week.get(hour)
            if found is not None and len(found) >= _LEAST_WEEKS * self._per_hour:
                return found, Season.HOUR_OF_WEEK
            found, is_weekend = self._by_day.get(_hour_of_day(hour)), hour >= _WEEKEND
            if found is not None and len(found) >= _LEAST_DAYS[is_weekend] * self._per_hour:
                return found, Season.HOUR_OF_WEEKENDS if is_weekend else Season.HOUR_OF_WORKING_DAYS
        elif self._is_daily:
            found = self._by_week.get(self._clock.hour_of_week(at) // 24)
            if found is not None and len(found) >= _LEAST_WEEKS:
                return found, Season.DAY_OF_WEEK
        return (self._all, Season.ALL) if len(self._all) >= self._least else None

    def _basis(self, expected: ExpectedValue, at: datetime) -> Basis:
        """Returns what a bucket is compared with, in words."""
        hour = self._clock.hour_of_week(at)
        has_day = expected.season in (Season.HOUR_OF_WEEK, Season.DAY_OF_WEEK)
        return Basis(
            season=expected.season,
            samples=len(expected.window),
            weekday=hour // 24 if has_day else None,
            hour=hour % 24 if expected.season in _OF_HOURS else None,
        )

    def _at_level(self, value: float, level: float | None) -> float:
        """Returns what a value of the past comes to at the present level."""
        if level is None:
            return value
        if self._kind is SeriesKind.COUNT:
            return value * level
        if self._kind is SeriesKind.VALUE:
            return value + level
        return min(max(1.0, value), max(min(0.0, value), value + level))

    def _level(self) -> float | None:
        """Returns what the latest buckets were beside the usual of their seasons: a ratio of counts, else a difference.

        By the median: what has lasted for less than half of them is no level.
        """
        return self._levels.median() if len(self._levels) >= _LEAST_RECENT else None

    def _compare(self, value: float, expected: ExpectedValue) -> None:
        if self._season.is_narrower(expected.season):
            return
        found = expected.distance(value)
        self._drift = _averaged(self._drift, found)
        self._latest.append(found)
        self._noise.add((value - expected.value) / self._scale(expected.value))
        if self._kind is not SeriesKind.COUNT:
            self._levels.add(value - expected.center)
        elif expected.center >= _LEAST_LEVEL:
            self._levels.add(value / expected.center)

    def _begin(self, season: Season) -> None:
        """Forgets how buckets were beside a wider season, once there is a narrower one."""
        self._season = season
        self._levels, self._drift = SortedWindow(RECENT), 0.0
        self._latest.clear()
        windows = self._by_day if season in _OF_DAYS else self._by_week
        self._noise = SortedWindow(RECENT, self._distances(windows))

    def _distances(self, windows: Mapping[int, SortedWindow]) -> list[float]:
        """Returns how far values are from the medians of their own seasons, of seasons spread over all.

        Without one value of each, since some value always is next to the median.
        """
        found: list[float] = []
        for key in list(windows)[:: max(1, len(windows) // _SEASONS_ASKED)]:
            window = windows[key]
            center = window.median()
            distances = sorted((value - center for value in window.ordered()), key=abs)
            found += (distance / self._scale(center) for distance in distances[1:])
        return found

    def _spread(self, window: SortedWindow, center: float, expected: float, trials: int | None) -> tuple[float, float]:
        """Returns the standard deviation of a bucket, of season and present together, and by what that has grown."""
        count, grown = len(window), 1.0
        if self._kind is SeriesKind.COUNT and center > 0:
            grown = max(1.0, expected / center)
        spread = window.spread(center) * grown
        if len(self._noise) >= _LEAST_NOISE:
            present = self._noise.spread(0.0) * self._scale(expected)
            spread = math.sqrt((count * spread**2 + _POOLED * present**2) / (count + _POOLED))
        spread *= math.sqrt(1 + math.pi / 2 / count)  # the median is an estimate, too
        return max(spread, self._least_spread(expected, trials, count)), grown

    def _freedom(self, window: SortedWindow) -> float:
        """Returns how well the standard deviations are known, as degrees of freedom."""
        present = len(self._noise) - 1 if len(self._noise) >= _LEAST_NOISE else 0
        return max(1.0, _FREEDOM_PER_SAMPLE * (len(window) - 1 + present))

    def _scale(self, expected: float) -> float:
        """Returns by what noise is compared between seasons: the root of a count, as in a Poisson process."""
        return math.sqrt(max(1.0, expected)) if self._kind is SeriesKind.COUNT else 1.0

    def _least_spread(self, expected: float, trials: int | None, samples: int) -> float:
        """Returns what chance alone spreads by."""
        if self._kind is SeriesKind.COUNT:
            return math.sqrt(max(1.0, expected))
        if self._kind is SeriesKind.FRACTION and trials:
            seen = trials * samples
            share = (min(1.0, max(0.0, expected)) * seen + 0.5) / (seen + 1)
            return math.sqrt(share * (1 - share) / trials)
        return max(_FLOOR * abs(expected), 1e-9)


def _averaged(average: float, distance: float) -> float:
    return average + _DRIFT_WEIGHT * (min(_CLIPPED, max(-_CLIPPED, distance)) - average)


def _correlation(latest: Collection[float]) -> float:
    """Returns how alike neighbours were before a drift that may be under way, within the bounds of what is believed."""
    before = itertools.islice(latest, max(0, len(latest) - _DRIFT_BUCKETS))
    clipped = [min(_CLIPPED, max(-_CLIPPED, one)) for one in before]
    squares = sum(one * one for one in clipped)
    products = sum(one * other for one, other in itertools.pairwise(clipped))
    return min(_MOST_CORRELATION, max(_LEAST_CORRELATION, products / squares if squares else 0.0))


def _hour_of_day(hour: int) -> int:
    """Returns a number for an hour of the week's days of its kind: 0 to 23, and from 24 on of weekends."""
    return hour % 24 + (24 if hour >= _WEEKEND else 0)


def _window(windows: dict[int, SortedWindow], key: int, most: int) -> SortedWindow:
    found = windows.get(key)
    if found is None:
        found = windows[key] = SortedWindow(most)
    return found
