"""Funnels: stages that leads, users or conversations go through, and what is asked about them."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.catalog.custom_metrics import Path
from server.events import lead
from server.timerange import Interval

MOST = 100  # saved ones of an organization
LEAST_STAGES, MOST_STAGES = 2, 20
MOST_FILTERS = 5
MAX_NAME = 100  # characters
MIN_WINDOW, DEFAULT_WINDOW, MAX_WINDOW = timedelta(seconds=1), timedelta(days=30), timedelta(days=366)
# What an event names, besides paths into its properties and detail, and the field that has it.
NAMED = {"agent": "agent_id", "campaign": "campaign_id", "channel": "channel", "team": "team_id"}


class FunnelEntity(enum.Enum):
    """Who goes through the stages; the value is stored."""

    LEAD = "lead"
    USER = "user"
    CONVERSATION = "conversation"


class FunnelOrder(enum.Enum):
    """Whether the stages must be entered in their order; the value is stored."""

    IN_ORDER = "in_order"
    ANY_ORDER = "any_order"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelPath:
    """Where a value is: in a field of the event, if it is one of NAMED, or else at a path."""

    text: str

    @property
    def field(self) -> str | None:
        """Returns the field that has it."""
        return NAMED.get(self.text)

    @property
    def path(self) -> Path:
        """Returns the path, of one that is no field."""
        return Path.of(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelFilter:
    """Keeps the events that carry a value."""

    path: FunnelPath
    equals: str | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelStage:
    """An event of a type that enters a stage; lead_stage is what lead.stage_entered must name, empty: anything."""

    event_type: str
    lead_stage: str
    filter: FunnelFilter | None
    name: str

    @property
    def definition(self) -> tuple[str, str, FunnelFilter | None]:
        """Returns what tells stages apart: two with the same are entered by the same events."""
        return self.event_type, self.lead_stage, self.filter

    @property
    def step(self) -> str | None:
        """Returns the step of a lead that enters it; None where what is kept of leads does not say that."""
        if self.filter is not None or self.event_type not in lead.EVENT_TYPES:
            return None
        return lead.step(self.event_type, self.lead_stage) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelDefinition:
    """What a funnel is."""

    stages: Sequence[FunnelStage]
    entity: FunnelEntity
    order: FunnelOrder
    window: timedelta

    @property
    def steps(self) -> Sequence[str] | None:
        """Returns the steps of leads that enter its stages; None where raw events are needed."""
        steps = [one.step for one in self.stages]
        known = [one for one in steps if one is not None]
        return known if self.entity is FunnelEntity.LEAD and len(known) == len(steps) else None

    def alike(self, place: int) -> int | None:
        """Returns the place of the last stage before one that is defined like it; None where there is none."""
        own = self.stages[place].definition
        return next((one for one in reversed(range(place)) if self.stages[one].definition == own), None)

    def first_alike(self, place: int) -> int:
        """Returns the place of the first stage that is defined like one, which may be that one."""
        own = self.stages[place].definition
        return next(one for one, stage in enumerate(self.stages) if stage.definition == own)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelCohort:
    """Whose way through which stages is asked for: of those that entered the funnel in an interval, what filters keep,
    as of a time.
    """

    definition: FunnelDefinition
    interval: Interval
    filters: Sequence[FunnelFilter]
    breakdown: FunnelPath | None
    now: int  # microseconds since 1970

    @property
    def has_lead_rows(self) -> bool:
        """Returns whether what is kept of leads answers it."""
        paths = [*(one.path for one in self.filters), *([self.breakdown] if self.breakdown else [])]
        return self.definition.steps is not None and all(one.field is not None for one in paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFunnel:
    """A funnel of an organization, as it was saved. An unset request_id is empty."""

    name: str
    definition: FunnelDefinition
    request_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCounts:
    """What was counted of a stage. Times are microseconds since the stage before; None where there is none."""

    entered: int
    still_inside: int
    median: int | None
    p95: int | None
    reached: int


# What is asked of one part of a cohort: the counts of its stages, in order.
FunnelCounts = Sequence[StageCounts]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelBreakdown:
    """A cohort by values: the largest parts by their values; other and without are None where they are empty."""

    total: FunnelCounts
    rows: dict[str, FunnelCounts]
    other: FunnelCounts | None
    without: FunnelCounts | None
    number: int
