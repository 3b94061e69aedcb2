"""Rebuilding: rows of a projection are filled again from the oldest raw event on, beside those that are valid, while
the service goes on; then they take their place, portion by portion, and what differs is compensated for in figures.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from server import errors, timerange
from server.catalog import cells
from server.projections import projector
from server.projections.projection import Projection
from server.projections.projector import Projector
from server.projections.registry import NOT_REBUILT, PROJECTIONS
from server.store import organizations, projections
from server.store.database import Database, Driver, is_locked_out
from server.store.projections import Locked, ProjectionPosition, Rebuilt, Rows

_REMOVED_AT_ONCE = 5_000
_BEGINNING = ProjectionPosition(revision=0, revised_at=timerange.EPOCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildProgress:
    """How far a rebuild has got: the revision up to which rows are filled, the newest one, over how many events, and
    how many rows differed so far of those that have taken the place of others.
    """

    revision: int = 0
    newest: int = 0
    events: int = 0
    differing: int = 0


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
    waits for whoever holds one of them, and ends where another rebuild has finished what this one was at. ValueError
    for one that cannot be rebuilt.
    """
    if name in NOT_REBUILT:
        raise ValueError(f"{name} cannot be rebuilt: {NOT_REBUILT[name]}")
    projection, follower = PROJECTIONS[name], Projector(database)
    turn = _Turn(progress=RebuildProgress())
    while True:
        for needed in projection.needs:
            await follower.follow_patiently(organization_id, needed)
        try:
            async with database.projecting(of=organization_id) as driver, driver.transaction():
                locked = await projections.lock(driver, organization_id, name, projection.needs)
                if locked is None or (turn.has_begun and locked.rebuilt is None):
                    return turn.progress
                anew = anew and not turn.has_begun
                rebuilt = _begun(locked) if anew or locked.rebuilt is None else locked.rebuilt
                turn = await _take_turn(driver, projection, locked, rebuilt, turn.progress)
        except errors.StorageUnavailable as error:
            if not is_locked_out(error):
                raise
            continue
        report(turn.progress)
        if turn.valid is not None:
            await _remove_others(database, projection, turn.valid, rebuilt.rows.version)
            return turn.progress


class _Turn(NamedTuple):
    """What a rebuild has come to after a transaction: how far it is, and which rows are valid once it is done."""

    progress: RebuildProgress
    has_begun: bool = False
    valid: Rows | None = None


async def _take_turn(
    driver: Driver, projection: Projection, locked: Locked, rebuilt: Rebuilt, before: RebuildProgress
) -> _Turn:
    """Fills rows by a step, and lets a portion of them take the place of valid ones where they have seen all that there
    is to see.
    """
    events, position = 0, rebuilt.position
    if position.revision < locked.until.revision:
        advance = await projection.advance(driver, rebuilt.rows, position, locked.until, projector.STEP_EVENTS)
        events, position = advance.events, advance.position
    rebuilt = replace(rebuilt, position=position)
    await projections.move_rebuilt(driver, projection.name, rebuilt)
    progress = replace(before, revision=position.revision, newest=locked.newest.revision, events=before.events + events)
    turn = _Turn(progress=progress, has_begun=True)
    if locked.position.revision <= position.revision == locked.until.revision:
        return await _replace_portion(driver, projection, locked, rebuilt, turn)
    return turn


def _begun(locked: Locked) -> Rebuilt:
    """Returns rows that nobody has filled yet."""
    return Rebuilt(rows=locked.rows._replace(version=locked.latest_version + 1), position=_BEGINNING)


async def _replace_portion(
    driver: Driver, projection: Projection, locked: Locked, rebuilt: Rebuilt, turn: _Turn
) -> _Turn:
    """Replaces a portion of the valid rows, once these have seen what the filled ones have: some of them stay. Figures
    agree with the valid rows after each portion.
    """
    name, organization_id = projection.name, locked.rows.organization_id
    if locked.is_stopped:
        await projections.go_on(driver, organization_id, name)
    changed, position = {}, locked.position
    if position.revision < rebuilt.position.revision:
        advance = await projection.advance(driver, locked.rows, position, rebuilt.position, projector.STEP_EVENTS)
        changed, position = advance.changes, advance.position
    if position.revision == rebuilt.position.revision:
        kept = await organizations.kept(driver, organization_id)
        raw_from = kept.raw_from_bucket if kept else 0
        complete_from = timerange.instant(raw_from) if raw_from else None
        done = await projection.replace(driver, locked.rows, rebuilt.rows, complete_from, rebuilt.replaced)
        cells.add_all(changed, done.changes)
        progress = replace(turn.progress, differing=turn.progress.differing + done.differing)
        turn = turn._replace(progress=progress, valid=done.valid if done.replaced is None else None)
        if done.replaced is not None:
            await projections.move_rebuilt(driver, name, replace(rebuilt, replaced=done.replaced))
    await projector.record(driver, name, locked, position, changed)
    if turn.valid is not None:
        await projections.end_rebuild(driver, name, turn.valid)
    return turn


async def _remove_others(database: Database, projection: Projection, valid: Rows, latest: int) -> None:
    removed = _REMOVED_AT_ONCE
    while removed:
        # Where tables are read by their indexes alone.
        async with database.projecting(of=valid.organization_id) as driver:
            removed = await projection.remove_others(driver, valid, latest, _REMOVED_AT_ONCE)
