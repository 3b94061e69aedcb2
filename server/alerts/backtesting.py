"""What a rule finds now, and what it would have found: the same windows, measured and judged as live ones are."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server import timerange
from server.alerts import machine, reading, windows, wording
from server.alerts.machine import Episode, Run
from server.alerts.measuring import EVENTS, Gauge
from server.alerts.reading import AskedWindows, FoundWindows, ReadValues
from server.anomalies.judging import Sample
from server.catalog import figures
from server.catalog.catalogue import Catalogue
from server.errors import Reason, Refused
from server.organizations.alerts import (
    AlertStanding,
    CloseReason,
    ConditionKind,
    Observation,
    RuleDraft,
    State,
)
from server.query import custom_metrics
from server.query.answers import Context, Period
from server.query.queries import Queries
from server.tenancy.limits import DefaultLimits
from server.tenancy.principal import Principal
from server.timerange import Interval

MOST_WINDOWS = 30_000  # of a backtest, over all values
MOST_INCIDENTS = 1_000
MOST_SHOWN = 2_000
MOST_FORECASTS = 400  # each of which takes a tenth of a second
MOST_DAYS = 400
TESTED_WINDOWS = 120
_AT_ONCE = 200  # windows that are measured between two turns of the event loop
_SLOW_AT_ONCE = 5  # the same of those that take a thread, which goes on for a while when nobody waits for it any more
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundIncident:
    """An incident that a run of windows came to. closed_at is None if it was open after the last one; turns counts the
    changes of its state, with its beginning and end.
    """

    value: str
    opened_at: datetime
    closed_at: datetime | None
    close_reason: CloseReason | None
    state: State
    worst: State
    peak: float | None
    peak_at: datetime | None
    reason: str
    turns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedValue:
    """The last windows of a rule, or of a value of its dimension, oldest first, and how it would stand after them.
    levels has for each window how it alone would stand.
    """

    value: str
    observations: Sequence[Observation]
    levels: Sequence[State]
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBacktest:
    """What a rule would have found. incidents are the first of all, oldest first; observations are of observed_value,
    with how each alone would stand.
    """

    incidents: Sequence[FoundIncident]
    total: int
    open_time: timedelta
    windows: int
    silent_windows: int
    notifications: int
    observed_value: str
    observations: Sequence[Observation]
    levels: Sequence[State]


async def gauge(queries: Queries, limits: DefaultLimits, principal: Principal, draft: RuleDraft) -> Gauge:
    """Returns how windows of a rule are measured; refuses metrics and dimensions that are not there any more."""
    catalogue = await custom_metrics.catalogue(queries, principal, names(draft))
    found = gauge_of(catalogue, limits, principal, draft)
    check(found)
    return found


def names(draft: RuleDraft) -> Sequence[str]:
    """Returns the names of metrics and dimensions that a rule has."""
    return draft.metric, *draft.dimension.split(","), draft.group_by


def gauge_of(catalogue: Catalogue, limits: DefaultLimits, principal: Principal, draft: RuleDraft) -> Gauge:
    """Returns how windows of a rule are measured."""
    return Gauge(
        draft=draft,
        catalogue=catalogue,
        zone=timerange.zone(draft.time_zone or principal.settings.time_zone),
        quota=limits.of(principal.settings).monthly_events or None,
    )


def check(one: Gauge) -> None:
    """Refuses a rule whose metric or dimension is not there any more."""
    draft = one.draft
    if one.name not in one.catalogue.metrics:
        raise Refused(
            Reason.UNKNOWN_METRIC,
            f"there is no metric {one.name!r} any more",
            field="rule.metric",
            metadata={"metric": one.name},
        )
    try:
        one.dimension()
    except LookupError as error:
        name = draft.dimension or draft.group_by
        raise Refused(
            Reason.UNKNOWN_DIMENSION,
            f"there is no dimension {name!r} any more",
            field="rule.group_by" if draft.group_by else "rule.filter",
            metadata={"dimension": name},
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What windows of a value of a rule came to."""

    value: str
    observations: Sequence[Observation]
    is_active: Sequence[bool]

    def first(self, number: int) -> "Watched":
        """Returns the same with so many windows."""
        return Watched(value=self.value, observations=self.observations[:number], is_active=self.is_active[:number])

    def with_one(self, before: "Watched", observation: Observation) -> "Watched":
        """Returns some of the windows and one more."""
        return Watched(
            value=self.value,
            observations=[*before.observations, observation],
            is_active=[*before.is_active, True],
        )

    def run(self, draft: RuleDraft, before: AlertStanding) -> Run:
        """Looks at them one after the other."""
        active = {one.at for one, is_active in zip(self.observations, self.is_active, strict=True) if is_active}
        return machine.run(draft, before, self.observations, active.__contains__)


async def watched(asked: AskedWindows, values: ReadValues, first_event: datetime | None) -> list[Watched]:
    """Measures the windows of every value of a rule."""
    found = []
    for value in values.sources:
        observations = await _observed(asked, values, value, first_event)
        days = None if values.days is None else values.days[value]
        active = [days is None or _is_active(asked.gauge, values, value, days, one.at) for one in observations]
        found.append(Watched(value=value, observations=observations, is_active=active))
    return found


async def _observed(
    asked: AskedWindows, values: ReadValues, value: str, first_event: datetime | None
) -> list[Observation]:
    known: dict[datetime, Sample] = {}
    source, measure = values.sources[value], asked.gauge

    def some(ends: Sequence[datetime]) -> list[Observation]:
        return [measure.observe(source, at, first_event, known) for at in ends]

    is_slow = measure.draft.condition.kind in (ConditionKind.ANOMALY, ConditionKind.FORECAST)
    at_once = _SLOW_AT_ONCE if is_slow else _AT_ONCE
    found: list[Observation] = []
    for first in range(0, len(asked.ends), at_once):
        ends = asked.ends[first : first + at_once]
        found += await asyncio.to_thread(some, ends) if is_slow else some(ends)
        await asyncio.sleep(0)
    return found


def _is_active(measure: Gauge, values: ReadValues, value: str, days: set[datetime], at: datetime) -> bool:
    """Returns whether a value had events on the day of a window's end, up to there, or on the days before."""
    day = windows.floor(at, _DAY)
    if any(day - back * _DAY in days for back in range(1, windows.ACTIVE_DAYS + 1)):
        return True
    return day in days and bool(figures.figure(EVENTS, values.sources[value].cell(Interval(start=day, end=at))))


async def tested(
    queries: Queries, limits: DefaultLimits, principal: Principal, draft: RuleDraft
) -> tuple[Context, Sequence[TestedValue]]:
    """Looks at the last windows of a rule."""
    measure = await gauge(queries, limits, principal, draft)
    last = windows.last_end(draft, queries.now())
    number = 1 if draft.condition.kind is ConditionKind.FORECAST else TESTED_WINDOWS
    asked = AskedWindows(gauge=measure, ends=windows.ends(last - number * draft.step, last, draft.step))
    found = await reading.read(queries, principal, [asked])
    values = []
    for one in await watched(asked, found.values[0], found.first_event):
        state = one.run(draft, machine.first(asked.ends[0])).last.shown
        levels = list(machine.levels(draft, one.observations))
        values.append(TestedValue(value=one.value, observations=one.observations, levels=levels, state=state))
    return found.context, sorted(values, key=lambda one: (-one.state.rank, one.value))


async def backtest(
    queries: Queries,
    limits: DefaultLimits,
    principal: Principal,
    draft: RuleDraft,
    period: Period,
    *,
    with_observations: bool,
) -> tuple[Context, RuleBacktest]:
    """Looks at the windows of a rule that end in a period, up to the last one that live evaluation would know."""
    measure = await gauge(queries, limits, principal, draft)
    asked = AskedWindows(gauge=measure, ends=_ends(draft, period, windows.last_end(draft, queries.now())))
    found = await reading.read(queries, principal, [asked])
    _check_number(draft, len(asked.ends), len(found.values[0].sources))
    return found.context, await _backtest(draft, asked, found, with_observations=with_observations)


def _ends(draft: RuleDraft, period: Period, last: datetime) -> Sequence[datetime]:
    if period.end <= period.start:
        raise Refused(Reason.INVALID_TIME_RANGE, "end must be later than start", field="time_range.end")
    if period.end - period.start > MOST_DAYS * _DAY:
        raise Refused(
            Reason.TIME_RANGE_TOO_LARGE,
            f"a backtest is over at most {MOST_DAYS} days",
            field="time_range",
            metadata={"limit_days": str(MOST_DAYS)},
        )
    number = max(0, (min(period.end, last) - period.start) // draft.step)
    _check_number(draft, number)
    ends = windows.ends(period.start, min(period.end, last), draft.step)
    if not ends:
        raise Refused(
            Reason.INVALID_TIME_RANGE,
            "no window of the rule ends in the period, as far as it has passed",
            field="time_range",
        )
    return ends


def _check_number(draft: RuleDraft, number: int, values: int | None = None) -> None:
    """Refuses so many windows, of so many values, where these are known already; says how long a period may be."""
    most = MOST_FORECASTS if draft.condition.kind is ConditionKind.FORECAST else MOST_WINDOWS
    if number * (values or 1) > most:
        each = values or (draft.max_values if draft.group_by else 1)
        longest = max(1, most // each) * draft.step
        raise Refused(
            Reason.TOO_MANY_POINTS,
            f"the period has {number * (values or 1):,} windows of the rule and its values, more than {most:,}: with"
            f" steps of {wording.duration(draft.step)}{f' and {each} values' if each > 1 else ''} take at most"
            f" {wording.roughly(longest)}, or a rule with longer steps{' or fewer values' if each > 1 else ''}",
            field="time_range",
            metadata={"limit": str(most), "longest_seconds": f"{longest.total_seconds():.0f}"},
        )


async def _backtest(
    draft: RuleDraft, asked: AskedWindows, found: FoundWindows, *, with_observations: bool
) -> RuleBacktest:
    incidents: list[FoundIncident] = []
    silent = looked = 0
    worst: Watched | None = None
    most = -1
    for one in await watched(asked, found.values[0], found.first_event):
        episodes = one.run(draft, machine.first(asked.ends[0] - draft.step)).episodes
        incidents += [incident(one.value, episode) for episode in episodes]
        looked += sum(one.is_active)
        silent += sum(machine.is_silent(draft, each) for each in one.observations)
        if len(episodes) > most:
            worst, most = one, len(episodes)
    incidents.sort(key=lambda each: (each.opened_at, each.value))
    shown = _shown(draft, worst.observations) if worst is not None and with_observations else ()
    return RuleBacktest(
        incidents=incidents[:MOST_INCIDENTS],
        total=len(incidents),
        open_time=_open_time(incidents, asked.ends[-1]),
        windows=looked,
        silent_windows=silent,
        notifications=sum(each.turns for each in incidents),
        observed_value="" if worst is None else worst.value,
        observations=shown,
        levels=list(machine.levels(draft, shown)),
    )


def incident(value: str, episode: Episode) -> FoundIncident:
    """Returns an incident of a run of windows that has begun in it."""
    opened, closed = episode.turns[0], episode.closed
    return FoundIncident(
        value=value,
        opened_at=opened.at,
        closed_at=None if closed is None else closed.at,
        close_reason=None if closed is None else closed.close_reason,
        state=episode.state,
        worst=episode.worst,
        peak=episode.peak,
        peak_at=episode.peak_at,
        reason=opened.observation.reason,
        turns=len(episode.turns),
    )


def _open_time(incidents: Sequence[FoundIncident], last: datetime) -> timedelta:
    """Returns how long any of them was open, all together."""
    total, until = timedelta(0), None
    for one in incidents:  # in the order in which they began
        start, end = one.opened_at, one.closed_at or last
        if until is not None:
            start = max(start, until)
        if end > start:
            total += end - start
        until = end if until is None else max(until, end)
    return total


def _shown(draft: RuleDraft, observations: Sequence[Observation]) -> Sequence[Observation]:
    """Returns windows in equal steps, and those in which the level changes, as far as there is room."""
    step = -(-len(observations) // MOST_SHOWN)
    if step <= 1:
        return observations
    levels = list(machine.levels(draft, observations))
    turning = {place for place in range(1, len(levels)) if levels[place] is not levels[place - 1]}
    room = MOST_SHOWN // 2
    regular = set(range(0, len(observations), max(step, -(-len(observations) // room))))
    chosen = sorted(regular | set(sorted(turning)[:room]))
    return [observations[place] for place in chosen]
