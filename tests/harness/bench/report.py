"""What a benchmark found: figures beside their yardsticks, and whether they are what they must be."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A bound of a result, for example at least 0.3."""

    bound: float
    at_most: bool = False

    def holds(self, result: float) -> bool:
        """True where the result is within the bound."""
        return result <= self.bound if self.at_most else result >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {number(self.bound)}"


def at_least(bound: float) -> Goal:
    """The result is to be that or more."""
    return Goal(bound=bound)


def at_most(bound: float) -> Goal:
    """The result is to be that or less."""
    return Goal(bound=bound, at_most=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One comparison. measured and yardstick have a value per round; those of one round were taken side by side.

    result is what is judged, in result_unit; without one the figure could not be taken, and note says why.
    """

    name: str
    what: str
    against: str
    unit: str = ""
    measured: Sequence[float] = ()
    yardstick: Sequence[float] = ()
    result: float | None = None
    result_unit: str = "×"
    must: Goal | None = None
    aim: Goal | None = None
    details: Mapping[str, float] = field(default_factory=dict)  # further figures by their names, which say their units
    note: str = ""

    @property
    def verdict(self) -> str:
        """What became of it, in one or two words."""
        if self.result is None:
            return "not available"
        if self.aim is not None and self.aim.holds(self.result):
            return "aim reached"
        if self.must is None:
            return "–"
        return "reached" if self.must.holds(self.result) else "**missed**"

    def record(self) -> dict[str, Any]:
        """The figure for a file, with its medians and verdict."""
        medians = {
            name: statistics.median(values) if values else None
            for name, values in (("measured", self.measured), ("yardstick", self.yardstick))
        }
        texts = {name: None if goal is None else str(goal) for name, goal in (("must", self.must), ("aim", self.aim))}
        return asdict(self) | texts | {"medians": medians, "verdict": self.verdict}


def of_rounds(measured: Sequence[float], yardstick: Sequence[float]) -> float:
    """The median of the rounds' own ratios: what disturbs a shared machine disturbs both sides of a round."""
    return statistics.median(one / other for one, other in zip(measured, yardstick, strict=True))


def percentile(values: Sequence[float], q: float) -> float:
    """The smallest of the values that at least that share of them does not exceed."""
    return sorted(values)[max(math.ceil(len(values) * q) - 1, 0)]


def number(value: float) -> str:
    """A number with as many digits as it deserves."""
    if value == int(value) and abs(value) < 1000:
        return str(int(value))
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def show(figure: Figure) -> None:
    """Prints a figure with its rounds."""
    print(f"{figure.name}: {figure.what}")
    for title, values in (("measured", figure.measured), (figure.against, figure.yardstick)):
        if values:
            rounds = ", ".join(map(number, values))
            print(f"  {title}: {number(statistics.median(values))} {figure.unit}   (rounds: {rounds})")
    if figure.details:
        print("  " + "; ".join(f"{name} {number(value)}" for name, value in figure.details.items()))
    if figure.note:
        print(f"  {figure.note}")
    if figure.result is not None:
        goals = f"must {figure.must}" + (f", aim {figure.aim}" if figure.aim else "")
        print(f"  → {number(figure.result)} {figure.result_unit} ({goals}): {figure.verdict}", flush=True)
    else:
        print(f"  → {figure.verdict}", flush=True)
