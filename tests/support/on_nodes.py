"""A service on a cluster of database nodes: whose rows are where, and calls while nodes come and go."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from pydantic import SecretStr

from server.process import preparation
from server.rollups import audit
from server.settings import Settings
from server.store import organizations
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy.keyed_hashes import KeyedHashes
from tests.support import citus, serving, waiting
from tests.support.serving import Accounts, Caller

# How calls end whose node is away.
AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


_numbers = itertools.count(1)


@contextlib.asynccontextmanager
async def filled(nodes: citus.Nodes) -> AsyncIterator[tuple[str, Database]]:
    """A database of the test's own with the schema, not distributed yet."""
    name = f"nodes_{next(_numbers)}"
    database = Database(nodes.create_database(name), ingest_connections=1)
    await preparation.prepare(database)
    try:
        yield name, database
    finally:
        await database.close()
        nodes.drop_database(name)


@contextlib.asynccontextmanager
async def served(
    settings: Settings, url: str, redis_url: str, node_urls: Sequence[str] = ()
) -> AsyncIterator[Accounts]:
    """A server on a database of the cluster."""
    urls = {
        "database_url": SecretStr(url),
        "redis_url": SecretStr(redis_url),
        "query_database_urls": SecretStr(",".join(node_urls)),
    }
    database = Database(url, ingest_connections=1)
    try:
        async with serving.running(settings, **urls) as server, grpc.aio.insecure_channel(server.address) as channel:
            hashes = KeyedHashes(settings.required("key_pepper"))
            yield Accounts(database=database, secrets=hashes, channel=channel)
    finally:
        await database.close()


async def events(caller: Caller) -> int:
    """How many events of today an answer counts."""
    return (await caller.overview(serving.today())).overview.events


async def port_of(database: Database, caller: Caller) -> int:
    """The port of the node that has an organization's rows."""
    async with database.query(of=EVERY) as driver:
        found: int = await driver.fetchval(
            "SELECT nodeport FROM pg_dist_placement JOIN pg_dist_node USING (groupid)"
            " WHERE shardid = get_shard_id_for_distribution_column('revisions', $1::integer)",
            caller.organization_id,
        )
    return found


async def on_both(accounts: Accounts, port: int) -> tuple[list[Caller], list[Caller]]:
    """Organizations on the node of a port, and others elsewhere: two of each."""
    here: list[Caller] = []
    there: list[Caller] = []
    while len(here) < 2 or len(there) < 2:
        caller = await accounts.caller()
        (here if await port_of(accounts.database, caller) == port else there).append(caller)
    return here[:2], there[:2]


async def until_stored(caller: Caller, one: Any) -> None:
    """Sends an event until it is acknowledged."""

    async def stored() -> bool:
        try:
            await caller.track(one)
        except grpc.aio.AioRpcError as error:
            assert error.code() in AWAY, error  # noqa: PT017 - it is sent again
            return False
        return True

    await waiting.until(stored)


async def until_read(caller: Caller, count: int) -> None:
    """Asks until an answer comes, which must count so many events."""

    async def read() -> bool:
        try:
            return await events(caller) == count
        except grpc.aio.AioRpcError as error:
            assert error.code() in AWAY, error  # noqa: PT017 - it is asked again
            return False

    await waiting.until(read)


async def is_clean(database: Database, callers: list[Caller]) -> bool:
    """Whether an audit finds all figures of organizations as their raw events have them."""
    return not sum([(await audit.check(database, one.organization_id)).mismatches for one in callers])


@contextlib.asynccontextmanager
async def looking(database: Database, node_urls: Sequence[str]) -> AsyncIterator[Database]:
    """Another view of a database, which has looked at the URLs of nodes."""
    asked = Database(database.url, ingest_connections=1, node_urls=node_urls)
    try:
        await asked.node_faults()
        yield asked
    finally:
        await asked.close()


async def is_at_node(database: Database, caller: Caller) -> bool:
    """Whether questions of an organization go to its node itself; the answer is right either way."""
    await database.condition()  # which looks at URLs again
    async with database.asking(of=caller.organization_id, in_snapshot=True) as driver:
        found = "SELECT count(*) FROM revisions WHERE organization_id = $1"
        assert await driver.fetchval(found, caller.organization_id) == 1
        assert await organizations.raw_from(driver, caller.organization_id) == 0
        assert await organizations.kept(driver, caller.organization_id) is not None
        return bool(driver.node)
