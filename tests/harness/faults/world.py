"""What a run has: engines, servers and workers, organizations, and a history."""

import contextlib
import random
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from server.failpoints import Name
from server.local import embedded
from server.organizations.settings import OrganizationSettings
from server.rollups import audit
from server.store import partitions
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import administration, api_keys
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope
from tallywire import AsyncClient
from tests.harness.faults import conservation, supervisor, tables
from tests.harness.faults.checker import Facts, Stored
from tests.harness.faults.clients import Client, Server, Tenant
from tests.harness.faults.history import Audit, History, now
from tests.harness.faults.strays import Stray
from tests.harness.faults.supervisor import NO_FAILPOINTS, NO_SETTINGS, PEPPER, Cluster, Urls
from tests.harness.faults.workload import SPREAD, Business
from tests.support import citus, memory

_WRONGEST_CLOCK = timedelta(days=3)  # of a client
_HOUR = 3600.0
_EXAMPLES = 5  # of what a recount finds
_ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns")

Place: TypeAlias = Callable[[], AbstractContextManager[Path]]  # of the engines' folder
Start: TypeAlias = Callable[[Path], AbstractContextManager[embedded.Engines]]
EngineWays: TypeAlias = Callable[[embedded.Engines], AbstractAsyncContextManager[Urls]]
ServerWays: TypeAlias = Callable[[Sequence[str]], AbstractAsyncContextManager[Sequence[str]]]


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

    def client(self, kind: str, tenant: Tenant) -> Client:
        """A client of a kind for an organization."""
        return Client(str(self.seed), f"{kind} {tenant.organization}", tenant, self.history)

    @property
    def strays(self) -> list[Tenant]:
        """The organizations as clients with wrong clocks know them."""
        return [tenant.stray for tenant in self.tenants if tenant.stray is not None]

    def clients(self, kind: str, tenants: Sequence[Tenant] | None = None) -> list[Client]:
        """A client of a kind for each organization, or for some of them."""
        return [self.client(kind, tenant) for tenant in (self.tenants if tenants is None else tenants)]

    async def audit(self, tenant: Tenant) -> None:
        """Recounts an organization, once by the service's own audit and once by the model, each in one snapshot."""
        at = now()
        report = await audit.check(self.database, tenant.organization)
        examples = "; ".join(map(str, report.examples[:_EXAMPLES]))
        self._note_audit("audit", tenant, at, report.mismatches, examples)
        at = now()
        found = await conservation.differences(self.database, tenant.organization, tenant.all_facts, *self.period)
        self._note_audit("conservation", tenant, at, len(found), "; ".join(found[:_EXAMPLES]))

    def _note_audit(self, check: str, tenant: Tenant, at: float, mismatches: int, examples: str) -> None:
        self.history.add(
            Audit(check=check, organization=tenant.organization, at=at, mismatches=mismatches, examples=examples)
        )

    @property
    def facts(self) -> Facts:
        """All that was ever sent."""
        return {tenant.organization: tenant.all_facts for tenant in self.tenants}

    async def stored(self) -> dict[int, Stored]:
        """What the tables hold, by organization."""
        return {
            tenant.organization: await tables.stored(self.database, tenant.organization, tenant.all_facts)
            for tenant in self.tenants
        }


@contextlib.asynccontextmanager
async def by_url(engines: embedded.Engines) -> AsyncIterator[Urls]:
    """Every process's ways to PostgreSQL and Redis: their own URLs."""
    yield lambda _: (engines.database_url, engines.redis_url)


@contextlib.asynccontextmanager
async def by_address(addresses: Sequence[str]) -> AsyncIterator[Sequence[str]]:
    """The clients' ways to the servers: their addresses."""
    yield addresses


@contextlib.asynccontextmanager
async def opened(
    seed: int,
    folder: Path,
    logs: Path,
    history: History,
    *,
    start: Start = citus.start,
    urls: EngineWays = by_url,
    targets: ServerWays = by_address,
    failpoints: Mapping[str, Mapping[Name, float]] = NO_FAILPOINTS,
    settings: Mapping[str, str] = NO_SETTINGS,
    mistake: str = "",
) -> AsyncIterator[World]:
    """A world with an empty database in a folder, as the seed chooses; with a mistake in it, where one is named."""
    dice = random.Random(f"{seed}/run")
    async with contextlib.AsyncExitStack() as stack:
        engines = stack.enter_context(start(folder))
        database = Database(supervisor.without_tls(engines.database_url))
        stack.push_async_callback(database.close)
        await _migrate(database)
        cluster = await stack.enter_async_context(
            supervisor.cluster(
                engines,
                folder,
                logs,
                servers=2,
                workers=dice.choice((1, 2)),
                mistake=mistake,
                urls=await stack.enter_async_context(urls(engines)),
                failpoints=failpoints,
                clocks={f"server-{dice.randrange(2)}": dice.choice((-_HOUR, _HOUR))},
                settings=settings,
            )
        )
        reached = await stack.enter_async_context(targets(cluster.addresses))
        tenants = [
            await _tenant(stack, f"{seed}/{number}", number, database, reached) for number in range(dice.choice((2, 3)))
        ]
        await cluster.serving()
        yield World(seed=seed, database=database, cluster=cluster, tenants=tenants, history=history)


async def _migrate(database: Database) -> None:
    await citus.migrate(database)
    condition = await database.condition()
    async with database.transaction(of=EVERY) as driver:
        await partitions.ensure(driver, condition.now.date())


async def _tenant(
    stack: contextlib.AsyncExitStack, seed: str, number: int, database: Database, targets: Sequence[str]
) -> Tenant:
    """An organization with its clients."""
    name, zone = f"organization {number}", _ZONES[number]
    organization = await administration.create_organization(database, name, OrganizationSettings(time_zone=zone))
    scopes = (Scope.INGEST, Scope.READ, Scope.EVENTS, Scope.CORRECT, Scope.ADMIN)
    key = await api_keys.create_key(database, KeyedHashes(PEPPER), name, name="faults", scopes=scopes)
    ahead = _WRONGEST_CLOCK * random.Random(f"{seed}/stray").uniform(-1, 1)
    servers, strays = [], []
    for target in targets:
        client = await stack.enter_async_context(AsyncClient(target, api_key=key.secret))
        stray = await stack.enter_async_context(Stray(target, api_key=key.secret, ahead=ahead))
        servers.append(Server(address=target, client=client))
        strays.append(Server(address=target, client=stray))
    now = datetime.now(UTC)
    common = {"organization": organization, "key": key.secret, "time_zone": zone}
    return Tenant(
        **common,
        servers=servers,
        business=Business(seed, now),
        stray=Tenant(**common, servers=strays, business=Business(f"{seed}/stray", now, vague=True)),
    )


def in_memory() -> AbstractContextManager[Path]:
    """A folder in memory if there is room: a slow disk would only make for fewer faults."""
    return memory.folder("faults")


@contextlib.contextmanager
def data_folder(logs: Path, place: Place = in_memory) -> Iterator[Path]:
    """A folder for the engines, removed at the end; their logs stay with the others."""
    with place() as data:
        logs.mkdir()
        try:
            yield data
        finally:
            for log in (*data.glob("*.log"), *data.glob("*/*.log")):  # the latter of the nodes of a cluster
                with contextlib.suppress(OSError):  # its disk may have been lost
                    shutil.copy(log, logs / f"engine-{'-'.join(log.relative_to(data).parts)}")
