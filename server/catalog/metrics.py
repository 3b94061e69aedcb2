"""What a metric of the catalogue is: a measure, which is stored, or a figure that is computed from measures."""

import enum
from dataclasses import dataclass

from server import histogram


class Aggregation(enum.Enum):
    """How a measure is taken from its events."""

    COUNT = "count"  # the events; with a field: those that carry it and not as zero
    SUM = "sum"  # a field's values added up, and how many carried it
    UNIQUE = "unique"  # the distinct values of an id
    HISTOGRAM = "histogram"  # as SUM, and the values' distribution


class Unit(enum.StrEnum):
    """The unit of a figure, in UCUM where it has one."""

    COUNT = "1"
    MILLISECONDS = "ms"
    BYTES = "By"
    MICROS = "micros"
    TOKENS = "tokens"
    FRACTION = "fraction"
    RATING = "rating"
    PERCENT = "%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A stored number: what is taken from which events, and how. Without event_types it is taken from every event.

    With a projection it is taken from what that projection keeps, and a field says what of it; it changes when later
    events change that. The number is stored with its figures: it is never changed, nor used for another measure.
    """

    number: int
    name: str
    description: str
    unit: Unit
    aggregation: Aggregation
    event_types: tuple[str, ...] = ()
    field: str = ""
    projection: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """(numerators − subtrahends) ÷ denominators, each a sum of measures; absent where the denominators add up to 0.

    "name" means the value of a measure, "name.count" how many events carried it. Without denominators it is a total.
    """

    name: str
    description: str
    unit: Unit
    numerators: tuple[str, ...]
    subtrahends: tuple[str, ...] = ()
    denominators: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names that it is computed from."""
        return self.numerators + self.subtrahends + self.denominators


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """A percentile of a measure with a histogram; absent without values."""

    name: str
    description: str
    unit: Unit
    measure: str
    q: float
    max_relative_error: float = histogram.RELATIVE_ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A figure that is more than the cells of its period added up: a function of the question works it out.

    With change_of it is the change of that metric, in percent, against an earlier period.
    """

    name: str
    description: str
    unit: Unit
    change_of: str = ""


Metric = Measure | Ratio | Quantile  # what can be computed from a cell, and so has a series
Definition = Metric | Derived


def is_integer(metric: Metric) -> bool:
    """True where the figure is exact and whole: counts, sums, uniques and totals of them."""
    return isinstance(metric, Measure) or (isinstance(metric, Ratio) and not metric.denominators)
