"""Projectors move projections on, step by step. A step is one transaction, which begins by locking the projection.

A worker does it as soon as events come in. A reader whose answer depends on a projection that is behind does it itself:
a late worker costs time, never truth.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import NamedTuple

import structlog

from server import errors, failpoints, telemetry
from server.admission.fair_queue import FairSlots
from server.catalog.cells import Cells
from server.errors import Reason, Refused
from server.projections.projection import Projection
from server.projections.registry import PROJECTIONS
from server.store import changes, database, projections
from server.store.database import Database, Driver
from server.store.events import Revision
from server.store.projections import Locked, ProjectionPosition

STEP_EVENTS = 10_000
STEPS_AT_ONCE = 2  # a step is mostly work of this process
CATCH_UP_SECONDS = 20.0
_GOODBYE_SECONDS = 2.0
_log = structlog.get_logger(__name__)


class Step(NamedTuple):
    """A step of a projection, or a look that found nothing to do: where the projection is after it."""

    position: int
    newest: int  # the newest revision of the organization before it
    events: int
    is_stopped: bool


_Key = tuple[str, int]


class Projector:
    """Moves the projections of organizations on. on_revision is called with an organization whenever that has changed
    its figures.

    There is one step of a projection of an organization at a time in this process, for whoever waits for it; it goes on
    when they leave. Organizations take turns.
    """

    def __init__(self, database: Database, *, on_revision: Callable[[int], None] = lambda _: None) -> None:
        self._database = database
        self._on_revision = on_revision
        self._slots = FairSlots(STEPS_AT_ONCE)
        self._steps: dict[_Key, asyncio.Task[Step]] = {}
        # How many revisions a step may take in, of projections that have failed on more.
        self._bounds: dict[_Key, int] = {}
        # And how many events, of projections whose steps took too long or too much.
        self._limits: dict[_Key, int] = {}
        self._is_closed = False

    async def catch_up(self, organization_id: int, names: Collection[str], target: int) -> None:
        """Brings projections up to a revision, except for one that has stopped; Refused where that takes too long."""
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS):
                for name in names:
                    await self.follow_patiently(organization_id, name, target)
        except TimeoutError:
            raise Refused(
                Reason.STORAGE_BUSY,
                "many events have come in and are still being taken in; ask again in a moment",
                retry_after=2.0,
            ) from None

    async def follow_patiently(self, organization_id: int, name: str, target: int | None = None) -> None:
        """Does what follow() does, and waits for as long as others hold the projection."""
        while True:
            try:
                await self.follow(organization_id, name, target)
            except errors.StorageUnavailable as error:
                if not database.is_locked_out(error):
                    raise
            else:
                return

    async def follow(self, organization_id: int, name: str, target: int | None = None) -> int:
        """Brings a projection to a revision, or to the one that is newest now, and returns over how many events. It
        ends early where the projection stops, or where the database knows of no such revision.
        """
        events = 0
        while True:
            task, is_new = self._join(organization_id, PROJECTIONS[name])
            await asyncio.wait((task,))
            if task.cancelled():
                raise _stopping()
            step = task.result()
            events += step.events
            if target is None:  # a step that others have begun may not have seen what is newest now
                target = step.newest if is_new else (await self._look(organization_id, name)).newest
            if step.is_stopped or step.position >= target:
                return events
            if is_new and step.position >= step.newest < target:
                return events  # the database is that of an earlier time, or a replica's

    def _join(self, organization_id: int, projection: Projection) -> "tuple[asyncio.Task[Step], bool]":
        """Returns the step that is under way, or begins one, and whether it did."""
        if self._is_closed:
            raise _stopping()
        key = (projection.name, organization_id)
        task = self._steps.get(key)
        if task is not None and not task.done():  # one that has ended may not have been taken out yet
            return task, False
        task = self._steps[key] = asyncio.create_task(self._step(organization_id, projection))
        task.add_done_callback(lambda task: self._end(key, task))
        return task, True

    def _end(self, key: _Key, task: "asyncio.Task[Step]") -> None:
        if self._steps.get(key) is task:
            del self._steps[key]
        _ = task.cancelled() or task.exception()  # whoever waits gets it, and it is no fault where nobody does

    async def close(self) -> None:
        """Ends the steps that are under way, and lets nobody begin another one. What they have not committed is done
        again by whoever comes next.
        """
        self._is_closed = True
        steps = set(self._steps.values())
        for _ in range(2):  # one on a silent connection then waits for its ROLLBACK, less where it is cancelled again
            for step in steps:
                step.cancel()
            if steps:
                _, steps = await asyncio.wait(steps, timeout=_GOODBYE_SECONDS)

    async def _look(self, organization_id: int, name: str) -> Step:
        """Returns how a projection stands, without a lock."""
        async with self._database.projecting(of=organization_id) as driver:
            found = await projections.standing(driver, organization_id, name)
            return Step(found.revision, found.newest, 0, is_stopped=found.is_stopped)

    async def _step(self, organization_id: int, projection: Projection) -> Step:
        """Takes a step, unless there is nothing to do, and smaller ones where the projection fails on it."""
        found = await self._look(organization_id, projection.name)
        if found.is_stopped or found.position >= found.newest:
            return found
        for name in projection.needs:
            await self.follow(organization_id, name, found.newest)
        async with self._slots.slot(organization_id):
            while True:
                attempt = _Attempt()
                step: Step | None
                try:
                    with telemetry.PROJECTION_SECONDS.labels(projection.name).time():
                        step = await self._try(organization_id, projection, attempt)
                except errors.StorageUnavailable as error:
                    if not database.is_fault(error):
                        self._slow_down(organization_id, projection, attempt, error)
                        raise
                    step = await self._fail(organization_id, projection, attempt, error)
                except Exception as error:  # noqa: BLE001 - a fault of ours must not get in the way of anything else
                    step = await self._fail(organization_id, projection, attempt, error)
                if step is not None:
                    return step

    async def _try(self, organization_id: int, projection: Projection, attempt: "_Attempt") -> Step:
        key = (projection.name, organization_id)
        async with self._database.projecting(of=organization_id) as driver, driver.transaction():
            locked = await projections.lock(driver, organization_id, projection.name, projection.needs)
            if locked is None:
                return Step(0, 0, 0, is_stopped=False)
            newest = locked.newest.revision
            if locked.is_stopped or locked.position.revision >= locked.until.revision:
                return Step(locked.position.revision, newest, 0, is_stopped=locked.is_stopped)
            attempt.position, attempt.until = locked.position, locked.until
            if (bound := self._bounds.get(key)) is not None:
                attempt.until = await projections.within(driver, organization_id, locked, bound)
            limit = self._limits.get(key, STEP_EVENTS)
            advance = await projection.advance(driver, locked.rows, locked.position, attempt.until, limit)
            has_changed = await record(driver, projection.name, locked, advance.position, advance.changes)
            failpoints.reach("projection_before_commit")
        failpoints.reach("projection_after_commit")
        self._speed_up(key)
        telemetry.PROJECTED_EVENTS.labels(projection.name).inc(advance.events)
        if has_changed:
            self._on_revision(organization_id)
        return Step(advance.position.revision, newest, advance.events, is_stopped=False)

    def _slow_down(
        self, organization_id: int, projection: Projection, attempt: "_Attempt", error: errors.StorageUnavailable
    ) -> None:
        """Makes the next step take in half as many events as one that the database did not get done, unless others were
        in its way.
        """
        if attempt.position is not None and not database.is_locked_out(error):
            key = (projection.name, organization_id)
            self._limits[key] = max(1, self._limits.get(key, STEP_EVENTS) // 2)

    def _speed_up(self, key: _Key) -> None:
        """Lets the next step take in more than one that succeeded. What was too much lately may still be, at a price of
        minutes: so it gets there slowly.
        """
        if key in self._bounds:
            self._bounds[key] *= 2
            if self._bounds[key] > STEP_EVENTS:
                del self._bounds[key]
        if key in self._limits:
            self._limits[key] += self._limits[key] // 4 + 1
            if self._limits[key] >= STEP_EVENTS:
                del self._limits[key]

    async def _fail(
        self, organization_id: int, projection: Projection, attempt: "_Attempt", error: Exception
    ) -> Step | None:
        """Makes the next step half as long as the one that failed, or stops a projection at the single revision that it
        cannot get over.
        """
        if attempt.position is None or attempt.until is None:
            raise error
        revisions = attempt.until.revision - attempt.position.revision
        if revisions > 1:
            self._bounds[projection.name, organization_id] = revisions // 2
            return None
        failure = errors.describe(error)
        async with self._database.projecting(of=organization_id) as driver, driver.transaction():
            locked = await projections.lock(driver, organization_id, projection.name)
            if locked is None or locked.position != attempt.position:  # others have got over it, as newer code may
                return None
            if not locked.is_stopped:
                await projections.stop(driver, organization_id, projection.name, attempt.until.revision, failure)
        _log.error(
            "a projection has stopped",
            projection=projection.name,
            organization_id=organization_id,
            revision=attempt.until.revision,
            error=failure,
        )
        return Step(attempt.position.revision, locked.newest.revision, 0, is_stopped=True)


def _stopping() -> errors.StorageUnavailable:
    return errors.StorageUnavailable("this process is stopping")


class _Attempt:
    """What a step was about to take in, once that is known: the revisions after a position up to another one."""

    position: ProjectionPosition | None = None
    until: ProjectionPosition | None = None


async def record(driver: Driver, name: str, locked: Locked, position: ProjectionPosition, changed: Cells) -> bool:
    """Stores changes of figures under a revision of their own and moves a projection to a position; returns whether
    there was a change.
    """
    counted = await count(driver, locked.rows.organization_id, position, changed)
    is_durable = counted.revision is not None
    await projections.move(driver, locked.rows.organization_id, name, counted.seen, is_durable=is_durable)
    return is_durable


class Counted(NamedTuple):
    """The revision of changes of figures, if there were any, and how far a projection has now seen everything."""

    revision: Revision | None
    seen: ProjectionPosition


async def count(driver: Driver, organization_id: int, position: ProjectionPosition, changed: Cells) -> Counted:
    """Stores changes of figures, of a projection at a position, under a revision of their own."""
    revision = await changes.append(driver, organization_id, changed)
    if revision is None or revision.number != position.revision + 1:  # events came in between
        return Counted(revision, position)
    # Nothing came in between: so the revision of its own is seen, too, and nobody has to look for events in it.
    position = ProjectionPosition.of(revision)
    await projections.pass_over(driver, organization_id, position)
    return Counted(revision, position)
