"""What questions and answers have in common, as values."""

import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from server import timerange
from server.catalog.figures import Figures
from server.catalog.selections import AsOf
from server.tenancy.principal import Principal
from server.timerange import Span, TimeRange

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The period as it was asked for. Without a zone, it is in the organization's own; without a first day of weeks (0
    is Monday), weeks are the organization's.
    """

    start: datetime
    end: datetime
    zone: zoneinfo.ZoneInfo | None
    week_start: int | None = None

    def resolved(self, principal: Principal, now: datetime) -> TimeRange:
        """Returns the period in quarter hours, as it is at an instant."""
        zone = self.zone or timerange.zone(principal.settings.time_zone)
        week_start = self.week_start
        if week_start is None:
            week_start = timerange.WEEKDAYS.index(principal.settings.week_start)
        return timerange.resolve(self.start, self.end, zone, now, week_start=week_start)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """The figures of one bucket."""

    span: Span
    figures: Figures
