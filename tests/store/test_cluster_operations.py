"""Backups, standbys and TLS of a Citus cluster, by the very commands and settings of the documentation."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import shlex
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import grpc
import pytest

from server import errors
from server.local import embedded
from server.process import preparation
from server.rollups.fold import fold_all
from server.settings import Settings
from server.store import distribution
from server.store.database import Database
from tallywire.v1 import event_pb2
from tests import documentation
from tests.support import citus, memory, node_clusters, on_nodes, processes, serving, worlds
from tests.support.clusters import Cluster
from tests.support.node_clusters import DATABASE, NodeClusters, port
from tests.support.serving import Accounts, Caller
from tests.support.waiting import until

BACK_UP, _, STOP, RESTORE, AFTERWARDS, *_ = documentation.blocks("sh", node_clusters.BACKUP)
(RESTORE_POINT,) = node_clusters.blocks("Backups", "sh")
FOLLOW, PROMOTE = node_clusters.blocks("Standbys", "sh")

pytestmark = citus.needed


@pytest.fixture(scope="module")
async def cluster() -> AsyncIterator[NodeClusters]:
    """Three nodes that each test leaves whole, some of them elsewhere."""
    with _made() as found:
        await asyncio.to_thread(node_clusters.start, found)
        database = Database(found.url, ingest_connections=1)
        try:
            await preparation.prepare(database)
            await distribution.distribute(database, citus.SHARDS)
        finally:
            await database.close()
        yield found


@contextlib.contextmanager
def _made() -> Iterator[NodeClusters]:
    with memory.folder("operations", room=memory.OF_A_SESSION) as folder:
        found = node_clusters.make(folder)
        try:
            yield found
        finally:
            found.end()


@pytest.fixture
def restarts(cluster: NodeClusters, settings: Settings, engines: embedded.Engines) -> Restarts:
    """Servers on the cluster, wherever its nodes are."""
    return Restarts(cluster, settings, engines)


class Restarts:
    """Starts servers on the cluster."""

    def __init__(self, cluster: NodeClusters, settings: Settings, engines: embedded.Engines) -> None:
        self._cluster, self._settings, self._redis = cluster, settings, engines.redis_url

    def served(self, *node_urls: str, url: str = "") -> contextlib.AbstractAsyncContextManager[Accounts]:
        """A server, which asks some nodes themselves. url is that of the coordinator unless it is another one."""
        return on_nodes.served(self._settings, url or self._cluster.url, self._redis, node_urls)


def _events(count: int) -> list[event_pb2.Event]:
    return [serving.event(user_id=f"user {number}", conversation_id="c") for number in range(count)]


async def _stored(caller: Caller, some: list[event_pb2.Event]) -> set[str]:
    return set(serving.statuses((await caller.track_all(some)).results))


async def _folded(accounts: Accounts, callers: list[Caller]) -> None:
    for caller in callers:
        await worlds.project(accounts.database, caller.organization_id)
        await fold_all(accounts.database, caller.organization_id)


def _back_up(node: Cluster) -> str:
    return node.shell(f'{BACK_UP}\necho "$BASE"').splitlines()[-1]


def _restore(node: Cluster, base: str, point: str) -> None:
    """Restores a node to a restore point, or without one to the end of its archive."""
    lines = RESTORE.replace("recovery_target_time", "recovery_target_name").splitlines(keepends=True)
    kept = (line for line in lines if point or not line.startswith("recovery_target_name"))
    assert node.shell("".join(kept), BASE=base, UNTIL=point).splitlines()[-1] > "00000002"


def _kill(node: Cluster) -> None:
    """Ends a node as a machine that burns does: with all its processes, which else keep it from starting again."""
    first = (node.data / "postmaster.pid").read_text().split()[0]
    others = subprocess.run(["ps", "-o", "pid=", "--ppid", first], capture_output=True, text=True, check=True)
    for one in (first, *others.stdout.split()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(one), signal.SIGKILL)


async def test_a_node_comes_back_from_its_backup(cluster: NodeClusters, restarts: Restarts) -> None:
    """Everything that was archived is there, and servers go on by themselves."""
    node = cluster.nodes[1]
    async with restarts.served() as accounts:
        here, there = await on_nodes.on_both(accounts, int(port(node)))
        before, after = _events(6), _events(8)
        await here[0].track_all(before)
        await _folded(accounts, here[:1])
        base = await asyncio.to_thread(_back_up, node)
        for caller in (here[0], there[0]):
            await caller.track_all(after)
        segment = node.ask("SELECT pg_walfile_name(pg_switch_wal())")
        await until((node.backups / "wal" / segment).exists)
        _kill(node)
        node.shell('rm -r "$PGDATA"')
        assert serving.refusal(await serving.refused(here[0].track(serving.event()))).code == "UNAVAILABLE"
        assert await _stored(there[0], before) == {"ACCEPTED"}
        await asyncio.to_thread(_restore, node, base, "")
        await on_nodes.until_read(here[0], 14)
        assert await _stored(here[0], before + after) == {"DUPLICATE"}
        await here[1].track(serving.event())
        assert await on_nodes.is_clean(accounts.database, [*here, *there])


async def test_all_nodes_are_restored_to_one_point_elsewhere(
    cluster: NodeClusters, restarts: Restarts, tmp_path: pathlib.Path
) -> None:
    """What was acknowledged before the point is there, what came after it is not, and all figures agree."""
    before, meanwhile, lost = _events(4), _events(5), _events(6)
    async with restarts.served() as accounts:
        here, there = await on_nodes.on_both(accounts, int(port(cluster.nodes[1])))
        callers = [*here, *there]
        for caller in callers:
            await caller.track_all(before)
        await _folded(accounts, callers[:1])
        bases = await asyncio.gather(*(asyncio.to_thread(_back_up, node) for node in cluster.nodes))
        for caller in callers:
            await caller.track_all(meanwhile)
        await _folded(accounts, callers[:3])
        told = [(await caller.overview(serving.today())).overview for caller in callers]
        await asyncio.to_thread(cluster.coordinator.shell, RESTORE_POINT, POINT="noon", DATABASE=DATABASE)
        newcomer = await accounts.caller()
        for caller in (*callers, newcomer):
            assert await _stored(caller, lost) == {"ACCEPTED"}
        await _folded(accounts, callers[:2])
    old = list(cluster.nodes)
    new = [cluster.elsewhere(node, "elsewhere") for node in old]
    for node in old:
        node.shell(STOP)
    for node, base in zip(new, bases, strict=True):
        _restore(node, base, "noon")
    cluster.move(list(zip(old, new, strict=True)))
    environment = processes.environment(tmp_path, DATABASE_URL=cluster.url)
    for line in AFTERWARDS.splitlines():
        done = processes.run(*shlex.split(line)[3:], environment=environment)
        assert done.returncode == 0, done
    assert done.stdout.startswith("no mismatch")
    async with restarts.served() as accounts:
        callers = [replace(one, channel=accounts.channel) for one in callers]
        assert [(await caller.overview(serving.today())).overview for caller in callers] == told
        for caller in callers:
            assert await _stored(caller, before + meanwhile) == {"DUPLICATE"}
            assert await _stored(caller, lost) == {"ACCEPTED"}
        refused = await serving.refused(replace(newcomer, channel=accounts.channel).track(serving.event()))
        assert refused.code() == grpc.StatusCode.UNAUTHENTICATED
        assert await on_nodes.is_clean(accounts.database, callers)


async def _followed(cluster: NodeClusters, node: Cluster) -> Cluster:
    """Makes a synchronous standby of a node."""
    standby = cluster.elsewhere(node, "standby")
    makes, starts, waits = FOLLOW.splitlines()
    node.shell(makes, STANDBY="follower", PGDATA=str(standby.data))
    standby.shell(starts)
    node.shell(waits, STANDBY="follower")
    await until(lambda: node.ask("SELECT sync_state FROM pg_stat_replication") == "sync")
    return standby


async def _take_over(cluster: NodeClusters, node: Cluster, standby: Cluster, sent: list[event_pb2.Event]) -> None:
    """Kills a node under load and has its standby take its place."""
    await until(lambda: len(sent) > 10)
    _kill(node)
    standby.shell(PROMOTE)
    await asyncio.to_thread(cluster.move, [(node, standby)])
    count = len(sent)
    await until(lambda: len(sent) > count + 10)


async def test_a_standby_of_the_coordinator_takes_over(cluster: NodeClusters, restarts: Restarts) -> None:
    """Servers find it by themselves, and nothing acknowledged is lost."""
    node = cluster.coordinator
    standby = await _followed(cluster, node)
    async with restarts.served(url=cluster.at(node, standby)) as accounts:
        here, there = await on_nodes.on_both(accounts, int(port(cluster.nodes[1])))
        async with _sending(here[0]) as sent:
            await _take_over(cluster, node, standby, sent)
        assert await _stored(here[0], sent) == {"DUPLICATE"}
        await on_nodes.until_stored(there[0], serving.event())
        assert (await on_nodes.events(here[0]), await on_nodes.events(there[0])) == (len(sent), 1)
        assert await on_nodes.is_clean(accounts.database, [*here, *there])


async def test_a_standby_of_a_node_takes_over(cluster: NodeClusters, restarts: Restarts) -> None:
    """Nothing acknowledged is lost, and an old node that comes back is asked nothing."""
    node = cluster.nodes[1]
    standby = await _followed(cluster, node)
    async with restarts.served(cluster.at(node, standby)) as accounts:
        here, there = await on_nodes.on_both(accounts, int(port(node)))
        database = accounts.database
        await here[1].track(serving.event())
        alone = cluster.at(standby).replace("read-write", "any")
        async with on_nodes.looking(database, [alone]) as asked:
            assert list((await asked.node_faults()).values()) == ["is a standby, or knows nothing of its cluster yet"]
        async with on_nodes.looking(database, [cluster.at(node, standby)]) as asked, _sending(here[0]) as sent:
            assert await on_nodes.is_at_node(asked, here[1])
            await _take_over(cluster, node, standby, sent)
            await until(lambda: _is_asked(asked, here[1]))
            node.start()
            assert await on_nodes.events(here[1]) == 1
        assert await _stored(here[0], sent) == {"DUPLICATE"}
        await on_nodes.until_read(here[0], len(sent))
        assert await on_nodes.is_clean(database, [*here, *there])
        async with on_nodes.looking(database, [cluster.at(node)]) as asked:
            ((_, fault),) = (await asked.node_faults()).items()
            assert fault == (
                f"takes itself for 127.0.0.1:{port(node)}, in whose place 127.0.0.1:{port(standby)} is used"
            )
            assert not await on_nodes.is_at_node(asked, here[1])


async def _is_asked(database: Database, caller: Caller) -> bool:
    try:
        return await on_nodes.is_at_node(database, caller)
    except errors.StorageUnavailable:  # a connection to the old node
        return False


@contextlib.asynccontextmanager
async def _sending(caller: Caller) -> AsyncIterator[list[event_pb2.Event]]:
    """Sends events one after the other for as long as the block lasts; gives those that were acknowledged."""
    over = asyncio.Event()
    sent: list[event_pb2.Event] = []

    async def send() -> None:
        while not over.is_set():
            one = serving.event()
            await on_nodes.until_stored(caller, one)
            sent.append(one)

    sending = asyncio.create_task(send())
    try:
        yield sent
    finally:
        over.set()
        await sending


async def test_nodes_trust_certificates_of_their_authority_alone(cluster: NodeClusters, restarts: Restarts) -> None:
    """Nodes talk to each other by TLS, and a node that another authority vouches for is as one that is away."""
    node = cluster.nodes[2]
    async with restarts.served() as accounts:
        here, there = await on_nodes.on_both(accounts, int(port(node)))
        await here[0].track(serving.event())
        sessions = "pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_port IS NOT NULL"
        encrypted = f"SELECT bool_and(ssl) FROM {sessions}"
        for one in cluster.nodes:
            assert one.ask(encrypted) == "t"
        with pytest.raises(AssertionError, match="no encryption"):
            node.shell(f"psql 'sslmode=disable dbname={DATABASE}'")
        cluster.identify(node, cluster.certificates.impostor)
        try:
            node.shell('pg_ctl restart --silent --pgdata="$PGDATA" --mode=fast --log="$PGDATA.log"')
            refused = await serving.refused(here[0].track(serving.event()))
            assert serving.refusal(refused).code == "UNAVAILABLE"
            await there[0].track(serving.event())
            assert "certificate verify failed" in cluster.coordinator.shell('cat "$PGDATA.log"')
        finally:
            cluster.identify(node, cluster.certificates.server)
            node.ask("SELECT pg_reload_conf()")
        await on_nodes.until_stored(here[1], serving.event())
        assert await on_nodes.is_clean(accounts.database, [*here, *there])
