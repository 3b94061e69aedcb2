"""Rebuilding: rows of a projection are filled again from the oldest raw event on, beside those that are valid, while
the service goes on; then they take their place, and what differs is compensated for in figures.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from server import errors, timerange
from server.catalog import cells
from server.catalog.cells import Cells
from server.projections import projector
from server.projections.projection import Projection
from server.projections.projector import Projector
from server.projections.registry import PROJECTIONS
from server.store import organizations, projections
from server.store.database import Database, Driver, is_locked_out
from server.store.projections import Locked, ProjectionPosition, Rebuilt, Rows

_REMOVED_AT_ONCE = 5_000
_BEGINNING = ProjectionPosition(revision=0, revised_at=timerange.EPOCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildProgress:
    """How far a rebuild has got: the revision up to which rows are filled, the newest one, and over how many events."""

    revision: int
    newest: int
    events: int


async def rebuild(
    database: Database,
    organization_id: int,
    name: str,
    report: Callable[[RebuildProgress], None],
    *,
    anew: bool = False,
) -> RebuildProgress:
    """Rebuilds a projection of an organization and returns how far it got. One that was begun and not finished goes on,
    unless anew. A projection that has stopped goes on, too: the code that rebuilds it is the code that takes steps.

    Projections that it needs are moved on first. What is known of times whose raw events are gone stays as it is. It
    waits for whoever holds one of them, and ends where another rebuild has finished what this one was at.
    """
    projection, follower = PROJECTIONS[name], Projector(database)
    turn = _Turn(progress=RebuildProgress(revision=0, newest=0, events=0))
    while True:
        for needed in projection.needs:
            await follower.follow_patiently(organization_id, needed)
        try:
            async with database.projecting() as driver, driver.transaction():
                locked = await projections.lock(driver, organization_id, name, projection.needs)
                if locked is None or (turn.filled is not None and locked.rebuilt is None):
                    return turn.progress
                anew = anew and turn.filled is None
                rebuilt = _begun(locked) if anew or locked.rebuilt is None else locked.rebuilt
                turn = await _take_turn(driver, projection, locked, rebuilt, turn.progress.events)
        except errors.StorageUnavailable as error:
            if not is_locked_out(error):
                raise
            continue
        report(turn.progress)
        if turn.is_last:
            await _remove_older(database, projection, rebuilt.rows)
            return turn.progress


class _Turn(NamedTuple):
    """What a rebuild has come to after a transaction: how far it is, the rows that it fills, and whether it is done."""

    progress: RebuildProgress
    filled: Rows | None = None
    is_last: bool = False


async def _take_turn(driver: Driver, projection: Projection, locked: Locked, rebuilt: Rebuilt, events: int) -> _Turn:
    """Fills rows by a step, and lets them take the place of the valid ones where they have seen all there is to see."""
    position = rebuilt.position
    if position.revision < locked.until.revision:
        advance = await projection.advance(driver, rebuilt.rows, position, locked.until, projector.STEP_EVENTS)
        position, events = advance.position, events + advance.events
    await projections.move_rebuilt(driver, projection.name, rebuilt.rows, position)
    is_filled = locked.position.revision <= position.revision == locked.until.revision
    if is_filled:
        await _swap(driver, projection, locked, rebuilt.rows)
    progress = RebuildProgress(revision=position.revision, newest=locked.newest.revision, events=events)
    return _Turn(progress=progress, filled=rebuilt.rows, is_last=is_filled)


def _begun(locked: Locked) -> Rebuilt:
    """Returns rows that nobody has filled yet."""
    latest = locked.rows if locked.rebuilt is None else locked.rebuilt.rows
    return Rebuilt(rows=latest._replace(version=latest.version + 1), position=_BEGINNING)


async def _swap(driver: Driver, projection: Projection, locked: Locked, filled: Rows) -> None:
    """Lets rows that have seen all that there is to see take the place of those that are valid, which have to see it
    first: some of those stay.
    """
    changed: Cells = {}
    position = locked.position
    while position.revision < locked.until.revision:
        advance = await projection.advance(driver, locked.rows, position, locked.until, projector.STEP_EVENTS)
        cells.add_all(changed, advance.changes)
        position = advance.position
    kept = await organizations.kept(driver, filled.organization_id)
    raw_from = kept.raw_from_bucket if kept else 0
    complete_from = timerange.instant(raw_from) if raw_from else None
    cells.add_all(changed, await projection.replace(driver, locked.rows, filled, complete_from))
    counted = await projector.count(driver, filled.organization_id, position, changed)
    await projections.swap(driver, filled.organization_id, projection.name, counted.seen)


async def _remove_older(database: Database, projection: Projection, valid: Rows) -> None:
    removed = _REMOVED_AT_ONCE
    while removed:
        async with database.transaction() as driver:
            removed = await projection.remove_older(driver, valid, _REMOVED_AT_ONCE)
