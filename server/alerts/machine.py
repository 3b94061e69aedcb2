"""How a rule stands after each window: pure functions, which live evaluation, tests of rules and backtests share."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from server.organizations.alerts import (
    AlertCondition,
    AlertDirection,
    AlertStanding,
    CloseReason,
    ConditionKind,
    EntryKind,
    NoData,
    Observation,
    RuleDraft,
    State,
)

_SYMMETRIC = (ConditionKind.CHANGE, ConditionKind.ANOMALY)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelLimits:
    """The limits of a level: above the upper one and below the lower one it is reached; None: there is none."""

    upper: float | None
    lower: float | None

    def excess(self, measured: float) -> float | None:
        """Returns by how much something is beyond the limits, which is negative within them; None without limits."""
        over = None if self.upper is None else measured - self.upper
        under = None if self.lower is None else self.lower - measured
        found = [one for one in (over, under) if one is not None]
        return max(found) if found else None


def limits(condition: AlertCondition, state: State) -> LevelLimits:
    """Returns the limits of WARNING or ALERT."""
    is_warning = state is State.WARNING
    upper = condition.warning if is_warning else condition.critical
    lower = condition.low_warning if is_warning else condition.low_critical
    match condition.direction:
        case AlertDirection.ABOVE:
            return LevelLimits(upper=upper, lower=None)
        case AlertDirection.BELOW:
            return LevelLimits(upper=None, lower=upper)
        case AlertDirection.OUTSIDE:
            if lower is None and upper is not None and condition.kind in _SYMMETRIC:
                lower = -upper
            return LevelLimits(upper=upper, lower=lower)


def level(condition: AlertCondition, measured: float, held: State = State.OK) -> State:
    """Returns how a window stands for itself: OK, WARNING or ALERT. A state that is held is left once the figure is on
    the other side of its limit by the hysteresis.
    """
    if condition.kind is ConditionKind.ABSENCE:
        return State.OK if measured >= 1 else State.ALERT
    for state in (State.ALERT, State.WARNING):
        excess = limits(condition, state).excess(measured)
        if excess is None:
            continue
        is_held = held in (State.WARNING, State.ALERT) and held.rank >= state.rank
        if excess > 0 or (is_held and condition.hysteresis > 0 and excess > -condition.hysteresis):
            return state
    return State.OK


def is_silent(draft: RuleDraft, observation: Observation) -> bool:
    """Returns whether a window has no data."""
    return observation.measured is None or observation.samples < draft.minimum_samples


def shown_level(draft: RuleDraft, observation: Observation) -> State:
    """Returns how a window stands for itself, as people see it."""
    if observation.error:
        return State.ERROR
    if observation.measured is None or is_silent(draft, observation):
        return State.NO_DATA
    return level(draft.condition, observation.measured)


def first(at: datetime) -> AlertStanding:
    """Returns how everything stands before its first window."""
    return AlertStanding(state=State.OK, since=at)


def after(draft: RuleDraft, before: AlertStanding, observation: Observation) -> AlertStanding:
    """Returns how a rule stands after one more window. It is the same for the same window again."""
    at = observation.at
    if observation.error:
        return dataclasses.replace(before, failing_from=before.failing_from or at)
    if observation.measured is None or is_silent(draft, observation):
        silent_from = before.silent_from or at
        state = _silent(draft, before.state, at, silent_from)
        return AlertStanding(state=state, since=_since(before, state, at), silent_from=silent_from)
    base = State.OK if before.state is State.NO_DATA else before.state
    found = level(draft.condition, observation.measured, base)
    warning_from = (before.warning_from or at) if found.rank >= State.WARNING.rank else None
    alert_from = (before.alert_from or at) if found is State.ALERT else None
    state = min(found, base, key=_rank)
    for wanted, since in ((State.WARNING, warning_from), (State.ALERT, alert_from)):
        has_limits = wanted is State.ALERT or limits(draft.condition, wanted) != LevelLimits(upper=None, lower=None)
        if since is not None and has_limits and at - since >= draft.hold_for and wanted.rank > state.rank:
            state = wanted
    return AlertStanding(state=state, since=_since(before, state, at), warning_from=warning_from, alert_from=alert_from)


def _rank(state: State) -> int:
    return state.rank


def _since(before: AlertStanding, state: State, at: datetime) -> datetime:
    return before.since if state is before.state else at


def _silent(draft: RuleDraft, state: State, at: datetime, silent_from: datetime) -> State:
    """Returns the state in a window without data."""
    silence = at - silent_from
    if draft.no_data is NoData.OK or (draft.close_after is not None and silence >= draft.close_after):
        return State.OK
    if draft.no_data is NoData.ALERT and silence >= draft.hold_for:
        return State.NO_DATA
    return state


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A change of the state of an incident with a window: its beginning, another state, or its end, with a reason."""

    kind: EntryKind
    state: State
    observation: Observation
    close_reason: CloseReason | None = None

    @property
    def at(self) -> datetime:
        """Returns the end of the window."""
        return self.observation.at


@dataclass(slots=True)
class Episode:
    """An incident as a run of windows has it. is_continued: it was open before the first of them."""

    turns: list[Turn]
    state: State
    worst: State
    is_continued: bool = False
    peak: float | None = None
    peak_at: datetime | None = None

    @property
    def closed(self) -> Turn | None:
        """Returns what has ended it."""
        return self.turns[-1] if self.turns and self.turns[-1].kind is EntryKind.CLOSED else None

    def see(self, condition: AlertCondition, observation: Observation) -> None:
        """Takes in a window in which it is open."""
        measured = observation.measured
        if measured is not None and is_worse(condition, measured, self.peak):
            self.peak, self.peak_at = measured, observation.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run of windows came to. standings has each change, the first of which may be how it stood before."""

    standings: list[tuple[datetime, AlertStanding]]
    episodes: list[Episode]
    last: AlertStanding
    observation: Observation | None


def run(
    draft: RuleDraft,
    before: AlertStanding,
    observations: Iterable[Observation],
    is_active: Callable[[datetime], bool] = lambda _: True,
) -> Run:
    """Looks at windows one after the other, but for those that are not active while it is OK."""
    standing, changes, last = before, list[tuple[datetime, AlertStanding]](), None
    episodes: list[Episode] = []
    current = None
    if before.state is not State.OK:
        current = Episode(turns=[], state=before.state, worst=before.state, is_continued=True)
        episodes.append(current)
    for observation in observations:
        if standing.state is State.OK and not is_active(observation.at):
            continue
        following, last = after(draft, standing, observation), observation
        if following != standing:
            changes.append((observation.at, following))
        current = _seen(draft, episodes, current, standing.state, following, observation)
        standing = following
    return Run(standings=changes, episodes=episodes, last=standing, observation=last)


def _seen(
    draft: RuleDraft,
    episodes: list[Episode],
    current: Episode | None,
    before: State,
    standing: AlertStanding,
    observation: Observation,
) -> Episode | None:
    """Takes a window into the open incident, or begins one; returns the one that is open then."""
    state = standing.state
    if current is None:
        if state is State.OK:
            return None
        current = Episode(
            turns=[Turn(kind=EntryKind.OPENED, state=state, observation=observation)], state=state, worst=state
        )
        episodes.append(current)
    elif state is not before:
        why = None
        if state is State.OK:
            why = CloseReason.RECOVERED if standing.silent_from is None else CloseReason.SILENT
        kind = EntryKind.CHANGED if state is not State.OK else EntryKind.CLOSED
        current.turns.append(Turn(kind=kind, state=state, observation=observation, close_reason=why))
        current.state = state
        if state.rank > current.worst.rank:
            current.worst = state
    if state is State.OK:
        return None
    current.see(draft.condition, observation)
    return current


def is_worse(condition: AlertCondition, measured: float, than: float | None) -> bool:
    """Returns whether something is farther beyond the limits than something else, or there is nothing else."""
    return than is None or _badness(condition, measured) > _badness(condition, than)


def _badness(condition: AlertCondition, measured: float) -> float:
    """Returns how far something is beyond the limits, greater for worse."""
    if condition.kind is ConditionKind.ABSENCE:
        return -measured
    for state in (State.ALERT, State.WARNING):
        excess = limits(condition, state).excess(measured)
        if excess is not None:
            return excess
    return measured


def levels(draft: RuleDraft, observations: Iterable[Observation]) -> Iterator[State]:
    """Yields how each window stands for itself."""
    return (shown_level(draft, one) for one in observations)
