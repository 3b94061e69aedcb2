"""How long a link that has gone silent stays unnoticed: its connections stay open, and nothing comes over them again.

New connections work at once, so the time is that of the limits of the service and of its client alone.
"""

import asyncio
import contextlib
from collections.abc import Iterator

from tallywire import TallywireError
from tests.harness.faults.checker import Violation
from tests.harness.faults.clients import Server
from tests.harness.faults.history import Fault, now
from tests.harness.faults.network import Network
from tests.harness.faults.proxy import Harm, Link
from tests.harness.faults.scenario import Scenario
from tests.harness.faults.workload import message
from tests.harness.faults.world import World

# The most seconds until the service is used over another connection, by the link's end.
# What was asked before that time may wait for as long as the server gives a question.
LIMITS = {"clients to server-0": 20.0, "server-0 to postgres": 15.0, "server-0 to redis": 15.0}
_PATIENCE = 60.0


class Silence:
    """Silences one link after the other, and measures."""

    def __init__(self, seed: int) -> None:
        self._network = Network(seed)
        self.seconds: dict[str, float] = {}

    @property
    def scenario(self) -> Scenario:
        """The kind of run. Its seconds do not count: it ends by itself."""
        network = self._network.scenario
        return Scenario(
            harm=self._harm,
            option="--silence",
            urls=network.urls,
            targets=network.targets,
            quiet=True,
            judge=self._judge,
        )

    async def _harm(self, world: World, _: float) -> None:
        for name in LIMITS:
            for _ in range(5):  # so that every pool has connections
                await self._use(world)
            link = self._network.links[name]
            world.history.add(Fault(at=now(), what="silence", victim=name.replace("-", " ")))
            link.harm(Harm.BLACK_HOLE)
            link.heal()
            began = now()
            await asyncio.wait_for(self._used_again(world, link), timeout=_PATIENCE)
            self.seconds[name] = now() - began
            print(f"{name}: {self.seconds[name]:.1f} s", flush=True)

    async def _used_again(self, world: World, link: Link) -> None:
        """Returns once calls succeed, over a connection of the link that is alive."""
        await self._use(world)
        while not link.is_alive:
            await asyncio.sleep(0.1)
            await self._use(world)

    async def _use(self, world: World) -> None:
        """Sends events and asks at once, from the first server of every organization."""
        async with asyncio.TaskGroup() as group:
            for client in world.clients("user"):
                server, facts = client.tenant.servers[0], client.tenant.take(3, client.dice)
                group.create_task(client.track(server, facts, _PATIENCE))
                group.create_task(server.client.track(message(facts[0]), timeout=_PATIENCE))
                group.create_task(_ask(world, server))

    def _judge(self, world: World) -> Iterator[Violation]:
        for name, limit in LIMITS.items():
            if self.seconds.get(name, _PATIENCE) > limit:
                yield Violation(check="silence", text=f"{name}: {self.seconds.get(name)} s, at most {limit} s")
        for failure in world.history.failures:
            yield Violation(check="failed call", text=f"{failure.client}: {failure.code} {failure.message}")


async def _ask(world: World, server: Server) -> None:
    """Asks until there is an answer."""
    while True:
        with contextlib.suppress(TallywireError):
            await server.client.overview(*world.period, timeout=5)
            return
