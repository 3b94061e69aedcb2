"""What benchmarks stand on: a migrated database of their own, a server process, made-up events."""

import asyncio
import contextlib
import os
import random
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agentmetrics import uuid7
from agentmetrics.v1 import event_pb2
from server import accounts, embedded
from server.accounts import Scope, Secrets
from server.store import migrate, organizations, partitions
from server.store.database import Database

PEPPER = "a pepper that only the benchmarks know, long enough"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A database that belongs to one benchmark."""

    engines: embedded.Engines
    url: str
    database: Database

    @classmethod
    @contextlib.asynccontextmanager
    async def on(cls, engines: embedded.Engines, name: str) -> AsyncIterator["World"]:
        """Makes the database, and drops it in the end."""
        url = engines.create_database(f"bench_{name}")
        database = Database(url)
        await migrate.upgrade(database)
        async with database.transaction() as connection:
            await partitions.ensure(connection, datetime.now(UTC).date())
        try:
            yield cls(engines=engines, url=url, database=database)
        finally:
            await database.close()
            engines.drop_database(f"bench_{name}")

    async def tenant(self, name: str) -> tuple[int, str]:
        """Makes an organization and returns its id and a key that may do everything."""
        settings = organizations.Settings(time_zone="UTC")
        organization_id = await accounts.create_organization(self.database, name, settings)
        key = await accounts.create_key(self.database, Secrets(PEPPER), name, name="bench", scopes=[Scope.ADMIN])
        return organization_id, key.secret

    @contextlib.asynccontextmanager
    async def server(self, **settings: str) -> AsyncIterator["Served"]:
        """A server process on a free port, with further settings by their names in the environment."""
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as probe:
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        environment = {
            **os.environ,
            "DATABASE_URL": self.url,
            "REDIS_URL": self.engines.redis_url,
            "AGENTMETRICS_KEY_PEPPER": PEPPER,
            "AGENTMETRICS_LISTEN": address,
            "AGENTMETRICS_LOG_LEVEL": "warning",
            **settings,
        }
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "server", "serve", env=environment)
        try:
            await _until_open(address)
            yield Served(address=address, pid=process.pid)
        finally:
            process.terminate()
            await process.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server process that is running."""

    address: str
    pid: int

    def resident_mib(self) -> float:
        """The memory that it holds now, in MiB (Linux)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def cpu_seconds(self) -> float:
        """The processor time that it has taken so far (Linux)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _until_open(address: str) -> None:
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


def made_up(count: int, *, days: int, users: int, agents: int, seed: int = 1) -> Iterator[event_pb2.Event]:
    """Messages with response times and tokens, some conversations and ratings, in order of time over the last days.

    Some twenty conversations go on at a time, of ten events each; each has one user, one agent and one channel.
    """
    rng = random.Random(seed)
    end = datetime.now(UTC)
    channels = ("web", "whatsapp", "phone")
    for number in range(count):
        draw = rng.random()
        conversation = (number + rng.randrange(200)) // 10
        event = event_pb2.Event(
            event_id=uuid7(),
            agent_id=f"agent-{conversation * 7919 % agents}",
            user_id=f"user-{conversation * 104729 % users}",
            conversation_id=f"conversation-{seed}-{conversation}",
            channel=channels[conversation % 3],
        )
        event.occurred_at.FromDatetime(end - timedelta(days=days * (count - number) / count))
        if draw < 0.45:
            event.event_type = "message.received"
        elif draw < 0.90:
            event.event_type = "message.sent"
            event.message.response_time_ms = int(rng.lognormvariate(7, 1))
            event.message.prompt_tokens = rng.randrange(2000)
            event.message.completion_tokens = rng.randrange(500)
            event.message.cost_micros = rng.randrange(5000)
        elif draw < 0.95:
            event.event_type = "conversation.started"
        elif draw < 0.98:
            event.event_type = "conversation.resolved"
        else:
            event.event_type = "feedback.submitted"
            event.feedback.rating = rng.randrange(1, 6)
        yield event
