"""Projectors move projections on, step by step. A step is one transaction, which begins by locking the projection.

A worker does it as soon as events come in. A reader whose answer depends on a projection that is behind does it itself:
a late worker costs time, never truth.
"""

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Callable, Collection
from typing import NamedTuple

import structlog

from server import errors, failpoints, telemetry
from server.errors import Reason, Refused
from server.projections.projection import Advance, Projection
from server.projections.registry import PROJECTIONS
from server.store import changes, projections
from server.store.database import Database, Driver
from server.store.projections import Locked, ProjectionPosition

STEP_EVENTS = 10_000
_CONCURRENCY = 2  # organizations at once; a step is mostly work of this process
_CATCH_UP_SECONDS = 20.0
_log = structlog.get_logger(__name__)


class Projector:
    """Moves the projections of organizations on. on_revision is called with an organization whenever that has changed
    its figures.
    """

    def __init__(self, database: Database, *, on_revision: Callable[[int], None] = lambda _: None) -> None:
        self._database = database
        self._on_revision = on_revision
        self._slots = asyncio.Semaphore(_CONCURRENCY)
        # Each for as long as somebody holds it or waits for it.
        self._locks = weakref.WeakValueDictionary[tuple[str, int], asyncio.Lock]()

    async def catch_up(self, organization_id: int, names: Collection[str], target: int) -> None:
        """Brings projections up to a revision, except for one that has stopped; Refused where that takes too long."""
        try:
            async with asyncio.timeout(_CATCH_UP_SECONDS):
                for name in names:
                    await self.follow(organization_id, name, target)
        except TimeoutError:
            raise Refused(
                Reason.STORAGE_BUSY,
                "many events have come in and are still being taken in; ask again in a moment",
                retry_after=2.0,
            ) from None

    async def follow(self, organization_id: int, name: str, target: int | None = None) -> int:
        """Brings a projection to a revision, or to the one that is newest now, and returns over how many events. It
        ends early where the projection stops.
        """
        events = 0
        async with self._turn(name, organization_id):
            while (step := await self._step(organization_id, PROJECTIONS[name])) is not None:
                events += step.advance.events
                target = step.newest if target is None else target
                if step.advance.position.revision >= target:
                    break
        return events

    @contextlib.asynccontextmanager
    async def _turn(self, name: str, organization_id: int) -> AsyncIterator[None]:
        """Holds a slot for the block. Those of this process that want the same projection wait for each other here, and
        not on connections.
        """
        lock = self._locks.setdefault((name, organization_id), asyncio.Lock())
        async with lock, self._slots:
            yield

    async def _step(self, organization_id: int, projection: Projection) -> "_Step | None":
        """Takes a step, and one over a single revision where the projection fails on it; None where it has stopped."""
        is_single = False
        while True:
            try:
                with telemetry.PROJECTION_SECONDS.labels(projection.name).time():
                    step = await self._try(organization_id, projection, is_single=is_single)
            except errors.StorageUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - a fault of ours must not get in the way of anything else
                if is_single:
                    await self._stop(organization_id, projection, error)
                    return None
                is_single = True
                continue
            if step is not None:
                telemetry.PROJECTED_EVENTS.labels(projection.name).inc(step.advance.events)
                if step.has_changed:
                    self._on_revision(organization_id)
            return step

    async def _try(self, organization_id: int, projection: Projection, *, is_single: bool) -> "_Step | None":
        has_changed = False
        async with self._database.transaction() as driver:
            locked = await projections.lock(driver, organization_id, projection.name)
            if locked is None or locked.is_stopped:
                return None
            newest = locked.newest.revision
            if locked.position.revision >= newest:
                return _Step(Advance(position=locked.position, events=0, changes={}), newest, has_changed=False)
            until = locked.newest
            if is_single:
                until = await projections.following(driver, organization_id, locked.position) or until
            advance = await projection.advance(driver, locked.rows, locked.position, until, STEP_EVENTS)
            has_changed = await record(driver, projection.name, locked, advance)
            failpoints.reach("projection_before_commit")
        failpoints.reach("projection_after_commit")
        return _Step(advance, newest, has_changed)

    async def _stop(self, organization_id: int, projection: Projection, error: Exception) -> None:
        """Stops a projection at the revision that it cannot get over."""
        failure = errors.describe(error)
        async with self._database.transaction() as driver:
            locked = await projections.lock(driver, organization_id, projection.name)
            if locked is None or locked.is_stopped:
                return
            following = await projections.following(driver, organization_id, locked.position) or locked.newest
            await projections.stop(driver, organization_id, projection.name, following.revision, failure)
        _log.error(
            "a projection has stopped",
            projection=projection.name,
            organization_id=organization_id,
            revision=following.revision,
            error=failure,
        )


class _Step(NamedTuple):
    """A step that was taken, the revision that was newest then, and whether figures have changed."""

    advance: Advance
    newest: int
    has_changed: bool


async def record(driver: Driver, name: str, locked: Locked, advance: Advance) -> bool:
    """Stores what an advance changes in figures, under a revision of its own, and moves the position; returns whether
    there was a change.
    """
    position = advance.position
    revision = await changes.append(driver, locked.rows.organization_id, advance.changes)
    # Nothing came in between: so the revision of its own is seen, too, and nobody has to look for events in it.
    if revision is not None and revision.number == position.revision + 1:
        position = ProjectionPosition.of(revision)
        await projections.pass_over(driver, locked.rows.organization_id, position)
    await projections.move(driver, locked.rows.organization_id, name, position, is_durable=revision is not None)
    return revision is not None
