"""Sources: the cell of any window, of what was read for it.

Few windows are read as they are. Many that follow each other are put together of short buckets, each of which is read
once. Both come to the same: counters and histograms add up, and sets unite.
"""

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from pyroaring import BitMap

from server.catalog.cells import Cell, add_into
from server.timerange import QUARTER, Interval


class FigureSource(Protocol):
    """Gives cells of windows of one part of the organization."""

    def cell(self, window: Interval) -> Cell:
        """Returns what a window adds up to, which must not be changed."""


class Nothing:
    """Windows without events."""

    def cell(self, window: Interval) -> Cell:
        """Returns an empty cell."""
        return Cell()


class Windows:
    """Windows that were read as they are."""

    def __init__(self, cells: Mapping[Interval, Cell]) -> None:
        self._cells = cells

    def cell(self, window: Interval) -> Cell:
        """Returns what a window adds up to."""
        return self._cells[window]


def width(step: timedelta) -> timedelta:
    """Returns the width of the buckets of which windows that end at multiples of a step can be put together."""
    return min(step, QUARTER)


def buckets(bounds: Interval, width: timedelta) -> list[Interval]:
    """Returns the buckets of some bounds, which are multiples of their width."""
    number = (bounds.end - bounds.start) // width
    cuts = [bounds.start + place * width for place in range(number + 1)]
    return [Interval(start=start, end=end) for start, end in itertools.pairwise(cuts)]


class Buckets:
    """Buckets of which windows are put together. Windows of the same length are to be asked for in their order: then a
    histogram is moved on, and not added up again.
    """

    def __init__(self, start: datetime, width: timedelta, cells: Sequence[Cell]) -> None:
        self._start, self._width, self._cells = start, width, cells
        self._sums: dict[int, list[int]] = {}
        for key in {key for cell in cells for key in cell.counters}:
            amounts = (cell.counters.get(key, 0) for cell in cells)
            self._sums[key] = list(itertools.accumulate(amounts, initial=0))
        self._has_bins = any(cell.bins for cell in cells)
        self._set_keys = {key for cell in cells for key in cell.sets}
        self._moving: dict[int, tuple[int, dict[int, int]]] = {}  # by length: the first bucket, and the histogram

    def cell(self, window: Interval) -> Cell:
        """Returns what a window adds up to, which holds until the next one is asked for. What lies before the first
        bucket is left out.
        """
        last = len(self._cells)
        first = min(last, max(0, (window.start - self._start) // self._width))
        end = min(last, max(first, (window.end - self._start) // self._width))
        counters = {key: sums[end] - sums[first] for key, sums in self._sums.items() if sums[end] != sums[first]}
        return Cell(counters=counters, bins=self._bins(first, end), sets=self._sets(first, end))

    def _bins(self, first: int, end: int) -> dict[int, int]:
        if not self._has_bins:
            return {}
        at, bins = self._moving.get(end - first, (first, {}))
        if not 0 < first - at < end - first:
            bins = {}
            for cell in self._cells[first:end]:
                add_into(bins, cell.bins.items())
        else:
            gone, come = self._cells[at:first], self._cells[at + end - first : end]
            for cell in come:
                add_into(bins, cell.bins.items())
            for cell in gone:
                _take_from(bins, cell.bins)
        self._moving[end - first] = first, bins
        return bins

    def _sets(self, first: int, end: int) -> dict[int, BitMap]:
        found = {}
        for key in self._set_keys:
            some = [cell.sets[key] for cell in self._cells[first:end] if key in cell.sets]
            if some:
                found[key] = BitMap.union(*some)
        return found


def _take_from(bins: dict[int, int], gone: Mapping[int, int]) -> None:
    """Takes a histogram from one that holds it."""
    for key, count in gone.items():
        left = bins[key] - count
        if left:
            bins[key] = left
        else:
            del bins[key]
