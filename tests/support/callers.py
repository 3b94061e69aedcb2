"""Fixtures: organizations that call the shared server, and a server of which nothing is shared."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import grpc

    from server.app import Running
    from server.local import embedded
    from server.settings import Settings
    from server.store.database import Database
    from tests.support.certificates import Certificates
    from tests.support.holding import Served
    from tests.support.serving import Accounts, Caller


@pytest.fixture(scope="session")
async def accounts(server: Running, settings: Settings, database: Database) -> AsyncIterator[Accounts]:
    """Makes organizations that call the shared server."""
    import grpc

    from server.tenancy.keyed_hashes import KeyedHashes
    from tests.support.serving import Accounts

    async with grpc.aio.insecure_channel(server.address) as channel:
        yield Accounts(database=database, secrets=KeyedHashes(settings.required("key_pepper")), channel=channel)


@pytest.fixture
async def caller(accounts: Accounts) -> Caller:
    """An organization of the test's own, whose key may ingest, read and backfill."""
    return await accounts.caller()


@pytest.fixture
async def other(accounts: Accounts) -> Caller:
    """Another organization."""
    return await accounts.caller()


@pytest.fixture(scope="session")
async def frail_engines() -> AsyncIterator[embedded.Engines]:
    """Engines that tests may stop and set up badly, as long as they mend them again."""
    from server.local import embedded
    from server.local.embedded import cluster
    from tests.support import memory

    with pytest.MonkeyPatch.context() as patch:
        # As on any other machine: set on the command line, it could not be changed.
        patch.delitem(cluster.SETTINGS, "synchronous_commit")
        with memory.folder("frail") as folder, embedded.start(folder) as engines:
            yield engines


@pytest.fixture(scope="session")
async def frail(frail_engines: embedded.Engines, settings: Settings) -> AsyncIterator[tuple[Running, Accounts]]:
    """A server on the frail engines."""
    import grpc
    from pydantic import SecretStr

    from server.store import migrate
    from server.store.database import Database
    from server.tenancy.keyed_hashes import KeyedHashes
    from tests.support import serving
    from tests.support.serving import Accounts

    urls = {"database_url": SecretStr(frail_engines.database_url), "redis_url": SecretStr(frail_engines.redis_url)}
    database = Database(frail_engines.database_url, ingest_connections=1, query_connections=2)
    await migrate.upgrade(database)
    secrets = KeyedHashes(settings.required("key_pepper"))
    async with serving.running(settings, **urls) as server, grpc.aio.insecure_channel(server.address) as channel:
        yield server, Accounts(database=database, secrets=secrets, channel=channel)
    await database.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of a server and its clients."""
    from tests.support import certificates

    return certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
async def tls_server(settings: Settings, database: Database, certificate: Certificates) -> AsyncIterator[Running]:
    """A server that speaks TLS."""
    from tests.support import serving

    pair = {"tls_certificate": certificate.server.certificate, "tls_key": certificate.server.key}
    async with serving.running(settings, **pair) as server:
        yield server


@pytest.fixture
def served(settings: Settings) -> Served:
    """Makes servers with other settings, and a connection to each."""
    import grpc

    from tests.support import serving

    @contextlib.asynccontextmanager
    async def make(**changes: object) -> AsyncIterator[grpc.aio.Channel]:
        async with (
            serving.running(settings, **changes) as server,
            grpc.aio.insecure_channel(server.address) as channel,
        ):
            yield channel

    return make
