"""Kills of everything, by others and by itself at failpoints, while clients send, ask and subscribe."""

import asyncio
from collections.abc import Mapping

from server.failpoints import Name
from tests.harness.faults import load
from tests.harness.faults.nemesis import Nemesis
from tests.harness.faults.scenario import Scenario
from tests.harness.faults.world import World

# One of the servers and of the workers ends itself now and then; the other lives for longer.
_SERVER_FAILPOINTS: Mapping[Name, float] = {
    "ingest_before_commit": 0.01,
    "ingest_after_commit": 0.01,
    "notification_before_publish": 0.01,
    "wakeup_before_send": 0.15,
    "projection_before_commit": 0.01,
    "projection_after_commit": 0.01,
}
_WORKER_FAILPOINTS: Mapping[Name, float] = {
    "fold_before_commit": 0.1,
    "task_after_work": 0.2,
    "projection_before_commit": 0.02,
    "projection_after_commit": 0.02,
}
_WANTED_READS = 20  # on a machine that is slow, or that others use, servers are down for most of the time


def _failpoints(seed: int) -> Mapping[str, Mapping[Name, float]]:
    return {f"server-{seed % 2}": _SERVER_FAILPOINTS, "worker-0": _WORKER_FAILPOINTS}


async def _harm(world: World, seconds: float) -> None:
    await load.under_load(world, _kill(world, seconds))


async def _kill(world: World, seconds: float) -> None:
    history = world.history

    def enough() -> bool:
        return len(history.reads) >= _WANTED_READS and not list(load.idle(history, watched=True))

    await Nemesis(str(world.seed), world.cluster, history).run(seconds, enough)
    await asyncio.gather(*(program.disarm() for program in world.cluster.programs))


KILLS = Scenario(harm=_harm, failpoints=_failpoints, watched=True)
