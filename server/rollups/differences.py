"""Differences: the figures that do not agree, one by one, and the digest of those that are stored."""

import enum
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from server import quarters
from server.catalog import cells
from server.catalog.cells import Cell, CellKey, Cells
from server.catalog.custom_metrics import KeptMetric
from server.catalog.dimension import is_custom
from server.quarters import Width
from server.rollups.checks import Fault


class FigurePart(enum.Enum):
    """The part of a measure that a difference is about."""

    COUNT = enum.auto()
    SUM = enum.auto()
    HISTOGRAM = enum.auto()  # how many values lie in bins
    DISTINCT = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that does not agree. start and seconds are the bucket's, since 1970; of what is no figure seconds is 0,
    and count says how many conversations, leads or ids of the window are meant.
    """

    fault: Fault
    start: int
    seconds: int = 0
    dimension: int = 0
    value: str = ""
    measure: int = 0
    part: FigurePart | None = None
    stored: int = 0
    expected: int = 0
    count: int = 1


def of_cell(fault: Fault, width: Width, key: CellKey, stored: Cell, expected: Cell) -> Iterator[Difference]:
    """Yields each figure in which a stored cell differs from what was expected."""
    start, seconds = key.bucket * quarters.QUARTER_SECONDS, int(width) * quarters.QUARTER_SECONDS
    return of_figures(fault, start, seconds, key.dimension, key.value, stored, expected)


def of_figures(
    fault: Fault, start: int, seconds: int, dimension: int, value: str, stored: Cell, expected: Cell
) -> Iterator[Difference]:
    """Yields each figure in which two cells of a value differ."""
    for measure, part, mine, wanted in _figures(stored, expected):
        yield Difference(
            fault=fault,
            start=start,
            seconds=seconds,
            dimension=dimension,
            value=value,
            measure=measure,
            part=part,
            stored=mine,
            expected=wanted,
        )


def _figures(stored: Cell, expected: Cell) -> Iterator[tuple[int, FigurePart, int, int]]:
    for key in sorted(stored.counters.keys() | expected.counters.keys()):
        mine, wanted = stored.counters.get(key, 0), expected.counters.get(key, 0)
        if mine != wanted:
            measure, part = divmod(key, cells.KEY_SPAN)
            yield measure, FigurePart.COUNT if part == cells.COUNT_PART else FigurePart.SUM, mine, wanted
    in_bins: dict[int, list[int]] = {}
    differing = set()
    for key in stored.bins.keys() | expected.bins.keys():
        mine, wanted = stored.bins.get(key, 0), expected.bins.get(key, 0)
        sums = in_bins.setdefault(key // cells.KEY_SPAN, [0, 0])
        sums[0] += mine
        sums[1] += wanted
        if mine != wanted:
            differing.add(key // cells.KEY_SPAN)
    for measure in sorted(differing):
        mine, wanted = in_bins[measure]
        yield measure, FigurePart.HISTOGRAM, mine, wanted
    for measure in sorted(stored.sets.keys() | expected.sets.keys()):
        members, others = stored.sets.get(measure), expected.sets.get(measure)
        if (members or ()) != (others or ()):
            yield measure, FigurePart.DISTINCT, len(members or ()), len(others or ())


class Digest:
    """The SHA-256 of figures by quarter hour, which are told in the order of time: the same for the same figures,
    whatever is folded and wherever windows are cut. Of sets it knows how many members they have, since the numbers of
    members are the deployment's own, and custom metrics are told by name.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256(b"tallywire figures 1\n")

    def add(self, stored: Cells, custom: Sequence[KeptMetric]) -> None:
        """Adds the cells of a span of time."""
        names = {one.number: one.name for one in custom}
        dimensions = {one.dimension_number: one.name for one in custom}
        for key in sorted(stored, key=lambda one: (one.bucket, one.dimension, one.value)):
            figures = _plain(stored[key], lambda number: names.get(number, number))
            if figures:
                dimension = dimensions.get(key.dimension, "") if is_custom(key.dimension) else key.dimension
                line = json.dumps([key.bucket, dimension, key.value, figures], separators=(",", ":"))
                self._hash.update(line.encode() + b"\n")

    def hexdigest(self) -> str:
        """Returns the digest of all that was added."""
        return self._hash.hexdigest()


def _plain(cell: Cell, named: Callable[[int], int | str]) -> list[object]:
    """Returns the figures of a cell that are not zero, in one order."""

    def counted(amounts: Mapping[int, int]) -> list[list[object]]:
        parted = ((*divmod(key, cells.KEY_SPAN), amount) for key, amount in sorted(amounts.items()) if amount)
        return [[named(measure), part, amount] for measure, part, amount in parted]

    distinct = [[named(key), len(members)] for key, members in sorted(cell.sets.items()) if members]
    found = [counted(cell.counters), counted(cell.bins), distinct]
    return [*found] if any(found) else []
