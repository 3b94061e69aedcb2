"""The runner: finds tasks that are due, claims as many as there is room for, and has them run.

What is due is in PostgreSQL alone. A wake-up only says "look now"; without any the runner looks every second.
"""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from server import errors, telemetry
from server.store import claims, tasks
from server.store import schedules as stored_schedules
from server.store.claims import Claim
from server.store.database import Database, is_locked_out
from server.store.isolation import EVERY
from server.store.tasks import SERVICE, NewTask, TaskState
from server.tasks import schedules
from server.tasks.execution import LEASE, Executions
from server.tasks.kinds import Kind, Kinds, Result

SHORT_SLOTS = 4
LONG_SLOTS = 2
_LOOK_SECONDS = 1.0
_REFRESH_SECONDS = 60.0
_PUBLISH_SECONDS = 15.0
_SHOWN = (TaskState.QUEUED, TaskState.RUNNING, TaskState.DEAD)
_log = structlog.get_logger(__name__)


def owner() -> str:
    """Returns a name to hold tasks under, which no other process has: in containers neither the name of the host nor
    the number of the process need differ.
    """
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Runner:
    """Runs tasks of some kinds in this process, short ones and long ones in slots of their own.

    announce is called when tasks of schedules were queued, so that other workers look, too.
    """

    def __init__(
        self,
        database: Database,
        kinds: Kinds,
        owner: str,
        *,
        short_slots: int = SHORT_SLOTS,
        long_slots: int = LONG_SLOTS,
        lease: timedelta = LEASE,
        announce: Callable[[], None] | None = None,
    ) -> None:
        self._database = database
        self._kinds = kinds
        self._owner = owner
        self._slots = {False: short_slots, True: long_slots}
        self._lease = lease
        self._announce = announce
        self._woken = asyncio.Event()
        self._away = set[str]()  # what waits for the database
        self.executions = Executions(database, kinds, self.wake, lease)

    def wake(self) -> None:
        """Has the runner look at once."""
        self._woken.set()

    # Each of these goes on until it is cancelled.

    async def run_tasks(self) -> None:
        """Claims and begins what is due, when it is woken and every second."""
        await self.introduce()
        while True:
            self._woken.clear()
            await self._or_log("tasks", self.look)
            with contextlib.suppress(TimeoutError):
                # Unlike wait_for, which may lose a cancellation that comes with the event.
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._woken.wait()

    async def run_schedules(self) -> None:
        """Queues the tasks of periods that are due, every second, and keeps the schedules what the code says."""
        while True:
            await self._or_log("schedules", self._refresh)
            for _ in range(round(_REFRESH_SECONDS / _LOOK_SECONDS)):
                await self._or_log("schedules", self._schedule)
                await asyncio.sleep(_LOOK_SECONDS)

    async def publish(self) -> None:
        """Shows Prometheus the backlog and what the last runs of schedules have returned, every now and then."""
        while True:
            await self._or_log("figures of tasks", self.publish_once)
            await asyncio.sleep(_PUBLISH_SECONDS)

    async def look(self) -> int:
        """Claims and begins as much of what is due as there is room for, and returns how much."""
        async with self._database.transaction(of=EVERY) as driver:
            expired = await claims.expire(driver)
            await self._kinds.on_failed(driver, expired.failed)
            due = await claims.due(driver, [name for name in self._kinds.names if self._room(self._kinds[name])])
        begun = 0
        for kind in sorted((self._kinds[name] for name in due), key=lambda kind: -kind.priority):
            if room := self._room(kind):
                async with self._database.transaction(of=EVERY) as driver:
                    claimed = await claims.claim(driver, kind.limits, self._owner, self._lease, room)
                for claim in claimed:
                    self.executions.start(claim)
                begun += len(claimed)
        return begun

    async def begin(self, kind: Kind, schedule: str | None = None) -> Claim | None:
        """Claims a new task that is to run here; None where the kind's concurrency leaves no room for it."""
        await self.introduce()
        new = NewTask(kind=kind.name, tries=kind.tries, priority=kind.priority, schedule=schedule)
        async with self._database.transaction(of=EVERY) as driver:
            return await claims.begin(driver, kind.limits, new, self._owner, self._lease)

    async def finish(self, claim: Claim) -> Result | None:
        """Runs a task that was claimed, to its end, and returns its result; None where it failed."""
        one = self.executions.start(claim)
        keeping = asyncio.create_task(self.executions.keep_leases())
        try:
            await asyncio.wait((one.running,))
            return one.result
        finally:
            keeping.cancel()
            await self.stop()

    async def stop(self) -> None:
        """Leaves tasks a moment to end, and hands the others back to the queue."""
        await self.executions.stop()
        try:
            async with self._database.transaction(of=EVERY) as driver:
                await claims.hand_back(driver, self._owner)
        except errors.StorageUnavailable as error:
            _log.warning("what was not ended waits until its lease runs out", error=str(error))

    async def publish_once(self) -> None:
        """Shows Prometheus what is queued, running and dead, and what the last runs of schedules have returned."""
        async with self._database.transaction(of=EVERY) as driver:
            backlog = {(one.kind, one.state): one for one in await tasks.backlog(driver)}
            runs = await stored_schedules.listed(driver, organization_id=SERVICE)
        for name in self._kinds.names:
            for state in _SHOWN:
                found = backlog.get((name, state))
                telemetry.TASKS.labels(name, state.value).set(found.tasks if found else 0)
                if state is TaskState.QUEUED:
                    telemetry.TASK_LAG.labels(name).set(found.lag.total_seconds() if found else 0)
        for run in runs:
            kind = self._kinds.get(run.kind)
            if kind is not None and kind.publish is not None and run.finished_at is not None:
                kind.publish(run.result)

    def _room(self, kind: Kind) -> int:
        if kind.own_slots:
            return max(0, kind.own_slots - self.executions.count_of(kind))
        return max(0, self._slots[kind.is_long] - self.executions.count(is_long=kind.is_long))

    async def introduce(self) -> None:
        """Makes the kinds known to the database."""
        async with self._database.transaction(of=EVERY) as driver:
            await claims.know(driver, {name: max(1, self._kinds[name].rate) for name in self._kinds.names})

    async def _refresh(self) -> int:
        return await schedules.refresh(self._database, self._kinds)

    async def _schedule(self) -> int:
        queued = await schedules.run_due(self._database, self._kinds)
        if queued:
            self.wake()
            if self._announce is not None:
                self._announce()
        return queued

    async def _or_log(self, what: str, step: Callable[[], Awaitable[object]]) -> None:
        """Does a step; where the database is away, one line of log per outage says what waits."""
        try:
            await step()
        except errors.StorageUnavailable as error:
            if is_locked_out(error):  # another worker was faster; the next look is soon
                return
            if what not in self._away:
                _log.warning("the database is away", waiting=what, error=str(error))
            self._away.add(what)
        else:
            self._away.discard(what)
