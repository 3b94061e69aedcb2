"""A flood of late events, over 35 days."""

from datetime import UTC, datetime, timedelta

from server.rollups import fold
from server.store.isolation import EVERY
from tallywire import AsyncClient
from tests.harness.bench.world import World
from tests.harness.load.plan import Phase
from tests.harness.load.running import Load, Verdict, codes, lost, tenants

BATCH = 200
RATE = 20.0  # batches per second
SECONDS = 15.0
DAYS = 34.9


async def run(world: World, verdict: Verdict) -> None:
    """Every event is in the figures of its day as soon as it is acknowledged, before and after the fold."""
    async with world.server() as served:
        load = Load(address=served.address, tenants=await tenants(world, 1), batch=BATCH)
        calls = await load.run([Phase(seconds=SECONDS, rates=[RATE])], days=DAYS)
        ((organization, key),) = load.tenants
        print(f"{len(calls)} batches of events of {DAYS} days ({codes(calls)})")
        before = await _days(served.address, key)
        expected = await _raw(world, organization)
        verdict.must(before == expected, f"{len(before)} days with {sum(before.values()):,} events, not folded: exact")
        folded = await fold.fold_all(world.database, organization)
        after = await _days(served.address, key)
        verdict.must(after == expected, f"the same after a fold of {folded:,} deltas: exact")
        missing = await lost(world, load, calls)
        verdict.must(missing == 0, f"{missing} acknowledged events lost or doubled")


async def _days(address: str, key: str) -> dict[datetime, int]:
    """The events of each day of UTC that has any, as the service answers."""
    async with AsyncClient(address, api_key=key) as client:
        now = datetime.now(UTC)
        answer = await client.usage(now - timedelta(days=36), now, granularity="day", metrics=["events"])
    (series,) = answer.series
    counts = [value.integer for value in series.values]
    starts = [bucket.start.ToDatetime(UTC) for bucket in answer.buckets]
    return {start: count for start, count in zip(starts, counts, strict=True) if count}


async def _raw(world: World, organization: int) -> dict[datetime, int]:
    """The same, counted over raw events."""
    async with world.database.transaction(of=EVERY) as driver:
        rows = await driver.fetch(
            "SELECT date_trunc('day', occurred_at, 'UTC') AS day, count(*) FROM events"
            " WHERE organization_id = $1 GROUP BY 1",
            organization,
        )
    return {row[0].astimezone(UTC): row[1] for row in rows}
