"""Buckets of series: their periods, and what is not whole about them."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from server import timerange
from server.query.restatements import Restated
from server.timerange import Granularity, Span, TimeRange


class Partial(enum.Enum):
    """Why a bucket says less than its hour, day or month would."""

    RUNNING = enum.auto()
    BEFORE_FIRST_EVENT = enum.auto()
    CUT = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A point's period; restated tells that it has changed since the revision that the question names."""

    span: Span
    partial: Partial | None
    restated: bool


def described(
    spans: Sequence[Span],
    period: TimeRange,
    granularity: Granularity,
    first_event: int | None,
    restated: Restated | None,
) -> list[Bucket]:
    """Returns the points of a period's series with what is to be said of each."""
    is_cut = {
        bound
        for bound in (period.span.start, period.span.end)
        if not timerange.is_cut(bound, period, granularity)  # the points between begin and end where they should
    }

    def partial(span: Span) -> Partial | None:
        if period.now < timerange.instant(span.end):
            return Partial.RUNNING
        if first_event is None or span.start < first_event:
            return Partial.BEFORE_FIRST_EVENT
        return Partial.CUT if span.start in is_cut or span.end in is_cut else None

    return [
        Bucket(span=span, partial=partial(span), restated=restated is not None and restated.holds(span))
        for span in spans
    ]
