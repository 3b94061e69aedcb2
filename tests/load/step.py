"""More and more load, up to ten times what the server bears, and back."""

from tests.bench.world import World
from tests.load.plan import Call, Phase
from tests.load.running import Load, Verdict, codes, good, lost, memory, peak, percentile, tenants

TENANTS = 10
BATCH = 500
NORMAL = 0.7  # 1×: the peak is what a server does at most, not what it can be run at
STEPS = ((1, 8.0), (2, 6.0), (5, 6.0), (10, 10.0), (1, 35.0))
MEMORY_MIB = 512


async def run(world: World, verdict: Verdict) -> None:
    """Goodput at 10× ≥ 80 % of the peak, back to normal within 30 s, nothing acknowledged is lost, memory bounded."""
    async with world.server(AGENTMETRICS_MAX_MEMORY_MIB=str(MEMORY_MIB)) as served:
        load = Load(address=served.address, tenants=await tenants(world, TENANTS), batch=BATCH)
        best = await peak(load, 10)
        phases = [
            Phase(seconds=seconds, rates=[(NORMAL if factor == 1 else factor) * best / BATCH / TENANTS] * TENANTS)
            for factor, seconds in STEPS
        ]
        async with memory(served) as samples:
            calls = await load.run(phases)
    begin, spans = 0.0, []
    for factor, seconds in STEPS:
        spans.append((begin, begin + seconds))
        due = [call for call in calls if begin <= call.due < begin + seconds]
        acknowledged = good(calls, begin, begin + seconds)
        rate = len(acknowledged) * BATCH / seconds
        p99 = percentile([call for call in due if call.code == "OK"], 0.99)
        late = max((call.late for call in due), default=0.0)
        print(
            f"{factor:>2}×: {rate:,.0f} events/s acknowledged, p99 {p99 * 1000:,.0f} ms ({codes(due)}),"
            f" generators at most {late:.1f} s late"
        )
        begin += seconds
    worst = len(good(calls, *spans[3])) * BATCH / (spans[3][1] - spans[3][0])
    verdict.must(worst >= 0.8 * best, f"goodput at 10×: {worst / best:.0%} of the peak (at least 80 %)")
    back = _back_to_normal(calls, spans)
    verdict.must(back <= 30, f"back to normal after {back:.0f} s (at most 30)")
    missing = await lost(world, load, calls)
    verdict.must(missing == 0, f"{missing} acknowledged events lost or doubled")
    limit = MEMORY_MIB * 1.2
    verdict.must(
        max(samples) < limit, f"memory: {samples[0]:.0f} MiB at first, {max(samples):.0f} at most (< {limit:.0f})"
    )


def _back_to_normal(calls: list[Call], spans: list[tuple[float, float]]) -> float:
    """Seconds after the worst step until three in a row are as the first step was: no refusals, no longer waits."""
    first, last = spans[0], spans[-1]
    before = percentile([call for call in calls if first[0] + 2 <= call.due < first[1]], 0.99)
    fine = 0
    for second in range(int(last[1] - last[0])):
        begin = last[0] + second
        due = [call for call in calls if begin <= call.due < begin + 1]
        normal = bool(due) and all(call.code == "OK" and call.latency < max(2 * before, 0.5) for call in due)
        fine = fine + 1 if normal else 0
        if fine == 3:
            return second - 2.0
    return float("inf")
