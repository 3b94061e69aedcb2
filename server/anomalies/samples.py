"""Samples: the buckets of a series, and how they are to be judged."""

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


class SeriesKind(enum.Enum):
    """What the values of a series are, which decides what chance does to them."""

    COUNT = "count"
    FRACTION = "fraction"
    VALUE = "value"


class Direction(enum.Enum):
    """Which side of the usual is of interest."""

    ABOVE = "above"
    BELOW = "below"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """How unusual a bucket must be, in standard deviations of a normal distribution: fewer find more.

    Of buckets in which nothing happens three of a thousand lie beyond 3 sigmas, and six of 100,000 beyond 4.
    """

    sigmas: float

    LOW: ClassVar["Sensitivity"]
    MEDIUM: ClassVar["Sensitivity"]
    HIGH: ClassVar["Sensitivity"]


Sensitivity.LOW = Sensitivity(sigmas=5.0)
Sensitivity.MEDIUM = Sensitivity(sigmas=4.0)
Sensitivity.HIGH = Sensitivity(sigmas=3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A bucket of a series.

    at is its start (aware, UTC). value is None where the figure is absent. trials is the denominator of a fraction, and
    None for every other kind.
    """

    at: datetime
    value: float | None
    trials: int | None = None
