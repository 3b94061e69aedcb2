"""More and more load, up to ten times what the server bears, and back: from clients that wait when they are told to, as
the published ones do, and from clients that do not.
"""

from collections.abc import Sequence

from tests.harness.bench.world import World
from tests.harness.load.plan import Call, Phase
from tests.harness.load.running import Load, Verdict, codes, good, lost, memory, peak, percentile, tenants

TENANTS = 10
BATCH = 500
NORMAL = 0.7  # 1×: the peak is what a server does at most, not what it can be run at
RISING = ((1, 8.0), (2, 6.0), (5, 6.0))  # factors and seconds
FALLING = ((10, 10.0), (1, 35.0))
PEAK_SECONDS = 8.0
MEMORY_MIB = 512
_SECOND_RUN = 100 * TENANTS  # the number of its first tenant


async def run(world: World, verdict: Verdict) -> None:
    """Goodput at 10× ≥ 80 % of the peak, back to normal within 30 s, nothing acknowledged is lost, memory bounded."""
    await _steps(world, verdict, obedient=True)


async def flood(world: World, verdict: Verdict) -> None:
    """The same from clients that send on whatever they are told: each refusal costs almost as much as a small call."""
    await _steps(world, verdict, obedient=False)


async def _steps(world: World, verdict: Verdict, *, obedient: bool) -> None:
    """The peak is measured just before ten times as much and afterwards: a shared machine does not stay the same."""
    async with world.server(TALLYWIRE_MAX_MEMORY_MIB=str(MEMORY_MIB)) as served:
        load = Load(address=served.address, tenants=await tenants(world, TENANTS), batch=BATCH)
        async with memory(served) as samples:
            first = await peak(load, PEAK_SECONDS)
            rising = await load.run(_phases(RISING, first), obedient=obedient)
            _report(RISING, rising)
            before = await peak(load, PEAK_SECONDS, turn=1)
            falling = await load.run(_phases(FALLING, before), first_tenant=_SECOND_RUN, obedient=obedient)
            _report(FALLING, falling)
            best = (before + await peak(load, PEAK_SECONDS, turn=2)) / 2
    worst = len(good(falling, 0.0, FALLING[0][1])) * BATCH / FALLING[0][1]
    verdict.must(worst >= 0.8 * best, f"goodput at 10×: {worst / best:.0%} of the peak (at least 80 %)")
    back = _back_to_normal(rising, falling)
    verdict.must(back <= 30, f"back to normal after {back:.0f} s (at most 30)")
    missing = await lost(world, load, [*rising, *falling])
    verdict.must(missing == 0, f"{missing} acknowledged events lost or doubled")
    limit = MEMORY_MIB * 1.2
    verdict.must(
        max(samples) < limit, f"memory: {samples[0]:.0f} MiB at first, {max(samples):.0f} at most (< {limit:.0f})"
    )


def _phases(steps: Sequence[tuple[int, float]], best: float) -> list[Phase]:
    return [
        Phase(seconds=seconds, rates=[(NORMAL if factor == 1 else factor) * best / BATCH / TENANTS] * TENANTS)
        for factor, seconds in steps
    ]


def _report(steps: Sequence[tuple[int, float]], calls: Sequence[Call]) -> None:
    begin = 0.0
    for factor, seconds in steps:
        due = [call for call in calls if begin <= call.due < begin + seconds]
        rate = len(good(calls, begin, begin + seconds)) * BATCH / seconds
        p99 = percentile([call for call in due if call.code == "OK"], 0.99)
        late = max((call.late for call in due), default=0.0)
        print(
            f"{factor:>2}×: {rate:,.0f} events/s acknowledged, p99 {p99 * 1000:,.0f} ms ({codes(due)}),"
            f" generators at most {late:.1f} s late",
            flush=True,
        )
        begin += seconds


def _back_to_normal(rising: Sequence[Call], falling: Sequence[Call]) -> float:
    """Seconds after the worst step until three in a row are as the first step was: no refusals, no longer waits."""
    before = percentile([call for call in rising if 2 <= call.due < RISING[0][1]], 0.99)
    begin, fine = FALLING[0][1], 0
    for second in range(int(FALLING[1][1])):
        due = [call for call in falling if begin + second <= call.due < begin + second + 1]
        normal = bool(due) and all(call.code == "OK" and call.latency < max(2 * before, 0.5) for call in due)
        fine = fine + 1 if normal else 0
        if fine == 3:
            return second - 2.0
    return float("inf")
