"""Growth: what the running month and quarter will come to, and when a limit is reached."""

import enum
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from server import timerange
from server.forecasts.values import Expected, SeriesForecast
from server.timerange import Granularity, Interval, TimeRange

if TYPE_CHECKING:
    from server.forecasts.metric_forecast import KnownPoints

_PERIODS: Final = {
    Granularity.HOUR: (Granularity.MONTH,),
    Granularity.DAY: (Granularity.MONTH, Granularity.QUARTER),
}
_MOST_STEPS: Final = {Granularity.HOUR: 336, Granularity.DAY: 92}


class LimitOutcome(enum.Enum):
    """Whether a limit is reached: already, as expected, within the interval of 80 % or not within that either."""

    REACHED = enum.auto()
    EXPECTED = enum.auto()
    POSSIBLE = enum.auto()
    NOT_EXPECTED = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodProjection:
    """What a month or quarter has before the running point, with it until now, and is expected to have at its end."""

    granularity: Granularity
    bounds: Interval
    done: float
    so_far: float
    at_end: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitForecast:
    """In which points a limit is reached: as expected, and by the upper and the lower end of the interval of 80 %.
    None: not until looked_until.
    """

    limit: float
    outcome: LimitOutcome
    expected: Interval | None
    earliest: Interval | None
    latest: Interval | None
    looked_until: datetime


def _around(at: datetime, period: TimeRange, granularity: Granularity) -> Interval:
    """Returns the month or quarter that holds an instant, in the zone of a period."""
    day = timerange.day_at(at, period.zone)
    months = 3 if granularity is Granularity.QUARTER else 1
    first = day.replace(month=(day.month - 1) // months * months + 1, day=1)
    end = timerange.next_date(day, granularity, period.week_start)
    return Interval(start=timerange.midnight(first, period.zone), end=timerange.midnight(end, period.zone))


def reach(end: datetime, period: TimeRange, granularity: Granularity) -> list[int]:
    """Returns how many points lie between the end of a history and that of the month, and of the quarter, if that is no
    further than can be looked ahead.
    """
    steps = []
    for one in _PERIODS.get(granularity, ()):
        bounds = _around(end, period, one)
        span = Interval(start=end, end=bounds.end).span
        ahead = TimeRange(span=span, zone=period.zone, now=period.now, asked=span.interval)
        most = _MOST_STEPS[granularity]
        count = sum(1 for _ in itertools.islice(timerange.points(ahead, granularity), most + 1))
        if 0 < count <= most:
            steps.append(count)
    return steps


def projections(
    known: "KnownPoints", ahead: Sequence[Interval], further: Mapping[int, SeriesForecast]
) -> list[PeriodProjection]:
    """Returns what the month and the quarter come to; further has a forecast up to the end of each, by its points. One
    that begins before the history is left out.
    """
    found = []
    end = known.points[-1].end
    for granularity in (Granularity.MONTH, Granularity.QUARTER):
        bounds = _around(end, known.period, granularity)
        steps = next((one for one in further if ahead[one - 1].end == bounds.end), None)
        if steps is None or bounds.start < known.points[0].start:
            continue
        inside = [value for one, value in zip(known.points, known.values, strict=True) if one.start >= bounds.start]
        done = float(sum(value for value in inside if value is not None))
        found.append(
            PeriodProjection(
                granularity=granularity,
                bounds=bounds,
                done=done,
                so_far=done + (known.so_far or 0.0),
                at_end=further[steps].sums[steps - 1].plus(done),
            )
        )
    return found


def limit_of_period(
    limit: float, month: PeriodProjection, found: SeriesForecast, ahead: Sequence[Interval]
) -> LimitForecast:
    """Returns when the value of a month reaches a limit, by a forecast up to its end."""
    sums = [one.plus(month.done) for one in found.sums]
    return _limit(limit, sums, ahead, is_reached=month.so_far >= limit)


def limit_of_points(limit: float, found: SeriesForecast, ahead: Sequence[Interval]) -> LimitForecast:
    """Returns which point is the first one that reaches a limit."""
    return _limit(limit, found.points, ahead[: len(found.points)], is_reached=False)


def _limit(limit: float, values: Sequence[Expected], ahead: Sequence[Interval], *, is_reached: bool) -> LimitForecast:
    expected, earliest, latest = (
        next((one for one, value in zip(ahead, ends, strict=True) if value >= limit), None)
        for ends in ([one.point for one in values], [one.high_80 for one in values], [one.low_80 for one in values])
    )
    outcome = LimitOutcome.NOT_EXPECTED
    if is_reached:
        outcome, expected, earliest, latest = LimitOutcome.REACHED, None, None, None
    elif expected is not None:
        outcome = LimitOutcome.EXPECTED
    elif earliest is not None:
        outcome = LimitOutcome.POSSIBLE
    return LimitForecast(
        limit=limit,
        outcome=outcome,
        expected=expected,
        earliest=earliest,
        latest=latest,
        looked_until=ahead[-1].end,
    )
