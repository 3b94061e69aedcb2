"""One organization at ten times its share, beside others that keep to theirs."""

from tests.bench.world import World
from tests.load.plan import Call, Phase
from tests.load.running import Load, Verdict, codes, lateness, lost, peak, percentile, tenants

TENANTS = 5
BATCH = 100
USED = 0.5  # of the peak, by all at their share
SECONDS = 15.0


async def run(world: World, verdict: Verdict) -> None:
    """The others keep a p99 below twice the baseline and get no refusals."""
    async with world.server() as served:
        load = Load(address=served.address, tenants=await tenants(world, TENANTS), batch=BATCH)
        best = await peak(load, 10)
        share = USED * best / BATCH / TENANTS
        calls = await load.run(
            [
                Phase(seconds=5, rates=[share] * TENANTS),  # to warm up
                Phase(seconds=SECONDS, rates=[share] * TENANTS),
                Phase(seconds=SECONDS, rates=[share * 10, *([share] * (TENANTS - 1))]),
            ]
        )
    quiet = _of(calls, 5, 5 + SECONDS, noisy=False)
    loud = _of(calls, 5 + SECONDS + 1, 5 + 2 * SECONDS, noisy=False)
    noise = _of(calls, 5 + SECONDS, 5 + 2 * SECONDS, noisy=True)
    print(f"the noisy one at {USED * 10 / TENANTS:.0%} of the peak: {codes(noise)}")
    before, beside = percentile(quiet, 0.99), percentile(loud, 0.99)
    print(
        f"the others: p50 {percentile(quiet, 0.5) * 1000:.0f} ms alone, {percentile(loud, 0.5) * 1000:.0f} ms beside it"
    )
    print(f"generators, p99: {lateness(quiet) * 1000:.0f} ms late alone, {lateness(loud) * 1000:.0f} ms beside it")
    verdict.must(
        beside < 2 * before, f"p99 {before * 1000:.0f} ms alone, {beside * 1000:.0f} ms beside it (below twice)"
    )
    verdict.must(all(call.code == "OK" for call in loud), f"refusals of the others: {codes(loud)}")
    missing = await lost(world, load, calls)
    verdict.must(missing == 0, f"{missing} acknowledged events lost or doubled")


def _of(calls: list[Call], begin: float, end: float, *, noisy: bool) -> list[Call]:
    return [call for call in calls if begin <= call.due < end and (call.tenant % TENANTS == 0) is noisy]
