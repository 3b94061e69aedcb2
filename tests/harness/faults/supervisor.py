"""Holds everything that runs: engines, servers and workers; and judges how the processes ended and what they logged."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from server.failpoints import Name
from server.local import embedded
from tests.harness.faults.checker import Violation
from tests.harness.faults.history import History
from tests.harness.faults.nursery import MISTAKE
from tests.harness.faults.processes import Nursery, Program

ROOT = Path(__file__).parents[3]
PEPPER = "a pepper that only this harness knows and that is long enough"
NO_FAILPOINTS: Mapping[str, Mapping[Name, float]] = MappingProxyType({})
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
_PORTS = range(15000, 30000)  # below those of outgoing connections, which could take one while its server is down
Urls = Callable[[str], tuple[str, str]]  # those of PostgreSQL and Redis, for a process by its name


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Everything that runs."""

    engines: embedded.Engines
    addresses: Sequence[str]
    servers: Sequence[Program]
    workers: Sequence[Program]
    metrics_ports: Sequence[int]
    logs: Path
    data: Path

    @property
    def programs(self) -> list[Program]:
        """Servers and workers."""
        return [*self.servers, *self.workers]

    @property
    def secrets(self) -> list[str]:
        """Passwords and the pepper, which no log may show."""
        urls = (self.engines.database_url, self.engines.admin_url, self.engines.redis_url)
        return [PEPPER, *filter(None, (urllib.parse.urlsplit(url).password for url in urls))]

    def all_logs(self) -> Iterator[Path]:
        """The log of every process there has been."""
        yield from sorted(self.logs.glob("*.log"))
        yield from sorted(self.data.glob("*.log"))

    async def serving(self) -> None:
        """Returns once every server says that it is serving."""
        for address in self.addresses:
            await serving(address)


async def serving(address: str) -> None:
    """Returns once the server says that it is serving."""
    async with grpc.aio.insecure_channel(address, options=[("grpc.max_reconnect_backoff_ms", 200)]) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=1)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def cluster(
    engines: embedded.Engines,
    data: Path,
    logs: Path,
    *,
    servers: int,
    workers: int,
    urls: Urls,
    failpoints: Mapping[str, Mapping[Name, float]],
    clocks: Mapping[str, float],
    settings: Mapping[str, str],
    mistake: str,
) -> AsyncIterator[Cluster]:
    """Runs servers and workers on engines that are there and migrated; ends them all.

    urls are those by which they reach PostgreSQL and Redis. failpoints: the chances of a process, by its name, to end
    itself where it reaches them. clocks: by how many seconds its own clock is ahead. settings: more of the servers'.
    mistake: the name of what all processes do wrong, or empty.
    """
    ports, wrong = _free_ports(2 * servers), {MISTAKE: mistake} if mistake else {}
    addresses, metrics_ports = [f"127.0.0.1:{port}" for port in ports[:servers]], ports[servers:]
    async with Nursery.opened() as nursery:

        def program(name: str, number: int, *arguments: str, **variables: str) -> Program:
            environment = {**_environment(urls(f"{name}-{number}"), number), **variables, **wrong}
            return Program(f"{name}-{number}", arguments, environment=environment, nursery=nursery, logs=logs)

        running = Cluster(
            engines=engines,
            addresses=addresses,
            metrics_ports=metrics_ports,
            servers=[
                program(
                    "server",
                    number,
                    "server",
                    "serve",
                    TALLYWIRE_LISTEN=address,
                    TALLYWIRE_METRICS_PORT=str(metrics_ports[number]),
                    **settings,
                )
                for number, address in enumerate(addresses)
            ],
            workers=[program("worker", number, "workers") for number in range(workers)],
            logs=logs,
            data=data,
        )
        for one in running.programs:
            one.arm(failpoints.get(one.name, {}))
            if one.name in clocks:
                one.set_clock(clocks[one.name])
            one.start()
        try:
            yield running
        except BaseException:
            for one in running.programs:
                one.kill()
            raise
        finally:
            await asyncio.gather(*(one.stop() for one in running.programs))


def _environment(urls: tuple[str, str], number: int) -> dict[str, str]:
    """What a process of the service is told: the URLs of PostgreSQL and Redis, the pepper, and how its log looks."""
    database_url, redis_url = urls
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("TALLYWIRE_")},
        "DATABASE_URL": without_tls(database_url),
        "REDIS_URL": redis_url,
        "TALLYWIRE_KEY_PEPPER": PEPPER,
        "TALLYWIRE_LOG_FORMAT": ("console", "json")[number % 2],
    }


def without_tls(url: str) -> str:
    """The URL of an embedded database, which has no TLS, without asking for it first.

    The driver leaves an error that nobody retrieves where a connection breaks while it asks and is given up.
    """
    return f"{url}{'&' if '?' in url else '?'}sslmode=disable"


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    for port in random.sample(_PORTS, 500):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports on 127.0.0.1")


def judge_lives(programs: Sequence[Program]) -> Iterator[Violation]:
    """Servers and workers end when they are told to, with exit code 0, or at a failpoint, or cannot start."""
    for life in (life for program in programs for life in program.lives):
        # For want of an engine, or since it was told to end before it could listen to that.
        could_not_start = life.code in (1, -signal.SIGTERM) and not life.had_started()
        if life.killed and life.stopped:
            text = f"{life.name} had to be killed: SIGTERM did not end it"
        elif life.stopped and life.gave_up():
            text = f"{life.name} ended without waiting for what it was doing"
        elif life.killed or could_not_start or life.failpoint() or (life.stopped and life.code == 0):
            continue
        else:
            how = "on SIGTERM" if life.stopped else "by itself"
            text = f"{life.name} ended {how} with code {life.code}"
        yield Violation(check="end", text=text, evidence=life.last_words())


_COMPLAINTS = ("never retrieved", "was never awaited", "Task was destroyed", "Traceback (most recent call last)")


def _is_known(line: str) -> bool:
    """arq tells like this that a job was started twice, as it may be after a FLUSHALL; it is harmless."""
    return "arq.worker" in line and "KeyError: 'tallywire:fold" in line


def judge_failures(history: History, secrets: Sequence[str]) -> Iterator[Violation]:
    """No error that a client saw shows a secret or a tenant's e-mail address."""
    for failure in history.failures:
        if any(secret in failure.message for secret in secrets):
            yield Violation(check="leak", text=f"{failure.client} was told: {failure.message[:100]}")


def judge_logs(cluster: Cluster, secrets: Sequence[str]) -> Iterator[Violation]:
    """No log shows a secret or a tenant's e-mail address, and none tells of an error that nobody expected."""
    for path in cluster.all_logs():
        lines = path.read_text(errors="replace").splitlines()
        for secret in (*cluster.secrets, *secrets):
            shown = next((line for line in lines if secret in line), None)
            if shown is not None:
                yield Violation(check="leak", text=f"{path.name} shows {secret[:8]}…", evidence=(shown[:300],))
        for words in _COMPLAINTS if path.parent == cluster.logs else ():
            found = (number for number, line in enumerate(lines) if words in line)
            at = next((number for number in found if not _is_known(lines[number - 1])), None)
            if at is not None:
                evidence = tuple(line[:400] for line in lines[max(0, at - 2) : at + 40])
                yield Violation(check="log", text=f"{path.name}: {words}", evidence=evidence)
