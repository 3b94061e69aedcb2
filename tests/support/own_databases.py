"""Fixtures: databases of the test's own, for workers, which fold and remove whatever they find."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from server.local import embedded
    from server.store.database import Database

_TEMPLATE = "workers_template"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def own_engines() -> Iterator[embedded.Engines]:
    """PostgreSQL and a Valkey that tests may stop and empty."""
    from tests.support import citus, memory

    with memory.folder("workers", room=memory.OF_A_SESSION) as folder, citus.start(folder) as engines:
        yield engines


@pytest.fixture(scope="session")
async def template(own_engines: embedded.Engines) -> str:
    """A migrated database to make others from."""
    from server.store import partitions
    from server.store.database import Database
    from server.store.isolation import EVERY
    from tests.support import citus

    database = Database(own_engines.create_database(_TEMPLATE), ingest_connections=1, other_connections=1)
    await citus.migrate(database)
    condition = await database.condition()
    async with database.transaction(of=EVERY) as driver:
        await partitions.ensure(driver, condition.now.date())
    await database.close()
    return _TEMPLATE


@pytest.fixture
def own_url(own_engines: embedded.Engines, template: str) -> Iterator[str]:
    """The URL of a migrated database that is the test's alone."""
    name = f"workers_{next(_numbers)}"
    yield own_engines.create_database(name, template=template)
    own_engines.drop_database(name)


@pytest.fixture
async def own_database(own_url: str) -> AsyncIterator[Database]:
    """The database that is the test's alone."""
    from server.store.database import Database

    database = Database(own_url, ingest_connections=3, other_connections=6)
    yield database
    await database.close()


@pytest.fixture
async def own_organization(own_database: Database) -> int:
    """An organization in the test's own database."""
    return await _organization(own_database)


async def _organization(database: Database) -> int:
    from server.organizations.settings import OrganizationSettings
    from server.tenancy import administration

    return await administration.create_organization(database, "acme", OrganizationSettings(time_zone="UTC"))


async def filled(
    engines: embedded.Engines, template: str, name: str, fill: Callable[[Database, int], Awaitable[None]]
) -> str:
    """Makes of a template another one, which has the organization and what is put there for all tests of a module.

    Such a module has fixtures of its own in place of template and own_organization.
    """
    from server.store.database import Database

    database = Database(engines.create_database(name, template=template), ingest_connections=1, other_connections=2)
    try:
        await fill(database, await _organization(database))
    finally:
        await database.close()
    return name
