"""A migration of the next release while this one serves and works: nobody notices, or everybody is told."""

import asyncio
import pathlib
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import pytest
from pydantic import SecretStr

from server import app, errors, kinds
from server.app import Running
from server.local import embedded
from server.projections.projector import Projector
from server.rollups import audit, fold, widen
from server.settings import Settings
from server.store.database import Database
from server.tasks import schedules
from server.tasks.kinds import Kinds
from server.tasks.runner import Runner
from server.tenancy.keyed_hashes import KeyedHashes
from tallywire.v1 import event_pb2, realtime_service_pb2, realtime_service_pb2_grpc
from tests.support import processes, serving, worlds
from tests.support.releases import CONTRACTION, EXPANSION, NextRelease
from tests.support.serving import Accounts, Caller
from workers import __main__ as program
from workers import reporting

PEPPER = "a pepper that only this test knows and is long enough"
ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def own_settings(own_engines: embedded.Engines, own_url: str, tmp_path: pathlib.Path) -> Settings:
    """The settings of a server and a worker on the test's own database."""
    return Settings(
        DATABASE_URL=own_url,  # type: ignore[call-arg]  # fields are set by their environment names
        REDIS_URL=own_engines.redis_url,
        key_pepper=SecretStr(PEPPER),
        listen="127.0.0.1:0",
        drain_seconds=1,
        reports_store=SecretStr((tmp_path / "reports").as_uri()),
    )


@pytest.fixture
async def all_kinds(own_settings: Settings, own_database: Database) -> AsyncIterator[Kinds]:
    """What a worker does, with the parts that it has for reports."""
    projector = Projector(own_database, on_revision=lambda _: None)
    making = reporting.making(own_settings, own_database, projector, lambda: None)
    yield kinds.known(projector=projector, reports=making)
    await projector.close()


@pytest.fixture
async def served(own_settings: Settings) -> AsyncIterator[Running]:
    """A server on the test's own database."""
    async with serving.running(own_settings) as server:
        yield server


@pytest.fixture
async def caller(served: Running, own_database: Database) -> AsyncIterator[Caller]:
    """An organization that calls it, over a connection that tries nothing again."""
    async with grpc.aio.insecure_channel(served.address) as channel:
        yield await Accounts(database=own_database, secrets=KeyedHashes(PEPPER), channel=channel).caller(
            scopes=[*serving.EVERYTHING, serving.Scope.EVENTS]
        )


class Life:
    """All that goes on in a deployment. What fails, fails the test."""

    def __init__(self, caller: Caller, database: Database, all_kinds: Kinds) -> None:
        self._caller = caller
        self._database = database
        self._kinds = all_kinds
        self._realtime = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
        self.sent = 0
        self._heard = -1  # until the first bookmark: from then on nothing is missed
        self._news = asyncio.Condition()

    async def ingest(self) -> None:
        """Sends an event, one again, a batch, a large batch, and a stream."""
        one = serving.event(agent_id="ada", user_id="u1", conversation_id="c1")
        assert serving.statuses([(await self._caller.track(one)).result]) == ["ACCEPTED"]
        assert serving.statuses([(await self._caller.track(one)).result]) == ["DUPLICATE"]
        closing = serving.event("conversation.ended", conversation_id="c1", channel="web")
        status = event_pb2.AgentDetail(status=event_pb2.AGENT_STATUS_AVAILABLE)
        available = serving.event("agent.status_changed", agent_id="ada", agent=status)
        large = [serving.event(agent_id=f"agent-{number % 9}") for number in range(300)]
        for batch in (
            [closing, available],
            [*large, serving.event("agent.status_changed", agent_id="b", agent=status)],
        ):
            results = (await self._caller.track_all(batch)).results
            assert set(serving.statuses(results)) == {"ACCEPTED"}, [r for r in results if r.rejection.reason]
        stream = self._caller.stream()
        await stream.write(serving.header())
        for sequence in (1, 2):
            await stream.write(serving.batch(sequence, [serving.event()]))
            ack = await serving.read_ack(stream)
            assert serving.statuses(ack.results) == ["ACCEPTED"]
        await stream.done_writing()
        self.sent += 306

    async def ask(self) -> None:
        """Asks every question."""
        today = serving.today()
        await self._caller.overview(today)
        await self._caller.agent("ada", today, trend_days=3)
        await self._caller.trends(today, "total_messages", "unique_users")
        await self._realtime.GetRealtimeMetrics(
            realtime_service_pb2.GetRealtimeMetricsRequest(), metadata=self._caller.metadata, timeout=20
        )

    async def work(self) -> None:
        """Does what workers do, the periods that are not due yet included."""
        await schedules.refresh(self._database, self._kinds)
        await worlds.execute(self._database, "DELETE FROM tasks")  # or else these periods have been run
        await worlds.execute(self._database, "UPDATE schedules SET next_run_at = next_run_at - interval '1 day'")
        assert await schedules.run_due(self._database, self._kinds) >= len(self._kinds.schedules)
        runner = Runner(self._database, self._kinds, "test")
        await runner.introduce()
        running = "SELECT count(*) FROM tasks WHERE state IN ('queued', 'running')"
        async with asyncio.timeout(120):
            while await worlds.value(self._database, running):
                await runner.look()
                await asyncio.sleep(0.05)
        await runner.stop()
        failed = "SELECT array_agg(kind || ': ' || error) FROM tasks WHERE error IS NOT NULL AND state <> 'cancelled'"
        assert await worlds.value(self._database, failed) is None
        await fold.fold_all(self._database, self._caller.organization_id)
        await widen.widen(self._database, self._caller.organization_id)

    async def hear(self) -> None:
        """Hears of every event, over one call."""
        request = realtime_service_pb2.WatchUpdatesRequest(include_events=True)
        async for update in self._realtime.WatchUpdates(request, metadata=self._caller.metadata):
            async with self._news:
                self._heard = max(self._heard, 0) + len(update.events)
                self._news.notify_all()

    async def has_heard(self, events: int) -> None:
        """Waits until so many have been heard of."""
        async with self._news:
            await self._news.wait_for(lambda: self._heard >= events)

    async def watch(self) -> None:
        """Sees states until the end."""
        request = realtime_service_pb2.WatchMetricsRequest()
        async for _ in self._realtime.WatchMetrics(request, metadata=self._caller.metadata):
            pass


async def again_and_again(work: Callable[[], Awaitable[None]], until: asyncio.Event) -> None:
    while not until.is_set():
        await work()
        await asyncio.sleep(0.01)


async def test_nobody_notices_an_expansion(
    served: Running,
    caller: Caller,
    own_database: Database,
    own_settings: Settings,
    all_kinds: Kinds,
    tmp_path: pathlib.Path,
) -> None:
    life, over = Life(caller, own_database, all_kinds), asyncio.Event()
    everything = (life.ingest, life.ask, life.work)
    release = NextRelease(tmp_path, "expand", EXPANSION)
    for work in everything:
        await work()  # every statement has been prepared by now
    before = life.sent
    subscribed = [asyncio.create_task(life.hear()), asyncio.create_task(life.watch())]
    busy: list[asyncio.Task[None]] = []
    try:
        await asyncio.wait_for(life.has_heard(0), 60)
        busy = [asyncio.create_task(again_and_again(work, over)) for work in everything]
        await release.migrate(own_settings.required("database_url"))
        over.set()
        await asyncio.gather(*busy)
        for work in everything * 2:
            await work()
        await asyncio.wait_for(life.has_heard(life.sent - before), 60)
        assert not any(task.done() for task in subscribed)
    finally:
        for task in (*subscribed, *busy):
            task.cancel()
        await asyncio.gather(*subscribed, *busy, return_exceptions=True)
    assert served.misfit is None
    assert len(await serving.stored(own_database, caller)) == life.sent
    report = await audit.check(own_database, caller.organization_id)
    assert (report.mismatches, report.events) == (0, life.sent)
    # Who starts now, and who looks.
    async with serving.running(own_settings) as late, grpc.aio.insecure_channel(late.address) as channel:
        await Life(serving.through(caller, channel), own_database, all_kinds).ingest()
    environment = processes.environment(tmp_path, DATABASE_URL=own_settings.required("database_url"))
    for command in (("status",), ("organizations", "list"), ("keys", "list", caller.name), ("migrate",)):
        done = await asyncio.to_thread(processes.invoke, *command, environment=environment)
        assert done.returncode == 0, done.stderr
        assert command[0] not in ("status", "migrate") or release.schema in done.stdout


async def test_a_server_and_a_worker_end_with_a_word_at_a_contraction(
    own_settings: Settings, tmp_path: pathlib.Path
) -> None:
    started = asyncio.Event()
    serving_here = asyncio.create_task(app.serve(own_settings, ready=lambda _: started.set()))
    working = asyncio.create_task(program.work(own_settings, 0))
    await asyncio.wait_for(started.wait(), 60)
    release = NextRelease(tmp_path, "contract", CONTRACTION)
    await release.migrate(own_settings.required("database_url"))
    reported = await asyncio.wait_for(asyncio.gather(serving_here, working, return_exceptions=True), 60)
    for error in reported:
        assert isinstance(error, errors.SetupError)
        assert f"for code of the schema {release.schema} or later" in str(error)
