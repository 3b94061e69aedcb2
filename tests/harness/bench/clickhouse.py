"""ClickHouse's engine as a library (the package chdb, where it is installed), in a process of its own.

The raw events of a day are repeated on other days as in the plain table, in a MergeTree in order of time.
"""

import importlib.util
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.harness.bench.histories import COMES_BACK_AFTER, History
from tests.harness.bench.processes import Aside
from tests.harness.bench.world import World

MISSING = "ClickHouse's engine is absent: pip install chdb"
_NUMBERS = ("response_time_ms", "failed", "rating", "prompt_tokens", "completion_tokens", "cost_micros")
_COLUMNS = (
    "micros Int64, event_type LowCardinality(String), agent_id LowCardinality(String), user_id String,"
    f" channel LowCardinality(String), {', '.join(f'{name} Nullable(Int64)' for name in _NUMBERS)}"
)
_USER = f"concat('user-', toString(toUInt64(substring(user_id, 6)) * {COMES_BACK_AFTER} + number % {COMES_BACK_AFTER}))"
_session: Any = None  # of the process that has it


def is_installed() -> bool:
    """True where there is something to compare with."""
    return importlib.util.find_spec("chdb") is not None


async def fill(world: World, history: History, aside: Aside) -> None:
    """Gives it the raw events of a history."""
    with tempfile.TemporaryDirectory(prefix="tallywire-bench-") as folder:
        day = Path(folder) / "day.csv"
        numbers = ", ".join(f"(detail->>'{name}')::bigint" for name in _NUMBERS)
        async with world.connected() as connection:
            await connection.copy_from_query(
                "SELECT (extract(epoch FROM occurred_at) * 1000000)::bigint, event_type, agent_id, user_id, channel,"
                f" {numbers} FROM events WHERE organization_id = $1 AND occurred_at >= $2 ORDER BY occurred_at",
                history.organization_id,
                history.first_day,
                output=day,
                format="csv",
            )
        plan = history.plan
        await aside.run(load, plan.table, str(day), plan.days - plan.raw_days, plan.raw_days)


async def load(table: str, path: str, first_day: int, days: int) -> None:
    """Fills a table from the rows of one day, once for all questions about it; runs in the other process."""
    query = _opened().query
    if str(query(f"EXISTS TABLE {table}", "CSV")).strip() == "1":
        return
    query(f"CREATE TABLE bench.day ({_COLUMNS}) ENGINE = Memory")
    query(f"INSERT INTO bench.day FROM INFILE '{path}' FORMAT CSV")
    query(
        f"CREATE TABLE {table} (occurred_at DateTime64(6, 'UTC'), {_COLUMNS.partition(', ')[2]})"
        " ENGINE = MergeTree ORDER BY occurred_at"
    )
    query(
        f"INSERT INTO {table} SELECT fromUnixTimestamp64Micro(micros, 'UTC') + toIntervalDay(number), event_type,"
        f" agent_id, {_USER}, channel, {', '.join(_NUMBERS)}"
        f" FROM bench.day CROSS JOIN (SELECT number FROM numbers({first_day}, {days})) AS days"
    )
    query(f"OPTIMIZE TABLE {table} FINAL")
    query("DROP TABLE bench.day")


async def ask(statement: str) -> tuple[list[dict[str, Any]], float]:
    """The rows of an answer, and how long it took, in milliseconds; runs in the other process."""
    started = time.perf_counter()
    answer = str(_opened().query(statement, "JSONEachRow"))
    elapsed = (time.perf_counter() - started) * 1000
    return [json.loads(line) for line in answer.splitlines()], elapsed


def _opened() -> Any:
    global _session  # noqa: PLW0603 - one per process: the engine lives in it
    if _session is None:
        from chdb import session

        _session = session.Session()
        _session.query("CREATE DATABASE bench")
        _session.query("USE bench")
    return _session
