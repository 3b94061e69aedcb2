"""What the bare database does with the rows of the service: the yardstick of whatever stores events.

The rows are those that the service has just stored, read back beforehand, so that both write the same bytes in the same
columns, whatever the schema. They go into a plain table with the columns and indexes of events.
"""

import asyncio
import time

import asyncpg

from server.store.isolation import EVERY, SETTING
from tests.harness.bench.sending import BATCH

TABLE = "events_copy"
EVERYTHING = {SETTING: EVERY.value}
CONNECTIONS = 6  # as many as the service writes with, unless set otherwise


async def copy(dsn: str, since: float) -> float:
    """Copies the events that were received after a time (seconds since 1970) in batches, each in a durable
    transaction of its own; returns rows/s.
    """
    async with asyncpg.create_pool(dsn, min_size=CONNECTIONS, max_size=CONNECTIONS, server_settings=EVERYTHING) as pool:
        await pool.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} (LIKE events INCLUDING ALL)")
        rows = await _rows(pool, since)
        columns = list(rows[0].keys())
        batches = [[tuple(row) for row in rows[at : at + BATCH]] for at in range(0, len(rows), BATCH)]

        async def write(batch: list[tuple[object, ...]]) -> None:
            async with pool.acquire() as connection, connection.transaction():
                await connection.copy_records_to_table(TABLE, columns=columns, records=batch)

        started = time.perf_counter()
        await asyncio.gather(*map(write, batches))
        return len(rows) / (time.perf_counter() - started)


async def commits(dsn: str, since: float, count: int) -> list[float]:
    """Inserts single rows, one durable transaction after the other, and returns how long each took, in milliseconds."""
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1, server_settings=EVERYTHING) as pool:
        await pool.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} (LIKE events INCLUDING ALL)")
        rows = [tuple(row) for row in (await _rows(pool, since))[:count]]
        places = ", ".join(f"${number + 1}" for number in range(len(rows[0])))
        async with pool.acquire() as connection:
            insert = await connection.prepare(f"INSERT INTO {TABLE} VALUES ({places})")
            latencies = []
            for row in rows:
                started = time.perf_counter()
                await insert.fetch(*row)
                latencies.append((time.perf_counter() - started) * 1000)
    return latencies


async def _rows(pool: asyncpg.Pool, since: float) -> list[asyncpg.Record]:
    """In the order in which they were stored."""
    async with pool.acquire() as connection, connection.transaction():
        # What a transaction sets goes to the nodes of a cluster, if this lets it; other databases know nothing of it.
        await connection.execute("SET LOCAL citus.propagate_set_commands = 'local'")
        await connection.execute(f"SET LOCAL {SETTING} = '{EVERY.value}'")
        return await connection.fetch(
            "SELECT * FROM events WHERE received_at > to_timestamp($1) ORDER BY organization_id, revision", since
        )
