"""Runs generators beside a server, watches the server's memory, and checks afterwards what is stored."""

import asyncio
import contextlib
import json
import sys
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from server.store.isolation import EVERY
from tests.harness.bench.world import Served, World
from tests.harness.load.plan import Call, Phase, Plan

_LEAD = 0.5  # seconds from when all generators are ready
_START_LIMIT = 60.0


class Verdict:
    """What was found, printed as it is found; failed once anything is not as it must be."""

    def __init__(self) -> None:
        self.failed = False

    def must(self, found: bool, text: str) -> None:
        """Prints what was found and whether it is as it must be."""
        self.failed |= not found
        print(f"{'ok  ' if found else 'FAIL'} {text}", flush=True)


@dataclass(slots=True, kw_only=True)
class Load:
    """A server, tenants, and how to put load on it. started_at: when the last run began, in seconds since 1970."""

    address: str
    tenants: Sequence[tuple[int, str]]  # organization and key
    batch: int
    generators: int = 2
    started_at: float = 0.0

    async def run(self, phases: Sequence[Phase], *, first_tenant: int = 0, **options: object) -> list[Call]:
        """Shares the tenants' rates between generators and returns all calls, in the order in which they were due."""
        plans = [
            Plan(
                address=self.address,
                keys=[key for _, key in self.tenants],
                first_tenant=first_tenant + number * len(self.tenants),
                batch=self.batch,
                shift=number / self.generators,
                phases=[
                    Phase(seconds=phase.seconds, rates=[rate / self.generators for rate in phase.rates])
                    for phase in phases
                ],
                **options,  # type: ignore[arg-type]
            )
            for number in range(self.generators)
        ]
        limit = sum(phase.seconds for phase in phases) + 60
        processes = [await _start(plan) for plan in plans]
        try:
            async with asyncio.timeout(_START_LIMIT):
                assert [await _line(process) for process in processes] == [b"ready\n"] * len(processes)
            self.started_at = time.time() + _LEAD
            async with asyncio.timeout(limit):
                reported = await asyncio.gather(
                    *(process.communicate(b"%f\n" % self.started_at) for process in processes)
                )
        finally:
            for process in processes:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        return sorted((Call(*one) for out, _ in reported for one in json.loads(out)), key=lambda call: call.due)

    def organization(self, tenant: int) -> int:
        """The organization of a tenant's number, whichever generator used it."""
        return self.tenants[tenant % len(self.tenants)][0]


async def _start(plan: Plan) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.harness.load.generator",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(plan.to_json().encode() + b"\n")
    return process


async def _line(process: Process) -> bytes:
    assert process.stdout is not None
    return await process.stdout.readline()


@contextlib.asynccontextmanager
async def memory(served: Served) -> AsyncIterator[list[float]]:
    """The server's resident memory in MiB, four times a second, for the length of the block."""
    samples = [served.resident_mib()]

    async def sample() -> None:
        while True:
            await asyncio.sleep(0.25)
            samples.append(served.resident_mib())

    task = asyncio.create_task(sample())
    try:
        yield samples
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def lost(world: World, load: Load, calls: Iterable[Call]) -> int:
    """How many events of acknowledged calls are not stored exactly once, keys and raw events alike."""
    acknowledged: dict[int, dict[tuple[int, int], int]] = {}
    for call in calls:
        if call.code == "OK":
            acknowledged.setdefault(load.organization(call.tenant), {})[call.tenant, call.number] = load.batch
    missing = 0
    async with world.database.transaction(of=EVERY) as driver:
        for organization, expected in acknowledged.items():
            for table in ("event_keys", "events"):
                rows = await driver.fetch(
                    "SELECT substring(event_key FROM 9 FOR 6) AS call, count(*)"
                    f" FROM {table} WHERE organization_id = $1 GROUP BY 1",
                    organization,
                )
                found = {_call_of(row[0]): row[1] for row in rows}
                missing += sum(abs(count - found.get(call, 0)) for call, count in expected.items())
    return missing


def _call_of(part: bytes) -> tuple[int, int]:
    """Tenant and call of the part of an event's key that names them."""
    return int.from_bytes(part[:2], "big") & 0xFFF, int.from_bytes(part[2:], "big")


def good(calls: Iterable[Call], begin: float, end: float) -> list[Call]:
    """The calls that were acknowledged in a span of time."""
    return [call for call in calls if call.code == "OK" and begin <= call.ended < end]


def percentile(calls: Sequence[Call], part: float) -> float:
    """A percentile of the latencies; of none, infinity."""
    return _percentile([call.latency for call in calls], part)


def lateness(calls: Sequence[Call]) -> float:
    """The 99th percentile of by how much the generators were late to send calls, which is in their latencies, too."""
    return _percentile([call.late for call in calls], 0.99)


def _percentile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else float("inf")


def codes(calls: Iterable[Call]) -> str:
    """How often each status came back."""
    counted = Counter(call.code for call in calls)
    return ", ".join(f"{code} {count:,}" for code, count in counted.most_common()) or "none"


async def tenants(world: World, count: int) -> list[tuple[int, str]]:
    """New organizations with their keys."""
    return [await world.tenant(f"tenant {number}") for number in range(count)]


async def peak(load: Load, seconds: float, *, turn: int = 0) -> float:
    """Events per second that are acknowledged with some calls under way at any time; the first seconds do not count.

    turn tells apart the times at which it is measured in one test.
    """
    phases = [Phase(seconds=seconds, rates=[0.0] * len(load.tenants))]
    calls = await load.run(phases, first_tenant=0x800 + 0x100 * turn, closed_loop=8)
    rate = len(good(calls, 2, seconds)) * load.batch / (seconds - 2)
    print(f"peak, closed loop: {rate:,.0f} events/s, p99 {percentile(calls, 0.99) * 1000:.0f} ms ({codes(calls)})")
    return rate
