"""A worker process: an arq worker that is woken by wake-ups and by the clock, and what goes on without it.

arq runs folds and says when to look for tasks. Where nothing has been heard of it for some seconds, because Redis is
away or was emptied, the process looks by itself; what there is to do is in PostgreSQL alone.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC
from typing import Any

import structlog
from arq import cron, func
from arq.worker import Worker
from redis.exceptions import RedisError

from server import errors
from server.tasks import wakeups
from server.tasks.runner import Runner
from workers.alerting import Alerting
from workers.folding import Folding
from workers.projecting import Projecting
from workers.supervisor import keep_running

_PATIENCE_SECONDS = 3.0  # without a word from arq
_PULSE_SECONDS = 1.0
_FOLD_TIMEOUT = 30  # after a kill -9 a queued job waits for the longest timeout and 10 s more
_QUEUE_READ_LIMIT = 1000
# At once, those that wait for a slot of Folding included. arq begins jobs every poll_delay, and only as many as there
# is room for: eight were over long before the next poll.
_MAX_JOBS = 32
_GOODBYE_SECONDS = 5.0
_ASK_AGAIN_SECONDS = 0.2
_log = structlog.get_logger(__name__)


class Process:
    """The parts of a worker process: loops beside each other, of which each is started again where it dies."""

    def __init__(
        self, redis_url: str, folding: Folding, projecting: Projecting, runner: Runner, alerting: Alerting
    ) -> None:
        self._redis_url = redis_url
        self._folding = folding
        self._projecting = projecting
        self._runner = runner
        self._alerting = alerting
        self._heard_at = 0.0

    async def run(self) -> None:
        """Works until it is cancelled, and then hands back the tasks that do not end within a moment."""
        loops = {
            "arq": self._run_arq,
            "folding": lambda: self._keep_doing(self._fold_due),
            "projecting": lambda: self._keep_doing(self._project_due),
            "tasks": self._runner.run_tasks,
            "leases": self._runner.executions.keep_leases,
            "schedules": self._runner.run_schedules,
            "figures of tasks": self._runner.publish,
            "alerts": self._alerting.run,
        }
        try:
            async with asyncio.TaskGroup() as group:
                for part, loop in loops.items():
                    group.create_task(keep_running(part, loop))
        finally:
            await self._runner.stop()

    # What arq calls. Nothing is raised to it: its log would show what is in an exception. Its types ask for functions
    # that take anything; these take what they are called with.

    async def fold_organization(self, _: dict[Any, Any], organization_id: int) -> None:
        """Folds and projects for an organization that has just stored events."""
        await self._folding.organization(organization_id)
        await self._projecting.organization(organization_id)

    async def fold_due(self, _: dict[Any, Any]) -> None:
        """Projects and folds whatever is due, side by side."""
        self._heard_at = asyncio.get_running_loop().time()
        await asyncio.gather(self._project_due(), self._fold_due())

    async def _fold_due(self) -> None:
        await self._folding.due()

    async def _project_due(self) -> None:
        await self._projecting.due()

    async def run_tasks(self, _: dict[Any, Any]) -> None:
        """Has the runner look for tasks, which may take longer than arq should wait."""
        self._runner.wake()

    async def _run_arq(self) -> None:
        async with self._arq() as worker:
            worker.main_task = asyncio.create_task(worker.main())
            # Waited for and not awaited: arq sometimes swallows a cancellation and goes on.
            await asyncio.wait((worker.main_task,))
            worker.main_task.result()

    @contextlib.asynccontextmanager
    async def _arq(self) -> AsyncIterator[Worker]:
        queue = wakeups.connect(self._redis_url)
        worker = _Worker(
            functions=[
                func(self.fold_organization, name=wakeups.FOLD_ORGANIZATION),  # type: ignore[arg-type]
                func(self.run_tasks, name=wakeups.RUN_TASKS),  # type: ignore[arg-type]
            ],
            cron_jobs=[cron(self.fold_due, name="fold_due", second=None, max_tries=None)],  # type: ignore[arg-type]
            redis_pool=queue,
            queue_name=wakeups.QUEUE,
            handle_signals=False,
            job_timeout=_FOLD_TIMEOUT,
            keep_result=0,  # a kept result would make arq drop the next job of that id
            max_jobs=_MAX_JOBS,
            poll_delay=0.25,
            queue_read_limit=_QUEUE_READ_LIMIT,
            health_check_interval=30,
            job_serializer=wakeups.dump,
            job_deserializer=json.loads,
            timezone=UTC,
        )
        try:
            yield worker
        finally:
            await _close(worker)
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await queue.aclose(close_connection_pool=True)

    async def _keep_doing(self, due: Callable[[], Awaitable[None]]) -> None:
        """Does what is due whenever arq has not asked for it."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_PULSE_SECONDS)
            if loop.time() - self._heard_at > _PATIENCE_SECONDS:
                await due()


class _Worker(Worker):
    """An arq worker in which a job that cannot be ended in order, since Redis went away or was emptied, is let go.

    arq would raise the error once it looks at the job, or lose it where it has started the same job again or has
    stopped by then. What there was to do is in PostgreSQL and will be found again.
    """

    def __init__(self, *about: Any, **more: Any) -> None:
        super().__init__(*about, **more)
        self.job_tasks = _Tasks()

    async def run_job(self, job_id: str, score: int) -> None:
        """Runs a job."""
        with _let_go():
            await super().run_job(job_id, score)

    async def finish_job(self, *about: Any, **more: Any) -> None:
        """Takes a job off the queue; arq leaves this alone with its errors where the job is cancelled meanwhile."""
        with _let_go():
            await super().finish_job(*about, **more)

    async def finish_failed_job(self, *about: Any, **more: Any) -> None:
        """Does the same for a job that failed."""
        with _let_go():
            await super().finish_failed_job(*about, **more)


class _Tasks(dict[str, "asyncio.Task[Any]"]):
    """Running jobs by their ids. Where Redis was set back, arq may start a job that runs, and each removes its own."""

    def __delitem__(self, job_id: str) -> None:
        self.pop(job_id, None)


@contextlib.contextmanager
def _let_go() -> Iterator[None]:
    """Logs an error and ends it."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, others still have their turn
        _log.warning("a job of arq could not be ended in order", reason=errors.describe(error))


async def _close(worker: Worker) -> None:
    """Ends an arq worker whether or not Redis is there; what it was doing is undone and will be found again."""
    tasks = [task for task in (worker.main_task, *worker.tasks.values()) if task is not None]
    for task in tasks:
        task.cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GOODBYE_SECONDS):
            while worker.main_task is not None and not worker.main_task.done():
                worker.main_task.cancel()
                await asyncio.wait((worker.main_task,), timeout=_ASK_AGAIN_SECONDS)
            await asyncio.gather(*tasks, return_exceptions=True)
