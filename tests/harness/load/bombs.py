"""One organization that sends nothing but messages which would become a hundred times their bytes, beside others that
send events.
"""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Mapping

import grpc
from google.rpc import error_details_pb2, status_pb2

from tests.harness.bench.processes import Aside
from tests.harness.bench.world import World
from tests.harness.load.plan import Phase
from tests.harness.load.running import Load, Verdict, lateness, lost, memory, percentile, tenants
from tests.support import bombs
from tests.support.bombs import BOMBS, Bomb

TENANTS, BATCH = 4, 20
CALLS = 25.0  # a second, of each of the others
BOMBS_A_SECOND = 3.0
WARM_SECONDS, SECONDS, ROUNDS = 3.0, 8.0, 2  # alone, and beside bombs, by turns
GROWTH_MIB, LEFT_MIB = 100, 60  # with what a server that has just begun takes for itself
_BACK_SECONDS = 5.0  # after the last bomb
_ALLOWED = "as many maps as are allowed"  # a batch that is in order, and takes the work that it takes


async def run(world: World, verdict: Verdict) -> None:
    """The others keep a p99 below twice their own alone and get no refusal; memory is bounded and comes back."""
    async with world.server() as served, memory(served) as samples:
        load = Load(address=served.address, tenants=await tenants(world, TENANTS), batch=BATCH)
        _, key = await world.tenant("bombs")
        even = [CALLS] * TENANTS
        phases = [Phase(seconds=WARM_SECONDS, rates=even), Phase(seconds=2 * SECONDS * ROUNDS, rates=even)]
        with Aside() as sender:
            loading = asyncio.create_task(load.run(phases))
            while not load.started_at:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.1)
            await asyncio.sleep(load.started_at + WARM_SECONDS - time.time())
            before, answers = served.resident_mib(), Counter[str]()
            for turn in range(ROUNDS):
                await asyncio.sleep(load.started_at + _loud(turn) - time.time())
                answers += await sender.run(drop, served.address, key, SECONDS)
            calls = await loading
        most = max(samples) - before
        await asyncio.sleep(_BACK_SECONDS)
        left = served.resident_mib() - before
    alone = [call for call in calls if any(_loud(turn) - SECONDS <= call.due < _loud(turn) for turn in range(ROUNDS))]
    beside = [call for call in calls if any(_loud(turn) <= call.due < _loud(turn) + SECONDS for turn in range(ROUNDS))]
    print(f"{sum(answers.values())} bombs; {len(beside)} calls beside them, {len(alone)} alone")
    print(f"generators, p99: {lateness(alone) * 1000:.0f} ms late alone, {lateness(beside) * 1000:.0f} ms beside")
    first, second = percentile(alone, 0.99), percentile(beside, 0.99)
    verdict.must(second < 2 * first, f"p99 {first * 1000:.0f} ms alone, {second * 1000:.0f} ms beside (below twice)")
    refused = [sum(bool(call.refusals) or call.code != "OK" for call in some) for some in (alone, beside)]
    verdict.must(not refused[1], f"{refused[0]} calls refused alone, {refused[1]} beside (none)")
    wrong = {*answers} - {bomb.answer for bomb in BOMBS.values()} - {"UNAVAILABLE OVERLOADED"}
    verdict.must(not wrong, f"every bomb has its own answer {', '.join(sorted(wrong))}".rstrip())
    verdict.must(most < GROWTH_MIB, f"memory: {before:.0f} MiB before, {most:.0f} more at most (< {GROWTH_MIB})")
    verdict.must(left < LEFT_MIB, f"memory: {left:.0f} MiB more {_BACK_SECONDS:.0f} s after the last (< {LEFT_MIB})")
    missing = await lost(world, load, calls)
    verdict.must(missing == 0, f"{missing} acknowledged events lost or doubled")


def _loud(turn: int) -> float:
    """When the bombs of a turn begin, in seconds from the start."""
    return WARM_SECONDS + SECONDS * (2 * turn + 1)


async def drop(address: str, key: str, seconds: float) -> Counter[str]:
    """Sends every bomb that is refused, by turns and evenly; how the calls ended."""
    known = [(bomb, bomb.body()) for name, bomb in BOMBS.items() if name != _ALLOWED]
    begun = time.monotonic()
    async with grpc.aio.insecure_channel(address) as channel, asyncio.TaskGroup() as group:
        sent = list[asyncio.Task[str]]()
        for number, (bomb, body) in enumerate(itertools.cycle(known)):
            due = begun + number / BOMBS_A_SECOND
            if due > begun + seconds:
                break
            await asyncio.sleep(due - time.monotonic())
            sent.append(group.create_task(_answer(channel, key, bomb, body)))
    return Counter(one.result() for one in sent)


async def _answer(channel: grpc.aio.Channel, key: str, bomb: Bomb, body: bytes) -> str:
    """How a call ended, or what became of its events."""
    call = channel.stream_stream(bomb.method)(
        metadata=(("authorization", f"Bearer {key}"),), timeout=60, compression=grpc.Compression.Gzip
    )
    with contextlib.suppress(grpc.aio.AioRpcError):
        await call.write(body)
        await call.done_writing()
        response = await call.read()
        if response is not grpc.aio.EOF:
            return bombs.fates(response).replace("DUPLICATE", "ACCEPTED")  # each is sent again and again
    code, trailers = await call.code(), await call.trailing_metadata()
    return " ".join((code.name, *_reason(dict(trailers))))


def _reason(trailers: Mapping[str, str | bytes]) -> Iterator[str]:
    """The reason of a refusal, and the field where it names one."""
    info = error_details_pb2.ErrorInfo()
    for one in status_pb2.Status.FromString(trailers["grpc-status-details-bin"]).details:
        if one.Unpack(info):
            yield info.reason
            if "field" in info.metadata:
                yield info.metadata["field"]
