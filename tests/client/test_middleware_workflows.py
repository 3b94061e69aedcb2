"""Tasks of Celery and arq as workflows: each run once, by how it ended; attempts that are made again do not count."""

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import arq
import arq.worker
import celery
import celery.app.task
import celery.signals
import pytest
from arq.connections import RedisSettings
from reported import Reported

from server.local import embedded
from tallywire.middleware import arq_workflows, celery_workflows
from tests.support.waiting import until

SIGNALS = (
    celery.signals.task_prerun,
    celery.signals.task_success,
    celery.signals.task_failure,
    celery.signals.task_postrun,
)


def runs(observed: Reported) -> list[tuple[str, str]]:
    """The kinds and names of the runs so far."""
    events = observed.events()
    for event in events:
        assert event.resource_type == "workflow"
        assert event.properties["workflow"] == event.resource_id
    return [(event.event_type, event.resource_id) for event in events]


def nothing() -> None:
    """A task that does nothing."""


@pytest.fixture
def application() -> Iterator[celery.Celery]:
    """An application of Celery; what listens to its signals is gone afterwards."""
    before = [list(signal.receivers or ()) for signal in SIGNALS]
    yield celery.Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)
    for signal, receivers in zip(SIGNALS, before, strict=True):
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


def test_celery(observed: Reported, application: celery.Celery) -> None:
    @application.task(name="report.send")
    def send(user: str) -> int:
        return 5

    @application.task(name="report.fails")
    def fails() -> None:
        raise KeyError("unlucky")

    @application.task(name="report.again", bind=True, max_retries=5, default_retry_delay=0)
    def again(self: Any, attempts: int) -> str:
        if self.request.retries + 1 < attempts:
            raise self.retry()
        return "done"

    @application.task(name="report.never", bind=True, max_retries=2, default_retry_delay=0)
    def never(self: Any) -> None:
        raise self.retry(exc=KeyError("unlucky"))

    @application.task(name="report.outer")
    def outer() -> int:
        return int(send.apply(("ann",)).get())

    @application.task(name="internal.tick")
    def tick() -> None:
        return

    def who(name: str, args: Any, kwargs: Any) -> Any:
        return {"user_id": [*args, *kwargs.values()][0]} if name == "report.send" else None

    celery_workflows(observed.tracker, application, who=who, exclude=["internal.*"])
    send.apply(("ann",))
    send.apply(kwargs={"user": "bob"})
    assert [event.user_id for event in observed.events()] == ["ann", "bob"]
    fails.apply()
    again.apply((3,))
    never.apply()
    outer.apply()
    tick.apply()
    with celery.Celery("other", set_as_current=False) as other:
        other.task(nothing, name="other.task").apply()
    assert runs(observed) == [
        ("workflow.executed", "report.send"),
        ("workflow.executed", "report.send"),
        ("workflow.failed", "report.fails"),
        ("workflow.executed", "report.again"),
        ("workflow.failed", "report.never"),
        ("workflow.executed", "report.send"),
        ("workflow.executed", "report.outer"),
    ]
    assert all(event.workflow.HasField("duration_ms") for event in observed.events())


def test_a_task_whose_process_was_lost_has_failed_without_a_duration(
    observed: Reported, application: celery.Celery
) -> None:
    task = application.task(nothing, name="report.lost")
    celery_workflows(observed.tracker, application)
    # As Celery's main process does it, in which the task has not begun.
    task.request_stack.push(celery.app.task.Context(id="1", args=[], kwargs={}))
    celery.signals.task_failure.send(sender=task, task_id="1", exception=KeyError(), args=(), kwargs={})
    (event,) = observed.events()
    assert (event.event_type, event.resource_id) == ("workflow.failed", "report.lost")
    assert not event.workflow.HasField("duration_ms")


async def work(ctx: Any, what: str, user: str = "") -> str:
    """Does what it is told."""
    match what:
        case "fail":
            raise KeyError("unlucky")
        case "again":
            if ctx["job_try"] < 3:
                raise arq.Retry
        case "never":
            raise arq.Retry
        case "hang":
            await asyncio.Event().wait()
    return what


async def test_arq(observed: Reported, engines: embedded.Engines) -> None:
    queue = f"arq:{uuid.uuid4().hex}"
    pool = await arq.create_pool(RedisSettings.from_dsn(engines.redis_url), default_queue_name=queue)
    named = arq.func(work, name="report.send", max_tries=3)
    strict = arq.func(work, name="report.strict", timeout=0.2)

    def who(name: str, args: Any, kwargs: Any) -> Any:
        return {"user_id": kwargs["user"]}

    functions = arq_workflows(observed.tracker, [work, named, strict], who=who)
    worker = arq.Worker(functions, redis_pool=pool, queue_name=queue, burst=True, handle_signals=False, poll_delay=0.02)
    await pool.enqueue_job("work", "good", user="ann")
    await pool.enqueue_job("work", "fail", user="bob")
    await pool.enqueue_job("work", "again", user="cat")
    await pool.enqueue_job("report.send", "never")
    await pool.enqueue_job("report.strict", "hang")
    await worker.main()
    # One that is stopped with its worker is made again, and counts then.
    await pool.enqueue_job("work", "hang")
    stopped = arq.Worker(functions, redis_pool=pool, queue_name=queue, handle_signals=False, poll_delay=0.02)
    running = asyncio.create_task(stopped.main())
    await until(lambda: stopped.job_tasks)
    running.cancel()
    for task in list(stopped.tasks.values()):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await asyncio.gather(running, return_exceptions=True)
    assert sorted(runs(observed)) == [
        ("workflow.executed", "work"),
        ("workflow.executed", "work"),
        ("workflow.failed", "report.send"),
        ("workflow.failed", "report.strict"),
        ("workflow.failed", "work"),
    ]
    events = observed.events()
    assert all(event.workflow.HasField("duration_ms") for event in events)
    assert sorted(event.user_id for event in events) == ["", "", "ann", "bob", "cat"]
    await pool.aclose()


async def test_cron_jobs_keep_their_names(observed: Reported) -> None:
    async def nightly(ctx: Any) -> int:
        return 7

    (job,) = arq_workflows(observed.tracker, [arq.cron(nightly, hour=3)])
    assert await job.coroutine({}) == 7
    assert job.name == f"cron:{nightly.__qualname__}"
    assert job.hour == 3
    assert runs(observed) == [("workflow.executed", job.name)]
