"""What every benchmark is given, and how one is run."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from server.local import embedded
from tests.harness.bench import sending
from tests.harness.bench.histories import Histories
from tests.harness.bench.made import live
from tests.harness.bench.processes import Aside
from tests.harness.bench.report import Figure
from tests.harness.bench.world import Served, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The engines, a process for the load, another one for questions, long histories, and how much of everything."""

    engines: embedded.Engines
    load: Aside
    asker: Aside
    histories: Histories
    quick: bool

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, engines: embedded.Engines, *, quick: bool) -> AsyncIterator["Bench"]:
        """All of it, until the block ends."""
        async with contextlib.AsyncExitStack() as stack:
            load, asker = stack.enter_context(Aside()), stack.enter_context(Aside())
            histories = await stack.enter_async_context(Histories.opened(engines, load, quick=quick))
            yield cls(engines=engines, load=load, asker=asker, histories=histories, quick=quick)

    def of(self, full: int, quick: int) -> int:
        """A number for full runs, and one for quick ones."""
        return quick if self.quick else full

    @property
    def rounds(self) -> range:
        """The rounds of a comparison."""
        return range(self.of(5, 1))

    @property
    def tenants(self) -> int:
        """How many organizations send."""
        return self.of(50, 5)

    async def senders(self, world: World, *servers: Served) -> list[str]:
        """Makes the organizations and returns a key of each, once the servers have heard of all of them."""
        keys = await world.keys(self.tenants)
        for number, served in enumerate(servers):
            await self.load.run(sending.make_batches, "warm up", live(20 * len(keys), -1 - number), keys, size=20)
            await self.load.run(sending.send_batches, served.address, "warm up")
        return keys

    @contextlib.asynccontextmanager
    async def world(self, name: str) -> AsyncIterator[World]:
        """A database of its own."""
        async with World.on(self.engines, name) as world:
            yield world


Run = Callable[[Bench], Awaitable[Sequence[Figure]]]
