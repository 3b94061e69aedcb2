"""Hours of the week: what happened in each of the 168 hours of a week in a time zone, over all weeks of a period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server import timerange
from server.catalog import figures
from server.catalog.cells import Cell
from server.catalog.figures import Figures
from server.catalog.filters import Filter
from server.catalog.selections import inner
from server.store import hours_of_week
from server.store.database import Driver
from server.store.hours_of_week import Offset
from server.timerange import Edge, TimeRange

_DAYS, _HOURS = 7, 24
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class HourOfWeek:
    """An hour of the week and its figures. weekday is 1 for Monday, as in ISO 8601."""

    weekday: int
    hour: int
    figures: Figures


async def read(
    driver: Driver,
    organization_id: int,
    part: Filter,
    period: TimeRange,
    names: Sequence[str],
    edges: Mapping[Edge, Cell] | None = None,
) -> list[HourOfWeek]:
    """Returns metrics, which take no more than counters, for each hour of the week from Monday 00:00 on. To be asked in
    the snapshot of the answer. An hour that the clocks skip is missing in that week, and one that they repeat is there
    twice. edges are the cells of parts of quarter hours, which stand for the whole ones.
    """
    counters, edges = figures.wanted(names).counters, edges or {}
    span = inner(period.span, list(edges))
    found = await hours_of_week.read(driver, organization_id, part, span, counters, offsets(period))
    for edge, cell in edges.items():
        local = edge.start.astimezone(period.zone)
        found.setdefault(local.weekday() * _HOURS + local.hour, Cell()).add(cell)
    return [
        HourOfWeek(
            weekday=place // _HOURS + 1,
            hour=place % _HOURS,
            figures=figures.figures(names, found.get(place, Cell()), part.dimension),
        )
        for place in range(_DAYS * _HOURS)
    ]


def offsets(period: TimeRange) -> list[Offset]:
    """Returns how far the clocks of a period's zone are ahead of UTC, from its start on and from each change on."""
    at, end = timerange.instant(period.span.start), timerange.instant(period.span.end)
    found = [Offset(first=period.span.start, quarters=_ahead(at, period))]
    while at < end:  # no clock changes twice in a day
        following = min(at + _DAY, end)
        if (ahead := _ahead(following, period)) != found[-1].quarters:
            change = timerange.clock_change(period.zone, at, following)
            found.append(Offset(first=timerange.ceil_bucket(change), quarters=ahead))
        at = following
    return found


def _ahead(at: datetime, period: TimeRange) -> int:
    offset = at.astimezone(period.zone).utcoffset()
    return 0 if offset is None else offset // timerange.QUARTER
