"""Decides everything about a chart: where lines run, what is dashed, where gaps are, what stands on the axes.

The rules are those of the pages. Places are shares of the plot: x from 0 at the left, y from 0 at the bottom. Whoever
draws a chart puts it on paper as it is.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from server.exports.tables import DataColumn, Value, ValueKind
from server.reports.document import ChartBucket, ChartLine, ReportChart

MOST_LINES: Final = 6
COLORS: Final = ("#2a5bd7", "#d97a37", "#0ca296", "#6e294b", "#726602", "#44128c")
_PARTS = 4
_HOUR = timedelta(hours=1)
_SECONDS = (1, 2, 5, 10, 15, 30)
_DURATION_STEPS = (
    *(step * power for power in (1, 10, 100) for step in (1, 2, 5)),
    *(step * 1_000 for step in _SECONDS),
    *(step * 60_000 for step in _SECONDS),
    *(step * 3_600_000 for step in (1, 2, 3, 6, 12, 24, 48, 96, 240, 480)),
)
PlotPoint: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoursePart:
    """A part of a course, solid or dashed."""

    points: Sequence[PlotPoint]
    dashed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartCourse:
    """A line as it is drawn. dots stand alone between gaps; hollow is the end of what still runs."""

    line: int
    earlier: bool
    parts: Sequence[CoursePart]
    dots: Sequence[PlotPoint]
    hollow: PlotPoint | None = None
    area: Sequence[Sequence[PlotPoint]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedChart:
    """A chart of lines of one unit. ticks are figures and their places; names are indices of buckets and theirs; marks
    are places of days that have not 24 hours, and how many they have.
    """

    lines: Sequence[ChartLine]
    courses: Sequence[ChartCourse]
    ticks: Sequence[tuple[float, float]]
    names: Sequence[tuple[int, float]]
    marks: Sequence[tuple[float, float]]
    has_dashes: bool = field(default=False)


def prepared(chart: ReportChart, zone: ZoneInfo) -> list[PreparedChart]:
    """Returns the charts of a block: one for each unit, of six lines at most each. Further lines are in tables."""
    groups: dict[tuple[ValueKind, str, str], list[ChartLine]] = {}
    for line in chart.lines:
        groups.setdefault((line.column.kind, line.column.unit, line.column.currency), []).append(line)
    return [_prepare(dataclasses.replace(chart, lines=group[:MOST_LINES]), zone) for group in groups.values()]


def _prepare(chart: ReportChart, zone: ZoneInfo) -> PreparedChart:
    sizes = [_size(one) for line in chart.lines for one in (*line.values, *line.earlier)]
    steps = scale(max(sizes, default=0.0), chart.lines[0].column, min(sizes, default=0.0))
    axis = _Axis(steps[0], steps[-1])
    count = len(chart.buckets)
    places = [0.5] if count == 1 else [place / (count - 1) for place in range(count)]
    courses = list[ChartCourse]()
    for number, line in enumerate(chart.lines):
        if line.earlier:
            before = [dataclasses.replace(one, partial="") for one in chart.earlier_buckets[:count]]
            courses.append(_course(number, line.earlier, before, places, axis, earlier=True))
        courses.append(_course(number, line.values, chart.buckets, places, axis, fills=len(chart.lines) == 1))
    return PreparedChart(
        lines=chart.lines,
        courses=courses,
        ticks=[(value, axis.place(value)) for value in steps],
        names=[(place, places[place]) for place in _names(chart, zone)],
        marks=[(places[place], hours) for place, hours in _marks(chart)],
        has_dashes=any(part.dashed for one in courses for part in one.parts),
    )


def _size(value: Value) -> float:
    return float(value) if isinstance(value, int | float) and not math.isnan(value) else 0.0


def _course(
    number: int,
    values: Sequence[Value],
    buckets: Sequence[ChartBucket],
    places: Sequence[float],
    axis: "_Axis",
    *,
    earlier: bool = False,
    fills: bool = False,
) -> ChartCourse:
    """Cuts a course into solid and dashed parts; nothing is drawn across a gap."""
    parts: list[tuple[list[PlotPoint], bool]] = []
    dots: list[PlotPoint] = []
    hollow: PlotPoint | None = None
    count = min(len(values), len(buckets))

    def known(place: int) -> bool:
        return 0 <= place < count and values[place] is not None and buckets[place].partial != "before"

    def point(place: int) -> PlotPoint:
        return places[place], axis.place(_size(values[place]))

    for place in filter(known, range(count)):
        here = point(place)
        if buckets[place].partial == "running":
            hollow = here
        if known(place - 1):
            dashed = any(buckets[one].partial in ("running", "cut") for one in (place - 1, place))
            if parts and parts[-1][1] == dashed and parts[-1][0][-1] == point(place - 1):
                parts[-1][0].append(here)
            else:
                parts.append(([point(place - 1), here], dashed))
        elif not known(place + 1) and hollow != here:
            dots.append(here)
    return ChartCourse(
        line=number,
        earlier=earlier,
        parts=[CoursePart(points=points, dashed=dashed) for points, dashed in parts],
        dots=dots,
        hollow=hollow,
        area=list(_areas(parts, axis.place(0))) if fills else (),
    )


def _areas(parts: Sequence[tuple[Sequence[PlotPoint], bool]], zero: float) -> Iterator[list[PlotPoint]]:
    """Yields the outlines of what lies between a course and zero."""
    runs: list[list[PlotPoint]] = []
    for points, _ in parts:
        if runs and runs[-1][-1] == points[0]:
            runs[-1] += points[1:]
        else:
            runs.append(list(points))
    for run in runs:
        yield [(run[0][0], zero), *run, (run[-1][0], zero)]


class _Axis(NamedTuple):
    """The figures at the bottom and at the top of a plot."""

    bottom: float
    top: float

    def place(self, value: float) -> float:
        """Returns how high a figure is, from 0 to 1."""
        return (value - self.bottom) / (self.top - self.bottom)


def scale(highest: float, column: DataColumn, lowest: float = 0.0) -> list[float]:
    """Returns the figures on an axis: round ones of the unit from zero, or from the first below the lowest, up to the
    first above the highest.
    """
    top = highest if highest > 0 else 0.0 if lowest < 0 else 1.0
    width = _step(max(top, -lowest), column)
    bottom = math.floor(min(lowest, 0.0) / width + 1e-9)
    return [place * width for place in range(bottom, max(bottom + 1, math.ceil(top / width - 1e-9)) + 1)]


def _step(span: float, column: DataColumn) -> float:
    least = span / _PARTS
    if column.kind is ValueKind.DURATION_MS and least > 0.5:
        found = next((one for one in _DURATION_STEPS if one >= least), None)
        if found is not None:
            return float(found)
    if column.kind is ValueKind.BYTES:
        power = 1024.0 ** max(0, math.floor(math.log(max(span, 1), 1024)))
        return _decimal_step(least / power) * power
    step = _decimal_step(least)
    return max(1.0, float(math.ceil(step))) if column.whole and column.kind is ValueKind.INTEGER else step


def _decimal_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * 0.999999), 10 * power)


def _marks(chart: ReportChart) -> Iterator[tuple[int, float]]:
    """Yields the places of days that have not 24 hours, and how many they have."""
    if chart.granularity == "day":
        for place, bucket in enumerate(chart.buckets):
            hours = (bucket.end - bucket.start) / _HOUR
            if hours != 24 and bucket.partial != "cut":
                yield place, hours


def _names(chart: ReportChart, zone: ZoneInfo) -> list[int]:
    """Returns the buckets that are named below the axis: those that begin a day, a week or another round time."""
    count, most = len(chart.buckets), 8
    if count <= most:
        return list(range(count))
    starts = [one.start.astimezone(zone) for one in chart.buckets]
    if chart.granularity == "day":
        for weeks in (1, 2, 4, 8):
            chosen = [
                place for place, at in enumerate(starts) if at.weekday() == 0 and at.isocalendar().week % weeks == 0
            ]
            if 2 <= len(chosen) <= most:
                return chosen
    if chart.granularity in ("hour", "half_hour", "quarter_hour"):
        for hours in (3, 6, 12, 24, 48, 168):
            chosen = [
                place for place, at in enumerate(starts) if at.minute == 0 and _hours(at.toordinal(), at.hour, hours)
            ]
            if 2 <= len(chosen) <= most:
                return chosen
    every = math.ceil(count / most)
    return list(range(0, count, every))


def _hours(day: int, hour: int, every: int) -> bool:
    return (day * 24 + hour) % every == 0
