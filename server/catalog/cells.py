"""Cells: the figures of one bucket of one value of one dimension, as sparse vectors that merge by addition.

A cell holds *counters* (count and sum of each measure), *bins* (histograms: see server/histogram.py) and *sets* (the
dense numbers of distinct users or agents, as roaring bitmaps). Counters and bins are integers, so that no order of
addition changes a result.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pyroaring import BitMap

OTHER = "_other"  # the value that stands for all values of a dimension that have no cells of their own


class CellKey(NamedTuple):
    """The key of a cell. dimension is a number in catalog/dimensions.py. bucket is a quarter hour: its start in seconds
    since 1970 ÷ 900, in UTC.

    slot is a shorter span within the bucket, if the cell is a part of it (see catalog/slots.py); 0 stands for all of
    the bucket.
    """

    dimension: int
    value: str
    bucket: int
    slot: int = 0


# The key of a counter or bin is measure number × KEY_SPAN + part: 0 the count, 1 the sum, 2 and up the keys of the
# histogram.
KEY_SPAN = 8192
COUNT_PART = 0
SUM_PART = 1
FIRST_BIN_PART = 2


def count_key(measure: int) -> int:
    """Returns the counter that holds how often a measure was taken."""
    return measure * KEY_SPAN + COUNT_PART


def sum_key(measure: int) -> int:
    """Returns the counter that holds the sum of a measure's values."""
    return measure * KEY_SPAN + SUM_PART


def first_bin_key(measure: int) -> int:
    """Returns the first of the keys of a measure's histogram bins."""
    return measure * KEY_SPAN + FIRST_BIN_PART


@dataclass(slots=True)
class Cell:
    """The figures of one cell; merging is addition for counters and bins, union for sets."""

    counters: dict[int, int] = field(default_factory=dict)
    bins: dict[int, int] = field(default_factory=dict)
    sets: dict[int, BitMap] = field(default_factory=dict)

    def add(self, other: "Cell") -> None:
        """Merges another cell into this one and leaves the other as it was."""
        add_into(self.counters, other.counters.items())
        add_into(self.bins, other.bins.items())
        for key, members in other.sets.items():
            self.unite(key, members)

    def unite(self, key: int, members: BitMap) -> None:
        """Adds members to one of the sets."""
        mine = self.sets.get(key)
        if mine is None:
            self.sets[key] = BitMap(members)
        else:
            mine |= members

    def is_empty(self) -> bool:
        """Returns whether adding the cell changes nothing."""
        return not (any(self.counters.values()) or any(self.bins.values()) or any(self.sets.values()))


def add_into(target: dict[int, int], items: Iterable[tuple[int, int]]) -> None:
    """Adds a sparse vector to another; each of its keys occurs once."""
    if not target:  # most often there is nothing more to add than that one
        target.update(items)
        return
    get = target.get
    for key, amount in items:
        target[key] = get(key, 0) + amount


Cells = dict[CellKey, Cell]


def cell(cells: Cells, key: CellKey) -> Cell:
    """Returns the cell with that key, made if it does not exist."""
    found = cells.get(key)
    if found is None:
        found = cells[key] = Cell()
    return found


def take_away(target: Cells, less: Mapping[CellKey, Cell]) -> None:
    """Subtracts the counters and bins of cells from others by their keys, and leaves sets as they are: what is left of
    those cannot be told from two sets.
    """
    for key, one in less.items():
        mine = cell(target, key)
        add_into(mine.counters, [(place, -amount) for place, amount in one.counters.items()])
        add_into(mine.bins, [(place, -count) for place, count in one.bins.items()])


def add_all(target: Cells, more: Mapping[CellKey, Cell]) -> None:
    """Adds cells to others by their keys."""
    for key, one in more.items():
        cell(target, key).add(one)


def differences(left: Mapping[CellKey, Cell], right: Mapping[CellKey, Cell]) -> list[CellKey]:
    """Returns the keys whose cells differ between the two sides; a missing cell is an empty one."""
    return sorted(key for key in left.keys() | right.keys() if _differ(left.get(key), right.get(key)))


def _differ(one: Cell | None, other: Cell | None) -> bool:
    return one != other and _plain(one) != _plain(other)


def _plain(one: Cell | None) -> tuple[dict[int, int], dict[int, int], dict[int, BitMap]]:
    if one is None:
        return {}, {}, {}
    return (
        {key: amount for key, amount in one.counters.items() if amount},
        {key: count for key, count in one.bins.items() if count},
        {key: members for key, members in one.sets.items() if members},
    )
