"""Wake-ups reach the queue when Redis is there, and harm nobody when it is not."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import structlog
from arq import func
from arq.connections import ArqRedis

from server.local import embedded
from server.tasks import wakeups
from server.tasks.wakeups import Wakeups
from tests.support import waiting
from tests.support.waiting import PATIENCE
from workers.process import _Worker


@pytest.fixture
async def queue(own_engines: embedded.Engines) -> AsyncIterator[ArqRedis]:
    """The empty queue."""
    queue = wakeups.connect(own_engines.redis_url)
    await queue.flushall()
    yield queue
    await queue.flushall()
    await queue.aclose(close_connection_pool=True)


@pytest.fixture
async def sender(own_engines: embedded.Engines) -> AsyncIterator[Wakeups]:
    """What a server has."""
    sender = Wakeups(own_engines.redis_url)
    yield sender
    await sender.close()


async def test_an_organization_is_queued_once_however_often_it_is_named(queue: ArqRedis, sender: Wakeups) -> None:
    for _ in range(1000):
        sender.fold(1)
    sender.fold(2)

    async def both() -> bool:
        return await queue.zcard(wakeups.QUEUE) == 2

    await waiting.until(both)
    sender.fold(1)
    await asyncio.sleep(1.5)
    jobs = await queue.queued_jobs()
    assert sorted((job.function, tuple(job.args)) for job in jobs) == [
        (wakeups.FOLD_ORGANIZATION, (1,)),
        (wakeups.FOLD_ORGANIZATION, (2,)),
    ]


async def test_tasks_are_named_once_however_often_they_are_queued(queue: ArqRedis, sender: Wakeups) -> None:
    for _ in range(100):
        sender.tasks()

    async def there() -> bool:
        return await queue.zcard(wakeups.QUEUE) == 1

    await waiting.until(there)
    (job,) = await queue.queued_jobs()
    assert (job.function, tuple(job.args)) == (wakeups.RUN_TASKS, ())


async def test_a_job_that_is_started_again_while_it_runs_ends_twice(queue: ArqRedis) -> None:
    """As arq does once Redis was set back to a state in which it had not begun."""
    ran, both = 0, asyncio.Event()

    async def fold(_: object, organization_id: int) -> None:
        nonlocal ran
        ran += organization_id
        if ran == 2:
            both.set()
        await both.wait()

    worker = _Worker(
        functions=[func(fold, name=wakeups.FOLD_ORGANIZATION)],  # type: ignore[arg-type]
        redis_pool=queue,
        queue_name=wakeups.QUEUE,
        handle_signals=False,
        keep_result=0,
        job_serializer=wakeups.dump,
        job_deserializer=json.loads,
    )
    job = await queue.enqueue_job(wakeups.FOLD_ORGANIZATION, 1, _queue_name=wakeups.QUEUE)
    assert job is not None
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(worker.run_job(job.job_id, 0) for _ in range(2)))
    assert (worker.jobs_complete, worker.jobs_failed) == (2, 0)


async def test_what_is_queued_is_no_pickle(queue: ArqRedis, sender: Wakeups) -> None:
    sender.fold(7)

    async def there() -> bool:
        return await queue.exists("arq:job:tallywire:fold:7") == 1

    await waiting.until(there)
    assert (await queue.get("arq:job:tallywire:fold:7") or b"").startswith(b'{"t": null, "f": "fold_organization"')
    assert wakeups.dump({"r": ValueError("a secret")}) == b'{"r": "ValueError"}'


async def test_an_outage_is_logged_once_and_ends_by_itself(
    own_engines: embedded.Engines, queue: ArqRedis, sender: Wakeups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups, "_REST_SECONDS", 0.1)
    monkeypatch.setattr(wakeups, "_MAX_WAITING", 50)
    await asyncio.to_thread(own_engines.stop_redis)
    with structlog.testing.capture_logs() as logs:
        for organization_id in range(100_000):
            sender.fold(organization_id)
        kept = len(sender._waiting)
        for _ in range(10):
            sender.fold(1)
            await asyncio.sleep(0.1)
        await asyncio.to_thread(own_engines.restart_redis)

        async def back() -> bool:
            sender.fold(3)
            return await queue.exists("arq:job:tallywire:fold:3") == 1

        await waiting.until(back)
        await waiting.until(lambda: _has(logs, "info"))
    assert kept == 50
    assert [log["log_level"] for log in logs] == ["warning", "info"]


async def _has(logs: list[structlog.typing.EventDict], level: str) -> bool:
    return any(log["log_level"] == level for log in logs)


async def test_closing_ends_everything(own_engines: embedded.Engines) -> None:
    unused, used = Wakeups(own_engines.redis_url), Wakeups(own_engines.redis_url)
    used.fold(1)
    await unused.close()
    await used.close()
    await used.close()
