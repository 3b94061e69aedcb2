"""A restore to an earlier point: numbers of revisions come again, and nobody takes them for those that were."""

import asyncio
import contextlib
import pathlib
from collections.abc import AsyncIterator

import grpc
import pytest
from pydantic import SecretStr

import tallywire
from server.local import embedded
from server.rollups import audit
from server.settings import Settings
from server.store import schema
from server.store.database import Database
from server.tenancy.keyed_hashes import KeyedHashes
from tallywire.v1 import metrics_service_pb2, realtime_service_pb2, realtime_service_pb2_grpc
from tests.support import processes, serving, subscribing
from tests.support.serving import Accounts, Caller

PEPPER = "a pepper that only this test knows and is long enough"


class Site:
    """A database that has a backup, and servers on it."""

    def __init__(self, engines: embedded.Engines, folder: pathlib.Path, name: str) -> None:
        self._engines, self._folder, self.name = engines, folder, name
        self.url = engines.create_database(name, template="workers_template")
        self.settings = Settings(
            DATABASE_URL=self.url,  # type: ignore[call-arg]  # fields are set by their environment names
            REDIS_URL=engines.redis_url,
            key_pepper=SecretStr(PEPPER),
            listen="127.0.0.1:0",
            drain_seconds=1,
        )

    def back_up(self) -> None:
        """Keeps the database as it is; nobody may be connected."""
        self._engines.create_database(f"{self.name}_backup", template=self.name)

    def restore(self) -> None:
        """Puts the backup in its place, whoever is connected."""
        self._engines.drop_database(self.name)
        self._engines.create_database(self.name, template=f"{self.name}_backup")

    async def say_restored(self) -> str:
        """Does what the operator does then; returns the epoch."""
        environment = processes.environment(self._folder, DATABASE_URL=self.url)
        done = await asyncio.to_thread(processes.run, "restored", environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[2]

    @contextlib.asynccontextmanager
    async def caller(self) -> AsyncIterator[Caller]:
        """A new organization, for those who then call a server."""
        database = Database(self.url)
        async with grpc.aio.insecure_channel("127.0.0.1:1") as nowhere:
            accounts = Accounts(database=database, secrets=KeyedHashes(PEPPER), channel=nowhere)
            yield await accounts.caller()
        await database.close()


@pytest.fixture
async def site(own_engines: embedded.Engines, template: str, tmp_path: pathlib.Path) -> AsyncIterator[Site]:
    """The test's own database; its backup has one organization, which has stored two events."""
    site = Site(own_engines, tmp_path, f"restored_{tmp_path.name[-12:]}")
    yield site
    for name in (site.name, f"{site.name}_backup"):
        own_engines.drop_database(name)


async def send(caller: Caller, *users: str) -> int:
    """Stores an event of each user, one after the other; returns the last revision."""
    revision = 0
    for user in users:
        revision = (await caller.track(serving.event(user_id=user))).revision
    return revision


def updates(caller: Caller, token: str = "") -> grpc.aio.UnaryStreamCall:
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    request = realtime_service_pb2.WatchUpdatesRequest(resume_after=token)
    return stub.WatchUpdates(request, metadata=caller.metadata, timeout=60)  # type: ignore[no-any-return]


def watch(caller: Caller) -> grpc.aio.UnaryStreamCall:
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    request = realtime_service_pb2.WatchMetricsRequest()
    return stub.WatchMetrics(request, metadata=caller.metadata, timeout=60)  # type: ignore[no-any-return]


async def end(subscription: grpc.aio.UnaryStreamCall) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """How a subscription that has begun ends."""
    try:
        async with asyncio.timeout(60):
            while await subscription.read() is not grpc.aio.EOF:
                pass
    except grpc.aio.AioRpcError as error:
        return subscribing.reason(error)
    raise AssertionError("the subscription ended without a word")


async def state(caller: Caller) -> realtime_service_pb2.RealtimeState:
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    request = realtime_service_pb2.GetRealtimeMetricsRequest()
    return (await stub.GetRealtimeMetrics(request, metadata=caller.metadata, timeout=30)).state


async def overview(caller: Caller) -> metrics_service_pb2.GetOverviewResponse:
    return await caller.overview(serving.today())


async def test_a_token_of_an_earlier_epoch_is_refused_though_its_revision_has_come_again(site: Site) -> None:
    async with site.caller() as caller:
        pass
    site.back_up()
    async with serving.running(site.settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        before = serving.through(caller, channel)
        call = updates(before)
        assert (await call.read()).bookmark
        revision = await send(before, "ann", "bob")
        update = await call.read()
        while update.revision < revision:
            update = await call.read()
        call.cancel()
        epoch = (await overview(before)).context.epoch
    site.restore()
    begun = await site.say_restored()
    assert begun != epoch
    async with serving.running(site.settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        after = serving.through(caller, channel)
        assert await send(after, "cid", "dan", "eve") > update.revision
        assert await subscribing.refusal(updates(after, update.resume_token)) == (
            grpc.StatusCode.OUT_OF_RANGE,
            "RESTORED",
            {"epoch": begun},
        )
        assert (await overview(after)).context.epoch == begun
        assert (await updates(after).read()).bookmark
        async with tallywire.AsyncClient(server.address, api_key=caller.key.secret) as client:
            with pytest.raises(tallywire.Restored, match="subscribe without resume_after"):
                await anext(client.updates(resume_after=update.resume_token))


async def test_a_server_that_runs_meanwhile_ends_subscriptions_and_forgets(site: Site) -> None:
    async with site.caller() as caller:
        pass
    site.back_up()
    async with serving.running(site.settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        here = serving.through(caller, channel)
        subscriptions = [updates(here), watch(here)]
        for subscription in subscriptions:
            await subscription.read()
        await send(here, "ann", "bob", "cid")
        assert (await overview(here)).context.as_of_revision == 3
        assert (await state(here)).as_of_revision > 0
        site.restore()
        begun = await site.say_restored()
        for subscription in subscriptions:
            assert (await end(subscription))[:2] == (grpc.StatusCode.OUT_OF_RANGE, "RESTORED")
        async with asyncio.timeout(60):
            while server.epoch != begun:  # noqa: ASYNC110 - the server looks by itself
                await asyncio.sleep(0.05)
        # Other users have their numbers now.
        await send(here, "dan", "eve")
        await send(here, "ann", "bob", "cid")
        assert 0 < (await state(here)).as_of_revision <= 5
        assert (await overview(here)).overview.unique_users == 5
        assert (await updates(here).read()).bookmark
    database = Database(site.url)
    report = await audit.check(database, caller.organization_id)
    assert (report.mismatches, report.events) == (0, 5)
    assert (found := await schema.current(database)) is not None
    assert found.epoch == begun
    await database.close()


async def test_revisions_that_go_back_end_subscriptions_though_nobody_has_said_why(site: Site) -> None:
    async with site.caller() as caller:
        pass
    site.back_up()
    async with serving.running(site.settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        here = serving.through(caller, channel)
        subscriptions = [updates(here), watch(here)]
        for subscription in subscriptions:
            await subscription.read()
        await send(here, "ann", "bob", "cid")
        site.restore()
        for subscription in subscriptions:
            _, reason, _ = await end(subscription)
            assert reason == "RESTORED"
