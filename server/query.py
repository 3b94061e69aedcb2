"""The questions: each is answered from one snapshot of rollups and unfolded deltas."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from server import catalog, costs, figures, measures, overflow, timerange
from server.accounts import Principal
from server.answers import Absence, Agent, Change, Context, Filter, Overview, Period, TrendPoint, Trends
from server.cells import OTHER, Cell, Dimension
from server.errors import Reason, Refused
from server.figures import Figures
from server.presence import presence
from server.store import members, rollups, statuses
from server.store.database import Connection, Database
from server.store.rollups import AsOf, Selection
from server.timerange import Granularity, Span, TimeRange

MAX_METRICS = 20
MAX_EVENT_TYPES = 2000  # more than the largest limit and the types that the service knows

_EVENTS = catalog.MEASURE["events"]
_STORAGE_CHANGE = catalog.MEASURE["storage_change_bytes"]

# What the cells of a read stand for. Series count up from _SERIES.
_NOW, _BEFORE, _ELAPSED, _KINDS, _SERIES = 0, 1, 2, 10, 1000


class Queries:
    """Answers questions, a limited number at once."""

    def __init__(self, database: Database, *, max_queries: int) -> None:
        self._database = database
        self._free = max_queries

    @contextlib.asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Connection]:
        if not self._free:
            raise Refused(Reason.QUERY_CONCURRENCY, "too many questions at once", retry_after=1.0)
        self._free -= 1
        try:
            async with self._database.snapshot() as connection:
                yield connection
        finally:
            self._free += 1

    async def overview(self, principal: Principal, period: Period, part: Filter) -> Overview:
        """The key figures of a period, for the organization or a part of it."""
        organization_id = principal.organization_id
        async with self._snapshot() as connection:
            as_of = await rollups.as_of(connection, organization_id)
            time_range = _resolve(principal, period, as_of)
            await overflow.check(connection, organization_id, part, field="filter")
            types = await _event_types(connection, organization_id) if part.is_whole else []
            selections = [
                *_with_comparison(part, time_range),
                *(_storage_until(time_range.span.end) if part.is_whole else ()),
                *_by_type(types, time_range.span),
            ]
            wanted = figures.measure_numbers(catalog.OVERVIEW) | {_STORAGE_CHANGE.number}
            found = await rollups.read(connection, organization_id, selections, wanted)
        return Overview(
            context=_context(time_range, as_of, catalog.OVERVIEW),
            figures=figures.figures(catalog.OVERVIEW, found[_NOW]),
            changes=_changes(time_range, found),
            storage_by_kind=_storage(found) if part.is_whole else None,
            events_by_type=_type_counts(types, found) if part.is_whole else None,
        )

    async def agent(self, principal: Principal, agent_id: str, period: Period, trend_days: int) -> Agent:
        """The figures of one agent over a period, and its last days; refuses an agent that was never seen."""
        organization_id = principal.organization_id
        async with self._snapshot() as connection:
            as_of = await rollups.as_of(connection, organization_id)
            time_range = _resolve(principal, period, as_of)
            part = Filter(dimension=Dimension.AGENT, value=agent_id)
            if not await overflow.check(connection, organization_id, part, field="agent_id"):
                raise Refused(Reason.AGENT_NOT_FOUND, "no event has ever carried this agent_id", field="agent_id")
            days = timerange.buckets(timerange.last_days(time_range, trend_days), Granularity.DAY)
            selections = [_select(_NOW, part, time_range.span), *_series(part, days)]
            wanted = figures.measure_numbers((*catalog.AGENT, *catalog.AGENT_TREND))
            found = await rollups.read(connection, organization_id, selections, wanted)
            start, end = timerange.instant(time_range.span.start), timerange.instant(time_range.span.end)
            changes = (
                await statuses.changes(connection, organization_id, agent_id, start, end) if agent_id != OTHER else ()
            )
        there = presence(changes, start, end, as_of.at)
        derived: Figures = {"available_time_ms": there.available_time_ms, "occupancy": there.occupancy}
        return Agent(
            context=_context(time_range, as_of, catalog.AGENT),
            agent_id=agent_id,
            figures={**figures.figures(catalog.AGENT, found[_NOW]), **derived},
            trend=[
                TrendPoint(span=span, figures=figures.figures(catalog.AGENT_TREND, found[_SERIES + index]))
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
        organization_id = principal.organization_id
        async with self._snapshot() as connection:
            as_of = await rollups.as_of(connection, organization_id)
            time_range = _resolve(principal, period, as_of)
            await overflow.check(connection, organization_id, part, field="filter")
            width = granularity or timerange.choose_granularity(time_range.span)
            spans = timerange.buckets(time_range, width)
            selections = _series(part, spans)
            wanted = figures.measure_numbers(names)
            if part.is_whole:
                selections += _storage_until(time_range.span.end)
                wanted |= costs.MEASURES
            found = await rollups.read(connection, organization_id, selections, wanted, bins=figures.needs_bins(names))
        points = [found[_SERIES + index] for index in range(len(spans))]
        series = {name: [figures.figure(catalog.METRICS[name], cell) for cell in points] for name in names}
        context = _context(time_range, as_of, names)
        storage = _storage(found) if part.is_whole else None
        return Trends(
            context=context,
            granularity=width,
            buckets=spans,
            series=series,
            storage_by_kind=storage,
            estimated_costs=None
            if storage is None
            else costs.estimate(principal.settings, spans, points, storage_after=sum(storage.values())),
        )


def _resolve(principal: Principal, period: Period, as_of: AsOf) -> TimeRange:
    zone = period.zone or timerange.zone(principal.settings.time_zone)
    return timerange.resolve(period.start, period.end, zone, as_of.at)


def _context(time_range: TimeRange, as_of: AsOf, names: Iterable[str]) -> Context:
    approximate = [name for name in names if isinstance(catalog.METRICS[name], catalog.Quantile)]
    return Context(period=time_range, as_of=as_of, approximate=approximate)


def _select(point: int, part: Filter, span: Span) -> Selection:
    return Selection(point=point, dimension=part.dimension, value=part.value, span=span)


def _series(part: Filter, spans: Sequence[Span]) -> list[Selection]:
    return [_select(_SERIES + index, part, span) for index, span in enumerate(spans)]


def _with_comparison(part: Filter, time_range: TimeRange) -> list[Selection]:
    """The period, as much of it as has passed, and the period of that length before it."""
    selections = [_select(_NOW, part, time_range.span)]
    before = timerange.previous(time_range.span)
    if before is not None:
        elapsed = time_range.elapsed
        selections.append(_select(_BEFORE, part, Span(start=before.start, end=before.start + elapsed.length)))
        if elapsed != time_range.span:
            selections.append(_select(_ELAPSED, part, elapsed))
    return selections


def _changes(time_range: TimeRange, found: Mapping[int, Cell]) -> dict[str, Change]:
    return {name: _change(catalog.METRICS[metric], time_range, found) for name, metric in catalog.CHANGES.items()}


def _change(metric: catalog.Metric, time_range: TimeRange, found: Mapping[int, Cell]) -> Change:
    if _BEFORE not in found:
        return Change(percent=None, absence=Absence.BEFORE_FLOOR)
    if not time_range.elapsed.length:
        return Change(percent=None, absence=Absence.TOO_EARLY)
    percent = figures.change(
        figures.figure(metric, found.get(_ELAPSED, found[_NOW])), figures.figure(metric, found[_BEFORE])
    )
    return Change(percent=percent, absence=Absence.NO_BASELINE if percent is None else None)


def _storage_until(end: int) -> list[Selection]:
    """The changes of storage from the beginning, by kind."""
    span = Span(start=timerange.floor_bucket(timerange.FLOOR), end=end)
    return [
        Selection(point=_KINDS + index, dimension=Dimension.STORAGE_KIND, value=kind, span=span)
        for index, kind in enumerate(measures.STORAGE_KINDS)
    ]


def _storage(found: Mapping[int, Cell]) -> dict[str, int]:
    """The storage in use by kind; kinds that were never told of are left out."""
    kinds = {kind: found[_KINDS + index] for index, kind in enumerate(measures.STORAGE_KINDS)}
    return {kind: int(figures.figure(_STORAGE_CHANGE, cell) or 0) for kind, cell in kinds.items() if cell.counters}


def _by_type(types: Sequence[str], span: Span) -> list[Selection]:
    return [
        Selection(point=_SERIES + index, dimension=Dimension.EVENT_TYPE, value=event_type, span=span)
        for index, event_type in enumerate(types)
    ]


async def _event_types(connection: Connection, organization_id: int) -> list[str]:
    return await members.separate_ids(connection, organization_id, members.Kind.EVENT_TYPE, MAX_EVENT_TYPES)


def _type_counts(types: Sequence[str], found: Mapping[int, Cell]) -> dict[str, int]:
    """The number of events by type, most frequent first; types that did not occur are left out.

    Types over the limit are one row, OTHER, which is what the others leave of all events: the rows always add up.
    """
    counts = {name: int(figures.figure(_EVENTS, found[_SERIES + index]) or 0) for index, name in enumerate(types)}
    counts[OTHER] = int(figures.figure(_EVENTS, found[_NOW]) or 0) - sum(counts.values())
    return {name: count for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if count}


def _trend_metrics(names: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(names)) or list(catalog.DEFAULT_TRENDS)
    if len(wanted) > MAX_METRICS:
        raise Refused(
            Reason.TOO_MANY_METRICS,
            f"more than {MAX_METRICS} metrics",
            field="metrics",
            metadata={"limit": str(MAX_METRICS)},
        )
    for name in wanted:
        if name not in catalog.METRICS:
            raise Refused(
                Reason.UNKNOWN_METRIC,
                "no metric of this name has a series; ListMetrics lists them",
                field="metrics",
                metadata={"metric": name[:64]},
            )
    return wanted
