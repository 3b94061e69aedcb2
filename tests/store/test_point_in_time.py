"""Base backups, archiving and restoring to an instant, by the very commands of the documentation."""

import asyncio
import pathlib
import secrets
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest
from pydantic import SecretStr

from server.local import embedded
from server.rollups import audit, fold
from server.settings import Settings
from server.store.database import Database
from server.tenancy.keyed_hashes import KeyedHashes
from tallywire.v1 import event_pb2, metrics_service_pb2, realtime_service_pb2, realtime_service_pb2_grpc
from tests import documentation
from tests.support import citus, clusters, memory, processes, serving, subscribing, worlds
from tests.support.clusters import Cluster
from tests.support.serving import Accounts, Caller
from tests.support.waiting import until

pytestmark = citus.one_node

PAGE = documentation.PAGES["docs/operations/backup.md"]
PEPPER = "a pepper that only this test knows and is long enough"
(ARCHIVING,) = documentation.blocks("ini", PAGE)
BACK_UP, CLEAN_UP, STOP, RESTORE, AFTERWARDS, *_ = documentation.blocks("sh", PAGE)
PERIOD = serving.today()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The service on a PostgreSQL that is backed up."""

    cluster: Cluster
    settings: Settings
    home: pathlib.Path

    @property
    def url(self) -> str:
        return self.settings.required("database_url")

    def back_up(self) -> str:
        """Makes a base backup and returns its folder."""
        return self.cluster.shell(f'{BACK_UP}\necho "$BASE"').splitlines()[-1]

    def restore(self, base: str, at: str) -> str:
        """Puts a base backup in the place of the data folder, which is gone, and replays WAL up to an instant, or to
        the end of the archive where there is none; returns the segment that is written to then.
        """
        lines = RESTORE.splitlines(keepends=True)
        commands = "".join(line for line in lines if at or not line.startswith("recovery_target_time"))
        assert (commands == RESTORE) == bool(at)
        return self.cluster.shell(commands, BASE=base, UNTIL=at).splitlines()[-1]

    def operate(self, commands: str) -> str:
        """Types commands of the service; each must do. Returns what they print."""
        environment = processes.environment(self.home, DATABASE_URL=self.url)
        printed = []
        for line in commands.splitlines():
            start, words = shlex.split(line)[:3], shlex.split(line)[3:]
            assert start == ["python", "-m", "server"]
            done = processes.run(*words, environment=environment)
            assert done.returncode == 0, done
            printed.append(done.stdout)
        return "".join(printed)

    async def caller(self) -> Caller:
        """A new organization with a key."""
        database = Database(self.url)
        try:
            async with grpc.aio.insecure_channel("127.0.0.1:1") as nowhere:
                return await Accounts(database=database, secrets=KeyedHashes(PEPPER), channel=nowhere).caller()
        finally:
            await database.close()

    async def fold(self, caller: Caller) -> None:
        """Folds and projects all that the organization has sent, as workers do."""
        database = Database(self.url)
        try:
            await worlds.project(database, caller.organization_id)
            await fold.fold_all(database, caller.organization_id)
        finally:
            await database.close()

    async def audited(self, caller: Caller) -> tuple[int, int]:
        """How many events an audit of all figures finds, and how many mismatches."""
        database = Database(self.url)
        try:
            report = await audit.check(database, caller.organization_id)
        finally:
            await database.close()
        return report.events, report.mismatches


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL of its own that archives as the documentation says."""
    with memory.folder("backups") as folder:
        # How slow the machine is shall not decide what is archived.
        cluster = clusters.make(folder, ARCHIVING.replace("archive_timeout = 60", "archive_timeout = 0"))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.end()


@pytest.fixture
def deployment(cluster: Cluster, own_engines: embedded.Engines, tmp_path: pathlib.Path) -> Deployment:
    """The service on that PostgreSQL."""
    settings = Settings(
        DATABASE_URL=cluster.make_database(),  # type: ignore[call-arg]  # fields are set by their environment names
        REDIS_URL=own_engines.redis_url,
        key_pepper=SecretStr(PEPPER),
        listen="127.0.0.1:0",
        drain_seconds=1,
    )
    deployment = Deployment(cluster=cluster, settings=settings, home=tmp_path)
    deployment.operate("python -m server migrate")
    return deployment


def events(count: int, name: str) -> list[event_pb2.Event]:
    """Messages of as many users, each in a conversation of its own."""
    return [
        serving.event(
            event_id=f"{name}-{number}-{secrets.token_hex(4)}",
            user_id=f"user-{name}-{number}",
            agent_id=f"agent-{number % 3}",
            conversation_id=f"conversation-{name}-{number}",
        )
        for number in range(count)
    ]


async def send(caller: Caller, batch: list[event_pb2.Event]) -> list[str]:
    """Sends events in two batches; returns what became of each."""
    half = len(batch) // 2
    return [
        status
        for part in (batch[:half], batch[half:])
        for status in serving.statuses((await caller.track_all(part)).results)
    ]


async def figures(caller: Caller) -> metrics_service_pb2.Overview:
    """The key figures, without what changes with time by itself."""
    return (await caller.overview(PERIOD)).overview


def updates(caller: Caller, token: str = "") -> grpc.aio.UnaryStreamCall:
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    request = realtime_service_pb2.WatchUpdatesRequest(resume_after=token)
    return stub.WatchUpdates(request, metadata=caller.metadata, timeout=60)  # type: ignore[no-any-return]


async def token(caller: Caller) -> str:
    """What a subscriber who has seen everything would resume with."""
    call = updates(caller)
    first = await call.read()
    assert first.bookmark
    call.cancel()
    return str(first.resume_token)


async def test_figures_are_those_of_the_instant_and_the_rest_can_be_sent_again(deployment: Deployment) -> None:
    caller = await deployment.caller()
    before, meanwhile, late, lost = (events(count, name) for count, name in ((6, "a"), (8, "b"), (10, "c"), (12, "d")))
    async with serving.running(deployment.settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        here = serving.through(caller, channel)
        await send(here, before)
        await deployment.fold(caller)
        base, _ = await asyncio.gather(asyncio.to_thread(deployment.back_up), send(here, meanwhile))
        await deployment.fold(caller)
        assert await send(here, late) == ["ACCEPTED"] * 10
        tokens = [await token(here)]
        told = await figures(here)
        instant = deployment.cluster.ask("SELECT clock_timestamp()")
        assert await send(here, lost) == ["ACCEPTED"] * 12
        await deployment.fold(caller)
        tokens.append(await token(here))
        assert await figures(here) != told
    deployment.cluster.shell(STOP)

    assert deployment.restore(base, instant).startswith("00000002")
    epoch, audited = deployment.operate(AFTERWARDS).splitlines()[1:3]
    assert audited.startswith("no mismatch")
    async with serving.running(deployment.settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        here = serving.through(caller, channel)
        assert await figures(here) == told
        assert await deployment.audited(caller) == (24, 0)
        for one in tokens:
            found = await subscribing.refusal(updates(here, one))
            assert found == (grpc.StatusCode.OUT_OF_RANGE, "RESTORED", {"epoch": epoch.split()[2]})
        assert await send(here, late) == ["DUPLICATE"] * 10
        assert await send(here, lost) == ["ACCEPTED"] * 12
        assert await send(here, lost) == ["DUPLICATE"] * 12
        await deployment.fold(caller)
        assert (await figures(here)).unique_users == told.unique_users + 12
    assert await deployment.audited(caller) == (36, 0)

    # What is archived since then is of the new timeline; older base backups are not needed for it.
    newest = deployment.back_up()
    deployment.cluster.shell(CLEAN_UP, OLDEST=newest)
    kept = {path.name for path in (deployment.cluster.backups / "wal").iterdir() if path.suffix != ".backup"}
    assert {name for name in kept if name.startswith("00000001")} == set()
    deployment.cluster.shell(STOP.replace(".before", ".again"))
    deployment.restore(newest, "")
    assert await deployment.audited(caller) == (36, 0)


async def test_a_lost_machine_takes_what_was_not_archived_and_restored_must_not_be_forgotten(
    deployment: Deployment,
) -> None:
    caller = await deployment.caller()
    archived, lost, others = events(6, "a"), events(8, "b"), events(14, "c")
    cluster = deployment.cluster
    base = deployment.back_up()
    async with serving.running(deployment.settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        here = serving.through(caller, channel)
        await send(here, archived)
        told = await figures(here)
        segment = cluster.ask("SELECT pg_walfile_name(pg_switch_wal())")
        await until((cluster.backups / "wal" / segment).exists)
        assert await send(here, lost) == ["ACCEPTED"] * 8
        known = await token(here)
    cluster.end()
    cluster.shell('rm -r "$PGDATA"')

    deployment.restore(base, "")
    async with serving.running(deployment.settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        here = serving.through(caller, channel)
        assert await figures(here) == told
        assert (await subscribing.refusal(updates(here, known)))[1] == "FUTURE_REVISION"
        for _ in range(2):
            await send(here, others)
        # The revision of the token is there again. It is somebody else's, which nobody can tell.
        gap = updates(here, known)
        assert (await gap.read()).revision > 0
        gap.cancel()
        deployment.operate("python -m server restored")
        assert (await subscribing.refusal(updates(here, known)))[1] == "RESTORED"
        assert await send(here, archived + lost) == ["DUPLICATE"] * 6 + ["ACCEPTED"] * 8
    assert await deployment.audited(caller) == (28, 0)
