"""A thousand subscriptions to the newest state, one in ten of which never reads, while events come in."""

from tests.harness.bench import watch
from tests.harness.bench.world import World
from tests.harness.load.running import Verdict, memory

SUBSCRIBERS = 1000
INTERVAL = 1.0
EVENTS = 10_000
GROWTH_MIB = 300


async def run(world: World, verdict: Verdict) -> None:
    """Those that read have a change within a second beyond min_interval; memory is bounded."""
    async with world.server(TALLYWIRE_MAX_SUBSCRIPTIONS_PER_ORGANIZATION=str(SUBSCRIBERS)) as served:
        followed = [watch.Tenant((await world.tenant(f"tenant {one}"))[1]) for one in range(watch.ORGANIZATIONS)]
        async with memory(served) as samples, watch.watching(served, followed, SUBSCRIBERS, INTERVAL):
            await watch.write(served, followed, EVENTS // watch.ORGANIZATIONS)
    late = watch.receipts(followed)
    p99 = late[int(len(late) * 0.99)]
    print(f"{SUBSCRIBERS:,} subscribers, {len(late):,} receipts, p50 {late[len(late) // 2]:.2f} s")
    verdict.must(p99 < INTERVAL + 1, f"p99 from acknowledgement to receipt {p99:.2f} s (below min_interval + 1 s)")
    readers = SUBSCRIBERS - SUBSCRIBERS // watch.NEVER_READ
    reading = sum(len(received) > 1 for tenant in followed for received in tenant.received)
    verdict.must(reading == readers, f"{reading} of {readers} that read got news")
    grown = max(samples) - samples[0]
    verdict.must(
        grown < GROWTH_MIB, f"memory: {samples[0]:.0f} MiB at first, {grown:.0f} more at most (< {GROWTH_MIB})"
    )
