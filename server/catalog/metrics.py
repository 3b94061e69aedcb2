"""What a metric of the catalogue is: a measure, which is stored, or a figure that is computed from measures."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from server import histogram


class Aggregation(enum.Enum):
    """How a measure is taken from its events."""

    COUNT = "count"  # the events; with a field: those that carry it and not as zero
    SUM = "sum"  # a field's values added up, and how many events carried it
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
    TEN_THOUSANDTHS = "10*-4"
    RATING = "rating"
    PERCENT = "%"


class Better(enum.Enum):
    """Which change of a figure is good news."""

    NEITHER = enum.auto()
    HIGHER = enum.auto()
    LOWER = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The events of which a field of the detail, a number or an enum, is from `least` to `most`. A field that an event
    does not tell is taken as 0, which is what an enum that is not told means.
    """

    field: str
    least: int = 0
    most: int = histogram.MAXIMUM


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A stored number: what is taken from which events, and how. Without event_types it is taken from every event.

    The value of an event is its field, or the sum of its field and those in `plus`, as far as it tells them; an event
    that tells none of them has no value. `where` leaves events out, and `without` leaves out those that tell a field.
    `of_unknown_types` takes it from those events alone whose type the service does not know. `only_by` names the
    dimensions by which alone it is kept, in pairs, too.

    With a projection it is taken from what that projection keeps, and a field says what of it; it changes when later
    events change that. The number is stored with its figures: it is never changed, nor used for another measure.
    A custom metric may be stored in `parts` of its unit, as whole numbers: they are divided when they are shown.
    """

    number: int
    name: str
    title: str
    description: str
    unit: str
    aggregation: Aggregation
    better: Better = Better.NEITHER
    event_types: tuple[str, ...] = ()
    of_unknown_types: bool = False
    field: str = ""
    plus: tuple[str, ...] = ()
    where: Where | None = None
    without: str = ""
    only_by: tuple[str, ...] = ()
    projection: str = ""
    parts: int = 1

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the detail that make its value; empty where it has none."""
        return (self.field, *self.plus) if self.field else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """(numerators − subtrahends) ÷ denominators, each a sum of measures; absent where the denominators add up to 0.

    "name" means the value of a measure, "name.count" how many events carried it. Without denominators it is a total.
    What is stored in parts of a unit is divided by `parts`: by 10,000, if the values are ten-thousandths.
    """

    name: str
    title: str
    description: str
    unit: str
    numerators: tuple[str, ...]
    subtrahends: tuple[str, ...] = ()
    denominators: tuple[str, ...] = ()
    parts: int = 1
    better: Better = Better.NEITHER

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names that it is computed from."""
        return self.numerators + self.subtrahends + self.denominators


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """A percentile of a measure with a histogram, divided by `parts` as in Ratio; absent without values."""

    name: str
    title: str
    description: str
    unit: str
    measure: str
    q: float
    parts: int = 1
    better: Better = Better.NEITHER
    max_relative_error: float = histogram.RELATIVE_ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A figure that is more than the cells of its period added up: a function of the question works it out.

    With change_of it is the change of that metric, in percent, against an earlier period.
    """

    name: str
    title: str
    description: str
    unit: Unit
    better: Better = Better.NEITHER
    change_of: str = ""


Metric = Measure | Ratio | Quantile  # what can be computed from a cell, and so has a series
Definition = Metric | Derived


def is_integer(metric: Metric) -> bool:
    """True where the figure is exact and whole: counts, sums, uniques and totals of them."""
    return _is_stored(metric) and metric.parts == 1


def shown(metric: Metric, figure: int | float) -> int | float:
    """Returns a figure in the metric's unit: what is stored in parts of it is divided last, so that it adds up."""
    return figure / metric.parts if _is_stored(metric) and metric.parts > 1 else figure


def _is_stored(metric: Metric) -> bool:
    """Returns whether the figure is a sum of what is stored, as it is stored."""
    return isinstance(metric, Measure) or (isinstance(metric, Ratio) and not metric.denominators)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """The percentiles and the mean of a measure: "p95_" and "avg_" go before the name. The title is that of the values,
    in small letters; `of` says the same in a sentence.
    """

    measure: str
    name: str
    title: str
    of: str
    unit: Unit
    better: Better = Better.NEITHER
    parts: int = 1

    @property
    def total(self) -> str:
        """The title of the values added up."""
        return f"{_capital(self.title)}, sum"

    def percentiles(self, *percents: int) -> Sequence[Quantile]:
        """Returns the entries of percentiles."""
        return [
            Quantile(
                name=f"p{percent}_{self.name}",
                title=f"Median {self.title}" if percent == 50 else f"{_capital(self.title)}, p{percent}",
                description=f"{percent}th percentile of {self.of}.",
                unit=self.unit,
                measure=self.measure,
                q=percent / 100,
                parts=self.parts,
                better=self.better,
            )
            for percent in percents
        ]

    def mean(self, name: str = "") -> Ratio:
        """Returns the entry of the mean, "avg_" and the name unless it has another one."""
        return Ratio(
            name=name or f"avg_{self.name}",
            title=f"Mean {self.title}",
            description=f"Mean of {self.of}.",
            unit=self.unit,
            numerators=(self.measure,),
            denominators=(f"{self.measure}.count",),
            parts=self.parts,
            better=self.better,
        )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
