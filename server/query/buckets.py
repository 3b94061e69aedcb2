"""Buckets of series: their periods, and what is not whole about them."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from server import timerange
from server.query.restatements import Restated
from server.timerange import Granularity, Interval, Span, TimeRange


class Partial(enum.Enum):
    """Why a bucket says less than its hour, day or month would."""

    RUNNING = enum.auto()
    BEFORE_FIRST_EVENT = enum.auto()
    CUT = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A point's period; restated tells that it has changed since the revision that the question names."""

    interval: Interval
    partial: Partial | None
    restated: bool

    @property
    def span(self) -> Span:
        """Returns the quarter hours that hold it."""
        return self.interval.span


def of_spans(
    spans: Sequence[Span], period: TimeRange, granularity: Granularity | None, first_event: int | None
) -> list[Bucket]:
    """Returns points of whole quarter hours with what is to be said of each; without a granularity there are none."""
    if granularity is None:
        return []
    return described([span.interval for span in spans], period, granularity, first_event)


def described(
    points: Sequence[Interval],
    period: TimeRange,
    granularity: Granularity,
    first_event: int | None,
    restated: Restated | None = None,
) -> list[Bucket]:
    """Returns the points of a period's series with what is to be said of each."""
    bounds = period.bounds
    is_cut = {
        bound
        for bound in (bounds.start, bounds.end)
        if not timerange.is_cut(bound, period, granularity)  # the points between begin and end where they should
    }

    def partial(point: Interval) -> Partial | None:
        if period.now < point.end:
            return Partial.RUNNING
        if first_event is None or timerange.floor_bucket(point.start) < first_event:
            return Partial.BEFORE_FIRST_EVENT
        return Partial.CUT if point.start in is_cut or point.end in is_cut else None

    return [
        Bucket(interval=point, partial=partial(point), restated=restated is not None and restated.holds(point.span))
        for point in points
    ]
