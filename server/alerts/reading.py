"""Reading: all that it takes to measure windows of rules of one organization, in one snapshot."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from server import timerange
from server.alerts import raw_buckets, sources, windows
from server.alerts.measuring import EVENTS, Gauge
from server.alerts.sources import Buckets, FigureSource, Nothing, Windows
from server.catalog import figures
from server.catalog.cells import OTHER, Cell
from server.catalog.selections import AsOf, Selection, Wanted
from server.errors import Reason, Refused
from server.organizations.alerts import ConditionKind
from server.query import custom_metrics, pairs, ranking
from server.query.answers import Context, Period
from server.query.edges import Exactness
from server.query.queries import Queries, Read
from server.query.reader import Reader
from server.rollups import overflow
from server.store import ranking as stored_ranking
from server.store.database import Driver
from server.tenancy.principal import Principal
from server.timerange import Interval, TimeRange

MOST_RAW_EVENTS = 50_000  # that are counted for windows within quarter hours
MOST_SELECTIONS = 60_000
_FEW = 4  # ends: so many windows are read as they are
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedWindows:
    """Windows of a rule: those that end at some instants, oldest first. also are values of its dimension that are
    looked at whether or not they have had events lately.
    """

    gauge: Gauge
    ends: Sequence[datetime]
    also: Sequence[str] = ()

    @property
    def windows(self) -> dict[Interval, None]:
        """Returns all windows that are needed, each once."""
        return dict.fromkeys(itertools.chain.from_iterable(map(self.gauge.windows, self.ends)))

    @property
    def is_many(self) -> bool:
        """Returns whether windows are put together of buckets."""
        return len(self.ends) > _FEW

    @property
    def intervals(self) -> Sequence[Interval]:
        """Returns what is read: the windows, or the buckets that they are put together of."""
        if not self.is_many:
            return list(self.windows)
        start = windows.floor(self.ends[0] - windows.reach(self.gauge.draft), self.width)
        return sources.buckets(Interval(start=start, end=self.ends[-1]), self.width)

    @property
    def bounds(self) -> Interval:
        """Returns the time that the windows are of, and that by which values are chosen."""
        start = min(one.start for one in self.intervals)
        return Interval(start=min(start, self.active.start) if self.gauge.draft.group_by else start, end=self.ends[-1])

    @property
    def active(self) -> Interval:
        """Returns the time in which values must have had events."""
        first = timerange.EPOCH + (self.ends[0] - timerange.EPOCH) // _DAY * _DAY
        return Interval(start=first - windows.ACTIVE_DAYS * _DAY, end=self.ends[-1])

    @property
    def is_plain(self) -> bool:
        """Returns whether windows without any event of the organization come to nothing, whatever was before. That can
        be told: raw events of a day are always kept.
        """
        draft = self.gauge.draft
        is_simple = draft.condition.kind in (ConditionKind.VALUE, ConditionKind.ABSENCE)
        is_whole = not draft.dimension and not draft.group_by and not self.gauge.catalogue.own
        return is_simple and is_whole and self.ends[-1] - self.bounds.start <= _DAY and self.gauge.is_known

    @property
    def width(self) -> timedelta:
        """Returns the width of buckets."""
        draft = self.gauge.draft
        is_tiled = draft.condition.kind is ConditionKind.ANOMALY
        return draft.step if is_tiled else sources.width(draft.step)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadValues:
    """The source of each value of a rule, "" without a dimension; and for each value on which days of UTC it had
    events, if many windows were asked for: None says that all windows of it count.
    """

    sources: Mapping[str, FigureSource]
    days: Mapping[str, set[datetime]] | None


NOTHING = ReadValues(sources={"": Nothing()}, days=None)  # of windows without events


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundWindows:
    """What was read, for each rule that was asked about in their order."""

    context: Context
    as_of: AsOf
    first_event: datetime | None
    values: Sequence[ReadValues]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What is read for a value of a rule: its windows or buckets, unless these are counted from raw events, and its
    days.
    """

    asked: AskedWindows
    value: str
    intervals: Sequence[Interval]
    selections: Sequence[Selection]
    days: Sequence[Selection]

    @property
    def is_counted(self) -> bool:
        """Returns whether its buckets are counted from raw events."""
        return not self.selections


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    parts: Sequence[_Part]
    event_types: None = field(default=None)

    def selections(self) -> Iterator[Selection]:
        for part in self.parts:
            yield from part.selections
            yield from part.days


async def read(queries: Queries, principal: Principal, asked: Sequence[AskedWindows]) -> FoundWindows:
    """Reads what it takes to measure windows; refuses what QueryMetrics refuses of the same metric and filter, windows
    within quarter hours where there are too many events or none are kept any more, and more than can be read.
    """
    bounds = [one.bounds for one in asked]
    period = Period(
        start=max(timerange.FLOOR, min(one.start for one in bounds)),
        end=max(one.end for one in bounds),
        zone=asked[0].gauge.zone,
    )
    starts = [interval.start for one in asked for interval in one.intervals if interval.edges]

    async def planner(reader: Reader, resolved: TimeRange) -> _Plan:
        if starts:
            _check_raw(resolved, min(starts))
        parts = [part for one in asked for part in await _parts(reader, one)]
        if sum(len(part.days) + len(part.selections) for part in parts) > MOST_SELECTIONS:
            raise Refused(
                Reason.TOO_MANY_POINTS,
                "these are too many windows to look at together: take a shorter period, a longer step or fewer values",
                field="time_range",
                metadata={"limit": str(MOST_SELECTIONS)},
            )
        return _Plan(parts=parts)

    reading = queries.reading_planned(
        principal,
        period,
        _wanted(asked),
        planner,
        exactness=Exactness(most=MOST_RAW_EVENTS, is_required=True) if starts else None,
    )
    async with reading as (driver, found):
        for one in asked:
            await _check(Reader(driver, principal.organization_id, one.gauge.wanted, None), one)
        counted = await _counted(driver, principal.organization_id, found.plan)
    return _found(asked, found, counted)


async def _counted(driver: Driver, organization_id: int, plan: _Plan) -> dict[int, Sequence[Cell]]:
    """Counts what the plan takes from raw events, by the places of its parts: a limited number in all."""
    counted: dict[int, Sequence[Cell]] = {}
    left = raw_buckets.MOST_EVENTS
    for place, part in enumerate(plan.parts):
        if part.is_counted:
            gauge = part.asked.gauge
            counted[place], number = await raw_buckets.counted(
                driver,
                organization_id,
                gauge.part(part.value),
                part.intervals,
                gauge.event_types,
                gauge.wanted,
                left,
            )
            left -= number
    return counted


async def _check(reader: Reader, asked: AskedWindows) -> None:
    """Refuses a part of the organization of which there are no figures, or not over all of the time."""
    gauge = asked.gauge
    part = gauge.part("")
    if gauge.draft.dimension:
        await pairs.checked_from(reader.driver, reader.organization_id, part, asked.bounds.span)
        await overflow.check(reader.driver, reader.organization_id, part, field="filter")
    if gauge.catalogue.own:
        custom_metrics.checked_from(gauge.catalogue, asked.bounds.span)


def _wanted(asked: Iterable[AskedWindows]) -> Wanted:
    each = [one.gauge.wanted for one in asked]
    return Wanted(
        counters=sorted({key for one in each for key in one.counters}),
        histograms=sorted({key for one in each for key in one.histograms}),
        sets=sorted({key for one in each for key in one.sets}),
        projections=sorted({name for one in each for name in one.projections}),
    )


def _check_raw(period: TimeRange, first: datetime) -> None:
    """Refuses windows within quarter hours where raw events are gone."""
    if period.is_exact(first):
        return
    start = timerange.instant(period.raw_from or 0).isoformat().replace("+00:00", "Z")
    raise Refused(
        Reason.RAW_EVENTS_GONE,
        f"windows within quarter hours are counted from raw events, which are kept from {start} on",
        field="rule.step",
        metadata={"kept_from": start},
    )


async def _parts(reader: Reader, asked: AskedWindows) -> list[_Part]:
    intervals, gauge = asked.intervals, asked.gauge
    if not gauge.draft.group_by:
        return [_part(asked, "", intervals, ())]
    has_events = figures.is_kept(EVENTS.name, gauge.dimension(), gauge.catalogue)
    days = sources.buckets(_whole_days(asked.active), _DAY) if asked.is_many and has_events else ()
    values = dict.fromkeys([*await _active(reader, asked), *asked.also])
    return [_part(asked, value, intervals, days) for value in values]


def _part(asked: AskedWindows, value: str, intervals: Sequence[Interval], days: Sequence[Interval]) -> _Part:
    """Returns what is read for a value. Buckets within quarter hours are counted from raw events where these alone
    decide what is in them.
    """
    gauge = asked.gauge
    wanted, part = gauge.wanted, gauge.part(value)
    is_fine = asked.is_many and asked.width < timerange.QUARTER
    is_counted = is_fine and not wanted.projections and part.value != OTHER

    def selection(interval: Interval) -> Selection:
        return Selection(
            dimension=part.dimension,
            value=part.value,
            span=interval.span,
            bins=gauge.needs_bins,
            sets=bool(wanted.sets),
            edges=interval.edges,
        )

    return _Part(
        asked=asked,
        value=value,
        intervals=intervals,
        selections=() if is_counted else list(map(selection, intervals)),
        days=[Selection.of(part, one.span, bins=False, sets=False) for one in days],
    )


def _whole_days(active: Interval) -> Interval:
    return Interval(start=active.start, end=active.end + (timerange.EPOCH - active.end) % _DAY)


async def _active(reader: Reader, asked: AskedWindows) -> Sequence[str]:
    """Returns the values with most events lately."""
    gauge = asked.gauge
    dimension, span = gauge.dimension(), asked.active.span
    values = await reader.values(dimension, span.interval)
    by = ranking.EVENTS if figures.is_kept(EVENTS.name, dimension, gauge.catalogue) else ranking.BY_VALUE
    found, _ = await stored_ranking.rank(
        reader.driver, reader.organization_id, values, by, skip=0, most=gauge.draft.max_values
    )
    return found


def _found(asked: Sequence[AskedWindows], read: Read[_Plan], counted: Mapping[int, Sequence[Cell]]) -> FoundWindows:
    cells = read.found.cells
    first = None if read.found.first_event is None else timerange.instant(read.found.first_event)
    by_rule: list[dict[str, FigureSource]] = [{} for _ in asked]
    days: list[dict[str, set[datetime]]] = [{} for _ in asked]
    places = {id(one): place for place, one in enumerate(asked)}
    for number, part in enumerate(read.plan.parts):
        place = places[id(part.asked)]
        mine = counted[number] if part.is_counted else [cells[one] for one in part.selections]
        source: FigureSource
        if part.asked.is_many:
            source = Buckets(part.intervals[0].start, part.asked.width, mine)
        else:
            source = Windows(dict(zip(part.intervals, mine, strict=True)))
        by_rule[place][part.value] = source
        days[place][part.value] = {
            timerange.instant(one.span.start) for one in part.days if figures.figure(EVENTS, cells[one])
        }
    return FoundWindows(
        context=read.context([one.gauge.name for one in asked], asked[0].gauge.catalogue),
        as_of=read.found.as_of,
        first_event=first,
        values=[
            ReadValues(sources=some, days=days[place] if _has_days(one, read.plan) else None)
            for place, (one, some) in enumerate(zip(asked, by_rule, strict=True))
        ],
    )


def _has_days(asked: AskedWindows, plan: _Plan) -> bool:
    return any(part.days for part in plan.parts if part.asked is asked)
