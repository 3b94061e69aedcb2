"""Questions that are asked at the nodes of a Citus cluster themselves."""

from __future__ import annotations

import asyncio
import json
import pathlib
import urllib.parse
from collections.abc import Iterator, Sequence

import pytest

from server import errors
from server.lifecycle import preconditions
from server.local.embedded import cluster
from server.settings import Settings
from server.store import distribution, partitions
from server.store import events as stored_events
from server.store.database import Database
from server.store.isolation import EVERY
from tests.conftest import PEPPER
from tests.support import citus, memory, on_nodes, processes, serving, waiting
from tests.support.serving import Caller


@pytest.fixture(scope="module")
def nodes() -> Iterator[citus.Nodes]:
    """A cluster whose nodes tests may kill."""
    with memory.folder("questions", room=memory.OF_A_SESSION) as folder, citus.start_nodes(folder) as found:
        yield found


async def _is_held(database: Database, asked: Database, caller: Caller) -> None:
    """No partition is dropped while a question at a node may read it."""
    async with database.query(of=EVERY) as driver:
        last = (await partitions.listed(driver))[-1]
    async with asked.asking(of=caller.organization_id, in_snapshot=True) as driver:
        assert driver.node
        await stored_events.hold(driver)
        with pytest.raises(errors.StorageUnavailable, match="55P03"):
            async with database.transaction(of=EVERY) as dropping:
                await partitions.drop(dropping, last)
    async with database.transaction(of=EVERY) as driver:
        await partitions.drop(driver, last)
    await preconditions.ensure_partitions(database, await database.condition())


def _doctor(home: pathlib.Path, database_url: str, redis_url: str, node_urls: Sequence[str]) -> dict[str, str]:
    """What the doctor says of nodes."""
    variables = processes.environment(
        home,
        DATABASE_URL=database_url,
        REDIS_URL=redis_url,
        TALLYWIRE_KEY_PEPPER=PEPPER,
        TALLYWIRE_QUERY_DATABASE_URLS=",".join(node_urls),
    )
    told = json.loads(processes.invoke("doctor", "--json", environment=variables).stdout)
    found: dict[str, str] = next(one for one in told["checks"] if one["check"] == "nodes")
    return found


@citus.needed
async def test_questions_are_asked_at_the_node_itself(
    nodes: citus.Nodes, settings: Settings, tmp_path: pathlib.Path
) -> None:
    """What was acknowledged is there. Where a URL does not lead to a node of the cluster, the coordinator is asked, and
    so it is while a node is away.
    """
    async with on_nodes.filled(nodes) as (name, database), on_nodes.filled(nodes) as (other, another):
        for one in (database, another):
            await distribution.distribute(one, citus.SHARDS)
        urls = citus.node_urls(nodes, nodes.url(name))
        async with on_nodes.served(settings, nodes.url(name), nodes.redis_url, urls) as accounts:
            here, there = await on_nodes.on_both(accounts, citus.port(nodes.workers[0]))
            for number in range(1, 6):
                for caller in (*here, *there):
                    await caller.track(serving.event())
                    assert await on_nodes.events(caller) == number
        wrong = [citus.node_urls(nodes, nodes.url(other))[1], nodes.url(name), "postgresql://127.0.0.1:1/nothing"]
        async with on_nodes.looking(database, [urls[0], *wrong]) as asked:
            assert await on_nodes.is_at_node(asked, here[0])
            assert not await on_nodes.is_at_node(asked, there[0])
            faults = set((await asked.node_faults()).values())
            assert len(faults) == len(wrong)
            assert faults > {"is a node of another deployment", "is no worker node of a cluster"}
        admin = urllib.parse.urlsplit(nodes.workers[1].admin_url)
        async with on_nodes.looking(database, [admin._replace(path=f"/{name}").geturl()]) as asked:
            # Policies do not hold for that role.
            expected = f"is asked as {admin.username}, and the coordinator as {cluster.USER}"
            assert list((await asked.node_faults()).values()) == [expected]
            assert not await on_nodes.is_at_node(asked, there[0])
        async with on_nodes.looking(database, urls[:2]) as asked:
            assert await on_nodes.is_at_node(asked, here[1])
            assert await on_nodes.is_at_node(asked, there[1])
            assert not await asked.node_faults()
            await _is_held(database, asked, here[1])
            node = nodes.workers[0]
            citus.kill(node)
            try:
                with pytest.raises(errors.StorageUnavailable):
                    await on_nodes.is_at_node(asked, here[0])
                assert await on_nodes.is_at_node(asked, there[0])
                found = await asyncio.to_thread(_doctor, tmp_path, nodes.url(name), nodes.redis_url, urls[:2])
                assert (found["verdict"], found["text"]) == (
                    "FAIL",
                    f"127.0.0.1:{citus.port(node)} cannot be reached: organizations there are UNAVAILABLE",
                )
            finally:
                await asyncio.to_thread(node.restart_postgres)

            async def is_back() -> bool:
                try:
                    return await on_nodes.is_at_node(asked, here[0])
                except errors.StorageUnavailable:
                    return False

            await waiting.until(is_back)
