"""Hours of the week: what happened in each of the 168 hours of a week in a time zone, over all weeks of a period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server import timerange
from server.catalog import figures
from server.catalog.cells import Cell
from server.catalog.figures import Figures
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.timerange import Granularity, Span, TimeRange

_DAYS, _HOURS = 7, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class HourOfWeek:
    """An hour of the week and its figures. weekday is 1 for Monday, as in ISO 8601."""

    weekday: int
    hour: int
    figures: Figures


def spans(period: TimeRange) -> list[list[Span]]:
    """Returns the spans of each hour of the week, from Monday 00:00 on. All spans make the period, whatever the clocks
    do: an hour that they skip has one span less, and one that they repeat has one more.
    """
    found: list[list[Span]] = [[] for _ in range(_DAYS * _HOURS)]
    for span in timerange.points(period, Granularity.HOUR):
        local = timerange.instant(span.start).astimezone(period.zone)
        found[local.weekday() * _HOURS + local.hour].append(span)
    return found


def selections(part: Filter, period: TimeRange) -> list[Selection | None]:
    """Returns what to read for each hour of the week; None for one that the period does not have."""
    return [Selection.of(part, *some, bins=False) if some else None for some in spans(period)]


def answered(
    chosen: Sequence[Selection | None], cells: Mapping[Selection, Cell], names: Sequence[str]
) -> list[HourOfWeek]:
    """Returns some figures of each hour of the week."""
    return [
        HourOfWeek(
            weekday=place // _HOURS + 1,
            hour=place % _HOURS,
            figures=figures.figures(names, Cell() if one is None else cells[one]),
        )
        for place, one in enumerate(chosen)
    ]
