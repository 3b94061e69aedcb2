"""What every test stands on: real engines, a real server on a socket, and an organization of its own.

Fixtures import the service themselves, here and in tests/support: unit tests, which use none of them, start without it.
"""

from __future__ import annotations

import itertools
import os
import pathlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

# Before gRPC is imported: its handlers of fork can end a child of ours before it has become PostgreSQL.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

import hypothesis
import pytest
import structlog

# Else each of the many programs that tests start would compile the whole service anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if TYPE_CHECKING:
    from server.app import Running
    from server.local import embedded
    from server.settings import Settings
    from server.store.database import Database
    from server.tenancy.principal import Scope
    from tallywire import AsyncClient

# A shell starts what runs in the background of a script with SIGINT ignored, which children inherit: tests that send
# Ctrl-C to a child expect what a terminal's user gets. nohup does the same with SIGHUP.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# As the service itself does: the default draws every local variable of every frame, which takes seconds.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

# Few examples of each property, or many on request. Neither depends on how fast the machine is.
hypothesis.settings.register_profile("quick", max_examples=30, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=300, deadline=None)
# A test that imports this module runs it again: by then the command line may have chosen the other one, which holds.
if hypothesis.settings.get_current_profile_name() != "thorough":
    hypothesis.settings.load_profile("quick")

# Fixtures for every folder, which pytest finds here only.
pytest_plugins = ["tests.support.callers", "tests.support.foreground", "tests.support.own_databases"]

PEPPER = "a pepper that only the tests know and that is long enough"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An organization that belongs to one test, and a key of it."""

    organization_id: int
    name: str
    key: str


MakeTenant = Callable[..., Awaitable[Tenant]]


@pytest.fixture(scope="session")
def engines() -> Iterator[embedded.Engines]:
    """PostgreSQL and Valkey for the whole session."""
    from tests.support import citus, memory

    with memory.folder("engines", room=memory.OF_A_SESSION) as folder, citus.start(folder) as engines:
        yield engines


@pytest.fixture(scope="session")
async def database(engines: embedded.Engines) -> AsyncIterator[Database]:
    """The migrated database that the tests share."""
    from server.store import partitions
    from server.store.database import Database
    from server.store.isolation import EVERY
    from tests.support import citus

    database = Database(engines.database_url, node_urls=citus.node_urls(engines))
    await citus.migrate(database)
    condition = await database.condition()
    async with database.transaction(of=EVERY) as driver:
        await partitions.ensure(driver, condition.now.date())
    yield database
    await database.close()


@pytest.fixture(scope="session")
def settings(engines: embedded.Engines, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of the server that the tests share."""
    return server_settings(engines, tmp_path_factory.mktemp("reports"))


def server_settings(engines: embedded.Engines, reports: pathlib.Path) -> Settings:
    """Returns the settings of a server for tests, whose reports are stored in a folder."""
    from server.settings import Settings

    return Settings(
        DATABASE_URL=engines.database_url,  # type: ignore[call-arg]  # fields are set by their environment names
        REDIS_URL=engines.redis_url,
        key_pepper=PEPPER,  # type: ignore[arg-type]  # pydantic makes the secret
        reports_store=reports.as_uri(),  # type: ignore[arg-type]
        listen="127.0.0.1:0",
        drain_seconds=1,
        # Nothing is sent by servers: what they know is that it can be.
        smtp="smtp://127.0.0.1:1?from=reports@example.org",  # type: ignore[arg-type]  # as above
        webhook_allow="127.0.0.1",
        delivery_stores="archive=memory:///",  # type: ignore[arg-type]  # as above
        # On a machine that stalls nothing is refused but where a test is about that.
        max_lag_seconds=60,
        max_queue_seconds=60,
    )


@pytest.fixture(scope="session")
async def server(settings: Settings, database: Database) -> AsyncIterator[Running]:
    """A server on a free port, without any worker."""
    from server.app import Running
    from server.tasks.wakeups import Wakeups

    wakeups = Wakeups(settings.required("redis_url"))
    running = Running(settings, database, wakeups)
    await running.start()
    yield running
    await running.stop()
    await wakeups.close()


_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def make_tenant(database: Database) -> MakeTenant:
    """Makes organizations: make_tenant(scopes=…, time_zone=…, any setting of OrganizationSettings).

    Their keys may do everything unless scopes are given.
    """
    from server.organizations.settings import OrganizationSettings
    from server.tenancy import administration, api_keys
    from server.tenancy.keyed_hashes import KeyedHashes
    from server.tenancy.principal import Scope

    async def make(*, scopes: Collection[Scope] = (Scope.ADMIN,), time_zone: str = "UTC", **settings: object) -> Tenant:
        name = f"organization {next(_numbers)} of {os.getpid()}"
        chosen = OrganizationSettings(time_zone=time_zone, **settings)  # type: ignore[arg-type]
        organization_id = await administration.create_organization(database, name, chosen)
        key = await api_keys.create_key(database, KeyedHashes(PEPPER), name, name="test", scopes=scopes)
        return Tenant(organization_id=organization_id, name=name, key=key.secret)

    return make


@pytest.fixture
async def tenant(make_tenant: MakeTenant) -> Tenant:
    """An organization with a key that may do everything."""
    return await make_tenant()


@pytest.fixture
def organization(tenant: Tenant) -> int:
    """The id of the test's organization."""
    return tenant.organization_id


@pytest.fixture
async def client(server: Running, tenant: Tenant) -> AsyncIterator[AsyncClient]:
    """A client with the key of the test's organization."""
    from tallywire import AsyncClient

    async with AsyncClient(server.address, api_key=tenant.key) as client:
        yield client


@pytest.fixture(scope="session")
def worker_command(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """The command line and the environment of a worker on the tests' engines."""
    environment = {
        **os.environ,
        "DATABASE_URL": settings.required("database_url"),
        "REDIS_URL": settings.required("redis_url"),
        "TALLYWIRE_KEY_PEPPER": PEPPER,
    }
    return [sys.executable, "-m", "workers"], environment
