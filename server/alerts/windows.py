"""Windows of rules: when they end, with which others they are compared, and when a rule is looked at."""

import functools
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from server import timerange
from server.catalog import figures
from server.catalog.catalogue import Catalogue
from server.catalog.metrics import Aggregation, Measure, Quantile, Unit
from server.organizations.alerts import AlertBaseline, AlertDirection, ConditionKind, RuleDraft
from server.timerange import EPOCH, Interval

ANOMALY_DAYS = 58  # that an anomaly is judged by: the eight weeks before each of the last two days
HOURLY_DAYS, DAILY_DAYS = 28, 120  # of history that a forecast is made from
LONGEST_HORIZON = timedelta(days=7)
ACTIVE_DAYS = 7  # a value of a dimension is looked at for so long after its last event
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_WEEKS = 4


def floor(at: datetime, step: timedelta) -> datetime:
    """Returns the last multiple of a step that is not later than an instant."""
    return at - (at - EPOCH) % step


def ends(after: datetime, until: datetime, step: timedelta) -> list[datetime]:
    """Returns the ends of windows that are later than one instant and not later than another."""
    first = floor(after, step) + step
    return [first + place * step for place in range(max(0, (until - first) // step + 1))]


def next_run_at(draft: RuleDraft, evaluated_until: datetime) -> datetime:
    """Returns when the window after one is to be looked at."""
    return evaluated_until + draft.step + draft.delay


def last_end(draft: RuleDraft, now: datetime) -> datetime:
    """Returns the end of the last window that can be looked at."""
    return floor(now - draft.delay, draft.step)


def window(draft: RuleDraft, zone: ZoneInfo, at: datetime) -> Interval:
    """Returns the window that ends at an instant: with a budget all of the month that has passed."""
    if draft.condition.kind is ConditionKind.BUDGET:
        return Interval(start=month_start(at, zone), end=at)
    return Interval(start=at - draft.window, end=at)


@functools.lru_cache(maxsize=4096)
def month_start(at: datetime, zone: ZoneInfo) -> datetime:
    """Returns the beginning of the month whose instants end at one."""
    day = timerange.day_at(at - timedelta(microseconds=1), zone)
    return timerange.midnight(date(day.year, day.month, 1), zone)


def baselines(draft: RuleDraft, zone: ZoneInfo, at: datetime) -> Sequence[Interval]:
    """Returns the windows that a change is measured from, the latest first; none for other conditions."""
    if draft.condition.kind is not ConditionKind.CHANGE:
        return ()
    if draft.condition.baseline is AlertBaseline.PREVIOUS:
        moved = [at - draft.window]
    else:
        days = {
            AlertBaseline.DAY: [1],
            AlertBaseline.WEEK: [7],
            AlertBaseline.FOUR_WEEKS: [7 * one for one in range(1, _WEEKS + 1)],
        }
        moved = [days_before(at, one, zone) for one in days[draft.condition.baseline]]
    return [Interval(start=one - draft.window, end=one) for one in moved]


def days_before(at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Returns the instant at which clocks on the wall showed the same so many days before. A time that was skipped is
    taken by the offset of the day itself.
    """
    return (at.astimezone(zone) - timedelta(days=days)).astimezone(UTC)


def history(draft: RuleDraft, zone: ZoneInfo, at: datetime) -> Sequence[Interval]:
    """Returns the windows that an anomaly is judged by, or a forecast made from, oldest first."""
    match draft.condition.kind:
        case ConditionKind.ANOMALY:
            return [Interval(start=start, end=start + draft.window) for start in tiles(draft, at)]
        case ConditionKind.FORECAST if draft.window < _DAY:
            moved = [at - place * _HOUR for place in range(HOURLY_DAYS * 24 - 1, -1, -1)]
        case ConditionKind.FORECAST:
            moved = [days_before(at, days, zone) for days in range(DAILY_DAYS - 1, -1, -1)]
        case _:
            return ()
    if draft.window >= _DAY:
        return [Interval(start=days_before(one, 1, zone), end=one) for one in moved]
    return [Interval(start=one - draft.window, end=one) for one in moved]


def later(draft: RuleDraft, zone: ZoneInfo, at: datetime) -> Sequence[datetime]:
    """Returns where the windows end that a forecast at an instant is of."""
    within = draft.condition.within
    if draft.window < _DAY:
        return [at + place * _HOUR for place in range(1, max(1, within // _HOUR) + 1)]
    return [days_before(at, -days, zone) for days in range(1, max(1, within // _DAY) + 1)]


def tiles(draft: RuleDraft, at: datetime) -> Sequence[datetime]:
    """Returns where the windows begin that lie before one, each next to the other, oldest first, as far as it takes to
    judge whether that one is unusual.
    """
    number = timedelta(days=ANOMALY_DAYS) // draft.window
    return [at - (place + 1) * draft.window for place in range(number, 0, -1)]


def reach(draft: RuleDraft) -> timedelta:
    """Returns at most how far before the end of a window it is looked for figures."""
    match draft.condition.kind:
        case ConditionKind.BUDGET:
            return timedelta(days=32)  # the longest month, and a change of the clocks
        case ConditionKind.ANOMALY:
            return draft.window + timedelta(days=ANOMALY_DAYS + 1)
        case ConditionKind.FORECAST:
            return timedelta(days=HOURLY_DAYS + 2 if draft.window < _DAY else DAILY_DAYS + 3)
        case ConditionKind.CHANGE:
            far = {AlertBaseline.PREVIOUS: draft.window, AlertBaseline.DAY: _DAY, AlertBaseline.WEEK: 7 * _DAY}
            return draft.window + far.get(draft.condition.baseline, 7 * _WEEKS * _DAY) + _DAY
        case _:
            return draft.window


def horizon(draft: RuleDraft) -> timedelta:
    """Returns how old windows may be that are looked at again since late events have changed them, and that are made up
    after nobody has looked.
    """
    return LONGEST_HORIZON if draft.step >= timedelta(minutes=15) else _DAY


def longest(draft: RuleDraft) -> timedelta:
    """Returns how long a window of a rule may be."""
    return timedelta(days=32) if draft.condition.kind is ConditionKind.BUDGET else draft.window


def is_early(draft: RuleDraft, catalogue: Catalogue) -> bool:
    """Returns whether a window can be known to be wrong before it has ended: a count or sum that can only grow is above
    its limit already.
    """
    condition = draft.condition
    if (
        condition.kind not in (ConditionKind.VALUE, ConditionKind.BUDGET)
        or condition.direction is not AlertDirection.ABOVE
    ):
        return False
    metric = catalogue.metrics.get(draft.metric or "events")
    if metric is None or isinstance(metric, Quantile) or not grows(draft.metric or "events", catalogue):
        return False
    return draft.window <= _HOUR or condition.kind is ConditionKind.BUDGET


def grows(name: str, catalogue: Catalogue) -> bool:
    """Returns whether events can only add to a metric, as far as they are neither corrected nor retracted."""
    metric = catalogue.metrics[name]
    measures = catalogue.measures_of(name)
    if any(one.projection or one.unit == Unit.BYTES for one in measures):  # conversations change; storage is given back
        return False
    if isinstance(metric, Measure):
        return metric.aggregation in (Aggregation.COUNT, Aggregation.SUM, Aggregation.UNIQUE, Aggregation.HISTOGRAM)
    return figures.adds_up(metric, catalogue) and not getattr(metric, "subtrahends", ())
