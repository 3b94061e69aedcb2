"""Verification: what is stored of an organization over a period, held against raw events counted again.

It goes window by window, each in a snapshot of its own, so that a long one holds nothing for long. What it finds is
told with the tenant's values, unlike what the audit finds.
"""

import contextlib
import dataclasses
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from server import quarters, timerange
from server.catalog import dimensions, slots
from server.catalog.cells import Cell, CellKey
from server.catalog.families import conversations, generated_leads
from server.catalog.selections import AsOf
from server.catalog.slots import Counts
from server.quarters import Width
from server.rollups import checks, differences, gap_checks, profile_checks, realtime_minutes, windows
from server.rollups.checks import Fault, Findings
from server.rollups.differences import Difference, Digest
from server.rollups.profile_checks import Profiles
from server.rollups.windows import Snapshot
from server.store import events as stored_events
from server.store import projections, rollups
from server.store.database import Database, Driver, Purpose
from server.timerange import Span

GiveWay = Callable[[], Awaitable[None]]
# A window takes the processor for a tenth of a second, in some steps, in a process that has calls to answer.
WINDOW_EVENTS: Final = 1_000
_PROJECTIONS = (
    conversations.PROJECTION,
    generated_leads.PROJECTION,
    profile_checks.AGENTS,
    profile_checks.USERS,
    gap_checks.GAPS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be verified: a span of quarter hours of an organization, and of one dimension by its number or of all.
    most is how many differences are listed.
    """

    organization_id: int
    span: Span
    only: int | None
    most: int

    @classmethod
    def of(cls, organization_id: int, span: Span, only: int | None, most: int = 0) -> "Asked":
        """Returns what is to be verified, over whole hours: windows are cut at hours."""
        whole = Span(start=Width.HOUR.floor(span.start), end=-Width.HOUR.floor(-span.end))
        return cls(organization_id=organization_id, span=whole, only=only, most=most)


@dataclass(slots=True, kw_only=True)
class Verification:
    """How far a verification is, and what it has found. until is a quarter hour; raw_from is the one from which on raw
    events are there, where that is within the period. The digest is complete at the end.
    """

    asked: Asked
    begun: float = field(default_factory=time.monotonic)
    until: int
    covered: float = 0.0
    events: int = 0
    cells: int = 0
    number: int = 0
    differences: list[Difference] = field(default_factory=list)
    digest: Digest = field(default_factory=Digest)
    first_revision: int | None = None
    as_of: AsOf | None = None
    raw_from: int | None = None
    unverified: set[str] = field(default_factory=set)
    lagging: dict[str, int] = field(default_factory=dict)
    is_realtime_verified: bool = False

    @property
    def seconds(self) -> float:
        """Returns how long it has taken so far."""
        return time.monotonic() - self.begun

    def add(self, one: Difference) -> None:
        """Counts a difference, and lists it if there is room."""
        self.number += one.count
        if len(self.differences) < self.asked.most:
            self.differences.append(one)

    def on_cell(self, fault: Fault, width: Width, key: CellKey, stored: Cell, expected: Cell) -> None:
        """Takes in a cell that differs."""
        for one in differences.of_cell(fault, width, key, stored, expected):
            self.add(one)

    def take(self, findings: Findings, window: Span) -> None:
        """Takes in what was found in a window, of whose cells it has been told."""
        self.events += findings.events
        self.cells += findings.cells
        for fault, count in sorted(findings.by_fault.items()):
            if fault not in (Fault.CELL, Fault.ROLLUP):
                self.add(Difference(fault=fault, start=window.start * quarters.QUARTER_SECONDS, count=count))

    async def see(self, driver: Driver, view: Snapshot) -> None:
        """Notes the instant of a window, and what cannot be verified in it."""
        self.as_of = await rollups.as_of(driver, view.organization_id)
        if self.first_revision is None:
            self.first_revision = self.as_of.revision
        if view.first > self.asked.span.start:
            self.raw_from = min(view.first, self.asked.span.end)
        by_number = dimensions.TABLE.by_number
        self.unverified |= {by_number[one].name for one in view.incomplete if self.asked.only in (None, one)}


async def verify(database: Database, asked: Asked, give_way: GiveWay) -> AsyncGenerator[Verification, None]:
    """Verifies a period, and yields how far it is after each window; the last one is complete. give_way is awaited
    before each window.
    """
    done = Verification(asked=asked, until=asked.span.start)
    while done.until < asked.span.end:
        await give_way()
        async with opened(database, asked) as view:
            await done.see(view.driver, view)
            window = next_window(view, done.until, asked.span.end)
            await _verify_window(view, window, done)
        yield done
    if asked.span.end > timerange.floor_bucket(_now(done) - timerange.MAX_AHEAD):
        await give_way()
        async with opened(database, asked) as view:
            await done.see(view.driver, view)
            await _verify_realtime(view, done)
    async with database.snapshot(Purpose.PROJECTING, of=asked.organization_id) as driver:
        done.lagging = await stopped(driver, asked.organization_id)
    yield done


def _now(done: Verification) -> datetime:
    assert done.as_of is not None  # noqa: S101 - a period has a window
    return done.as_of.at


@contextlib.asynccontextmanager
async def opened(database: Database, asked: Asked) -> AsyncIterator[Snapshot]:
    """Gives a snapshot of the organization, in which raw events that are kept stay."""
    async with database.snapshot(Purpose.PROJECTING, of=asked.organization_id) as driver:
        await stored_events.hold(driver)
        view = await windows.snapshot(driver, asked.organization_id)
        assert view is not None  # noqa: S101 - the caller's organization
        yield dataclasses.replace(view, only=asked.only)


async def stopped(driver: Driver, organization_id: int) -> dict[str, int]:
    """Returns the projections that have stopped, each with the revision that it has got to."""
    found = {name: await projections.standing(driver, organization_id, name) for name in _PROJECTIONS}
    return {name: one.revision for name, one in found.items() if one.is_stopped}


def next_window(view: Snapshot, start: int, end: int) -> Span:
    """Returns the next window, which has raw events from its beginning on or none at all."""
    window = next(windows.cut(view, start, WINDOW_EVENTS))
    until = min(window.end, end)
    return Span(start=start, end=min(until, view.first) if start < view.first else until)


async def _verify_window(view: Snapshot, window: Span, done: Verification) -> None:
    organization_id = view.organization_id
    stored = await rollups.stored_between(view.driver, organization_id, Width.QUARTER, window)
    done.digest.add(checks.complete(view, stored), view.custom)
    if window.start >= view.first:
        findings, profiles = Findings(on_cell=done.on_cell), await Profiles.of(view)
        told = await checks.check_window(view, window, findings, profiles)
        complete = is_everything(view, window)
        await checks.check_told(view, window, told, findings, complete=complete)
        await profiles.check(view, window, findings, complete=complete)
        done.take(findings, window)
    done.until = window.end
    before, within = view.covered(done.asked.span.start), view.covered(done.asked.span.end)
    done.covered = (view.covered(window.end) - before) / (within - before) if within > before else 1.0


def is_everything(view: Snapshot, window: Span) -> bool:
    """Returns whether a window has every raw event that ever was."""
    return view.kept.raw_from_bucket == 0 and all(window.start <= hour < window.end for hour in view.hours)


async def _verify_realtime(view: Snapshot, done: Verification) -> None:
    kept, wanted = await realtime_minutes.stored(view), await realtime_minutes.counted(view)
    done.cells += len(kept.keys() | wanted.keys())
    done.is_realtime_verified = True
    for key in realtime_minutes.differing(kept, wanted):
        start, seconds = key.slot.number * slots.MINUTE, slots.MINUTE
        both = (slots.cell_of(some.get(key, Counts())) for some in (kept, wanted))
        for one in differences.of_figures(Fault.REALTIME, start, seconds, key.dimension, key.value, *both):
            done.add(one)
