"""Files of reports in which a person stands who is erased: tables by user name people. They are given up, with the
pages of mails about them; the run can be made again, and then tells the alias.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from server.delivery import queueing
from server.organizations.delivery import Topic
from server.privacy import raw_events
from server.store import deliveries, report_runs
from server.store.database import Database, Driver
from server.store.erased_users import Erasure

_RUNS_AT_ONCE: Final = 100
_LOOK_SECONDS: Final = 0.5


async def naming(database: Database, erasure: Erasure, read: Callable[[str], Awaitable[bytes]]) -> AsyncIterator[int]:
    """Yields the runs whose files name the person of an erasure, once runs that may have read the id have ended."""
    organization_id, after = erasure.organization_id, 0
    while True:
        async with database.transaction(of=organization_id) as driver:
            if not await report_runs.is_making_users(driver, organization_id):
                break
        await asyncio.sleep(_LOOK_SECONDS)
    written = json.dumps(erasure.user_id, ensure_ascii=False).encode()
    while True:
        async with database.transaction(of=organization_id) as driver:
            found = await report_runs.of_users(driver, organization_id, after, _RUNS_AT_ONCE)
        for run_id, path in found:
            after = run_id
            try:
                content = await read(path)
            except FileNotFoundError:
                continue
            if written in content:
                yield run_id
        if len(found) < _RUNS_AT_ONCE:
            return


async def give_up(driver: Driver, erasure: Erasure, run_id: int) -> Erasure:
    """Gives the files of a run up: they are strays from then on, and links to them open nothing."""
    rows = await report_runs.give_files_up(driver, erasure.organization_id, run_id)
    await queueing.revoke(driver, erasure.organization_id, Topic.REPORT, [str(run_id)])
    await deliveries.remove_pages(driver, erasure.organization_id, Topic.REPORT, str(run_id))
    return raw_events.touched(erasure, "report_runs", rows)
