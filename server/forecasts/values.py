"""What a forecast of a series is, as values: whoever only shows it needs no numpy."""

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


class Model(enum.Enum):
    """What made a forecast."""

    SEASONAL_NAIVE = enum.auto()
    DRIFT = enum.auto()
    PROFILE = enum.auto()
    THETA = enum.auto()
    DAMPED_ETS = enum.auto()
    COMBINATION = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What days of a name do: values are so many times the ordinary ones, give or take spread. None: none has been seen
    yet, and the days are taken as ordinary ones.
    """

    occurrences: int
    factor: float | None
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a value, or a sum, is expected to be, with the intervals that hold it in 80 and in 95 of 100 cases."""

    point: float
    low_80: float
    high_80: float
    low_95: float
    high_95: float

    def plus(self, added: float) -> "Expected":
        """Returns the same with something added that is known."""
        return self._changed(lambda value: value + added)

    def at_least(self, least: float) -> "Expected":
        """Returns the same where it is known that the value is not less."""
        return self._changed(lambda value: max(value, least))

    def _changed(self, change: Callable[[float], float]) -> "Expected":
        return Expected(**{field.name: change(getattr(self, field.name)) for field in dataclasses.fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """How wrong forecasts of the past were. mase is the mean absolute error over that of the seasonal naive within the
    history, and naive_mase the same of the seasonal naive's forecasts, both None for a series that repeats itself
    exactly; coverage is the share of values that intervals held, None where that could not be judged; origins is from
    how many instants of the past the whole horizon, or what there is of it, was forecast.
    """

    mase: float | None
    naive_mase: float | None
    coverage_80: float | None
    coverage_95: float | None
    origins: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesForecast:
    """The values that are expected next, their running sums, and how wrong that may be. effects has the days of each
    name that are not like others.
    """

    points: Sequence[Expected]
    sums: Sequence[Expected]
    model: Model
    members: Sequence[Model]
    errors: Errors
    values_used: int
    effects: Mapping[str, Effect]


class TooShortError(Exception):
    """The history has fewer values, apart from gaps, than a forecast of such a horizon needs."""

    def __init__(self, *, needed: int, found: int) -> None:
        super().__init__(f"{needed} values are needed, and there are {found}")
        self.needed = needed
        self.found = found
