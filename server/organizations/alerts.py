"""Values of alerts: rules, what their windows came to, how they stand, and incidents."""

import enum
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from server.organizations.restriction import Restriction

MOST_RULES: Final = 500  # of an organization
MOST_VALUES: Final = 100  # of a rule's dimension
DEFAULT_VALUES: Final = 20
MOST_DESTINATIONS: Final = 20
MOST_MUTES: Final = 20
MOST_COMMENTS: Final = 200  # of an incident
MOST_ENTRIES: Final = 1_000  # of an incident that the service writes
STEPS: Final = tuple(timedelta(minutes=one) for one in (1, 5, 15, 30, 60))
LONGEST: Final = timedelta(days=31)
DEFAULT_WINDOW: Final = timedelta(minutes=5)
DEFAULT_DELAY: Final = timedelta(seconds=10)
MINUTE: Final = timedelta(minutes=1)


class ConditionKind(enum.StrEnum):
    """What is compared with the limits of a rule."""

    VALUE = "value"
    CHANGE = "change"  # in percent of a comparable window
    ANOMALY = "anomaly"  # in standard deviations
    FORECAST = "forecast"
    ABSENCE = "absence"
    BUDGET = "budget"  # a share of what may be used in a month


class AlertDirection(enum.StrEnum):
    """The side of the limits on which a figure is wrong."""

    ABOVE = "above"
    BELOW = "below"
    OUTSIDE = "outside"


class AlertBaseline(enum.StrEnum):
    """The window that a change is measured from."""

    WEEK = "week"
    PREVIOUS = "previous"
    DAY = "day"
    FOUR_WEEKS = "four_weeks"


class NoData(enum.StrEnum):
    """What windows without data mean."""

    KEEP = "keep"
    ALERT = "alert"
    OK = "ok"


class Severity(enum.StrEnum):
    """How bad it is if a rule's condition holds."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class State(enum.StrEnum):
    """How a rule stands, or one value of its dimension."""

    OK = "ok"
    WARNING = "warning"
    ALERT = "alert"
    NO_DATA = "no_data"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """Returns a number that is greater for worse states."""
        return _RANKS[self]


_RANKS = {State.OK: 0, State.ERROR: 1, State.NO_DATA: 2, State.WARNING: 3, State.ALERT: 4}


class CloseReason(enum.StrEnum):
    """Why an incident has ended."""

    RECOVERED = "recovered"
    SILENT = "silent"  # there was no data for as long as the rule says
    RULE_CHANGED = "rule_changed"
    RESTATED = "restated"  # late events have shown that there was nothing wrong


class EntryKind(enum.StrEnum):
    """What has happened to an incident."""

    OPENED = "opened"
    CHANGED = "changed"
    CLOSED = "closed"
    REMINDED = "reminded"
    ACKNOWLEDGED = "acknowledged"
    COMMENTED = "commented"
    UNMUTED = "unmuted"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCondition:
    """What is wrong with a figure. Limits are in what is compared: units of the metric, percent, standard deviations or
    a share. low_warning and low_critical are the lower limits of OUTSIDE; with CHANGE and ANOMALY these are the
    negative upper ones unless they are given.
    """

    kind: ConditionKind
    direction: AlertDirection = AlertDirection.ABOVE
    warning: float | None = None
    critical: float | None = None
    low_warning: float | None = None
    low_critical: float | None = None
    hysteresis: float = 0.0
    baseline: AlertBaseline = AlertBaseline.WEEK
    minimum_effect: float = 0.0
    within: timedelta = timedelta(0)  # of a forecast
    budget: float = 0.0  # 0: the organization's quota of events


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """A time that comes again and again. An empty zone is the rule's."""

    cron: str
    duration: timedelta
    time_zone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """A rule as somebody wants it, with nothing left open: defaults are filled in.

    metric is empty with ABSENCE, which looks at events whatever they are. dimension and value are the filter's, empty
    without one: of a pair the dimension's name has both with a comma between, and value is theirs joined (see
    dimensions.joined). group_by is empty without one. time_zone is empty where it is the organization's.
    """

    name: str
    description: str = ""
    metric: str = ""
    dimension: str = ""
    value: str = ""
    group_by: str = ""
    max_values: int = DEFAULT_VALUES
    window: timedelta = DEFAULT_WINDOW
    step: timedelta = MINUTE
    condition: AlertCondition
    hold_for: timedelta = timedelta(0)
    minimum_samples: int = 0
    no_data: NoData = NoData.KEEP
    close_after: timedelta | None = None
    remind_after: timedelta | None = None
    severity: Severity = Severity.MEDIUM
    runbook_url: str = ""
    destinations: tuple[str, ...] = ()
    mutes: tuple[Mute, ...] = ()
    time_zone: str = ""
    is_disabled: bool = False
    delay: timedelta = DEFAULT_DELAY

    @property
    def asks(self) -> tuple[object, ...]:
        """Returns what decides its states: a rule in which this changes begins anew."""
        where = self.metric, self.dimension, self.value, self.group_by, self.max_values, self.window, self.step
        how = self.condition, self.hold_for, self.minimum_samples, self.no_data, self.close_after, self.time_zone
        return where + how


def default_step(window: timedelta) -> timedelta:
    """Returns how often a rule is looked at unless it says so."""
    minutes = window // MINUTE
    if minutes <= 15:
        return MINUTE
    if minutes <= 60:
        return timedelta(minutes=5)
    return timedelta(minutes=15) if minutes <= 24 * 60 else timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRule:
    """A rule as it is stored. generation counts how often its states have begun anew, from 1, and begun_at is from when
    on; evaluated_until is the end of the last window that was looked at, and evaluated_revision what had been
    acknowledged by then. What is restricted is the part of the organization that the rule has to be about: that of who
    made it, for good; empty: it may be about anything.
    """

    organization_id: int
    rule_id: str
    restricted_dimension: str
    restricted_values: Sequence[str]
    draft: RuleDraft
    owner: str
    version: int
    created_at: datetime
    updated_at: datetime
    updated_by: str
    snoozed_until: datetime | None
    generation: int
    begun_at: datetime
    evaluated_until: datetime
    evaluated_revision: int

    @property
    def restriction(self) -> Restriction | None:
        """Returns the part of the organization that the rule has to be about; None: it may be about anything."""
        return Restriction.stored(self.restricted_dimension, self.restricted_values)

    @property
    def etag(self) -> str:
        """Returns what is different after each change, also where a restored database counts the same numbers again."""
        told = f"{self.rule_id} {self.version} {self.updated_at.isoformat()}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a window came to. figure is the metric's, None if it cannot be computed; measured is what is compared with
    the limits, None if there is no data; samples is of how many events or values the figure is made. low and high are
    what is usual. error says why nothing can be measured, through no lack of data.
    """

    at: datetime  # the end of the window
    figure: float | None = None
    measured: float | None = None
    samples: int = 0
    low: float | None = None
    high: float | None = None
    reason: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStanding:
    """How a rule, or one value of its dimension, stands after a window. It stays the same for as long as windows come
    to the same.

    state is never ERROR: while windows cannot be looked at it is what it was before, and failing_from is set. since is
    the end of the first window with which it stood so. warning_from and alert_from are since when windows have been at
    least so bad without a break, silent_from since when they have had no data, and failing_from since when they could
    not be looked at; None: the last one was not.
    """

    state: State
    since: datetime
    warning_from: datetime | None = None
    alert_from: datetime | None = None
    silent_from: datetime | None = None
    failing_from: datetime | None = None

    @property
    def shown(self) -> State:
        """Returns the state as people see it."""
        return self.state if self.failing_from is None else State.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStanding:
    """A standing as it is stored, with the last window. An empty incident_id stands for no open incident."""

    rule_id: str
    value: str
    standing: AlertStanding
    observation: Observation
    incident_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEntry:
    """Something that has happened to an incident. at is the end of the window that decided it, None for what people
    did; by is the subject of who did it, empty for the service.
    """

    number: int
    recorded_at: datetime
    kind: EntryKind
    state: State
    at: datetime | None
    measured: float | None
    text: str
    by: str
    is_restated: bool
    is_muted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptIncident:
    """An incident as it is stored. What is restricted is what its rule is restricted to."""

    incident_id: str
    rule_id: str
    rule_name: str
    restricted_dimension: str
    restricted_values: Sequence[str]
    value: str
    state: State
    worst: State
    severity: Severity
    opened_at: datetime
    detected_at: datetime
    closed_at: datetime | None
    close_reason: CloseReason | None
    peak: float | None
    peak_at: datetime | None
    acknowledged_by: str
    acknowledged_at: datetime | None
    is_restated: bool
    reason: str

    @property
    def restriction(self) -> Restriction | None:
        """Returns the part of the organization that it is about; None: it may be about anything."""
        return Restriction.stored(self.restricted_dimension, self.restricted_values)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSummary:
    """A rule, how it or the worst of its dimension's values stands, None before it was looked at, how many open
    incidents it has, and how many destinations are told of it.
    """

    rule: KeptRule
    worst: KeptStanding | None
    open_incidents: int
    told: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedIncidents:
    """Which incidents are wanted; what is None does not matter. start and end leave out those that were open at no
    instant between them. after is the opening and the id of the last one of the page before.
    """

    rule_id: str | None = None
    only_open: bool = False
    start: datetime | None = None
    end: datetime | None = None
    after: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsOverview:
    """How an organization's rules and the values of their dimensions stand, as people see it, and its newest open
    incidents: those about a part of it, if there is a restriction. at is the database's time.
    """

    states: Mapping[State, int]
    incidents: Sequence[KeptIncident]
    open_incidents: int
    at: datetime
    restriction: Restriction | None
