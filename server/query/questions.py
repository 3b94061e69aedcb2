"""The questions: each is answered from one snapshot of rollups and unfolded deltas."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from server import timerange
from server.admission import request_limits
from server.admission.query_slots import Turns
from server.catalog import counting, figures, metrics, registry
from server.catalog.cells import OTHER, Cell, Dimension
from server.catalog.figures import Figures, Wanted
from server.catalog.filters import Filter
from server.clock import Clock
from server.errors import Reason, Refused
from server.query import agent, costs, overview, plans, trends
from server.query.answers import Absence, Agent, Change, Context, Overview, Period, TrendPoint, Trends
from server.query.plans import Plan
from server.query.presence import presence
from server.rollups import overflow
from server.store import reading, statuses
from server.store.database import Database, Driver
from server.store.reading import Reading
from server.store.rollups import AsOf
from server.tenancy.principal import Principal
from server.timerange import Granularity, Span, TimeRange

_EVENTS = registry.MEASURES["events"]
_STORAGE_CHANGE = registry.MEASURES["storage_change_bytes"]
_STORAGE_TERMS = (_STORAGE_CHANGE.name, f"{_STORAGE_CHANGE.name}.count")  # the count tells that there was a change


class Queries:
    """Answers questions, a limited number at once. The clock tells the database's time."""

    def __init__(self, database: Database, clock: Clock, turns: Turns) -> None:
        self._database = database
        self._clock = clock
        self._turns = turns

    async def overview(self, principal: Principal, period: Period, part: Filter) -> Overview:
        """The key figures of a period, for the organization or a part of it."""
        wanted = figures.wanted(overview.FIGURES, *_STORAGE_TERMS)
        async with self._turns.turn(principal), self._database.query() as driver:
            time_range, _, found = await self._read(
                driver, principal, period, wanted, functools.partial(plans.overview, part)
            )
            await overflow.check(driver, principal.organization_id, part, field="filter")
        points = _with_whole_period(found.points)
        return Overview(
            context=_context(time_range, found.as_of, overview.FIGURES),
            figures=figures.figures(overview.FIGURES, points[plans.NOW]),
            changes=_changes(time_range, points),
            storage_by_kind=_storage(points) if part.is_whole else None,
            events_by_type=_type_counts(found.types, points[plans.NOW]) if part.is_whole else None,
        )

    async def agent(self, principal: Principal, agent_id: str, period: Period, trend_days: int) -> Agent:
        """The figures of one agent over a period, and its last days; refuses an agent that was never seen."""
        organization_id = principal.organization_id
        wanted = figures.wanted((*agent.FIGURES, *agent.DAILY_FIGURES))
        part = Filter(dimension=Dimension.AGENT, value=agent_id)
        plan = functools.partial(plans.agent, part, trend_days)
        async with self._turns.turn(principal), self._database.query_snapshot() as driver:
            time_range, days, found = await self._read(driver, principal, period, wanted, plan)
            if not await overflow.check(driver, organization_id, part, field="agent_id"):
                raise Refused(Reason.AGENT_NOT_FOUND, "no event has ever carried this agent_id", field="agent_id")
            start, end = timerange.instant(time_range.span.start), timerange.instant(time_range.span.end)
            changes = await statuses.changes(driver, organization_id, agent_id, start, end) if agent_id != OTHER else []
        there = presence(changes, start, end, found.as_of.at)
        derived: Figures = {"available_time_ms": there.available_time_ms, "occupancy": there.occupancy}
        return Agent(
            context=_context(time_range, found.as_of, agent.FIGURES),
            agent_id=agent_id,
            figures={**figures.figures(agent.FIGURES, found.points[plans.NOW]), **derived},
            trend=[
                TrendPoint(span=span, figures=figures.figures(agent.DAILY_FIGURES, found.points[plans.SERIES + index]))
                for index, span in enumerate(days)
            ],
        )

    async def trends(
        self,
        principal: Principal,
        period: Period,
        granularity: Granularity | None,
        metrics: Sequence[str],
        part: Filter,
    ) -> Trends:
        """Series of metrics over the buckets of a zone, without gaps."""
        names = _trend_metrics(metrics)
        wanted = figures.wanted(names, *((*costs.MEASURES, *_STORAGE_TERMS) if part.is_whole else ()))
        plan = functools.partial(plans.trends, part, granularity)
        async with self._turns.turn(principal), self._database.query() as driver:
            time_range, spans, found = await self._read(driver, principal, period, wanted, plan)
            await overflow.check(driver, principal.organization_id, part, field="filter")
        points = [found.points[plans.SERIES + index] for index in range(len(spans))]
        series = {name: [figures.figure(registry.METRICS[name], cell) for cell in points] for name in names}
        storage = _storage(found.points) if part.is_whole else None
        return Trends(
            context=_context(time_range, found.as_of, names),
            granularity=plans.width(granularity, time_range),
            buckets=spans,
            series=series,
            storage_by_kind=storage,
            estimated_costs=None
            if storage is None
            else costs.estimate(principal.settings, spans, points, storage_after=sum(storage.values())),
        )

    async def _read(
        self,
        driver: Driver,
        principal: Principal,
        period: Period,
        wanted: Wanted,
        plan: Callable[[TimeRange], Plan],
    ) -> tuple[TimeRange, Sequence[Span], Reading]:
        """Plans by our copy of the database's clock and reads in one statement, which tells the database's own time.

        In the rare case that the two are of different quarter hours, it reads again.
        """
        now = self._clock.now()
        while True:
            planned = _resolve(principal, period, now)
            chosen = plan(planned)
            found = await reading.read(driver, principal.organization_id, chosen.selections, wanted, chosen.types)
            now = found.as_of.at
            time_range = _resolve(principal, period, now)
            if (time_range.span, time_range.elapsed) == (planned.span, planned.elapsed):
                return time_range, chosen.spans, found


def _resolve(principal: Principal, period: Period, now: datetime) -> TimeRange:
    zone = period.zone or timerange.zone(principal.settings.time_zone)
    return timerange.resolve(period.start, period.end, zone, now)


def _context(time_range: TimeRange, as_of: AsOf, names: Iterable[str]) -> Context:
    approximate = [name for name in names if isinstance(registry.METRICS[name], metrics.Quantile)]
    return Context(period=time_range, as_of=as_of, approximate=approximate)


def _with_whole_period(found: Mapping[int, Cell]) -> dict[int, Cell]:
    """The cells with that of the whole period, where it was read in two parts."""
    points = dict(found)
    if plans.NOW not in points:
        points[plans.NOW] = whole = Cell()
        whole.add(points[plans.ELAPSED])
        whole.add(points[plans.REST])
    return points


def _changes(time_range: TimeRange, found: Mapping[int, Cell]) -> dict[str, Change]:
    return {name: _change(registry.METRICS[metric], time_range, found) for name, metric in registry.CHANGES.items()}


def _change(metric: metrics.Metric, time_range: TimeRange, found: Mapping[int, Cell]) -> Change:
    if plans.BEFORE not in found:
        return Change(percent=None, absence=Absence.BEFORE_FLOOR)
    if not time_range.elapsed.length:
        return Change(percent=None, absence=Absence.TOO_EARLY)
    percent = figures.change(
        figures.figure(metric, found.get(plans.ELAPSED, found[plans.NOW])), figures.figure(metric, found[plans.BEFORE])
    )
    return Change(percent=percent, absence=Absence.NO_BASELINE if percent is None else None)


def _storage(found: Mapping[int, Cell]) -> dict[str, int]:
    """The storage in use by kind; kinds that were never told of are left out."""
    kinds = {kind: found[plans.KINDS + index] for index, kind in enumerate(counting.STORAGE_KINDS)}
    return {kind: int(figures.figure(_STORAGE_CHANGE, cell) or 0) for kind, cell in kinds.items() if cell.counters}


def _type_counts(types: Mapping[str, int], whole: Cell) -> dict[str, int]:
    """The number of events by type, most frequent first; types that did not occur are left out.

    Types over the limit are one row, OTHER, which is what the others leave of all events: the rows always add up.
    """
    counts = {**types, OTHER: int(figures.figure(_EVENTS, whole) or 0) - sum(types.values())}
    return {name: count for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if count}


def _trend_metrics(names: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(names)) or list(trends.DEFAULT_METRICS)
    request_limits.METRICS.check(len(wanted))
    for name in wanted:
        if name not in registry.METRICS:
            raise Refused(
                Reason.UNKNOWN_METRIC,
                "no metric of this name has a series; ListMetrics lists them",
                field="metrics",
                metadata={"metric": name[:64]},
            )
    return wanted
