"""Faults of the network: every link of the service goes through a proxy, and a nemesis harms some of them at a time."""

import asyncio
import contextlib
import random
import urllib.parse
from collections.abc import AsyncIterator, Sequence

from server.local import embedded
from tests.harness.faults import load
from tests.harness.faults.history import Fault, now
from tests.harness.faults.proxy import Harm, Link
from tests.harness.faults.scenario import Scenario
from tests.harness.faults.supervisor import Urls
from tests.harness.faults.world import World

_PARTS = ("server-0", "server-1", "worker-0", "worker-1")  # those that may run
_MOST = 4  # links harmed at a time
_PAUSE = (0.05, 0.3)  # seconds between two steps
_HELD = (0.1, 1.0)  # seconds for which they stay so


class Network:
    """The links of a run: clients to each server, and each part to PostgreSQL and to Redis."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(f"{seed}/network")
        self.links: dict[str, Link] = {}

    @property
    def scenario(self) -> Scenario:
        """The kind of run."""
        return Scenario(harm=self._harm, option="--network", urls=self._urls, targets=self._targets)

    @contextlib.asynccontextmanager
    async def _urls(self, engines: embedded.Engines) -> AsyncIterator[Urls]:
        """The URLs of PostgreSQL and Redis for each part, by its name."""
        async with contextlib.AsyncExitStack() as stack:
            found = {
                part: (
                    await self._through(stack, f"{part} to postgres", engines.database_url),
                    await self._through(stack, f"{part} to redis", engines.redis_url),
                )
                for part in _PARTS
            }
            yield found.__getitem__

    @contextlib.asynccontextmanager
    async def _targets(self, addresses: Sequence[str]) -> AsyncIterator[Sequence[str]]:
        async with contextlib.AsyncExitStack() as stack:
            yield [
                urllib.parse.urlsplit(await self._through(stack, f"clients to server-{number}", f"//{one}")).netloc
                for number, one in enumerate(addresses)
            ]

    async def _through(self, stack: contextlib.AsyncExitStack, name: str, url: str) -> str:
        """The URL with a link of that name in the place of its host and port."""
        parts = urllib.parse.urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        dice = random.Random(self._dice.random())
        link = self.links[name] = await stack.enter_async_context(Link.opened(name, parts.hostname, parts.port, dice))
        return url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{link.port}")

    async def _harm(self, world: World, seconds: float) -> None:
        await load.under_load(world, self._harm_links(world, seconds))

    async def _harm_links(self, world: World, seconds: float) -> None:
        """Harms some links one by one, and heals them in another order."""
        ends = now() + seconds
        try:
            while now() < ends:
                chosen = self._dice.sample(self._used(world), self._dice.randint(1, _MOST))
                for link in chosen:
                    harm = self._dice.choice(list(Harm))
                    world.history.add(Fault(at=now(), what=harm.value, victim=link.name.replace("-", " ")))
                    link.harm(harm)
                    await asyncio.sleep(self._dice.uniform(*_PAUSE))
                await asyncio.sleep(self._dice.uniform(*_HELD))
                for link in self._dice.sample(chosen, len(chosen)):
                    link.heal()
                    await asyncio.sleep(self._dice.uniform(*_PAUSE))
        finally:
            for link in self.links.values():
                link.heal()

    def _used(self, world: World) -> list[Link]:
        """The links of the parts that run."""
        names = [program.name for program in world.cluster.programs]
        return [link for link in self.links.values() if link.name.startswith(("clients", *names))]
