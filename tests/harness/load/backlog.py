"""Workers that were away under load, and come back: what is read meanwhile is exact and fast."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from server.store.isolation import EVERY
from tallywire import AsyncClient
from tests.harness.bench.world import World
from tests.harness.load.plan import Call, Phase
from tests.harness.load.running import Load, Verdict, codes, lost, percentile, tenants

BATCH = 200
RATE = 10.0  # batches per second
SECONDS = 20.0
READ_EVERY = 0.25
FOLDED_WITHIN = 60.0
FAST = 1.0  # seconds, for the p99 of reads beside the load


@dataclass(slots=True)
class _Reads:
    """What was read of the organization: when it was asked, how long it took, how many events there were."""

    made: list[tuple[float, float, int]] = field(default_factory=list)


async def run(world: World, verdict: Verdict) -> None:
    """Reads lie between what was acknowledged before and what was sent by their end, and stay fast."""
    async with world.server() as served:
        load = Load(address=served.address, tenants=await tenants(world, 1), batch=BATCH, generators=1)
        ((organization, key),) = load.tenants
        reads = _Reads()
        async with AsyncClient(served.address, api_key=key) as client:
            reading = asyncio.create_task(_read(client, reads))
            calls = await load.run([Phase(seconds=SECONDS, rates=[RATE])])
            piled = await _deltas(world, organization)
            async with world.worker():
                seconds = await _until_folded(world, organization)
            await asyncio.sleep(2 * READ_EVERY)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        print(f"{len(calls)} batches ({codes(calls)}), {piled:,} deltas without a worker, {len(reads.made)} reads")
        verdict.must(
            seconds < FOLDED_WITHIN, f"folded {seconds:.0f} s after the worker came (within {FOLDED_WITHIN:.0f})"
        )
        wrong = _wrong(calls, reads, load.started_at)
        verdict.must(not wrong, f"{wrong} of {len(reads.made)} reads told too few or too many")
        total = sum(BATCH for call in calls if call.code == "OK")
        verdict.must(reads.made[-1][2] == total, f"{reads.made[-1][2]:,} events in the end, {total:,} acknowledged")
        p99 = sorted(took for _, took, _ in reads.made)[int(len(reads.made) * 0.99)]
        verdict.must(p99 < FAST, f"p99 of reads {p99 * 1000:.0f} ms (below {FAST * 1000:.0f})")
        verdict.must(await lost(world, load, calls) == 0, f"nothing lost; p99 of calls {percentile(calls, 0.99):.2f} s")


async def _read(client: AsyncClient, reads: _Reads) -> None:
    while True:
        asked, now = time.time(), datetime.now(UTC)
        answer = await client.overview(now - timedelta(days=2), now + timedelta(hours=1))
        reads.made.append((asked, time.time() - asked, answer.overview.events))
        await asyncio.sleep(READ_EVERY)


def _wrong(calls: list[Call], reads: _Reads, started_at: float) -> int:
    """How many reads told fewer than were acknowledged before, or more than were sent by their end."""
    wrong = 0
    for asked, took, events in reads.made:
        before, after = asked - started_at, asked + took - started_at
        acknowledged = sum(BATCH for call in calls if call.code == "OK" and call.ended <= before)
        sent = sum(BATCH for call in calls if call.due <= after)
        wrong += not acknowledged <= events <= sent
    return wrong


async def _deltas(world: World, organization: int) -> int:
    async with world.database.transaction(of=EVERY) as driver:
        return int(await driver.fetchval("SELECT count(*) FROM deltas WHERE organization_id = $1", organization))


async def _until_folded(world: World, organization: int) -> float:
    begun = time.monotonic()
    for _ in range(int(FOLDED_WITHIN / READ_EVERY)):
        if not await _deltas(world, organization):
            break
        await asyncio.sleep(READ_EVERY)
    return time.monotonic() - begun
