"""What is read for the answer to a question, before any SQL."""

from collections.abc import Sequence
from dataclasses import dataclass

from server import timerange
from server.catalog import cells, counting, registry
from server.catalog.cells import Dimension
from server.catalog.filters import Filter
from server.store.reading import EachType, Selection
from server.timerange import Granularity, Span, TimeRange

MAX_EVENT_TYPES = 2000  # more than the largest limit and the types that the service knows

# What the cells of a read stand for. Series count up from SERIES.
NOW, BEFORE, ELAPSED, REST, KINDS, SERIES = 0, 1, 2, 3, 10, 1000
_EVENTS_KEY = cells.count_key(registry.MEASURES["events"].number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to read for an answer; spans are the points of its series."""

    selections: Sequence[Selection]
    spans: Sequence[Span] = ()
    types: EachType | None = None


def overview(part: Filter, time_range: TimeRange) -> Plan:
    """The period and the one before it; for the whole organization storage and event types, too."""
    span = time_range.span
    selections = [*_with_comparison(part, time_range), *_storage_until(part, span.end)]
    types = EachType(counter=_EVENTS_KEY, span=span, limit=MAX_EVENT_TYPES) if part.is_whole else None
    return Plan(selections=selections, types=types)


def agent(part: Filter, trend_days: int, time_range: TimeRange) -> Plan:
    """The period as a whole, and a number of last days."""
    days = timerange.buckets(timerange.last_days(time_range, trend_days), Granularity.DAY)
    return Plan(selections=[_select(NOW, part, time_range.span), *_series(part, days)], spans=days)


def trends(part: Filter, granularity: Granularity | None, time_range: TimeRange) -> Plan:
    """The period cut into the points of a series; for the whole organization storage, too."""
    spans = timerange.buckets(time_range, width(granularity, time_range))
    return Plan(selections=[*_series(part, spans), *_storage_until(part, time_range.span.end)], spans=spans)


def width(granularity: Granularity | None, time_range: TimeRange) -> Granularity:
    """The width of a series' points that was asked for, or one that suits the period."""
    return granularity or timerange.choose_granularity(time_range.span)


def _select(point: int, part: Filter, span: Span, *, bins: bool = True) -> Selection:
    return Selection(point=point, dimension=part.dimension, value=part.value, span=span, bins=bins)


def _series(part: Filter, spans: Sequence[Span]) -> list[Selection]:
    return [_select(SERIES + index, part, span) for index, span in enumerate(spans)]


def _with_comparison(part: Filter, time_range: TimeRange) -> list[Selection]:
    """The period before, as long as what has passed of the period; and the period, cut there if it is still running."""
    span, elapsed = time_range.span, time_range.elapsed
    if elapsed == span:
        selections = [_select(NOW, part, span)]
    else:
        rest = Span(start=elapsed.end, end=span.end)
        selections = [_select(ELAPSED, part, elapsed), _select(REST, part, rest)]
    before = timerange.previous(span)
    if before is not None:
        compared = Span(start=before.start, end=before.start + elapsed.length)
        selections.append(_select(BEFORE, part, compared, bins=False))
    return selections


def _storage_until(part: Filter, end: int) -> list[Selection]:
    """For the whole organization, the changes of storage from the beginning, by kind."""
    span = Span(start=timerange.floor_bucket(timerange.FLOOR), end=end)
    kinds = counting.STORAGE_KINDS if part.is_whole else ()
    return [
        Selection(point=KINDS + index, dimension=Dimension.STORAGE_KIND, value=kind, span=span, bins=False)
        for index, kind in enumerate(kinds)
    ]
