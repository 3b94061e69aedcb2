"""Kills parts of the service at random, and sees to it that the engines come back."""

import asyncio
import os
import random
import signal
import urllib.parse
from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from server.local import embedded
from tests.harness.faults import patience, redis_faults
from tests.harness.faults.history import Fault, History, now
from tests.harness.faults.processes import Program
from tests.harness.faults.redis_faults import Kept
from tests.harness.faults.supervisor import Cluster
from tests.support import citus

_SHORTEST, _LONGEST = 0.05, 0.6  # seconds between two faults
_DOWN = 0.3  # seconds that a killed engine stays down, at most
_AWAY, _LONG_AWAY = 1.0, 60.0  # seconds that Redis is away on purpose; the latter once, in runs that are long enough
_LONG_RUN = 90.0  # seconds
_OF_A_CLUSTER = 5.0  # times as long is each pause where PostgreSQL is a cluster
_TRIES = 5
_PATIENCE = 4  # times what a run should take, and
_PATIENCE_SECONDS = 30.0  # at least
_SLOWER = 1.3  # as long is each pause after that time: where servers take long to start, kills must not come too soon


class Nemesis:
    """Does one thing after another, of a kind that the dice choose."""

    def __init__(self, seed: str, cluster: Cluster, history: History) -> None:
        self._dice = random.Random(f"{seed}/nemesis")
        self._cluster = cluster
        self._history = history
        self._repairs: set[asyncio.Task[None]] = set()
        self._broken: set[str] = set()
        self._dumped: Sequence[Kept] | None = None
        self._actions: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (3, self._kill_server),
            (2, self._kill_worker),
            (3, self._kill_postgres),
            (3, self._kill_backend),
            (2, self._kill_redis),
            (1, self._take_redis_away),
            (2, self._flush_redis),
            (2, self._bring_back_old_redis),
        ]
        # Of a cluster, whose nodes take seconds to find each other again.
        self._nodes = citus.workers(cluster.engines)
        self._pace = _OF_A_CLUSTER if self._nodes else 1.0
        if self._nodes:
            self._actions.append((4, self._kill_node))

    async def run(self, seconds: float, enough: Callable[[], bool]) -> None:
        """Does harm for some time, for longer and more and more slowly where that was not enough for a slow machine,
        and returns once the engines run again.
        """
        loop, pace = asyncio.get_running_loop(), self._pace
        ends, latest = (
            loop.time() + seconds,
            loop.time() + max(_PATIENCE * seconds, patience.FACTOR * _PATIENCE_SECONDS),
        )
        if seconds >= _LONG_RUN:
            await self._kill_redis(_LONG_AWAY)
        weights = [weight for weight, _ in self._actions]
        try:
            while loop.time() < ends or (loop.time() < latest and not enough()):
                pace *= _SLOWER if loop.time() >= ends else 1
                await asyncio.sleep(self._dice.uniform(_SHORTEST, _LONGEST) * pace)
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

    async def _kill_node(self) -> None:
        number = self._dice.randrange(len(self._nodes))
        name, node = f"node-{number + 1}", self._nodes[number]
        if name not in self._broken:
            self._note("kill", name)
            os.kill(node.postgres_pid, signal.SIGKILL)
            self._repair(name, node.restart_postgres)

    async def _kill_redis(self, away: float | None = None) -> None:
        if "redis" not in self._broken:
            self._note("kill" if away is None else f"{away:g} s without", "redis")
            os.kill(self._cluster.engines.redis_pid, signal.SIGKILL)
            self._repair("redis", self._cluster.engines.restart_redis, away)

    async def _take_redis_away(self) -> None:
        await self._kill_redis(_AWAY)

    async def _flush_redis(self) -> None:
        if await redis_faults.flush(self._cluster.engines.redis_url):
            self._note("flush", "redis")

    async def _bring_back_old_redis(self) -> None:
        """Keeps what Redis holds; later makes that what it holds again."""
        url = self._cluster.engines.redis_url
        if self._dumped is None:
            self._dumped = await redis_faults.dump(url)
        elif await redis_faults.restore(url, self._dumped):
            self._note("old dump", "redis")

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

    def _repair(self, what: str, restart: Callable[[], None], away: float | None = None) -> None:
        self._broken.add(what)
        pause = self._dice.uniform(0, _DOWN) if away is None else away
        task = asyncio.create_task(self._restart(what, restart, pause))
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
    connection = await asyncpg.connect(plain_url(admin_url), timeout=1, ssl=False)
    try:
        rows = await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'tallywire%' ORDER BY pid"
        )
    finally:
        await connection.close(timeout=1)
    return [row[0] for row in rows]


def plain_url(url: str) -> str:
    """A URL of SQLAlchemy as the driver takes it."""
    return urllib.parse.urlsplit(url)._replace(scheme="postgresql").geturl()
