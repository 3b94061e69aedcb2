"""One organization at ten times its share, beside others that keep to theirs: with clients that wait when they are told
to, as the published ones do, and with clients that do not.
"""

import itertools
from collections.abc import Iterable, Sequence

from tests.harness.bench.world import World
from tests.harness.load.plan import Call, Phase
from tests.harness.load.running import Load, Verdict, codes, good, lateness, lost, peak, percentile, tenants

TENANTS = 5
BATCH = 100
# Of the peak, by all at their share. Calls that come evenly share few transactions, so that this keeps the server busy
# for 60 to 70 % of the time.
USED = 0.45
PEAK_SECONDS, WARM_SECONDS = 10.0, 5.0
ROUNDS = 3  # of quiet and noise by turns, since a shared machine does not stay the same
SECONDS = 6.0  # of each that are judged, after a time to settle: what noise has left is sent for up to twenty seconds
SETTLE_QUIET, SETTLE_NOISE = 20.0, 1.0
_ROUND = SETTLE_QUIET + SECONDS + SETTLE_NOISE + SECONDS


async def run(world: World, verdict: Verdict) -> None:
    """The others keep a p99 below twice the baseline and get no refusals."""
    await _noise(world, verdict, obedient=True)


async def flood(world: World, verdict: Verdict) -> None:
    """The same from clients that send on whatever they are told."""
    await _noise(world, verdict, obedient=False)


async def _noise(world: World, verdict: Verdict, *, obedient: bool) -> None:
    async with world.server() as served:
        load = Load(address=served.address, tenants=await tenants(world, TENANTS), batch=BATCH)
        best = await peak(load, PEAK_SECONDS)
        share = USED * best / BATCH / TENANTS
        even, uneven = [share] * TENANTS, [10 * share, *[share] * (TENANTS - 1)]
        turns = [Phase(seconds=SETTLE_QUIET + SECONDS, rates=even), Phase(seconds=SETTLE_NOISE + SECONDS, rates=uneven)]
        calls = await load.run([Phase(seconds=WARM_SECONDS, rates=even), *turns * ROUNDS], obedient=obedient)
    others = [call for call in calls if call.tenant % TENANTS]
    quiet, loud = _judged(others, SETTLE_QUIET), _judged(others, _ROUND - SECONDS)
    every_quiet, every_loud = list(itertools.chain(*quiet)), list(itertools.chain(*loud))
    noisy = [call for call in calls if not call.tenant % TENANTS]
    noise = list(itertools.chain(*_judged(noisy, _ROUND - SECONDS)))
    stored = [len(good(noisy, start, start + SECONDS)) * BATCH / SECONDS for start in _starts(_ROUND - SECONDS)]
    shares = ", ".join(f"{rate / best:.0%}" for rate in stored)
    print(f"the noisy one at {USED * 10 / TENANTS:.0%} of the peak: {codes(noise)}; stored of it by turns: {shares}")
    for part in (0.5, 0.99):
        print(
            f"the others, p{part * 100:.0f} in ms by turns, alone: {_milliseconds(quiet, part)};"
            f" beside it: {_milliseconds(loud, part)}"
        )
    late, later = lateness(every_quiet), lateness(every_loud)
    print(f"generators, p99: {late * 1000:.0f} ms late alone, {later * 1000:.0f} ms beside it")
    before, beside = percentile(every_quiet, 0.99), percentile(every_loud, 0.99)
    verdict.must(
        beside < 2 * before, f"p99 {before * 1000:.0f} ms alone, {beside * 1000:.0f} ms beside it (below twice)"
    )
    refused = sum(call.refusals for call in others)
    verdict.must(not refused and all(call.code == "OK" for call in others), f"{refused} refusals of the others")
    own = sum(stored) / ROUNDS / (best * USED / TENANTS)
    verdict.must(own >= 1, f"the noisy one has {own:.1f} times its share stored (at least its share)")
    missing = await lost(world, load, calls)
    verdict.must(missing == 0, f"{missing} acknowledged events lost or doubled")


def _judged(calls: Sequence[Call], begin: float) -> list[list[Call]]:
    """The calls that were due in a part of each round that is judged."""
    return [[call for call in calls if start <= call.due < start + SECONDS] for start in _starts(begin)]


def _starts(begin: float) -> list[float]:
    return [WARM_SECONDS + turn * _ROUND + begin for turn in range(ROUNDS)]


def _milliseconds(turns: Iterable[list[Call]], part: float) -> str:
    return ", ".join(f"{percentile(calls, part) * 1000:.0f}" for calls in turns)
