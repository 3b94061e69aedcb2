"""GetOverview over 90 days of a folded organization; the yardstick is a plain SQL aggregate over the raw events."""

import asyncio
import statistics
import time
from datetime import UTC, datetime, timedelta
from itertools import islice

import sqlalchemy as sa

from agentmetrics import AsyncClient
from server import fold
from server.accounts import Principal, Scope, Secrets
from server.ingest import Ingest
from server.rpc import event_conversion
from server.rpc.event_conversion import Sender
from server.store.organizations import Settings
from tests.bench.world import PEPPER, World, made_up

DAYS = 90
CALLS = 200
RAW_CALLS = 3

_RAW = """
    SELECT count(*) AS events,
           count(*) FILTER (WHERE event_type = 'message.received') AS messages_received,
           count(*) FILTER (WHERE event_type = 'message.sent') AS messages_sent,
           count(*) FILTER (WHERE event_type = 'conversation.started') AS total_conversations,
           count(DISTINCT user_id) AS unique_users,
           count(DISTINCT agent_id) AS active_agents,
           avg((detail->>'response_time_ms')::bigint) AS avg_response_time_ms,
           percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99])
               WITHIN GROUP (ORDER BY (detail->>'response_time_ms')::bigint) AS percentiles,
           sum((detail->>'prompt_tokens')::bigint) AS prompt_tokens,
           sum((detail->>'cost_micros')::bigint) AS cost_micros
    FROM events WHERE organization_id = :organization AND occurred_at >= :start AND occurred_at < :end
"""


async def run(world: World, events: int | None) -> None:
    """Loads, folds, and prints p50 and p99 of the RPC beside the SQL over raw events."""
    count = events or 5_000_000
    organization, key = await world.tenant("overview")
    await _load(world, organization, count)
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    start = end - timedelta(days=DAYS)
    async with world.server() as served, AsyncClient(served.address, api_key=key) as client:
        await client.connect(timeout=15)
        seconds = []
        for _ in range(CALLS + 10):
            started = time.perf_counter()
            answer = await client.overview(start, end)
            seconds.append(time.perf_counter() - started)
        seconds = sorted(seconds[10:])
        raw = [await _raw(world, organization, start, end, answer.overview.unique_users) for _ in range(RAW_CALLS)]
    p50, p99 = statistics.median(seconds), seconds[int(len(seconds) * 0.99)]
    bare = statistics.median(raw)
    print(f"GetOverview, {DAYS} days, {count:,} events, folded: p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms")
    print(f"the same figures by SQL over raw events: {bare * 1000:,.0f} ms, {bare / p50:,.0f} times as long")


async def _load(world: World, organization: int, count: int) -> None:
    """Takes events in as the server does, without the network between, and folds them."""
    ingest = Ingest(world.database, on_commit=lambda _: None, concurrency=4)
    principal = Principal(
        organization_id=organization,
        key_id="",
        scopes=frozenset((Scope.ADMIN,)),
        settings=Settings(time_zone="UTC"),
    )
    sender = Sender.of(principal, Secrets(PEPPER), datetime.now(UTC), None)
    made = made_up(count, days=DAYS, users=100_000, agents=200)
    started, loaded = time.perf_counter(), 0
    while portion := [event_conversion.event(message, sender) for message in islice(made, 20_000)]:
        batches = (portion[at : at + 1000] for at in range(0, len(portion), 1000))
        await asyncio.gather(*(ingest.submit(organization, batch) for batch in batches))
        loaded += len(portion)
        if loaded % 200_000 == 0:
            await fold.fold_all(world.database, organization)
        if loaded % 500_000 == 0:
            print(f"loaded {loaded:,} events in {time.perf_counter() - started:.0f} s", flush=True)
    await fold.fold_all(world.database, organization)
    async with world.database.transaction() as connection:
        await connection.execute(sa.text("ANALYZE"))


async def _raw(world: World, organization: int, start: datetime, end: datetime, unique_users: int) -> float:
    started = time.perf_counter()
    async with world.database.transaction() as connection:
        bounds = {"organization": organization, "start": start, "end": end}
        row = (await connection.execute(sa.text(_RAW), bounds)).one()
    assert row.unique_users == unique_users
    return time.perf_counter() - started
