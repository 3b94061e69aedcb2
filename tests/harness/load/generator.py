"""python -m tests.harness.load.generator: makes the calls of a plan and prints what became of each.

The plan is the first line of standard input; the second is the time to begin, in seconds since 1970, once it has said
that it is ready.
Calls are due at fixed times, whatever the server does: one that is slow delays none of those after it. They are made of
templates, in which only the ids of events are replaced, so that the generator takes little of the machine. Where the
plan says so, each tenant is a client that obeys the server: what is refused is sent again, and the tenant's other calls
wait as well, while latencies still count from when they were due.
"""

import asyncio
import dataclasses
import itertools
import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import grpc

from tallywire import concurrency_limit, errors, retries
from tallywire.v1 import event_service_pb2
from tests.harness.bench.made import Recipe, made_up
from tests.harness.load.plan import Call, Plan, key_text

_TEMPLATES = 4
_DEADLINE = 20.0  # seconds from when a call is due
_CONNECTIONS = 4
_MARK = "ffffffff-ffff-7fff-8fff-ffffffff"  # of an id in a template; the index of the event follows


class Template:
    """The bytes of a batch, without its call's part of the ids of its events."""

    def __init__(self, batch: int, days: float, seed: int) -> None:
        request = event_service_pb2.TrackEventsRequest()
        span = timedelta(days=days)
        start = datetime.now(UTC) - span
        recipe = Recipe(events=batch, start=start, span=span, users=5000, agents=48, seed=seed)
        for index, event in enumerate(made_up(recipe)):
            event.event_id = f"{_MARK}{index:04x}"
            request.events.append(event)
        self._data = request.SerializeToString()

    def request(self, tenant: int, call: int) -> bytes:
        """The batch with the ids of a call."""
        ids = key_text(tenant, call, 0, int(time.time() * 1000))
        return self._data.replace(_MARK.encode(), ids[: len(_MARK)].encode())


class Generator:
    """Makes the calls of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._templates = itertools.cycle([Template(plan.batch, plan.days, seed) for seed in range(_TEMPLATES)])
        self._calls: list[Call] = []
        self._numbers = [itertools.count() for _ in plan.keys]
        self._slots = [concurrency_limit.AsyncCallSlots() for _ in plan.keys]

    async def run(self) -> list[Call]:
        """Makes them all and returns what became of each."""
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
        channels = [grpc.aio.insecure_channel(self._plan.address, options=options) for _ in range(_CONNECTIONS)]
        self._track = [one.unary_unary("/tallywire.v1.EventService/TrackEvents") for one in channels]
        for channel in channels:
            await channel.channel_ready()
        print("ready", flush=True)
        start_at = float(await asyncio.to_thread(sys.stdin.readline))
        await asyncio.sleep(start_at - time.time())
        self._start = time.monotonic()
        if self._plan.closed_loop:
            await asyncio.gather(*(self._repeat(slot) for slot in range(self._plan.closed_loop)))
        else:
            under_way = set()
            for due, tenant in self._schedule():
                await asyncio.sleep(self._start + due - time.monotonic())
                task = asyncio.create_task(self._call(tenant, due))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            while under_way:
                await asyncio.wait(under_way)
        for channel in channels:
            await channel.close()
        return self._calls

    def _schedule(self) -> Iterator[tuple[float, int]]:
        begin = 0.0
        for phase in self._plan.phases:
            due = [
                (begin + (number + shift) / rate, tenant)
                for tenant, rate in enumerate(phase.rates)
                if rate
                for shift in ((tenant / len(phase.rates) + self._plan.shift) % 1,)
                for number in range(math.ceil(rate * phase.seconds - shift))
            ]
            yield from sorted(due)
            begin += phase.seconds

    async def _repeat(self, slot: int) -> None:
        end = sum(phase.seconds for phase in self._plan.phases)
        for number in itertools.count(slot):
            if (due := time.monotonic() - self._start) >= end:
                return
            await self._call(number % len(self._plan.keys), due)

    async def _call(self, tenant: int, due: float) -> None:
        number, global_tenant = next(self._numbers[tenant]), self._plan.first_tenant + tenant
        late = time.monotonic() - self._start - due
        tries = retries.Attempts(timeout=_DEADLINE - late, policy=retries.INGEST)
        request, code, refusals = b"", None, 0
        while code is None:
            try:
                async with self._slots[tenant].slot(tries.next_timeout() / 2) if self._plan.obedient else nullcontext():
                    request = request or next(self._templates).request(global_tenant, number)
                    await self._try(tenant, number, request, tries.next_timeout())
                code = grpc.StatusCode.OK
            except concurrency_limit.NoSlot as given_up:
                code = given_up.refusal.code
            except errors.TallywireError as error:
                refusals += 1
                wait = tries.next_wait(error) if self._plan.obedient else None
                if wait is None:
                    code = error.code
                else:
                    await asyncio.sleep(wait)
        latency = time.monotonic() - self._start - due
        self._calls.append(Call(global_tenant, number, due, latency, late, code.name, refusals))

    async def _try(self, tenant: int, number: int, request: bytes, timeout: float) -> None:
        metadata = (("authorization", f"Bearer {self._plan.keys[tenant]}"),)
        try:
            await self._track[number % len(self._track)](request, metadata=metadata, timeout=timeout)
        except grpc.aio.AioRpcError as failure:
            raise errors.from_rpc(failure) from failure


if __name__ == "__main__":
    made = asyncio.run(Generator(Plan.from_json(sys.stdin.readline())).run())
    json.dump([dataclasses.astuple(one) for one in made], sys.stdout)
