"""A worker with kinds for tests that kill it: what they do leaves marks in a table of the test.

LOOK_SECONDS in the environment is how often it looks for tasks without being woken.
"""

import asyncio
import os

from server import kinds
from server.store.database import Database
from server.store.isolation import EVERY
from server.tasks import runner
from server.tasks.kinds import Kind, Kinds, Result, Work
from workers import __main__ as program

MARKS = "CREATE TABLE marks (task_id bigint NOT NULL, what text NOT NULL)"


async def _mark(database: Database, task_id: int, what: str) -> None:
    async with database.transaction(of=EVERY) as driver:
        await driver.execute("INSERT INTO marks VALUES ($1, $2)", task_id, what)


async def mark(work: Work) -> Result:
    """Leaves a mark."""
    await _mark(work.database, work.task_id, "done")
    return {}


async def hold(work: Work) -> Result:
    """Leaves a mark, waits until the test leaves another one, and leaves a third."""
    await _mark(work.database, work.task_id, "began")
    while True:
        async with work.database.transaction(of=EVERY) as driver:
            if await driver.fetchval("SELECT count(*) FROM marks WHERE what = 'open'"):
                break
        await asyncio.sleep(0.05)
    return await mark(work)


MARK = Kind(name="mark", help="Leaves a mark.", run=mark, concurrency=20, rate=1000)
HOLD = Kind(name="hold", help="Waits for the test.", run=hold, rate=1000)


def _known(*_: object, **__: object) -> Kinds:
    return Kinds([MARK, HOLD])


if __name__ == "__main__":
    kinds.known = _known
    runner._LOOK_SECONDS = float(os.environ.get("LOOK_SECONDS", "1"))
    program.app(prog_name="task_worker")
