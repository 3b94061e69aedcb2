"""What a run has, and what makes one kind of run differ from another."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from server import embedded
from server.store.database import Database
from tests.faults.checker import Violation
from tests.faults.clients import Client, Tenant
from tests.faults.history import History
from tests.faults.supervisor import Cluster, Urls
from tests.faults.workload import SPREAD


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a run has. The database is reached directly, whatever stands between the service and it."""

    seed: int
    database: Database
    cluster: Cluster
    tenants: Sequence[Tenant]
    history: History

    @property
    def period(self) -> tuple[datetime, datetime]:
        """A period that holds everything, with bounds at odd minutes."""
        end = datetime.now(UTC) + timedelta(hours=1)
        return (end - SPREAD - timedelta(days=2)).replace(minute=15, second=0, microsecond=0), end

    def clients(self, kind: str) -> list[Client]:
        """A client of a kind for each organization."""
        return [
            Client(str(self.seed), f"{kind} {tenant.organization}", tenant, self.history) for tenant in self.tenants
        ]


@contextlib.asynccontextmanager
async def _direct(engines: embedded.Engines) -> AsyncIterator[Urls]:
    """Every process's ways to PostgreSQL and Redis: their own URLs."""
    yield lambda _: (engines.database_url, engines.redis_url)


@contextlib.asynccontextmanager
async def _plain(addresses: Sequence[str]) -> AsyncIterator[Sequence[str]]:
    """The clients' ways to the servers: their addresses."""
    yield addresses


def _nothing(_: World) -> Iterable[Violation]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A kind of run. harm lets clients work while something is done to the service, and returns when that is over."""

    harm: Callable[[World, float], Awaitable[None]]
    option: str = ""  # of the command line
    data: Callable[[], AbstractContextManager[Path]] | None = None  # where the engines' folder is; by default in memory
    start: Callable[[Path], embedded.Engines] = embedded.start
    urls: Callable[[embedded.Engines], AbstractAsyncContextManager[Urls]] = _direct
    targets: Callable[[Sequence[str]], AbstractAsyncContextManager[Sequence[str]]] = _plain
    quiet: bool = False  # it makes few calls
    judge: Callable[[World], Iterable[Violation]] = _nothing  # what only this kind promises
