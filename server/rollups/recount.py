"""Recounting: what is stored of measures is made what raw events and conversations say, while ingest goes on.

It is for what the catalogue has gained: a measure or dimension counts from its deployment on, and a recount adds what
came before. Of a window it reads in one snapshot what there should be and what there is, and appends the difference as
deltas. Whatever is stored meanwhile adds the same to both, and folding changes no sum: so the difference still holds
when it is appended, as long as nobody else appends it. That is why the organization is held from before the snapshot
until the commit.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pyroaring import BitMap

from server import errors
from server.catalog import cells
from server.catalog.cells import Cell, CellKey, Cells
from server.quarters import Width
from server.rollups import raw_counts, windows
from server.rollups.member_numbers import Limits
from server.rollups.windows import Snapshot
from server.store import changes, members, organizations, rollups
from server.store.database import Database, Driver, Purpose, is_locked_out
from server.store.members import Key, Member


@dataclass(frozen=True, slots=True, kw_only=True)
class Recounted:
    """How far a recount has got: the share of the events, how many cells were compared and corrected, and how many have
    members that no raw event speaks of. Those stay, since deltas only add members.
    """

    covered: float = 0.0
    cells: int = 0
    corrected: int = 0
    unexplained: int = 0


Report = Callable[[Recounted], None]


async def recount(
    database: Database,
    organization_id: int,
    measures: Collection[int],
    limits: Limits,
    report: Report,
) -> Recounted:
    """Recounts measures of an organization, by their numbers, wherever raw events are complete, and returns what came
    of it; ValueError where there is no such organization. report is called after each window. A recount that was ended
    in the middle has corrected whole windows, and is simply begun again. limits are those of ids that were never
    counted by.
    """
    job = Recount(
        database=database,
        organization_id=organization_id,
        measures=frozenset(measures),
        limits=limits,
    )
    start: int | None = 0
    total = Recounted()
    while start is not None:
        start, total = await job.window(start, total)
        report(total)
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Recount:
    """A recount of measures of an organization, by their numbers. dimensions are those to correct, by their numbers,
    unless all; limits are those of ids that were never counted by.
    """

    database: Database
    organization_id: int
    measures: frozenset[int]
    limits: Limits
    dimensions: frozenset[int] | None = None

    async def window(self, start: int, before: Recounted) -> tuple[int | None, Recounted]:
        """Recounts the window that begins at a quarter hour; returns where the next one does, None after the last, and
        what has come of it with those before.
        """
        while True:
            try:
                async with self.database.transaction(of=self.organization_id) as driver:
                    return await self._correct(driver, start, before)
            except errors.StorageUnavailable as error:
                if not is_locked_out(error):  # as by another recount, whose window takes long
                    raise

    async def _correct(self, driver: Driver, start: int, before: Recounted) -> tuple[int | None, Recounted]:
        if not await organizations.hold(driver, self.organization_id):
            raise ValueError(f"there is no organization {self.organization_id}")
        async with self.database.snapshot(Purpose.OTHER, of=self.organization_id) as reader:
            view = await windows.snapshot(reader, self.organization_id)
            assert view is not None  # noqa: S101 - it is held
            ahead = windows.cut(view, max(start, view.first), windows.WINDOW_EVENTS)
            span = next(ahead)
            expected = (await raw_counts.count(view, span, self._enrol)).cells
            stored = await rollups.stored_between(reader, self.organization_id, Width.QUARTER, span)
        stored, expected = self._chosen(view, stored), self._chosen(view, expected)
        found = changes_to(stored, expected, self.measures)
        await changes.append(driver, self.organization_id, found.missing)
        total = Recounted(
            covered=view.covered(span.end),
            cells=before.cells + len(stored.keys() | expected.keys()),
            corrected=before.corrected + len(found.missing),
            unexplained=before.unexplained + len(found.unexplained),
        )
        return (None if next(ahead, None) is None else span.end), total

    def _chosen(self, view: Snapshot, some: Cells) -> Cells:
        """Returns the cells to correct; those of a pair that is not complete belong to the recount that makes it so."""
        if self.dimensions is not None:
            return {key: cell for key, cell in some.items() if key.dimension in self.dimensions}
        return {key: cell for key, cell in some.items() if view.is_complete(key.dimension)}

    async def _enrol(self, keys: Sequence[Key]) -> Mapping[Key, Member]:
        return await enrolled(self.database, self.organization_id, self.limits, keys)


async def enrolled(
    database: Database, organization_id: int, limits: Limits, keys: Sequence[Key]
) -> Mapping[Key, Member]:
    """Enrols ids as ingest would: events that carry them may have come before anything counted by them."""
    async with database.ingest(of=organization_id) as driver:
        wanted = [limits.candidate(*key) for key in keys]
        return (await members.enrol(driver, {organization_id: wanted}))[organization_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChanges:
    """What has to be added to cells, and the cells that have members too many, which cannot be taken out by adding."""

    missing: Cells
    unexplained: Mapping[CellKey, Mapping[int, BitMap]]


def changes_to(stored: Cells, expected: Cells, measures: AbstractSet[int]) -> CellChanges:
    """Returns what has to be added to what is stored of measures so that it is what is expected."""
    missing: Cells = {}
    unexplained: dict[CellKey, Mapping[int, BitMap]] = {}
    for key in cells.differences(stored, expected):
        mine, wanted = stored.get(key, Cell()), expected.get(key, Cell())
        change = Cell(
            _less(wanted.counters, mine.counters, measures),
            _less(wanted.bins, mine.bins, measures),
            _more_members(wanted.sets, mine.sets, measures),
        )
        if not change.is_empty():
            missing[key] = change
        if more := _more_members(mine.sets, wanted.sets, measures):
            unexplained[key] = more
    return CellChanges(missing=missing, unexplained=unexplained)


def _less(wanted: Mapping[int, int], stored: Mapping[int, int], measures: AbstractSet[int]) -> dict[int, int]:
    """Returns what is missing of the amounts of measures; below zero where there is too much."""
    return {
        key: change
        for key in wanted.keys() | stored.keys()
        if key // cells.KEY_SPAN in measures and (change := wanted.get(key, 0) - stored.get(key, 0))
    }


def _more_members(
    wanted: Mapping[int, BitMap], stored: Mapping[int, BitMap], measures: AbstractSet[int]
) -> dict[int, BitMap]:
    """Returns the members of measures' sets that the others do not have."""
    return {key: more for key in wanted.keys() & measures if (more := wanted[key] - stored.get(key, BitMap()))}
