"""Tables that are distributed over the nodes of a Citus cluster: what is acknowledged stays, whatever nodes do."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import pathlib
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace

import grpc
import pytest

from server import errors
from server.lifecycle import preconditions
from server.local import embedded
from server.local.embedded import cluster
from server.projections.projector import Projector
from server.projections.registry import PROJECTIONS
from server.rollups.fold import fold_all
from server.settings import Settings
from server.store import distribution, looks, partitions, projections
from server.store.bi import logins
from server.store.database import STEP_PATIENCE, Database
from server.store.isolation import EVERY
from tests.conftest import PEPPER
from tests.support import citus, memory, on_nodes, serving, waiting, worlds
from tests.support.serving import Accounts, Caller
from tests.support.worker_processes import Worker, Workers, mortal
from workers.folding import Folding
from workers.projecting import Projecting


async def test_a_database_without_citus_is_not_distributed(own_database: Database) -> None:
    """It says what to do first, and changes nothing."""
    if citus.is_wanted():
        pytest.skip("this database has Citus")
    with pytest.raises(errors.SetupError, match="CREATE EXTENSION citus"):
        await distribution.distribute(own_database)


@pytest.fixture(scope="module")
def nodes() -> Iterator[citus.Nodes]:
    """A cluster whose nodes tests may kill, and one more to add."""
    with memory.folder("nodes", room=memory.OF_A_SESSION) as folder, citus.start_nodes(folder, spare=1) as found:
        yield found


def _served(
    nodes: citus.Nodes, settings: Settings, name: str, node_urls: Sequence[str] = ()
) -> contextlib.AbstractAsyncContextManager[Accounts]:
    """A server on a database of the cluster."""
    return on_nodes.served(settings, nodes.url(name), nodes.redis_url, node_urls)


@citus.needed
async def test_a_filled_database_is_distributed_and_answers_as_before(nodes: citus.Nodes, settings: Settings) -> None:
    """What is stored stays, what comes again is known, and a second time there is nothing left to do."""
    async with on_nodes.filled(nodes) as (name, database):
        sent = [[serving.event(user_id=f"user {number % 3}") for number in range(20)] for _ in range(4)]
        async with _served(nodes, settings, name) as accounts:
            callers = [await accounts.caller() for _ in sent]
            for caller, some in zip(callers, sent, strict=True):
                await caller.track_all(some)
            await fold_all(database, callers[0].organization_id)
            before = [(await one.overview(serving.today())).overview for one in callers]
            with pytest.raises(errors.SetupError, match="stop them, then distribute"):
                await distribution.distribute(database, citus.SHARDS)
        done = await distribution.distribute(database, citus.SHARDS)
        assert set(done) == {distribution.ANCHOR, *distribution.REFERENCE, *distribution.DISTRIBUTED}
        assert not await distribution.distribute(database, citus.SHARDS)
        async with _served(nodes, settings, name) as accounts:
            again = [replace(one, channel=accounts.channel) for one in callers]
            assert [(await one.overview(serving.today())).overview for one in again] == before
            for caller, some in zip(again, sent, strict=True):
                results = (await caller.track_all([*some, serving.event()])).results
                assert serving.statuses(results) == ["DUPLICATE"] * 20 + ["ACCEPTED"]
                assert await on_nodes.events(caller) == 21
            assert len({await on_nodes.port_of(database, one) for one in again}) <= len(nodes.workers)
            assert await on_nodes.is_clean(database, again)


@citus.needed
async def test_there_are_no_views_for_bi(nodes: citus.Nodes) -> None:
    async with on_nodes.filled(nodes) as (_, database), database.transaction(of=EVERY) as driver:
        with pytest.raises(errors.SetupError, match="not to be had of a Citus cluster"):
            await logins.prepare(driver)


@citus.needed
async def test_rows_of_an_organization_are_seen_by_it_alone_on_every_node(nodes: citus.Nodes) -> None:
    """A statement that forgets the organization finds nothing of others, in no table that is distributed."""
    async with on_nodes.filled(nodes) as (_, database):
        await distribution.distribute(database, citus.SHARDS)
        for organization_id in (1, 2, 3):
            async with database.transaction(of=organization_id) as driver:
                await driver.execute(
                    "INSERT INTO revisions (organization_id, revision, revised_at) VALUES ($1, 1, now())",
                    organization_id,
                )
        seen = "SELECT organization_id FROM revisions ORDER BY 1"
        for of, expected in ((2, [2]), ((1, 3), [1, 3]), (EVERY, [1, 2, 3]), ((), [])):
            async with database.query(of=of) as driver:
                assert [row[0] for row in await driver.fetch(seen)] == expected
        with pytest.raises(errors.StorageUnavailable, match="42501"):
            async with database.transaction(of=2) as driver:
                await driver.execute(
                    "INSERT INTO folds (organization_id, folded_at, folded_deltas) VALUES (3, now(), 0)"
                )
        async with database.query(of=EVERY) as driver:
            forced = await driver.fetch(
                "SELECT relname FROM pg_class JOIN pg_dist_partition ON logicalrelid = oid"
                " WHERE partmethod = 'h' AND relkind = 'r' AND NOT relispartition AND NOT relforcerowsecurity"
            )
        assert not forced


@citus.needed
async def test_a_node_that_is_killed_stops_no_other(nodes: citus.Nodes, settings: Settings) -> None:
    """Its organizations are told to come again, and everything acknowledged is there when it is back."""
    async with on_nodes.filled(nodes) as (name, database):
        await distribution.distribute(database, citus.SHARDS)
        async with _served(nodes, settings, name) as accounts:
            here, there = await on_nodes.on_both(accounts, citus.port(nodes.workers[0]))
            for caller in (*here, *there):
                await caller.track_all([serving.event() for _ in range(5)])
            node = nodes.workers[0]
            citus.kill(node)
            try:
                lost = serving.event()
                refused = await serving.refused(here[0].track(lost))
                assert serving.refusal(refused).code == "UNAVAILABLE"
                assert serving.refusal(refused).retry
                assert serving.refusal(await serving.refused(here[1].overview(serving.today()))).code == "UNAVAILABLE"
                for caller in there * 5:
                    assert serving.statuses([(await caller.track(serving.event())).result]) == ["ACCEPTED"]
                assert [await on_nodes.events(caller) for caller in there] == [10, 10]
            finally:
                await asyncio.to_thread(node.restart_postgres)
            await on_nodes.until_stored(here[0], lost)
            await on_nodes.until_read(here[0], 6)
            await on_nodes.until_read(here[1], 5)
            assert await on_nodes.is_clean(database, [*here, *there])


@citus.needed
async def test_servers_and_workers_start_while_a_node_is_away(
    nodes: citus.Nodes, settings: Settings, tmp_path: pathlib.Path
) -> None:
    """They serve the organizations of other nodes, and the partition of a later day that they cannot make yet waits."""
    async with on_nodes.filled(nodes) as (name, database):
        await distribution.distribute(database, citus.SHARDS)
        async with _served(nodes, settings, name) as accounts:
            here, there = await on_nodes.on_both(accounts, citus.port(nodes.workers[0]))
        async with database.transaction(of=EVERY) as driver:
            latest = (await partitions.listed(driver))[-1]
            await partitions.drop(driver, latest)
        node = nodes.workers[0]
        citus.kill(node)
        variables = {"DATABASE_URL": nodes.url(name), "REDIS_URL": nodes.redis_url, "TALLYWIRE_KEY_PEPPER": PEPPER}
        workers = Workers(tmp_path, variables)
        try:
            async with _served(nodes, settings, name) as accounts:
                worker = await workers.start()
                await _until_said(worker, "working")
                caller, away = (replace(one, channel=accounts.channel) for one in (there[0], here[0]))
                await on_nodes.until_stored(caller, serving.event())
                await _until_folded(database, caller)
                assert serving.refusal(await serving.refused(away.track(serving.event()))).code == "UNAVAILABLE"
                assert worker.process.returncode is None
                assert await worker.end() == 0
        finally:
            await asyncio.to_thread(node.restart_postgres)

        async def is_made() -> bool:
            try:
                await preconditions.ensure_partitions(database, await database.condition())
            except errors.StorageUnavailable:
                return False
            async with database.query(of=EVERY) as driver:
                return (await partitions.listed(driver))[-1] == latest

        await waiting.until(is_made)


async def _until_said(worker: Worker, text: str) -> None:
    async def said() -> bool:
        assert worker.process.returncode is None, worker.log
        return text in worker.log

    await waiting.until(said)


async def _is_folded(database: Database, caller: Caller) -> bool:
    async with database.query(of=caller.organization_id) as driver:
        return bool(
            await driver.fetchval("SELECT folded_deltas FROM folds WHERE organization_id = $1", caller.organization_id)
        )


async def _is_projected(database: Database, caller: Caller) -> bool:
    async with database.query(of=caller.organization_id) as driver:
        return not await projections.behind(driver, list(PROJECTIONS), [caller.organization_id])


async def _until_folded(database: Database, caller: Caller) -> None:
    await waiting.until(lambda: _is_folded(database, caller))


async def _until_projected(database: Database, caller: Caller) -> None:
    await waiting.until(lambda: _is_projected(database, caller))


@citus.needed
async def test_workers_find_what_there_is_to_do_elsewhere_while_a_node_is_killed(
    nodes: citus.Nodes, settings: Settings, tmp_path: pathlib.Path
) -> None:
    """Nothing wakes them. What is on the node they find once it is back."""
    async with on_nodes.filled(nodes) as (name, database):
        await distribution.distribute(database, citus.SHARDS)
        async with _served(nodes, settings, name) as accounts:
            here, there = await on_nodes.on_both(accounts, citus.port(nodes.workers[0]))
            node = nodes.workers[0]
            async with _working(nodes, name, tmp_path) as worker:
                citus.kill(node)
                try:
                    for caller in there:
                        await on_nodes.until_stored(caller, serving.event())
                        await _until_folded(database, caller)
                        await _until_projected(database, caller)
                    await _until_said(worker, "sweeps skip its organizations")
                finally:
                    await asyncio.to_thread(node.restart_postgres)
                await on_nodes.until_stored(here[0], serving.event())
                await _until_folded(database, here[0])
                await _until_projected(database, here[0])
                assert await worker.end() == 0


@contextlib.asynccontextmanager
async def _working(nodes: citus.Nodes, name: str, folder: pathlib.Path) -> AsyncIterator[Worker]:
    """A worker without Redis, which does not outlive the block."""
    worker = await Workers(folder, mortal(nodes.url(name))).start()
    try:
        await _until_said(worker, "working")
        yield worker
    finally:
        if worker.process.returncode is None:
            await worker.end(signal.SIGKILL)


@citus.needed
async def test_sweeps_leave_a_node_out_that_is_silent(
    nodes: citus.Nodes, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look waits for it, and those that follow do not."""
    monkeypatch.setattr(looks, "_PATIENCE_SECONDS", 1.0)
    async with on_nodes.filled(nodes) as (name, database):
        await distribution.distribute(database, citus.SHARDS)
        sweeping = Database(nodes.url(name), step_patience=STEP_PATIENCE)
        projector = Projector(sweeping)
        folding, projecting = Folding(sweeping), Projecting(sweeping, projector)

        async def is_done(caller: Caller) -> bool:
            await asyncio.gather(folding.due(), projecting.due())
            return await _is_folded(database, caller) and await _is_projected(database, caller)

        try:
            async with _served(nodes, settings, name) as accounts:
                here, there = await on_nodes.on_both(accounts, citus.port(nodes.workers[0]))
                for caller in (here[0], there[0]):
                    await caller.track(serving.event())
                    await waiting.until(functools.partial(is_done, caller))
                with _silent(nodes.workers[0]):
                    await on_nodes.until_stored(there[1], serving.event())
                    await waiting.until(functools.partial(is_done, there[1]))
                    assert sweeping.looks.leaves_out(here[0].organization_id)
                    assert not sweeping.looks.leaves_out(there[0].organization_id)
                await on_nodes.until_stored(here[1], serving.event())
                await waiting.until(functools.partial(is_done, here[1]))
                assert not sweeping.looks.leaves_out(here[1].organization_id)
        finally:
            await projector.close()
            await sweeping.close()


@citus.needed
async def test_a_node_that_is_silent_stops_no_other(nodes: citus.Nodes, settings: Settings) -> None:
    """Calls for its organizations wait, and take the connections of their node alone."""
    async with on_nodes.filled(nodes) as (name, database):
        await distribution.distribute(database, citus.SHARDS)
        async with _served(nodes, settings, name) as accounts:
            here, there = await on_nodes.on_both(accounts, citus.port(nodes.workers[0]))
            for caller in (*here, *there):
                await caller.track_all([serving.event() for _ in range(5)])
            with _silent(nodes.workers[0]):
                waits = [
                    asyncio.ensure_future(call)
                    for caller in here * 8
                    for call in (caller.track(serving.event()), caller.overview(serving.today()))
                ]
                for caller in there * 5:
                    await on_nodes.until_stored(caller, serving.event())
                for caller in there:
                    await on_nodes.until_read(caller, 10)
            found = await asyncio.gather(*waits, return_exceptions=True)
            assert {one.code() for one in found if isinstance(one, grpc.aio.AioRpcError)} <= set(on_nodes.AWAY)
            await on_nodes.until_stored(here[0], serving.event())
            assert await on_nodes.is_clean(database, [*here, *there])


@contextlib.contextmanager
def _silent(node: embedded.Engines) -> Iterator[None]:
    """Stops a node's PostgreSQL with all its processes for the block."""
    stopped = citus.processes(node)
    for one in stopped:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGCONT)


async def _let_shards_move(nodes: citus.Nodes, name: str, may: str) -> None:
    await asyncio.to_thread(nodes.execute, f"CALL tallywire_let_shards_move({may})", name)


@contextlib.asynccontextmanager
async def _sending(callers: list[Caller], sent: dict[int, int], *, may_fail: bool) -> AsyncIterator[None]:
    """Sends events of each organization, and asks for it, one after the other for as long as the block lasts."""
    over = asyncio.Event()

    async def send(number: int) -> None:
        while not over.is_set():
            some = [serving.event() for _ in range(3)]
            if may_fail:
                await on_nodes.until_stored(callers[number], some[0])
                sent[number] += 1
                await on_nodes.until_read(callers[number], sent[number])
            else:
                await callers[number].track_all(some)
                sent[number] += 3
                assert await on_nodes.events(callers[number]) == sent[number]

    tasks = [asyncio.create_task(send(number)) for number in sent]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*tasks)


@citus.needed
async def test_shards_move_to_a_new_node_under_load(nodes: citus.Nodes, settings: Settings) -> None:
    """No call fails, and nothing is lost. While a large organization gets a shard of its own, calls may have to be sent
    again, and nothing is lost either.
    """
    async with on_nodes.filled(nodes) as (name, database):
        await distribution.distribute(database, citus.SHARDS)
        async with _served(nodes, settings, name, citus.node_urls(nodes, nodes.url(name))) as accounts:
            callers = [await accounts.caller() for _ in range(6)]
            sent = dict.fromkeys(range(len(callers)), 0)
            async with _sending(callers, sent, may_fail=False):
                await _let_shards_move(nodes, name, "true")
                node = nodes.add(name)
                await asyncio.to_thread(nodes.execute, "SELECT citus_rebalance_start()", name)
                await asyncio.to_thread(nodes.execute, "SELECT citus_rebalance_wait()", name)
                await _let_shards_move(nodes, name, "false")
            async with _sending(callers, sent, may_fail=True):
                for one in callers[:2]:
                    split = (
                        f"isolate_tenant_to_new_shard('revisions', {one.organization_id}, 'CASCADE', 'block_writes')"
                    )
                    await asyncio.to_thread(nodes.execute, f"SELECT {split}", name)
            assert min(sent.values()) > 0
            assert [await on_nodes.events(caller) for caller in callers] == list(sent.values())
            async with database.query(of=EVERY) as driver:
                ports = await driver.fetch("SELECT DISTINCT nodeport FROM citus_shards")
            assert citus.port(node) in {row[0] for row in ports}
            assert await on_nodes.is_clean(database, callers)


@citus.needed
async def test_a_node_that_could_lose_events_is_seen(nodes: citus.Nodes) -> None:
    """Whatever is acknowledged would be on that node alone."""
    async with on_nodes.filled(nodes) as (_, database):
        await distribution.distribute(database, citus.SHARDS)
        node = nodes.workers[0]
        citus.execute(node, f"ALTER ROLE {cluster.USER} SET synchronous_commit = off")
        try:
            expected = (f"synchronous_commit = off at 127.0.0.1:{citus.port(node)}",)

            async def is_seen() -> bool:
                return (await database.condition()).weak_settings == expected

            await waiting.until(is_seen)
        finally:
            citus.execute(node, f"ALTER ROLE {cluster.USER} RESET synchronous_commit")


@citus.needed
async def test_events_are_stored_and_folded_in_one_phase(nodes: citus.Nodes, settings: Settings) -> None:
    """In two phases a crash in between would leave what is acknowledged out of answers for a time."""
    async with on_nodes.filled(nodes) as (name, database):
        await distribution.distribute(database, citus.SHARDS)
        for node in nodes.workers:
            citus.execute(node, f"ALTER DATABASE {name} SET log_statement = 'all'")
        async with _served(nodes, settings, name) as accounts:
            callers = [await accounts.caller() for _ in range(3)]
            asked = [citus.log(node).count("PREPARE TRANSACTION") for node in nodes.workers]
            for caller in callers:
                await asyncio.gather(*(caller.track(serving.event(user_id="ada")) for _ in range(5)))
                await caller.track_all([serving.event(conversation_id="c") for _ in range(60)])
                await fold_all(database, caller.organization_id)
                await worlds.project(database, caller.organization_id)
                assert await on_nodes.events(caller) == 65
        logs = [citus.log(node) for node in nodes.workers]
        assert any("INSERT INTO" in log for log in logs)
        assert [log.count("PREPARE TRANSACTION") for log in logs] == asked
