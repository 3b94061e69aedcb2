"""Tasks in real workers: killed, told to stop, without Redis and after it was emptied."""

import asyncio
import signal
from collections import Counter

import pytest

from server import failpoints
from server.local import embedded
from server.store import tasks
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.tasks import TaskRecord, TaskState
from server.tasks import queue, wakeups
from server.tasks.kinds import Kind
from tests.support import worlds
from tests.support.task_worker import HOLD, MARK, MARKS
from tests.support.worker_processes import Worker, Workers, until

PROGRAM = "tests.support.task_worker"
NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
async def _marks(own_database: Database) -> None:
    await worlds.execute(own_database, MARKS)


async def enqueue(database: Database, kind: Kind, count: int = 1) -> list[int]:
    async with database.transaction(of=EVERY) as driver:
        return [(await queue.enqueue(driver, kind, organization_id=n % 3)).task_id for n in range(count)]


async def get(database: Database, task_id: int) -> TaskRecord:
    async with database.transaction(of=EVERY) as driver:
        found = await tasks.by_id(driver, task_id)
    assert found is not None
    return found


async def marks(database: Database) -> Counter[tuple[int, str]]:
    async with database.transaction(of=EVERY) as driver:
        rows = await driver.fetch("SELECT task_id, what FROM marks WHERE what <> 'open'")
    return Counter((row[0], row[1]) for row in rows)


async def began(database: Database, task_id: int, times: int = 1) -> None:
    """Waits until a task has been begun so many times."""
    await until(lambda: marks(database), lambda found: found[task_id, "began"] == times)


async def open_gate(database: Database) -> None:
    await worlds.execute(database, "INSERT INTO marks VALUES (0, 'open')")


async def done(database: Database, task_id: int) -> TaskRecord:
    """Waits until a task is done."""
    await until(lambda: get(database, task_id), lambda found: found.state is TaskState.DONE)
    return await get(database, task_id)


async def end_lease(database: Database) -> None:
    """Does what half a minute would."""
    await worlds.execute(database, "UPDATE tasks SET lease_until = now() - interval '1 second' WHERE state = 'running'")


async def test_the_task_of_a_worker_that_is_killed_is_done_by_another(own_database: Database, workers: Workers) -> None:
    (task_id,) = await enqueue(own_database, HOLD)
    first = await workers.start(module=PROGRAM)
    await began(own_database, task_id)
    assert await first.end(signal.SIGKILL) == -signal.SIGKILL
    second = await workers.start(module=PROGRAM)
    found = await get(own_database, task_id)
    assert found.state is TaskState.RUNNING, "its lease is not over yet"
    await end_lease(own_database)
    await began(own_database, task_id, 2)
    await open_gate(own_database)
    assert (await done(own_database, task_id)).attempts == 2
    assert (await marks(own_database))[task_id, "done"] == 1
    assert await second.end() == 0


async def test_a_worker_that_dies_after_the_work_leaves_one_outcome(own_database: Database, workers: Workers) -> None:
    armed = {"FAILPOINT": "task_after_work:1", "TALLYWIRE_ALLOW_FAILPOINTS": "true"}
    (task_id,) = await enqueue(own_database, MARK)
    first = await workers.start(module=PROGRAM, **armed)
    assert await first.ended() == failpoints.EXIT_CODE
    assert (await get(own_database, task_id)).state is TaskState.RUNNING
    await end_lease(own_database)
    await workers.start(module=PROGRAM)
    assert (await done(own_database, task_id)).attempts == 2
    assert await marks(own_database) == {(task_id, "done"): 2}


async def test_a_worker_that_is_told_to_stop_hands_its_tasks_back(own_database: Database, workers: Workers) -> None:
    (task_id,) = await enqueue(own_database, HOLD)
    first = await workers.start(module=PROGRAM)
    await began(own_database, task_id)
    assert await first.end() == 0
    found = await get(own_database, task_id)
    assert (found.state, found.attempts, found.owner) == (TaskState.QUEUED, 0, None)
    await workers.start(module=PROGRAM)
    await began(own_database, task_id, 2)
    await open_gate(own_database)
    assert (await done(own_database, task_id)).attempts == 1


async def test_several_workers_do_each_task_once(own_database: Database, workers: Workers) -> None:
    ids = await enqueue(own_database, MARK, 60)
    for _ in range(3):
        await workers.start(module=PROGRAM)
    await until(lambda: marks(own_database), lambda found: len(found) == len(ids))
    for task_id in ids:
        await done(own_database, task_id)
    assert await marks(own_database) == dict.fromkeys(((task_id, "done") for task_id in ids), 1)


async def test_a_worker_starts_and_works_without_redis(own_database: Database, workers: Workers) -> None:
    (task_id,) = await enqueue(own_database, MARK)
    worker = await workers.start(module=PROGRAM, REDIS_URL=NOBODY)
    await done(own_database, task_id)
    assert "working without Redis until it is there" in worker.log
    assert await worker.end() == 0


async def test_nothing_is_lost_or_done_twice_whatever_becomes_of_redis(
    own_engines: embedded.Engines, own_database: Database, workers: Workers
) -> None:
    started = [await workers.start(module=PROGRAM) for _ in range(2)]
    redis = wakeups.connect(own_engines.redis_url)
    ids: list[int] = []

    async def more(*, wake: bool = True) -> None:
        ids.extend(await enqueue(own_database, MARK, 12))
        if wake:
            await wakeups.wake_tasks(redis)

    await more()
    await redis.flushall()
    await more()
    await redis.flushall()
    await all_done(own_database, ids)
    await asyncio.to_thread(own_engines.stop_redis)
    try:
        await more(wake=False)
        await all_done(own_database, ids)
        await more(wake=False)
    finally:
        await asyncio.to_thread(own_engines.restart_redis)
    await more()
    await all_done(own_database, ids)
    assert await marks(own_database) == dict.fromkeys(((task_id, "done") for task_id in ids), 1)
    await redis.aclose(close_connection_pool=True)
    assert [await worker.end() for worker in started] == [0, 0]


async def all_done(database: Database, ids: list[int]) -> None:
    """Waits until all of the tasks are done."""
    for task_id in ids:
        await done(database, task_id)


async def test_a_wakeup_has_a_worker_look(
    own_engines: embedded.Engines, own_database: Database, workers: Workers
) -> None:
    worker = await workers.start(module=PROGRAM, LOOK_SECONDS="3600")
    await _has_looked(own_database, worker)
    (task_id,) = await enqueue(own_database, MARK)
    await wakeups.wake_tasks_now(own_engines.redis_url)
    await done(own_database, task_id)


async def _has_looked(database: Database, worker: Worker) -> None:
    """Waits until a worker has looked for tasks for the first time."""
    known = "SELECT count(*) FROM task_kinds"
    await until(lambda: worlds.value(database, known), lambda found: found == 2)
    assert worker.process.returncode is None


async def test_a_worker_runs_the_kinds_that_it_is_given(own_database: Database, workers: Workers) -> None:
    (other,), (task_id,) = await enqueue(own_database, HOLD), await enqueue(own_database, MARK)
    await workers.start("--kinds", "mark", "--concurrency", "1", module=PROGRAM)
    await done(own_database, task_id)
    assert (await get(own_database, other)).state is TaskState.QUEUED
    wrong = await workers.start("--kinds", "mark,nonsense", module=PROGRAM)
    assert await wrong.ended() == 1
    assert wrong.log == "error: --kinds: there is no kind 'nonsense'; there are mark, hold\n"
