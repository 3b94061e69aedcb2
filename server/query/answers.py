"""Questions and answers as values: what query.py takes and gives."""

import enum
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from server.catalog.figures import Figure, Figures
from server.store.rollups import AsOf
from server.timerange import Granularity, Span, TimeRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The period as it was asked for. Without a zone, it is the organization's own."""

    start: datetime
    end: datetime
    zone: zoneinfo.ZoneInfo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What an answer is about; approximate names its figures that are not exact."""

    period: TimeRange
    as_of: AsOf
    approximate: Sequence[str] = ()


class Absence(enum.Enum):
    """Why a change cannot be computed."""

    NO_BASELINE = enum.auto()
    BEFORE_FLOOR = enum.auto()
    TOO_EARLY = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change in percent, or why there is none."""

    percent: float | None
    absence: Absence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The key figures. The mappings are None where a filter leaves them without meaning."""

    context: Context
    figures: Figures
    changes: Mapping[str, Change]
    storage_by_kind: Mapping[str, int] | None
    events_by_type: Mapping[str, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """The figures of one bucket."""

    span: Span
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """The figures of one agent and its daily trend."""

    context: Context
    agent_id: str
    figures: Figures
    trend: Sequence[TrendPoint]


class Resource(enum.Enum):
    """Something that costs."""

    MODEL_CALLS = enum.auto()
    STORAGE = enum.auto()
    BANDWIDTH = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """Series over the same buckets. The mappings are None where a filter leaves them without meaning."""

    context: Context
    granularity: Granularity
    buckets: Sequence[Span]
    series: Mapping[str, Sequence[Figure]]
    storage_by_kind: Mapping[str, int] | None
    estimated_costs: Mapping[Resource, int] | None
