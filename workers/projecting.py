"""What a worker moves projections on for: one organization because of a wake-up, or all that are behind."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import structlog

from server import errors, telemetry
from server.projections.projector import Projector
from server.projections.registry import PROJECTIONS
from server.store import projection_states, projections
from server.store.database import Database, Driver
from server.store.projection_states import ProjectionState
from server.store.projections import Behind

CONCURRENCY = 2  # organizations at once; a step is mostly work of this process
_SWEEP_SECONDS = 10.0
_TURN_SECONDS = 3.0  # of a projection of an organization, until it is another organization's turn
# Sweeps leave an organization alone for so long after a wake-up has moved it on. While events come in all the time they
# would take as many small steps beside those of wake-ups, and a small step costs nearly as much as a large one.
_REST_SECONDS = 1.0
_SLOT_SECONDS = 5.0  # who waits for longer is found again by the next sweep; arq ends jobs that take much longer
_COMPLAINT_SECONDS = 60.0
# A look at all organizations takes some 100 ms of PostgreSQL where there are 10,000, for each worker. In between it is
# at those that changed lately, which are all that have fallen behind since the last one.
_EVERYTHING_SECONDS = 15.0
_LATELY_SECONDS = 60.0
_log = structlog.get_logger(__name__)


class Projecting:
    """Moves projections on for a worker process; a failure is logged and left to the next look."""

    def __init__(self, database: Database, projector: Projector) -> None:
        self._database = database
        self._projector = projector
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._sweeping = False
        self._complained_at = -_COMPLAINT_SECONDS
        self._everything_at = -_EVERYTHING_SECONDS  # when all organizations were looked at
        self._failed: set[Behind] = set()  # since the last look
        self._woken_at: dict[int, float] = {}  # when organizations were last moved on because of a wake-up

    async def organization(self, organization_id: int) -> None:
        """Moves all projections of an organization on, each for a turn; leaves it to the next sweep where no slot
        becomes free in time, or where that does not reach the newest revision.
        """
        if await self._organization([Behind(organization_id=organization_id, name=name) for name in PROJECTIONS]):
            self._look_at_everything()
        self._woken_at[organization_id] = time.monotonic()

    async def due(self) -> None:
        """Brings whatever is behind to the newest revisions, for a limited time; nothing where it already does.
        Organizations take turns.
        """
        if self._sweeping:
            return
        self._sweeping = True
        try:
            waiting = await self._look()
            queue, deadline = deque(_by_organization(waiting)), time.monotonic() + _SWEEP_SECONDS
            async with asyncio.TaskGroup() as group:
                for _ in range(CONCURRENCY):
                    group.create_task(self._take(queue, deadline))
        except errors.StorageUnavailable as error:
            self._complain(error)
        finally:
            self._sweeping = False

    async def _look(self) -> list[Behind]:
        """Returns what is behind: of all organizations once in a while, and of those that changed lately in between,
        with what has failed since the last look.
        """
        looks = self._database.looks
        if time.monotonic() - self._everything_at < _EVERYTHING_SECONDS:
            found = [one for some in await looks.over_all(_behind_lately) for one in some]
            resting = self._resting()
            found = [one for one in found if one.organization_id not in resting]
            found += self._failed.difference(found)
        else:
            self._everything_at = time.monotonic()
            standings = await looks.over_all(_standing)
            _publish(standings)
            found = [one for standing in standings for one in standing.behind]
        self._failed.clear()
        return found

    def _resting(self) -> Collection[int]:
        """Returns the organizations that were moved on because of a wake-up just now."""
        since = time.monotonic() - _REST_SECONDS
        self._woken_at = {one: at for one, at in self._woken_at.items() if at > since}
        return self._woken_at

    def _look_at_everything(self) -> None:
        """Makes the next look one at all organizations, since something was left behind."""
        self._everything_at = -_EVERYTHING_SECONDS

    async def _take(self, queue: deque[Sequence[Behind]], deadline: float) -> None:
        while queue and time.monotonic() < deadline:
            some = queue.popleft()
            if self._database.looks.leaves_out(some[0].organization_id):
                self._failed.update(some)
            elif left := await self._organization(some):
                queue.append(left)
        if queue:
            self._look_at_everything()

    async def _organization(self, waiting: Sequence[Behind]) -> Sequence[Behind]:
        """Moves projections of an organization on, one after the other and each for a turn, in a slot. Returns those
        that have not reached the newest revision yet.

        Far more are asked for at once than there are connections, and what a worker looks for must not wait for these.
        """
        try:
            async with asyncio.timeout(_SLOT_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            self._look_at_everything()
            return ()
        try:
            return [one for one in waiting if not await self._follow(one)]
        finally:
            self._slots.release()

    async def _follow(self, one: Behind) -> bool:
        """Moves a projection on for a turn, and returns whether there is no more to do now. A step that is under way
        when the turn is over goes on.
        """
        turn = asyncio.timeout(_TURN_SECONDS)
        try:
            async with turn:
                await self._projector.follow(one.organization_id, one.name)
        except Exception as error:  # noqa: BLE001 - whatever it is, others still have their turn
            if turn.expired():
                return False
            self._failed.add(one)  # a look at everything for it would be one at each sweep for as long as it fails
            self._complain(error, projection=one.name, organization_id=one.organization_id)
        return True

    def _complain(self, error: Exception, **where: object) -> None:
        """Logs a failure, once in a while: what is due is looked at every second."""
        if time.monotonic() - self._complained_at >= _COMPLAINT_SECONDS:
            self._complained_at = time.monotonic()
            _log.error("a projection could not be moved on and is tried again", error=errors.describe(error), **where)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """How projections of some organizations stand."""

    states: Sequence[ProjectionState]
    stopped: int
    behind: Sequence[Behind]


async def _standing(driver: Driver, only: Sequence[int] | None) -> _Standing:
    return _Standing(
        states=await projection_states.read(driver, list(PROJECTIONS), only),
        stopped=await projection_states.stopped_count(driver, only),
        behind=await projections.behind(driver, list(PROJECTIONS), only),
    )


async def _behind_lately(driver: Driver, only: Sequence[int] | None) -> list[Behind]:
    return await projections.behind(driver, list(PROJECTIONS), only, within_seconds=_LATELY_SECONDS)


def _publish(standings: Sequence[_Standing]) -> None:
    """Shows Prometheus how far projections are behind."""
    for name in PROJECTIONS:
        states = [state for standing in standings for state in standing.states if state.name == name]
        telemetry.PROJECTION_LAG_REVISIONS.labels(name).set(sum(state.revisions for state in states))
        telemetry.PROJECTION_LAG_SECONDS.labels(name).set(max((state.seconds for state in states), default=0))
    telemetry.PROJECTIONS_STOPPED.set(sum(standing.stopped for standing in standings))


def _by_organization(waiting: Sequence[Behind]) -> list[Sequence[Behind]]:
    """Returns what waits, by organizations in random order, and of each in the order of the registry."""
    found: dict[int, list[Behind]] = {}
    order = list(PROJECTIONS)
    for one in sorted(waiting, key=lambda one: order.index(one.name)):
        found.setdefault(one.organization_id, []).append(one)
    return random.sample(list(found.values()), len(found))
