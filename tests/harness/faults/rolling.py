"""Rolling restarts: servers, and PostgreSQL, are restarted in order under load, and no call of a client may fail.

The clients are those that a customer has: the Python client as it is, and plain gRPC with the published service config.
Each knows the addresses of both servers. Where servers are restarted, they let calls wait for longer than by default.
"""

import asyncio
import contextlib
import dataclasses
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from tallywire import TallywireError
from tallywire.v1 import event_pb2
from tests.harness.faults import clients, supervisor, tables
from tests.harness.faults.checker import Violation
from tests.harness.faults.clients import Client, Server
from tests.harness.faults.history import Fault, now
from tests.harness.faults.plain import PlainClient
from tests.harness.faults.scenario import Scenario
from tests.harness.faults.supervisor import NO_SETTINGS
from tests.harness.faults.workload import Fact, message
from tests.harness.faults.world import World

_CALM, _POSTGRES_CALM = 0.3, 2.0  # seconds between two restarts; plain gRPC makes three attempts within about two
_ROUNDS = 2
_CROWD = 10  # calls at once over one connection
# Seconds between two calls, and after each as long as it took, or three times as long where no restart delayed it: on
# a slow machine, or one that others use, too, as many senders would be an overload, in which calls may fail.
_PAUSE = (0.05, 0.25)
_REST, _UNDISTURBED_REST = 1, 3
_SETTLING = 1.0  # seconds in which the senders begin: servers that have just been started know nobody yet
_UNANSWERED = 3  # batches of a stream
_PATIENCE = 30.0  # seconds for a call: what the clients have by default
# A server may be slow, as slow as a call's patience allows, where others use the machine, too; it then answers late in
# place of turning away what comes, which these clients would count as a failure.
_PATIENT = {"TALLYWIRE_MAX_QUEUE_SECONDS": "8"}
_LARGEST_BATCH = 100
_HEAD_SECONDS = 20.0  # after the last restart, for subscribers to hear of everything


@contextlib.asynccontextmanager
async def _both(addresses: Sequence[str]) -> AsyncIterator[Sequence[str]]:
    """Both addresses in one target, in either order: a client goes on with the second where the first is away."""
    yield [f"ipv4:{','.join(order)}" for order in (addresses, addresses[::-1])]


class _UnderWay:
    """The calls that are under way."""

    def __init__(self) -> None:
        self._calls: set[asyncio.Future[None]] = set()
        self._restarts = 0
        self._restarting = False

    @contextlib.contextmanager
    def restarting(self) -> Iterator[None]:
        """Whatever is under way in the block may take longer, since something is restarted."""
        self._restarts += 1
        self._restarting = True
        try:
            yield
        finally:
            self._restarting = False

    @contextlib.contextmanager
    def call(self) -> Iterator[Callable[[], float]]:
        """One of them is the block. Gives what tells afterwards for how many seconds its sender is to rest."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._calls.add(ended)
        rest, began = 0.0, now()
        restarts = None if self._restarting else self._restarts
        try:
            yield lambda: rest
        finally:
            rest = (now() - began) * (_UNDISTURBED_REST if self._restarts == restarts else _REST)
            self._calls.remove(ended)
            ended.set_result(None)

    async def answered(self) -> None:
        """Returns when all that are under way now have ended."""
        if self._calls:
            await asyncio.wait(set(self._calls))


async def _restart_servers(world: World, under_way: _UnderWay, seconds: float) -> None:
    """Restarts one server after the other, each once the one before serves again and has answered what waited for it;
    two rounds at least.
    """
    await asyncio.sleep(_SETTLING)
    await under_way.answered()
    ends = now() + seconds
    for number in itertools.count():
        if number >= _ROUNDS and now() > ends:
            break
        for program, address in zip(world.cluster.servers, world.cluster.addresses, strict=True):
            await asyncio.sleep(_CALM)
            world.history.add(Fault(at=now(), what="restart", victim=program.name))
            with under_way.restarting():
                await program.restart()
                await supervisor.serving(address)
            await under_way.answered()


async def _restart_postgres(world: World, under_way: _UnderWay, seconds: float) -> None:
    """Restarts PostgreSQL again and again: its fast shutdown, which ends every transaction, and a start."""
    ends = now() + seconds
    while now() < ends:
        await asyncio.sleep(_POSTGRES_CALM)
        world.history.add(Fault(at=now(), what="restart", victim="postgres"))
        with under_way.restarting():
            await asyncio.to_thread(world.cluster.engines.restart_postgres)
            await world.cluster.serving()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """Runs of one kind of restart, and what its subscribers have seen."""

    servers: bool  # restarted, else PostgreSQL
    torn: list[Violation] = dataclasses.field(default_factory=list)

    @property
    def scenario(self) -> Scenario:
        """The kind of run."""
        return Scenario(
            harm=self._harm,
            option="--rolling servers" if self.servers else "--rolling postgres",
            targets=_both,
            settings=_PATIENT if self.servers else NO_SETTINGS,
            judge=self._judge,
        )

    async def _harm(self, world: World, seconds: float) -> None:
        stop, under_way = asyncio.Event(), _UnderWay()
        async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            for client in await _plain_clients(stack, world):
                for _ in range(_CROWD):
                    group.create_task(_send(client, 1, under_way, stop))
                group.create_task(_send(client, _LARGEST_BATCH, under_way, stop))
                group.create_task(clients.read(client, *world.period, stop, timeout=_PATIENCE))
            for client in world.clients("single"):
                for _ in range(_CROWD):
                    group.create_task(_send(client, 1, under_way, stop))
            for client in world.clients("batch"):
                group.create_task(_send(client, _LARGEST_BATCH, under_way, stop))
            for client in world.clients("stream"):
                group.create_task(_stream(client, stop))
            for client in world.clients("reader"):
                group.create_task(clients.read(client, *world.period, stop, timeout=_PATIENCE))
            for client in world.clients("subscriber"):
                group.create_task(self._follow(client, world, stop))
            try:
                if self.servers:
                    await _restart_servers(world, under_way, seconds)
                else:
                    await _restart_postgres(world, under_way, seconds)
            finally:
                stop.set()

    async def _follow(self, client: Client, world: World, stop: asyncio.Event) -> None:
        """Reads updates over one subscription, which outlasts every server; then all there are must have come."""
        seen: list[int] = []
        reading = asyncio.create_task(_read_updates(client, seen))
        await stop.wait()
        head = await tables.revision(world.database, client.tenant.organization)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HEAD_SECONDS):
                while not seen or seen[-1] < head:
                    await asyncio.wait((reading,), timeout=0.05)
        reading.cancel()
        (error,) = await asyncio.gather(reading, return_exceptions=True)
        if isinstance(error, TallywireError):
            client.failed(client.tenant.servers[0], error)
        if not seen or seen[-1] < head or seen != list(range(seen[0], seen[-1] + 1)):
            text = f"{client.name} heard {len(seen) - 1} updates up to {seen[-1:]}, and {head} was the newest"
            self.torn.append(Violation(check="subscriber", text=text))

    def _judge(self, world: World) -> Iterator[Violation]:
        """No call failed, whatever its kind, and every subscriber heard everything."""
        yield from self.torn
        failures = world.history.failures
        for (client, code), times in Counter((one.client.split()[0], one.code) for one in failures).items():
            first = next(one for one in failures if one.code == code and one.client.startswith(client))
            yield Violation(check="failed call", text=f"{client}: {code}, {times} times, the first: {first.message}")


async def _read_updates(client: Client, seen: list[int]) -> None:
    """Enters the revision at which the subscription begins, and that of every update."""
    async with client.tenant.servers[0].client.updates(bookmarks=True) as updates:
        async for update in updates:
            if not update.bookmark or not seen:
                seen.append(update.revision)


async def _plain_clients(stack: contextlib.AsyncExitStack, world: World) -> list[Client]:
    """A client of plain gRPC for each organization, beside those of the Python client."""
    made = []
    for client in world.clients("plain"):
        servers = [
            Server(
                address=one.address,
                client=await stack.enter_async_context(PlainClient(one.address, api_key=client.tenant.key)),
            )
            for one in client.tenant.servers
        ]
        client.tenant = dataclasses.replace(client.tenant, servers=servers)  # with the same facts
        made.append(client)
    return made


async def _send(client: Client, largest: int, under_way: _UnderWay, stop: asyncio.Event) -> None:
    """Sends calls of up to that many events until told to stop, each with a timeout that is long enough."""
    await asyncio.sleep(client.dice.uniform(0, _SETTLING))
    while not stop.is_set():
        facts = client.tenant.take(int(largest ** client.dice.random()), client.dice)
        with under_way.call() as rest:
            await client.track(client.server(), facts, _PATIENCE)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), client.dice.uniform(*_PAUSE) + rest())


async def _stream(client: Client, stop: asyncio.Event) -> None:
    """Sends batches over one stream until told to stop."""
    waiting: list[tuple[list[Fact], float]] = []
    room = asyncio.Semaphore(_UNANSWERED)
    server = client.server()

    async def batches() -> AsyncIterator[list[event_pb2.Event]]:
        while not stop.is_set():
            await room.acquire()
            facts = client.tenant.take(int(_LARGEST_BATCH ** client.dice.random()), client.dice)
            waiting.append((facts, now()))
            yield [message(fact) for fact in facts]
            await asyncio.sleep(client.dice.uniform(*_PAUSE))

    try:
        async for ack in server.client.stream(batches()):
            facts, began = waiting.pop(0)
            room.release()
            client.sent(server, facts, began, clients.results_of(ack.results), revision=ack.revision)
    except TallywireError as failure:
        for facts, began in waiting:
            client.sent(server, facts, began, (), error=client.failed(server, failure))
