"""Custom metrics: what an organization defines over its own events, and what that comes to in the catalogue.

A custom metric has a number of its own within its organization, which is never used for another one, even when it is
deleted. Its measure has that number, and its own dimension another one that follows from it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from server.catalog.dimension import FIRST_CUSTOM, Dimension
from server.catalog.metrics import Aggregation, Better, Measure, Metric, Quantile, Ratio
from server.events.event import Event

PROJECTION = "custom_metrics"
PREFIX = "custom."  # of names in questions
MOST = 100  # of an organization, deleted ones aside
# Dimensions are numbered from FIRST_CUSTOM to what a column holds.
FIRST_NUMBER, LAST_NUMBER = 1_000, 1_000 + 32_767 - FIRST_CUSTOM
MAX_DIMENSION_VALUES = 1_000
MAX_VALUE_BYTES = 256  # of a value of its own dimension
MAX_DECIMALS = 6
_PERCENTILES = (50, 90, 95, 99)


def dimension_of(number: int) -> int:
    """Returns the number of the own dimension of the metric with a number."""
    return FIRST_CUSTOM + number - FIRST_NUMBER


def number_of(dimension: Dimension) -> int:
    """Returns the number of the metric whose own dimension it is."""
    return dimension.number - FIRST_CUSTOM + FIRST_NUMBER


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Where a value is in an event: in a field of its detail, or, key by key, in its properties."""

    text: str
    is_detail: bool
    keys: Sequence[str]

    @classmethod
    def of(cls, text: str) -> "Path":
        """Returns the path that a text stands for, such as "properties.order.total" or "detail.model"."""
        root, *keys = text.split(".")
        return cls(text=text, is_detail=root == "detail", keys=keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueFilter:
    """Leaves out the events that do not carry a value at a path."""

    path: Path
    equals: str | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomMetric:
    """What an organization has defined. value is None where only events are counted, and filter and dimension are None
    where there is none.
    """

    name: str
    title: str
    description: str
    unit: str
    better: Better
    event_types: Sequence[str]
    aggregation: Aggregation
    value: Path | None
    decimals: int
    filter: ValueFilter | None
    dimension: Path | None

    @property
    def parts(self) -> int:
        """Returns into how many parts the unit is divided: values are stored as whole numbers of these."""
        return int(10**self.decimals)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptMetric:
    """A custom metric of an organization, and how far it is counted.

    Events of revisions up to counted_after belong to its history. That is counted up to the quarter hour history_until,
    None: all of it, and progress is the share of it. complete_from is the quarter hour from which on raw events were
    there, 0 for all time. not_numbers is how many values could not be taken; distinct_values and dimension_values are
    how many have numbers.
    """

    definition: CustomMetric
    number: int
    created_at: datetime
    counted_after: int
    history_until: int | None
    progress: float
    complete_from: int
    not_numbers: int
    distinct_values: int
    dimension_values: int

    @property
    def is_complete(self) -> bool:
        """Returns whether its history is counted."""
        return self.history_until is None

    def has_counted(self, revision: int, event: Event) -> bool:
        """Returns whether it has counted an event of a revision that the projection has seen."""
        return revision > self.counted_after or self.history_until is None or event.bucket < self.history_until

    @property
    def name(self) -> str:
        """Returns its name in questions."""
        return PREFIX + self.definition.name

    @property
    def dimension_number(self) -> int:
        """Returns the number of its own dimension."""
        return dimension_of(self.number)

    def dimension(self) -> Dimension | None:
        """Returns its own dimension, by which it alone is kept; None where it has none."""
        path = self.definition.dimension
        if path is None:
            return None
        return Dimension(
            number=self.dimension_number,
            name=self.name,
            description=f"The values of {path.text}. {self.name} alone.",
            member_kind=self.dimension_number,
            limit=MAX_DIMENSION_VALUES,
            only_measures=(self.name,),
        )

    def metrics(self) -> Iterator[Metric]:
        """Yields what it comes to in the catalogue: a measure, and what is computed from it."""
        own = self.definition
        yield Measure(
            number=self.number,
            name=self.name,
            title=own.title,
            description=own.description,
            unit=own.unit,
            aggregation=own.aggregation,
            better=own.better,
            event_types=tuple(own.event_types),
            field=own.value.text if own.value else "",
            projection=PROJECTION,
            parts=own.parts,
        )
        if own.aggregation in (Aggregation.SUM, Aggregation.HISTOGRAM):
            yield from self._means()
        if own.aggregation is Aggregation.HISTOGRAM:
            yield from map(self._percentile, _PERCENTILES)

    def _means(self) -> Iterator[Metric]:
        own, count = self.definition, f"{self.name}.count"
        yield Ratio(
            name=count,
            title=f"{own.title}, count",
            description=f"Events that carry a value of {self.name}.",
            unit="1",
            numerators=(count,),
        )
        yield Ratio(
            name=f"{self.name}.avg",
            title=f"{own.title}, mean",
            description=f"Mean of the values of {self.name}.",
            unit=own.unit,
            numerators=(self.name,),
            denominators=(count,),
            parts=own.parts,
            better=own.better,
        )

    def _percentile(self, percent: int) -> Metric:
        own = self.definition
        return Quantile(
            name=f"{self.name}.p{percent}",
            title=f"{own.title}, p{percent}",
            description=f"{percent}th percentile of the values of {self.name}.",
            unit=own.unit,
            measure=self.name,
            q=percent / 100,
            parts=own.parts,
            better=own.better,
        )
