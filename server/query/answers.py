"""What questions and answers have in common, as values."""

import enum
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from server import timerange
from server.catalog.figures import Figures
from server.catalog.selections import AsOf
from server.tenancy.principal import Principal
from server.timerange import Interval, Span, TimeRange

# Figures of every answer about a whole period, be it the organization's or one agent's.
COMMON_FIGURES = (
    "messages_received",
    "messages_sent",
    "unique_users",
    "conversations_closed",
    "conversations_resolved",
    "conversations_escalated",
    "conversations_abandoned",
    "conversations_ended",
    "conversations_reopened",
    "human_resolutions",
    "resolution_events",
    "avg_first_response_time_ms",
    "avg_human_wait_time_ms",
    "avg_conversation_duration_ms",
    "response_time_count",
    "response_time_sum_ms",
    "avg_response_time_ms",
    "p50_response_time_ms",
    "p90_response_time_ms",
    "p95_response_time_ms",
    "p99_response_time_ms",
    "error_rate",
    "success_rate",
    "satisfaction_score",
    "rating_count",
    "prompt_tokens",
    "completion_tokens",
    "token_usage",
    "cost_micros",
    "api_calls",
)


class Source(enum.Enum):
    """What figures were read from."""

    ROLLUPS = enum.auto()
    RAW_EVENTS = enum.auto()
    BOTH = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The period as it was asked for. Without a zone, it is in the organization's own; without a first day of weeks (0
    is Monday), weeks are the organization's.
    """

    start: datetime
    end: datetime
    zone: zoneinfo.ZoneInfo | None
    week_start: int | None = None

    @property
    def is_within_quarters(self) -> bool:
        """Returns whether it begins or ends within a quarter hour."""
        return is_within_quarters(Interval(start=self.start, end=self.end))

    def resolved(self, principal: Principal, now: datetime, raw_from: int | None = None) -> TimeRange:
        """Returns the period as it is at an instant; to the microsecond where raw events are kept, if raw_from says
        from which quarter hour on that is.
        """
        zone = self.zone or timerange.zone(principal.settings.time_zone)
        week_start = self.week_start
        if week_start is None:
            week_start = timerange.WEEKDAYS.index(principal.settings.week_start)
        return timerange.resolve(self.start, self.end, zone, now, week_start=week_start, raw_from=raw_from)


def is_within_quarters(asked: Interval) -> bool:
    """Returns whether an interval begins or ends within a quarter hour."""
    return any((at - timerange.EPOCH) % timerange.QUARTER for at in (asked.start, asked.end))


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What an answer is about. approximate names its figures that are not exact; lagging has the projections that have
    stopped before its revision, each with the revision that its figures are of; first_event is the first quarter hour
    in which the organization has any event.
    """

    period: TimeRange
    as_of: AsOf
    approximate: Sequence[str]
    lagging: Mapping[str, int]
    currency: str
    first_event: int | None
    source: Source = Source.ROLLUPS


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """The figures of one bucket."""

    span: Span
    figures: Figures
