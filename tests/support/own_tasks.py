"""Kinds of tasks for tests, and runners that look when a test says so."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from server.store import claims, tasks
from server.store.claims import Claim
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.tasks import TaskRecord, TaskState
from server.tasks import queue
from server.tasks.kinds import Kind, Kinds, Result, Work
from server.tasks.runner import Runner
from tests.support import waiting, worlds


@dataclass
class OwnTasks:
    """The tasks of the test's own database."""

    database: Database
    runners: list[Runner] = field(default_factory=list)

    async def queue(self, kind: Kind, **options: object) -> int:
        """Queues a task and returns its id."""
        async with self.database.transaction(of=EVERY) as driver:
            return (await queue.enqueue(driver, kind, **options)).task_id  # type: ignore[arg-type]

    async def get(self, task_id: int) -> TaskRecord:
        """Returns a task."""
        async with self.database.transaction(of=EVERY) as driver:
            found = await tasks.by_id(driver, task_id)
        assert found is not None
        return found

    async def states(self) -> list[TaskState]:
        """Returns the states of all tasks, by id."""
        async with self.database.transaction(of=EVERY) as driver:
            found = await tasks.listed(driver, kind=None, state=None, organization_id=None, limit=10_000)
        return [one.state for one in reversed(found)]

    async def claim(
        self, kind: Kind, owner: str = "me", room: int = 100, lease: timedelta = timedelta(minutes=1)
    ) -> list[Claim]:
        """Claims tasks of a kind, as a worker does."""
        async with self.database.transaction(of=EVERY) as driver:
            await claims.know(driver, {kind.name: max(1, kind.rate)})
            return await claims.claim(driver, kind.limits, owner, lease, room)

    async def finish(self, claim: Claim, result: Result | None = None) -> bool:
        """Records that a claimed task is done."""
        async with self.database.transaction(of=EVERY) as driver:
            return await claims.finish(driver, claim, result or {}, more=False)

    async def pass_time(self, time: timedelta) -> None:
        """Moves everything that is stored into the past, as if that much time had gone by."""
        await worlds.execute(
            self.database,
            "UPDATE tasks SET run_at = run_at - $1::interval, lease_until = lease_until - $1::interval,"
            " ended_at = ended_at - $1::interval, period = period - $1::interval",
            time,
        )
        await worlds.execute(self.database, "UPDATE task_kinds SET refilled_at = refilled_at - $1::interval", time)
        await worlds.execute(self.database, "UPDATE schedules SET next_run_at = next_run_at - $1::interval", time)

    def runner(self, *kinds: Kind, lease: timedelta = timedelta(minutes=1), **slots: int) -> Runner:
        """Returns a runner of kinds; it is stopped with the test."""
        self.runners.append(Runner(self.database, Kinds(kinds), f"worker {len(self.runners)}", lease=lease, **slots))
        return self.runners[-1]

    async def look(self, runner: Runner, *kinds: Kind) -> int:
        """Has a runner look once."""
        async with self.database.transaction(of=EVERY) as driver:
            await claims.know(driver, {one.name: max(1, one.rate) for one in kinds})
        return await runner.look()

    async def until(self, task_id: int, reached: Callable[[TaskRecord], bool]) -> TaskRecord:
        """Waits until a task is as it is expected, and returns it."""

        async def is_reached() -> bool:
            return reached(await self.get(task_id))

        await waiting.until(is_reached)
        return await self.get(task_id)


async def nothing(work: Work) -> Result:
    """Does nothing."""
    return {}


def kind(name: str = "nothing", **options: object) -> Kind:
    """Returns a kind that does nothing unless it is told otherwise."""
    return Kind(**{"name": name, "help": "For tests.", "run": nothing, **options})  # type: ignore[arg-type]
