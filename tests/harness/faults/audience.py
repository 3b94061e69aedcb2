"""Everybody who subscribes in a run."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from tests.harness.faults import subscribers
from tests.harness.faults.clients import Tenant
from tests.harness.faults.stream_checks import Subscription
from tests.harness.faults.subscribers import Interest, Reader, Watcher
from tests.harness.faults.world import World

_SLOW = 0.05  # seconds a slow reader takes for a message, at most
_READERS = {
    "reader of all events": (Interest(include_events=True), 0.0),
    "slow reader of all": (Interest(), _SLOW),
    "reader of an agent's events": (Interest(dimension="agent", values=("ada",), include_events=True), 0.0),
    "slow reader of a channel": (Interest(dimension="channel", values=("web",)), _SLOW),
    "reader of a team": (Interest(dimension="team", values=("north",)), 0.0),
}
_WATCHERS = {
    "watcher of all": (Interest(), 0.0),
    "slow watcher of a channel": (Interest(dimension="channel", values=("web",)), 0.5),
    "watcher of two teams": (Interest(dimension="team", values=("north", "south")), 0.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Everybody who subscribes. Once all is calm they stay where they are."""

    readers: Sequence[Reader]
    watchers: Sequence[Watcher]
    calm: asyncio.Event
    tasks: Sequence["asyncio.Task[None]"]

    @property
    def subscriptions(self) -> list[Subscription]:
        """What the readers asked for."""
        return [
            Subscription(organization=one.organization, subscriber=one.name, interest=one.interest)
            for one in self.readers
        ]

    async def leave(self) -> None:
        """Ends all subscriptions; raises what went wrong in them."""
        for task in self.tasks:
            task.cancel()
        for result in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result


@contextlib.asynccontextmanager
async def subscribed(world: World, tenants: Sequence[Tenant]) -> AsyncIterator[Audience]:
    """Everybody who subscribes to some organizations, from the first revision on."""
    calm = asyncio.Event()
    readers, watchers, stallers = [], [], []
    for tenant in tenants:
        readers += [
            Reader(world.client(name, tenant), interest, pause=pause) for name, (interest, pause) in _READERS.items()
        ]
        watchers += [
            Watcher(world.client(name, tenant), interest, pause=pause) for name, (interest, pause) in _WATCHERS.items()
        ]
        stallers.append(world.client("never reads", tenant))
    work = [one.follow(calm) for one in (*readers, *watchers)]
    work += [subscribers.stall(one, calm) for one in stallers]
    audience = Audience(readers=readers, watchers=watchers, calm=calm, tasks=[asyncio.create_task(one) for one in work])
    try:
        await asyncio.gather(*(reader.has(0) for reader in readers))
        yield audience
    finally:
        await audience.leave()
