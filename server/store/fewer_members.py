"""Members leave sets: what no delta can say, since deltas only add to sets.

Whoever takes members out holds folding, so that rollups stay as they are, and keeps others from adding such members
meanwhile.
"""

from collections.abc import Collection, Mapping
from itertools import pairwise

from pyroaring import BitMap

from server.catalog.cells import Cell, CellKey
from server.quarters import Width
from server.store import rollups, widths
from server.store.database import Driver
from server.store.rollups import RollupKey
from server.timerange import Span

# The sets of cells of quarter hours, by measure.
Sets = dict[CellKey, dict[int, BitMap]]
_WIDTHS = sorted(Width)


def of_cells(cells: Mapping[CellKey, Cell]) -> Sets:
    """Returns the sets of cells, those of the slots of a quarter hour together."""
    found: Sets = {}
    for key, cell in cells.items():
        mine = found.setdefault(key._replace(slot=0), {})
        for measure, some in cell.sets.items():
            mine[measure] = mine.get(measure, BitMap()) | some
    return {key: sets for key, sets in found.items() if sets}


def without(some: Sets, others: Sets) -> Sets:
    """Returns the members of sets that are not in others."""
    found: Sets = {}
    for key, sets in some.items():
        same = others.get(key, {})
        rest = {one: kept - same[one] if one in same else kept for one, kept in sets.items()}
        if any(rest.values()):
            found[key] = {one: kept for one, kept in rest.items() if kept}
    return found


async def remove(driver: Driver, organization_id: int, gone: Sets, widened_until: int) -> None:
    """Takes members out of the sets of cells, in deltas and in rollups of every width."""
    if not gone:
        return
    keys = sorted(gone)
    deltas = await rollups.delta_sets(driver, organization_id, keys)
    less = {key: cell for key, cell in deltas.items() if _take_out(cell, gone[CellKey(*key[:3])])}
    await rollups.save_delta_sets(driver, organization_id, less)
    quarters = {RollupKey(key.dimension, key.value, int(Width.QUARTER), key.bucket): gone[key] for key in keys}
    stored = await rollups.load(driver, organization_id, list(quarters))
    changed = {key: cell for key, cell in stored.items() if _take_out(cell, quarters[key])}
    if changed:
        await rollups.save(driver, organization_id, changed)
        await _widen_again(driver, organization_id, changed, widened_until)


def _take_out(cell: Cell, gone: Mapping[int, BitMap]) -> bool:
    """Takes members out of the sets of a cell; returns whether there were any."""
    is_changed = False
    for measure, some in gone.items():
        if (mine := cell.sets.get(measure)) is not None and mine.intersect(some):
            cell.sets[measure] = mine - some
            is_changed = True
    return is_changed


async def _widen_again(
    driver: Driver, organization_id: int, changed: Collection[RollupKey], widened_until: int
) -> None:
    """Makes the wider rollups of cells that have changed anew, from the finer ones."""
    for finer, wide in pairwise(_WIDTHS):
        starts: dict[int, set[widths.Value]] = {}
        for key in changed:
            start = wide.floor(key.bucket)
            if start + wide <= widened_until:
                starts.setdefault(start, set()).add((key.dimension, key.value))
        for start, values in sorted(starts.items()):
            span = Span(start=start, end=start + wide)
            found = await widths.widened(driver, organization_id, sorted(values), finer, wide, span)
            made = {RollupKey(key.dimension, key.value, int(wide), key.bucket): one for key, one in found.items()}
            await rollups.save(driver, organization_id, made)
