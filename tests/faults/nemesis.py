"""Kills parts of the service at random, and sees to it that the engines come back."""

import asyncio
import os
import random
import signal
import urllib.parse
from collections.abc import Awaitable, Callable

import asyncpg
import redis.asyncio
from redis.exceptions import RedisError

from server import embedded
from tests.faults.history import Fault, History, now
from tests.faults.processes import Program
from tests.faults.supervisor import Cluster

_SHORTEST, _LONGEST = 0.05, 0.6  # seconds between two faults
_DOWN = 0.3  # seconds that a killed engine stays down, at most
_TRIES = 5


class Nemesis:
    """Does one thing after another, of a kind that the dice choose."""

    def __init__(self, seed: str, cluster: Cluster, history: History) -> None:
        self._dice = random.Random(f"{seed}/nemesis")
        self._cluster = cluster
        self._history = history
        self._repairs: set[asyncio.Task[None]] = set()
        self._broken: set[str] = set()
        self._actions: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (3, self._kill_server),
            (2, self._kill_worker),
            (3, self._kill_postgres),
            (3, self._kill_backend),
            (2, self._kill_redis),
            (2, self._flush_redis),
        ]

    async def run(self, seconds: float) -> None:
        """Does harm for some time, and returns once the engines run again."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        weights = [weight for weight, _ in self._actions]
        try:
            while loop.time() < ends:
                await asyncio.sleep(self._dice.uniform(_SHORTEST, _LONGEST))
                (_, action), *_ = self._dice.choices(self._actions, weights)
                await action()
        finally:
            while self._repairs:
                await asyncio.wait(self._repairs)
        if self._broken:
            raise embedded.EnginesFailed(f"these did not come back: {', '.join(sorted(self._broken))}")

    def _note(self, what: str, victim: str) -> None:
        self._history.add(Fault(at=now(), what=what, victim=victim))

    async def _kill_server(self) -> None:
        self._kill(self._dice.choice(self._cluster.servers))

    async def _kill_worker(self) -> None:
        self._kill(self._dice.choice(self._cluster.workers))

    def _kill(self, program: Program) -> None:
        if program.is_up:
            self._note("kill", program.name)
            program.kill()

    async def _kill_postgres(self) -> None:
        if "postgres" not in self._broken:
            self._note("kill", "postgres")
            os.kill(self._cluster.engines.postgres_pid, signal.SIGKILL)
            self._repair("postgres", self._cluster.engines.restart_postgres)

    async def _kill_redis(self) -> None:
        if "redis" not in self._broken:
            self._note("kill", "redis")
            os.kill(self._cluster.engines.redis_pid, signal.SIGKILL)
            self._repair("redis", self._cluster.engines.restart_redis)

    async def _flush_redis(self) -> None:
        client = redis.asyncio.Redis.from_url(
            self._cluster.engines.redis_url, socket_timeout=1, socket_connect_timeout=1
        )
        try:
            await client.flushall()
        except (RedisError, OSError):
            return
        finally:
            await client.aclose()
        self._note("flush", "redis")

    async def _kill_backend(self) -> None:
        """Kills a process of PostgreSQL that serves the service; all the others are ended by that, and it recovers."""
        try:
            backends = await asyncio.wait_for(_backends(self._cluster.engines.admin_url), timeout=1)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return
        if backends and "postgres" not in self._broken:
            victim = self._dice.choice(backends)
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                return
            self._note("kill", "backend")

    def _repair(self, what: str, restart: Callable[[], None]) -> None:
        self._broken.add(what)
        task = asyncio.create_task(self._restart(what, restart, self._dice.uniform(0, _DOWN)))
        self._repairs.add(task)
        task.add_done_callback(self._repairs.discard)

    async def _restart(self, what: str, restart: Callable[[], None], pause: float) -> None:
        await asyncio.sleep(pause)
        for attempt in range(_TRIES):
            try:
                await asyncio.to_thread(restart)
            except embedded.EnginesError:
                await asyncio.sleep(0.2 * (attempt + 1))
            else:
                self._note("back", what)
                self._broken.discard(what)
                return


async def _backends(admin_url: str) -> list[int]:
    """The processes of PostgreSQL that serve a connection of the service."""
    connection = await asyncpg.connect(plain_url(admin_url), timeout=1)
    try:
        rows = await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'agentmetrics%' ORDER BY pid"
        )
    finally:
        await connection.close(timeout=1)
    return [row[0] for row in rows]


def plain_url(url: str) -> str:
    """A URL of SQLAlchemy as the driver takes it."""
    return urllib.parse.urlsplit(url)._replace(scheme="postgresql").geturl()
