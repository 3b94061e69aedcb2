"""Ingest in batches of 500, durable, until acknowledged; the yardstick is a bare COPY of the same rows."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import grpc
from sqlalchemy.engine import make_url

from agentmetrics.v1 import event_pb2, event_service_pb2
from tests.bench.world import World, made_up

BATCH = 500
TENANTS = 50
IN_FLIGHT = 16
ROUNDS = 5
LIVE_DAYS = 10 / 1440  # events as they happen: the last ten minutes

Batch = list[event_pb2.Event]


async def run(world: World, events: int | None) -> None:
    """Alternates both for several rounds and prints the medians and their ratio."""
    per_round = (events or 100_000) // ROUNDS
    keys = [(await world.tenant(f"tenant {number}"))[1] for number in range(TENANTS)]
    ours, bare = [], []
    async with world.server() as served:
        channel = grpc.aio.insecure_channel(served.address)
        # Requests are made beforehand and answers are only counted, so that the load takes little of the machine.
        track = channel.unary_unary("/agentmetrics.v1.EventService/TrackEvents")
        for number in range(ROUNDS):
            made = list(made_up(per_round, days=LIVE_DAYS, users=5000, agents=50, seed=number))
            batches = [made[start : start + BATCH] for start in range(0, len(made), BATCH)]
            ours.append(len(made) / await _track(track, keys, batches))
            bare.append(len(made) / await _copy(world, batches))
            print(f"round {number + 1}: TrackEvents {ours[-1]:,.0f} events/s, bare COPY {bare[-1]:,.0f} rows/s")
        await channel.close()
    ours_median, bare_median = statistics.median(ours), statistics.median(bare)
    print(f"TrackEvents, batches of {BATCH}, {TENANTS} organizations, unique, durable: {ours_median:,.0f} events/s")
    print(f"bare COPY of the same rows, a transaction per batch: {bare_median:,.0f} rows/s")
    print(f"medians' ratio: {ours_median / bare_median:.2f}")


async def _track(track: grpc.aio.UnaryUnaryMultiCallable, keys: Sequence[str], batches: Sequence[Batch]) -> float:
    """Seconds until every batch is acknowledged, with a number of them in flight."""
    slots = asyncio.Semaphore(IN_FLIGHT)
    requests = [event_service_pb2.TrackEventsRequest(events=batch).SerializeToString() for batch in batches]

    async def send(number: int, request: bytes) -> bytes:
        async with slots:
            key = keys[number % len(keys)]
            return await track(request, metadata=(("authorization", f"Bearer {key}"),))

    started = time.perf_counter()
    responses = await asyncio.gather(*(send(number, request) for number, request in enumerate(requests)))
    elapsed = time.perf_counter() - started
    for response in responses:
        results = event_service_pb2.TrackEventsResponse.FromString(response).results
        assert all(one.status == event_service_pb2.EVENT_STATUS_ACCEPTED for one in results)
    return elapsed


async def _copy(world: World, batches: Sequence[Batch]) -> float:
    """Seconds for the rows of the same batches, made beforehand, on as many connections as the server writes with."""
    dsn = make_url(world.url).set(drivername="postgresql").render_as_string(hide_password=False)
    pool = await asyncpg.create_pool(dsn, min_size=6, max_size=6)
    await pool.execute("CREATE TABLE IF NOT EXISTS events_copy (LIKE events INCLUDING ALL)")
    portions = [[_row(number % TENANTS, event) for event in batch] for number, batch in enumerate(batches)]

    async def copy(rows: list[tuple[object, ...]]) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.copy_records_to_table("events_copy", records=rows)

    started = time.perf_counter()
    await asyncio.gather(*(copy(rows) for rows in portions))
    elapsed = time.perf_counter() - started
    await pool.close()
    return elapsed


def _row(organization: int, event: event_pb2.Event) -> tuple[object, ...]:
    """The event in the columns of the table events."""
    detail = f'{{"response_time_ms": {event.message.response_time_ms}, "prompt_tokens": 1, "cost_micros": 1}}'
    return (
        organization,
        1,
        datetime.now(UTC),
        event.occurred_at.ToDatetime(UTC),
        bytes.fromhex(event.event_id.replace("-", "")),
        None,
        event.event_type,
        event.agent_id,
        event.user_id,
        event.conversation_id,
        event.channel,
        *(None,) * 4,
        detail if event.HasField("message") else None,
        None,
    )
