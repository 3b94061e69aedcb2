"""Periods of schedules during a run: made due, and held against the promise that each is run once."""

from server.store.database import Database
from server.store.isolation import EVERY
from tests.harness.faults.checker import Violation

# No schedule is due more than once a minute.
_TWICE = """
    SELECT schedule, organization_id, date_trunc('minute', period), count(*) FROM tasks WHERE period IS NOT NULL
    GROUP BY 1, 2, 3 HAVING count(*) > 1 ORDER BY 1, 2, 3
"""


async def make_due(database: Database) -> None:
    """Makes a period of every schedule due, as after an outage of a day."""
    async with database.transaction(of=EVERY) as driver:
        await driver.execute("UPDATE schedules SET next_run_at = next_run_at - interval '1 day'")


async def judge(database: Database) -> list[Violation]:
    """Returns the periods that were run more than once."""
    async with database.snapshot(of=EVERY) as driver:
        rows = await driver.fetch(_TWICE)
    return [
        Violation(check="period", text=f"{name} of organization {organization} at {at}: {times} tasks")
        for name, organization, at, times in rows
    ]
