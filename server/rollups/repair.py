"""Repair: what verification finds in figures is mended, window by window, while ingest goes on.

A window is mended in one transaction. It holds the organization, so that nobody else corrects figures, and its fold, so
that rollups stay as they are. In a snapshot it finds what there is and what there should be. Amounts that differ are
compensated by deltas, as a recount does. Sets only ever grow by deltas, so members that are too many are taken out of
the rows that have them; and rollups of wide buckets are written anew from the finer ones where they differ.
"""

import dataclasses
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pyroaring import BitMap

from server.catalog import cells
from server.catalog.cells import CellKey, Cells
from server.catalog.slots import Counts, SlotKey
from server.quarters import Width
from server.rollups import checks, raw_counts, realtime_minutes, recount, verification
from server.rollups.checks import Fault, Findings
from server.rollups.member_numbers import Limits
from server.rollups.profile_checks import Profiles
from server.rollups.verification import Asked, GiveWay
from server.rollups.windows import Snapshot
from server.store import changes, organizations, repairs, rollups
from server.store import slots as stored_slots
from server.store.database import Database, Driver
from server.store.rollups import RollupKey
from server.timerange import Span

_WIDTHS = sorted(Width)
_PROJECTION_OF = {
    Fault.CLOSING: "conversations",
    Fault.OUTCOME: "conversations",
    Fault.MESSAGES: "conversations",
    Fault.BEGINNING: "conversations",
    Fault.TOPIC: "conversations",
    Fault.LEAD: "leads",
    Fault.AGENT: "agents",
    Fault.USER: "users",
    Fault.CONTENT_GAP: "content_gaps",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """What was done to a window: cells that were compensated, as stored and as they should be, and rows that were
    written anew. revision is None where nothing had to be compensated.
    """

    window: Span
    revision: int | None
    stored: Cells
    expected: Cells
    compensated: Sequence[CellKey]
    rewritten: int
    minutes: Mapping[SlotKey, Counts]

    @property
    def is_empty(self) -> bool:
        """Returns whether nothing was done."""
        return not (self.compensated or self.rewritten or self.minutes)


Record = Callable[[Driver, Mended], Awaitable[None]]  # called in the transaction, if anything was done


@dataclass(slots=True, kw_only=True)
class Repair:
    """A repair of a period of an organization, and how far it is. limits are those of ids that were never counted by;
    record is called in the transaction of each window in which something was mended.
    """

    database: Database
    asked: Asked
    limits: Limits
    record: Record
    until: int
    covered: float = 0.0
    events: int = 0
    cells: int = 0
    repaired: int = 0
    rewritten: int = 0
    minutes: int = 0
    raw_from: int | None = None
    needs_rebuild: set[str] = dataclasses.field(default_factory=set)

    async def next(self, give_way: GiveWay) -> bool:
        """Mends the next window; False after the last one."""
        await give_way()
        is_last = self.until >= self.asked.span.end
        async with self.database.projecting(of=self.asked.organization_id) as driver, driver.transaction():
            await organizations.hold(driver, self.asked.organization_id)
            widened_until = await repairs.hold_fold(driver, self.asked.organization_id)
            async with verification.opened(self.database, self.asked) as view:
                if is_last:
                    mended = await self._mend_minutes(driver, view)
                else:
                    mended = await self._mend_window(driver, view, widened_until)
            if not mended.is_empty:
                await self.record(driver, mended)
        self.repaired += len(mended.compensated)
        self.rewritten += mended.rewritten
        self.minutes += len(mended.minutes)
        return not is_last

    async def _mend_window(self, driver: Driver, view: Snapshot, widened_until: int) -> Mended:
        window = verification.next_window(view, self.until, self.asked.span.end)
        self.until, self.covered = window.end, view.covered(window.end)
        if view.first > self.asked.span.start:
            self.raw_from = min(view.first, self.asked.span.end)
        if window.start < view.first:
            return _nothing(window)
        organization_id = self.asked.organization_id
        enrol = functools.partial(recount.enrolled, self.database, organization_id, self.limits)
        profiles = await Profiles.of(view)
        counts = await raw_counts.count(view, window, enrol, profiles)
        expected = checks.complete(view, counts.cells)
        stored = checks.complete(
            view, await rollups.stored_between(view.driver, organization_id, Width.QUARTER, window)
        )
        await self._look_at_projections(view, window, counts, profiles)
        self.events += counts.events
        self.cells += len(stored.keys() | expected.keys())
        found = recount.changes_to(stored, expected, _measures(stored, expected))
        rewritten = await _take_out(driver, view, found.unexplained)
        rewritten += await _widen(driver, view, window, widened_until)
        revision = await changes.append(driver, organization_id, found.missing)
        return Mended(
            window=window,
            revision=None if revision is None else revision.number,
            stored=stored,
            expected=expected,
            compensated=sorted(found.missing.keys() | found.unexplained.keys()),
            rewritten=rewritten,
            minutes={},
        )

    async def _look_at_projections(
        self, view: Snapshot, window: Span, counts: raw_counts.RawCounts, profiles: Profiles
    ) -> None:
        """Notes the projections that do not agree with raw events: their rows are not mended here."""
        findings = Findings()
        await checks.check_counts(view, window, counts, findings)
        complete = verification.is_everything(view, window)
        await checks.check_told(view, window, counts.told, findings, complete=complete)
        await profiles.check(view, window, findings, complete=complete)
        self.needs_rebuild |= {_PROJECTION_OF[one] for one in findings.by_fault if one in _PROJECTION_OF}

    async def _mend_minutes(self, driver: Driver, view: Snapshot) -> Mended:
        """Mends the realtime figures of the last hour, if the period reaches there."""
        nothing = _nothing(Span(start=self.until, end=self.until))
        if self.asked.span.end * 15 <= realtime_minutes.first_minute(view):
            return nothing
        kept, wanted = await realtime_minutes.stored(view), await realtime_minutes.counted(view)
        self.cells += len(kept.keys() | wanted.keys())
        added = realtime_minutes.differing(kept, wanted)
        if added:
            await stored_slots.add(driver, self.asked.organization_id, added)
        return dataclasses.replace(nothing, minutes=added)


def _nothing(window: Span) -> Mended:
    return Mended(window=window, revision=None, stored={}, expected={}, compensated=(), rewritten=0, minutes={})


def _measures(*both: Cells) -> set[int]:
    """Returns the numbers of all measures that cells have."""
    found: set[int] = set()
    for some in both:
        for cell in some.values():
            found |= {key // cells.KEY_SPAN for key in (*cell.counters, *cell.bins)} | cell.sets.keys()
    return found


async def _take_out(driver: Driver, view: Snapshot, extra: Mapping[CellKey, Mapping[int, BitMap]]) -> int:
    """Takes members that are too many out of the quarter hours' rows, and returns how many that has changed."""
    if not extra:
        return 0
    as_of = await rollups.as_of(view.driver, view.organization_id)
    changed = await repairs.remove_members(driver, view.organization_id, as_of.revision, extra)
    names = {RollupKey(key.dimension, key.value, int(Width.QUARTER), key.bucket): key for key in extra}
    found = await rollups.load(driver, view.organization_id, list(names))
    for rollup, cell in found.items():
        for measure, members in extra[names[rollup]].items():
            if measure in cell.sets:
                cell.sets[measure] = cell.sets[measure] - members
    if found:
        await rollups.save(driver, view.organization_id, found)
    return changed + len(found)


async def _widen(driver: Driver, view: Snapshot, window: Span, widened_until: int) -> int:
    """Writes the rollups of wide buckets anew that a window has a part of and that differ from the finer ones; returns
    how many.
    """
    changed = 0
    for finer, wide in pairwise(_WIDTHS):
        end = min(-wide.floor(-window.end), wide.floor(widened_until))
        span = Span(start=wide.floor(window.start), end=end)
        if span.length <= 0:
            continue
        stored = await repairs.folded_between(driver, view.organization_id, wide, span)
        parts = await repairs.folded_between(driver, view.organization_id, finer, span)
        made = rollups.merge((key._replace(bucket=wide.floor(key.bucket)), cell) for key, cell in parts.items())
        wrong = cells.differences(checks.complete(view, stored), checks.complete(view, made))
        if wrong:
            anew = {RollupKey(*key[:2], int(wide), key.bucket): made.get(key, cells.Cell()) for key in wrong}
            await rollups.save(driver, view.organization_id, anew)
            changed += len(anew)
    return changed
