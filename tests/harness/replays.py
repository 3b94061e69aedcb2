"""python -m tests.harness.replays: replays real conversations beside workers that are absent, at work, or killed again
and again, and holds every figure against answers that were computed without the service, in four time zones; then
rebuilds conversations while questions are asked, holds the figures against the answers again, and audits.
"""

import argparse
import asyncio
import contextlib
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Before gRPC is imported: its handlers of fork can end a child of ours before it has become PostgreSQL.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

from server.catalog.families.conversations import PROJECTION
from server.local import chitchat, embedded
from server.rollups import audit
from tallywire import AsyncClient
from tallywire.v1 import event_pb2
from tests.harness.bench.world import World
from tests.query import conversation_reference, expectations, reference, tau2
from tests.query.expectations import Expected
from tests.support.replaying import replay, until_followed
from tests.support.waiting import until

WORKERS = ("off", "on", "killed")
_CHITCHAT = Path(__file__).parents[1] / "data" / "chitchat_expected.json"
_KILL_AFTER = (0.1, 2.0)  # seconds from when a worker is at work
_LONGER = 1.15  # as long lives each, so that the work gets done on the slowest machine
_REBUILDS_KILLED = 2
_REBUILD_KILL_AFTER = (1.0, 4.0)  # seconds from when the command is told to start
_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Real events, and what they must come to."""

    name: str
    events: Sequence[event_pb2.Event]
    expected: Expected

    async def check(self, client: AsyncClient) -> None:
        """Fails on the first figure that differs."""
        await expectations.check(client, self.expected)
        bounds = conversation_reference.whole_days(self.events)
        for zone in self.expected.figures["days"]:
            await conversation_reference.check(client, self.events, *bounds, zone, _DAYS)
        if self.name == "tau2":
            await expectations.check_tables(client, self.expected, self.events)


def recordings(part: int) -> Iterator[Recording]:
    """Every n-th conversation of chitchat, and all runs of tau2 where they are."""
    conversations = [*chitchat.conversations()][::part]
    events = [event for one in conversations for event in chitchat.events_of(one)]
    expected = Expected.read(_CHITCHAT) if part == 1 else Expected(figures=reference.figures(events))
    yield Recording(name="chitchat", events=events, expected=expected)
    if tau2.DATA.exists():
        expected = Expected.read(tau2.DATA / "expected.json")
        yield Recording(name="tau2", events=list(tau2.events()), expected=expected)
    else:
        print("tau2 is left out: its runs are not part of this repository and do not lie beside it")


async def run(engines: embedded.Engines, workers: str, recordings: Iterable[Recording], rng: random.Random) -> None:
    """Replays each recording into an organization of its own; fails on the first figure that differs."""
    async with World.on(engines, f"replays_{workers}") as world, world.server() as served:
        for recording in recordings:
            organization, key = await world.tenant(recording.name)
            async with AsyncClient(served.address, api_key=key) as client, _working(world, workers, rng) as killed:
                began = time.monotonic()
                assert await replay(client, recording.events) == {"EVENT_STATUS_ACCEPTED": len(recording.events)}
                await until_followed(client, recording.expected.start, recording.expected.end)
                await recording.check(client)
                if workers == "killed":
                    await until(lambda: killed)
                if workers != "off":
                    await world.until_projected()
                    await world.until_folded()
                    await recording.check(client)
                checks = await _rebuild(world, client, recording, rng, kills=_REBUILDS_KILLED * (workers == "killed"))
                await recording.check(client)
                report = await audit.check(world.database, organization)
                assert (report.mismatches, report.cells > 0) == (0, True), report
            print(
                f"{recording.name}, workers {workers}: {len(recording.events):,} events exact, before a rebuild,"
                f" {checks} times during it and after it; {report.cells:,} cells audited, 0 differ;"
                f" {len(killed)} workers killed; {time.monotonic() - began:.0f} s",
                flush=True,
            )


@contextlib.asynccontextmanager
async def _working(world: World, workers: str, rng: random.Random) -> AsyncIterator[list[int]]:
    """Lets workers do what was asked for; the list gets the pid of each that was killed."""
    killed: list[int] = []

    async def kill_again_and_again(log: Path) -> None:
        while True:
            async with world.program("workers", log=log) as worker:
                await until(lambda: b"working" in log.read_bytes())
                await asyncio.sleep(rng.uniform(*_KILL_AFTER) * _LONGER ** len(killed))
                worker.kill()
                await worker.wait()
                killed.append(worker.pid)

    async with contextlib.AsyncExitStack() as stack:
        if workers == "on":
            await stack.enter_async_context(world.worker())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tallywire-worker-")))
        killing = asyncio.create_task(kill_again_and_again(folder / "log")) if workers == "killed" else None
        try:
            yield killed
        finally:
            if killing is not None:
                killing.cancel()
                await asyncio.wait((killing,))
        assert bool(killed) == (workers == "killed")
        assert killing is None or killing.cancelled(), killing


async def _rebuild(world: World, client: AsyncClient, recording: Recording, rng: random.Random, *, kills: int) -> int:
    """Rebuilds conversations by the command, which is killed and begun again, and returns how often all figures were
    asked for and right meanwhile.
    """
    command = ("server", "projections", "rebuild", PROJECTION, "--organization", recording.name)
    checks = 0
    for _ in range(kills):
        async with world.program(*command) as process:
            await asyncio.sleep(rng.uniform(*_REBUILD_KILL_AFTER))
            if process.returncode is None:
                process.kill()
    async with world.program(*command) as process:
        while process.returncode is None:
            await recording.check(client)
            checks += 1
        assert process.returncode == 0
    return checks


async def _main(workers: Sequence[str], part: int, seed: int) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="tallywire-replays-") as folder, embedded.start(Path(folder)) as engines:
        for one in workers:
            await run(engines, one, recordings(part), rng)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.harness.replays", description=__doc__)
    parser.add_argument("workers", nargs="*", choices=(*WORKERS, []), help="what workers do; each of it by default")
    parser.add_argument("--part", type=int, default=1, help="replay every n-th conversation of chitchat only (1)")
    parser.add_argument("--seed", type=int, default=1, help="when to kill (1)")
    arguments = parser.parse_args()
    asyncio.run(_main(arguments.workers or WORKERS, arguments.part, arguments.seed))
