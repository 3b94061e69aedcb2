"""A million events of one organization within the last hour, which somebody watches, beside another one's questions."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

from tallywire import AsyncClient
from tests.harness.bench.made import Recipe, made_up
from tests.harness.bench.world import World
from tests.harness.load.running import Verdict, memory

BATCH, IN_FLIGHT, FILL_TIMEOUT = 1000, 3, 120.0
AGENTS, USERS = 300, 20_000
FIRST_STATE = 0.2  # seconds
GROWTH_MIB = 100.0
QUESTIONS, STATES, ROUNDS = 150, 20, 3
LIVE_BATCH, LIVE_SECONDS = 70, 0.25  # about as many events a second as in that hour


async def run(world: World, verdict: Verdict, *, events: int) -> None:
    """A first state comes within 200 ms, memory stays, and another organization keeps a p99 below twice its own."""
    async with world.server() as served, world.worker():
        (_, busy), (_, other) = await world.tenant("busy"), await world.tenant("other")
        async with (
            AsyncClient(served.address, api_key=busy) as client,
            AsyncClient(served.address, api_key=other) as them,
        ):
            await _fill(client, events)
            await them.track_batch(list(made_up(_recipe(BATCH, 2)))[:BATCH])
            await world.until_folded()
            async with memory(served) as samples:
                await _first_states(client, verdict)
                await _beside(client, them, verdict)
            grown = max(samples) - samples[0]
            verdict.must(
                grown < GROWTH_MIB, f"memory: {samples[0]:.0f} MiB, {grown:.0f} more at most (< {GROWTH_MIB:.0f})"
            )


def _recipe(events: int, seed: int) -> Recipe:
    hour = timedelta(minutes=59)
    return Recipe(events=events, start=datetime.now(UTC) - hour, span=hour, users=USERS, agents=3 * AGENTS, seed=seed)


async def _fill(client: AsyncClient, events: int) -> None:
    """Sends the hour's events in order, as fast as they are taken."""
    begun, made = time.monotonic(), made_up(_recipe(events, 1))

    async def send() -> None:
        while batch := list(itertools.islice(made, BATCH)):
            await client.track_batch(batch, timeout=FILL_TIMEOUT)

    await asyncio.gather(*(send() for _ in range(IN_FLIGHT)))
    print(f"{events:,} events of an hour in {time.monotonic() - begun:.0f} s", flush=True)


async def _first_states(client: AsyncClient, verdict: Verdict) -> None:
    """How long it takes until somebody who has just come is shown something, of everything and of parts."""
    worked_at = datetime.now(UTC) - timedelta(minutes=30)
    first = worked_at.hour // 8 * AGENTS  # of those who work at that time of the day
    filters: tuple[dict[str, object], ...] = (
        {},
        {"channel": "web"},
        {"agent_ids": [f"agent-{first}"]},
        {"agent_ids": [f"agent-{first + number}" for number in range(100)]},
    )
    for number, narrowed in enumerate(filters):
        took = []
        for _ in range(STATES):
            begun = time.monotonic()
            await anext(aiter(client.watch(**narrowed)))
            took.append(time.monotonic() - begun)
        took.sort()
        name = ("everything", "a channel", "an agent", "100 agents")[number]
        shown = (await client.realtime(**narrowed)).metrics
        print(f"{name}: {shown.messages_last_hour:,} messages, {shown.active_conversations:,} active conversations")
        verdict.must(
            took[len(took) // 2] < FIRST_STATE,
            f"first state of {name}: {took[0] * 1000:.0f} ms at least, median {took[len(took) // 2] * 1000:.0f} ms,"
            f" {took[-1] * 1000:.0f} ms at most (median below {FIRST_STATE * 1000:.0f} ms)",
        )


async def _beside(client: AsyncClient, them: AsyncClient, verdict: Verdict) -> None:
    """Another organization's questions alone and while the busy one is watched, by turns."""
    alone: list[float] = []
    beside: list[float] = []
    lag: list[float] = []
    async with _writing(client):
        for _ in range(ROUNDS):
            await _ask(them, alone)
            async with _watched(client), _repeated(lambda: _lag(them, lag)):
                await _ask(them, beside)
    before, after = _p99(alone), _p99(beside)
    print(f"calls without the database beside it: p99 {_p99(lag) * 1000:.0f} ms, {max(lag) * 1000:.0f} ms at most")
    verdict.must(
        after < 2 * before,
        f"another organization's GetOverview, p99 {before * 1000:.0f} ms alone, {after * 1000:.0f} ms beside it"
        " (below twice)",
    )


async def _ask(client: AsyncClient, took: list[float]) -> None:
    now = datetime.now(UTC)
    for _ in range(QUESTIONS):
        begun = time.monotonic()
        await client.overview(now - timedelta(days=1), now)
        took.append(time.monotonic() - begun)
        await asyncio.sleep(0.01)


async def _lag(client: AsyncClient, took: list[float]) -> None:
    begun = time.monotonic()
    await client.metrics()
    took.append(time.monotonic() - begun)
    await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def _writing(client: AsyncClient) -> AsyncIterator[None]:
    """The busy organization goes on as in that hour, watched or not."""
    numbers = itertools.count(10)

    async def write() -> None:
        now = datetime.now(UTC)
        recipe = Recipe(
            events=LIVE_BATCH,
            start=now,
            span=timedelta(seconds=LIVE_SECONDS),
            users=USERS,
            agents=3 * AGENTS,
            seed=next(numbers),
        )
        await client.track_batch(list(made_up(recipe)))
        await asyncio.sleep(LIVE_SECONDS)

    async with _repeated(write):
        yield


@contextlib.asynccontextmanager
async def _watched(client: AsyncClient) -> AsyncIterator[None]:
    """Somebody watches everything as closely as possible, and others ask again and again."""

    async def watch() -> None:
        async for _ in client.watch(min_interval=0.1):
            pass

    async def ask() -> None:
        await client.realtime(channel="web")
        await asyncio.sleep(0.5)

    async with _repeated(watch), _repeated(ask):
        yield


@contextlib.asynccontextmanager
async def _repeated(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    async def repeat() -> None:
        while True:
            await work()

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        if not isinstance(result, asyncio.CancelledError):
            raise result


def _p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]
