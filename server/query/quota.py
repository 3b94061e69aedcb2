"""GetQuota: what an organization has used of its monthly quota of events, and how far the quota will reach."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from server import quarters, timerange
from server.admission import quotas
from server.catalog import figures, registry
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.query.answers import Context, Period
from server.query.queries import Queries
from server.store import organizations
from server.tenancy.limits import DefaultLimits
from server.tenancy.principal import Principal
from server.timerange import Span, TimeRange

_PACE_DAYS = 7
_EVENTS = registry.MEASURES["events"]
_WANTED = figures.wanted([_EVENTS.name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The quota of a month. What depends on a limit is None without one, and what depends on a pace without one."""

    context: Context
    limit: int | None
    used: int
    resets_at: datetime
    events_per_day: float | None
    projected_used: int | None
    runs_out_on: date | None

    @property
    def remaining(self) -> int | None:
        """Returns how many more events fit."""
        return None if self.limit is None else max(0, self.limit - self.used)

    @property
    def share(self) -> float | None:
        """Returns how much of the quota is used, as a fraction."""
        return None if self.limit is None else self.used / self.limit


async def answer(queries: Queries, principal: Principal, defaults: DefaultLimits) -> Quota:
    """Answers the question."""
    now = queries.now()
    period = Period(start=now - timedelta(days=_PACE_DAYS), end=now, zone=timerange.zone("UTC"))
    async with queries.reading(principal, period, _WANTED, _plan, in_snapshot=True) as (driver, read):
        stored = await organizations.stored_in_month(driver, principal.organization_id)
    # As the next revision would see it: its time never goes back.
    at = max(read.found.as_of.at, stored.at) if stored else read.found.as_of.at
    month = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    used = stored.events if stored and stored.at >= month else 0
    limit, resets_at = defaults.of(principal.settings).monthly_events or None, quotas.next_month(at)
    pace = _pace(
        int(figures.figure(_EVENTS, read.found.cells[read.plan.passed]) or 0), read.plan, read.found.first_event
    )
    left = (resets_at - at) / timedelta(days=1)
    whole = Span(start=timerange.floor_bucket(month), end=timerange.floor_bucket(resets_at))
    context = read.context([])
    return Quota(
        context=dataclasses.replace(context, period=dataclasses.replace(context.period, span=whole)),
        limit=limit,
        used=used,
        resets_at=resets_at,
        events_per_day=pace,
        projected_used=None if pace is None else used + round(pace * left),
        runs_out_on=None if limit is None else _end(limit - used, pace, at, resets_at),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaPlan:
    """What to read: the last days, as far as they have passed."""

    passed: Selection
    event_types: None = None

    def selections(self) -> Iterator[Selection]:
        """Returns the plan's only selection."""
        yield self.passed


def _plan(period: TimeRange) -> QuotaPlan:
    end = period.elapsed.end
    span = Span(start=end - _PACE_DAYS * quarters.QUARTERS_PER_DAY, end=end)
    return QuotaPlan(passed=Selection.of(Filter(), span, bins=False))


def _pace(events: int, chosen: QuotaPlan, first_event: int | None) -> float | None:
    """Returns the events of a day on average over the last days; None until a day has passed since the first event."""
    if first_event is None:
        return None
    days = (chosen.passed.span.end - max(chosen.passed.span.start, first_event)) / quarters.QUARTERS_PER_DAY
    return events / days if days >= 1 else None


def _end(remaining: int, pace: float | None, at: datetime, resets_at: datetime) -> date | None:
    """Returns the day on which nothing will remain; None if that will not be in this month."""
    if remaining <= 0:
        return at.astimezone(UTC).date()
    if not pace or remaining / pace >= (resets_at - at) / timedelta(days=1):
        return None
    return (at + timedelta(days=remaining / pace)).astimezone(UTC).date()
