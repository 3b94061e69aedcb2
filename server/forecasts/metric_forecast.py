"""GetForecast: what a metric is expected to be next, by what it was in whole hours, days, weeks or months."""

import dataclasses
import functools
import itertools
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from server import timerange
from server.admission.query_slots import QuerySlots
from server.catalog import figures, metrics
from server.catalog.catalogue import Catalogue
from server.catalog.figures import Figure
from server.catalog.filters import Filter
from server.catalog.metrics import Metric, Ratio, Unit
from server.errors import Reason, Refused
from server.forecasts import extras, growth, threads
from server.forecasts.growth import LimitForecast, PeriodProjection
from server.forecasts.values import Effect, SeriesForecast, TooShortError
from server.query import trends
from server.query.answers import Context, Period
from server.query.buckets import Partial
from server.query.queries import Queries
from server.query.trends import Trends, TrendsQuestion
from server.tenancy.principal import Principal
from server.timerange import Granularity, Interval, Span, TimeRange

if TYPE_CHECKING:
    from server.forecasts.arrays import SeasonPlaces


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonWidth:
    """What forecasts of a granularity are: the horizon, the most of it, and how many days of history help."""

    horizon: int
    most: int
    history_days: int


WIDTHS: Final[Mapping[Granularity, HorizonWidth]] = {
    Granularity.HOUR: HorizonWidth(horizon=24, most=336, history_days=56),
    Granularity.DAY: HorizonWidth(horizon=14, most=180, history_days=730),
    Granularity.WEEK: HorizonWidth(horizon=4, most=52, history_days=1820),
    Granularity.MONTH: HorizonWidth(horizon=3, most=12, history_days=1820),
}
_UNSEEN: Final = Effect(occurrences=0, factor=None, spread=0.0)
_DAILY: Final = (Granularity.HOUR, Granularity.DAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastQuestion:
    """A question for a forecast. history is None for as much as helps; holidays has the dates of each name."""

    metric: str
    part: Filter
    granularity: Granularity
    horizon: int
    history: Interval | None
    zone: zoneinfo.ZoneInfo | None
    week_start: int | None
    holidays: Mapping[str, Sequence[date]]
    limit: float | None
    catalogue: Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricForecast:
    """A forecast with what it was learned from. buckets are those of its points, and names their holidays, empty for
    none; so_far is the value of the first one until now, None where it has not begun or has none. effects are those of
    the holidays, in the order of the question.
    """

    context: Context
    metric: Metric
    granularity: Granularity
    forecast: SeriesForecast
    buckets: Sequence[Interval]
    names: Sequence[str]
    so_far: Figure
    history: Interval
    projections: Sequence[PeriodProjection]
    limit: LimitForecast | None
    effects: Mapping[str, Effect]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPoints:
    """The whole points of a history, oldest first, and the points after it. so_far is what the first of these has."""

    points: Sequence[Interval]
    values: Sequence[float | None]
    period: TimeRange
    so_far: float | None

    def ahead(self, granularity: Granularity, count: int) -> list[Interval]:
        """Returns so many points after the history."""
        start = timerange.floor_bucket(self.points[-1].end)
        endless = dataclasses.replace(self.period, span=Span(start=start, end=start + 2**31))
        return [one.interval for one in itertools.islice(timerange.points(endless, granularity), count)]


class Forecasts:
    """Answers questions for forecasts. Each keeps a thread busy for tenths of a second, for which it takes a turn."""

    def __init__(self, queries: Queries, turns: QuerySlots) -> None:
        self.queries = queries
        self._turns = turns

    async def answer(self, principal: Principal, question: ForecastQuestion) -> MetricForecast:
        """Answers the question; refuses a history that is too short to know the error."""
        extras.check()
        found = await self._series(principal, question)
        metric = question.catalogue.metrics[question.metric]
        known = _known(found, question)
        work = functools.partial(_forecast, found.context, metric, question, known)
        return await threads.computed(self._turns, principal, work)

    async def _series(self, principal: Principal, question: ForecastQuestion) -> Trends:
        """Returns the series of the history; where none was asked for, as much of it as the organization keeps."""
        history = question.history
        if history is not None:
            return await trends.answer(self.queries, principal, _trends(question, history))
        now = self.queries.now()
        start = now - timedelta(days=WIDTHS[question.granularity].history_days)
        end = now + timerange.MAX_AHEAD
        try:
            return await trends.answer(self.queries, principal, _trends(question, Interval(start=start, end=end)))
        except Refused as refused:
            complete_from = refused.metadata.get("complete_from")
            if complete_from is None:
                raise
        later = Interval(start=datetime.fromisoformat(complete_from), end=end)
        return await trends.answer(self.queries, principal, _trends(question, later))


def _trends(question: ForecastQuestion, history: Interval) -> TrendsQuestion:
    return TrendsQuestion(
        period=Period(start=history.start, end=history.end, zone=question.zone, week_start=question.week_start),
        part=question.part,
        granularity=question.granularity,
        metrics=[question.metric],
        catalogue=question.catalogue,
    )


def _known(found: Trends, question: ForecastQuestion) -> KnownPoints:
    """Returns the whole points of a series. What lies before the first event and what is cut is no history."""
    metric = question.catalogue.metrics[question.metric]
    series = [None if one is None else float(metrics.shown(metric, one)) for one in found.series[question.metric]]
    whole = [place for place, bucket in enumerate(found.buckets) if bucket.partial is None]
    if not whole:
        raise _too_short(question, TooShortError(needed=_needed(question), found=0))
    last = whole[-1]
    following = found.buckets[last + 1] if last + 1 < len(found.buckets) else None
    runs = following is not None and following.partial is Partial.RUNNING
    return KnownPoints(
        points=[found.buckets[place].interval for place in whole],
        values=[series[place] for place in whole],
        period=found.context.period,
        so_far=series[last + 1] if runs else None,
    )


def _needed(question: ForecastQuestion) -> int:
    from server.forecasts import backtest  # needs numpy, which extras.check() has found

    return backtest.needed(_period(question.granularity), question.horizon)


def _period(granularity: Granularity) -> int:
    return {Granularity.HOUR: 24, Granularity.DAY: 7}.get(granularity, 1)


def _too_short(question: ForecastQuestion, short: TooShortError) -> Refused:
    unit = question.granularity.value
    return Refused(
        Reason.HISTORY_TOO_SHORT,
        f"a forecast of {question.horizon} {unit}s whose error is known needs {short.needed} whole {unit}s of history,"
        f" at least half of them with a value; there are {short.found}: ask for fewer ahead, or later",
        field="horizon",
        metadata={"needed": str(short.needed), "found": str(short.found), "unit": unit},
    )


def _forecast(context: Context, metric: Metric, question: ForecastQuestion, known: KnownPoints) -> MetricForecast:
    """Returns the answer; refuses a history that is too short. It takes a while."""
    granularity, least = question.granularity, _least(question, metric, known)
    has_sums = figures.adds_up(metric, question.catalogue)
    reach = growth.reach(known.points[-1].end, known.period, granularity) if has_sums else []
    ahead = known.ahead(granularity, max([question.horizon, *reach]))
    try:
        found = _with_known(_computed(question, metric, known, ahead[: question.horizon]), least)
    except TooShortError as short:
        raise _too_short(question, short) from None
    further = {}
    for steps in dict.fromkeys(reach):  # month and quarter may end together
        try:
            if steps == question.horizon:
                further[steps] = found
            else:
                further[steps] = _with_known(_computed(question, metric, known, ahead[:steps]), least)
        except TooShortError:
            break  # the quarter ends no earlier than the month
    projections = growth.projections(known, ahead, further) if granularity in _DAILY else []
    return MetricForecast(
        context=context,
        metric=metric,
        granularity=granularity,
        forecast=found,
        buckets=ahead[: question.horizon],
        names=_names(question, known, ahead[: question.horizon])[len(known.points) :],
        so_far=known.so_far,
        history=Interval(start=known.points[0].start, end=known.points[-1].end),
        projections=projections,
        limit=_limit(question, metric, known, ahead, found, further, projections),
        effects={name: found.effects.get(name, _UNSEEN) for name in question.holidays},
    )


def _computed(
    question: ForecastQuestion, metric: Metric, known: KnownPoints, ahead: Sequence[Interval]
) -> SeriesForecast:
    from server.forecasts import series_forecast  # needs numpy, which extras.check() has found

    lower, upper = series_forecast.bounds_of(known.values, is_fraction=metric.unit == Unit.FRACTION)
    return series_forecast.forecast(
        known.values,
        horizon=len(ahead),
        seasons=_seasons(question.granularity, [*known.points, *ahead], known.period.zone),
        lower=lower,
        upper=upper,
        marks=_names(question, known, ahead) if question.holidays else (),
    )


def _seasons(granularity: Granularity, points: Sequence[Interval], zone: zoneinfo.ZoneInfo) -> Sequence["SeasonPlaces"]:
    """Returns the seasons that points may have, with the place of each on the clock and the calendar of the zone."""
    from server.forecasts import arrays  # needs numpy, which extras.check() has found

    if granularity not in _DAILY:
        year = 52 if granularity is Granularity.WEEK else 12
        return [arrays.SeasonPlaces.regular(period, len(points)) for period in (1, year)]
    starts = [one.start for one in points]
    return (arrays.seasons_of_days if granularity is Granularity.DAY else arrays.seasons_of_hours)(starts, zone)


def _names(question: ForecastQuestion, known: KnownPoints, ahead: Sequence[Interval]) -> list[str]:
    """Returns the name of the holiday of each point of the history and of those ahead; empty for none."""
    days = {day: name for name, dates in question.holidays.items() for day in dates}
    if not days:  # it would take a while to learn which day each point is
        return [""] * (len(known.points) + len(ahead))
    zone = known.period.zone
    return [days.get(timerange.day_at(one.start, zone), "") for one in (*known.points, *ahead)]


def _with_known(found: SeriesForecast, so_far: float | None) -> SeriesForecast:
    """Returns a forecast whose first point is not less than what it has already; what it has beyond what was expected
    of it comes on top of all sums.
    """
    if so_far is None:
        return found
    first, *others = found.points
    beyond = max(0.0, so_far - first.point)
    sums = [one.plus(beyond).at_least(so_far) for one in found.sums]
    return dataclasses.replace(found, points=[first.at_least(so_far), *others], sums=sums)


def _least(question: ForecastQuestion, metric: Metric, known: KnownPoints) -> float | None:
    """Returns what the running point cannot fall below any more; None where it may, as storage does that is freed."""
    if not figures.adds_up(metric, question.catalogue) or (isinstance(metric, Ratio) and metric.subtrahends):
        return None
    has_fallen = any(value is not None and value < 0 for value in (*known.values, known.so_far))
    return None if has_fallen else known.so_far


def _limit(
    question: ForecastQuestion,
    metric: Metric,
    known: KnownPoints,
    ahead: Sequence[Interval],
    found: SeriesForecast,
    further: Mapping[int, SeriesForecast],
    projections: Sequence[PeriodProjection],
) -> LimitForecast | None:
    """Returns when the limit is reached; None without one, and where nothing can be said."""
    if question.limit is None:
        return None
    if not figures.adds_up(metric, question.catalogue):
        return growth.limit_of_points(question.limit, found, ahead)
    month = next((one for one in projections if one.granularity is Granularity.MONTH), None)
    if month is None:
        return None
    steps = min(further)
    return growth.limit_of_period(question.limit, month, further[steps], ahead[:steps])
