"""The storage in use at an instant: its changes added up from the beginning, by kind."""

from collections.abc import Mapping
from datetime import datetime

from server import timerange
from server.catalog import counting, dimensions, figures, registry
from server.catalog.cells import Cell
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.timerange import Interval

_CHANGE = registry.MEASURES["storage_change_bytes"]
TERMS = (_CHANGE.name, f"{_CHANGE.name}.count")  # the count shows that there was a change


def selections(part: Filter, end: datetime) -> dict[str, Selection]:
    """Returns what to read up to an instant, by kind; nothing for a part of the organization, which has none."""
    until = Interval(start=timerange.FLOOR, end=end)
    return {
        kind: Selection.within(Filter(dimension=dimensions.STORAGE_KIND, value=kind), until, bins=False)
        for kind in (counting.STORAGE_KINDS if part.is_whole else ())
    }


def in_use(chosen: Mapping[str, Selection], cells: Mapping[Selection, Cell]) -> dict[str, int]:
    """Returns the bytes in use by kind; kinds without any change are left out."""
    found = {kind: cells[selection] for kind, selection in chosen.items()}
    return {kind: int(figures.figure(_CHANGE, cell) or 0) for kind, cell in found.items() if cell.counters}
