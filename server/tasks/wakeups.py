"""Wake-ups: after a commit a server tells the workers which organizations have new deltas, or that tasks wait.

A wake-up may be lost, late or doubled. Workers find everything that is due in PostgreSQL by themselves; a wake-up only
spares them the search. The names of the queue stand here, so that both of its ends use the same ones.
"""

import asyncio
import contextlib
import functools
import json
import random

import structlog
from arq.connections import ArqRedis
from redis.exceptions import RedisError

from server import failpoints, redis_pools

QUEUE = "tallywire:queue"
FOLD_ORGANIZATION = "fold_organization"
RUN_TASKS = "run_tasks"

_DEBOUNCE_SECONDS = 1.0
_REST_SECONDS = 3.0  # after a failure
_MAX_WAITING = 10_000
_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
_log = structlog.get_logger(__name__)


def connect(redis_url: str) -> ArqRedis:
    """The queue, as JSON and not as pickles: whoever can write to Redis must not be able to run code here."""
    pool = redis_pools.pool(redis_url, socket_connect_timeout=_CONNECT_SECONDS, socket_timeout=_ANSWER_SECONDS)
    return ArqRedis(pool, job_serializer=dump, job_deserializer=json.loads, default_queue_name=QUEUE)


def dump(job: object) -> bytes:
    """A job as it is queued. What is no JSON, such as the exception of a failed job, becomes its name."""
    return json.dumps(job, default=lambda other: type(other).__name__).encode()


async def wake_tasks(queue: ArqRedis) -> None:
    """Has the workers look for tasks; raises what Redis raises."""
    await queue.enqueue_job(RUN_TASKS, _job_id="tallywire:tasks")


async def wake_tasks_now(redis_url: str) -> None:
    """Has the workers look for tasks, or leaves it to their next look where Redis is away."""
    queue = connect(redis_url)
    with contextlib.suppress(RedisError, OSError, TimeoutError):
        await wake_tasks(queue)
    with contextlib.suppress(RedisError, OSError, TimeoutError):
        await queue.aclose(close_connection_pool=True)


class Wakeups:
    """Tells workers of organizations that have deltas, and of tasks, at most once a second; never waits or raises."""

    def __init__(self, redis_url: str) -> None:
        self._connect = functools.partial(connect, redis_url)
        self._waiting: set[int] = set()
        self._tasks_wait = False
        self._wake = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self._away = False

    def fold(self, organization_id: int) -> None:
        """Notes that an organization has deltas. Drops it beyond the most that may wait: workers find it anyway."""
        if len(self._waiting) < _MAX_WAITING:
            self._waiting.add(organization_id)
        self._begin()

    def tasks(self) -> None:
        """Notes that tasks are queued."""
        self._tasks_wait = True
        self._begin()

    def _begin(self) -> None:
        self._wake.set()
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._send_for_ever())

    async def close(self) -> None:
        """Stops; what has not been handed over is dropped."""
        while self._sender is not None and not self._sender.done():
            self._sender.cancel()
            # Waited for and asked again: libraries on the way have been seen to swallow a cancellation.
            await asyncio.wait((self._sender,), timeout=0.5)

    async def _send_for_ever(self) -> None:
        queue = self._connect()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                pause = _DEBOUNCE_SECONDS if await self._send(queue) else _REST_SECONDS
                await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - jitter, not a secret
        finally:
            await queue.aclose(close_connection_pool=True)

    async def _send(self, queue: ArqRedis) -> bool:
        """Queues what waits; False, and one line of log per outage, where Redis is away."""
        failpoints.reach("wakeup_before_send")
        waiting, self._waiting = self._waiting, set()
        tasks_wait, self._tasks_wait = self._tasks_wait, False
        try:
            if tasks_wait:
                await wake_tasks(queue)
            for organization_id in waiting:
                # The same id twice is queued once, until a worker has begun and ended it.
                job_id = f"tallywire:fold:{organization_id}"
                await queue.enqueue_job(FOLD_ORGANIZATION, organization_id, _job_id=job_id)
        except (RedisError, OSError, TimeoutError) as error:
            if not self._away:
                _log.warning("Redis is away; the workers go on without wake-ups", error=redis_pools.describe(error))
            self._away = True
            return False
        if self._away:
            _log.info("Redis is back")
        self._away = False
        return True
