"""GetDailyStats: the figures of each calendar day, with the users first seen on it, and of all days together."""

import asyncio
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pyroaring import BitMap

from server import timerange
from server.catalog import figures, registry
from server.catalog.cells import Cell
from server.catalog.figures import Figures
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.errors import Reason, Refused
from server.query import buckets
from server.query.answers import Context, Period
from server.query.buckets import Bucket, Partial
from server.query.queries import Queries
from server.tenancy.principal import Principal
from server.timerange import Granularity, Span, TimeRange

MAX_DAYS = 400
FIGURES = (
    "unique_users",
    "total_conversations",
    "total_messages",
    "messages_received",
    "messages_sent",
    "calls_handled",
    "failed_messages",
    "error_rate",
    "avg_response_time_ms",
    "prompt_tokens",
    "completion_tokens",
    "token_usage",
    "cost_micros",
)
_AT_ONCE = 50  # days
_USERS = registry.MEASURES["unique_users"].number
_WANTED = figures.wanted(FIGURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The figures of one day, or of all days together, and whether it is over or before anything happened."""

    bucket: Bucket
    running: bool
    before_first_event: bool
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyStats:
    """The days without gaps, oldest first, and all of them together."""

    context: Context
    days: Sequence[Day]
    total: Day


async def answer(queries: Queries, principal: Principal, period: Period) -> DailyStats:
    """Answers the question; refuses a period of too many days."""
    async with queries.reading(principal, period, _WANTED, plan) as (_, read):
        cells, spans = read.found.cells, [one.span for one in read.plan.days]
    whole = Span(start=spans[0].start, end=spans[-1].end)
    asked, first_event = dataclasses.replace(read.period, span=whole), read.found.first_event
    *described, all_days = buckets.of_spans([*spans, whole], asked, Granularity.DAY, first_event)
    seen = BitMap(_users(cells[read.plan.before]))
    total = _day(all_days, _added_up([cells[one] for one in read.plan.days]), seen, first_event)
    days = []
    for bucket, one in zip(described, read.plan.days, strict=True):
        days.append(_day(bucket, cells[one], seen, first_event))
        seen |= _users(cells[one])
        if not len(days) % _AT_ONCE:
            await asyncio.sleep(0)  # yields to the event loop
    return DailyStats(context=dataclasses.replace(read.context(FIGURES), period=asked), days=days, total=total)


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyPlan:
    """What to read: each day, and what came before the first one, for the users that had been seen by then."""

    before: Selection
    days: Sequence[Selection]
    event_types: None = None

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield self.before
        yield from self.days


def plan(period: TimeRange) -> DailyPlan:
    """Returns what to read: the days that the period touches."""
    zone, asked = period.zone, period.span
    first = timerange.day_at(timerange.instant(asked.start), zone)
    last = timerange.day_at(timerange.instant(asked.end - 1), zone)
    if (last - first).days >= MAX_DAYS:
        raise Refused(
            Reason.TIME_RANGE_TOO_LARGE,
            f"the period touches more than {MAX_DAYS} days",
            field="time_range",
            metadata={"limit_days": str(MAX_DAYS)},
        )
    floor = timerange.floor_bucket(timerange.FLOOR)
    span = Span(start=max(floor, _midnight(period, first)), end=_midnight(period, last + timedelta(days=1)))
    days = timerange.buckets(dataclasses.replace(period, span=span), Granularity.DAY)
    return DailyPlan(
        before=Selection.of(Filter(), Span(start=floor, end=span.start), bins=False),
        days=[Selection.of(Filter(), day, bins=False) for day in days],
    )


def _midnight(period: TimeRange, day: date) -> int:
    return timerange.floor_bucket(timerange.midnight(day, period.zone))


def _users(cell: Cell) -> BitMap:
    return cell.sets.get(_USERS) or BitMap()


def _day(bucket: Bucket, cell: Cell, seen: BitMap, first_event: int | None) -> Day:
    """Returns the figures of a day, or of all; seen are the users that had been seen before it."""
    active = _users(cell)
    returning = active.intersection_cardinality(seen)
    new = len(active) - returning
    return Day(
        bucket=bucket,
        running=bucket.partial is Partial.RUNNING,
        before_first_event=first_event is None or bucket.span.end <= first_event,
        figures={
            **figures.figures(FIGURES, cell),
            "users_total": len(seen) + new,
            "new_users": new,
            "returning_users": returning,
        },
    )


def _added_up(some: Sequence[Cell]) -> Cell:
    whole = Cell()
    for cell in some:
        whole.add(cell)
    return whole
