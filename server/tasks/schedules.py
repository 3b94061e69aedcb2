"""Schedules: which tasks are due when, each period exactly once over any number of workers.

A schedule's row says which period is next. Whoever finds it due locks the row, queues the tasks of the periods that
have passed and moves the row on, in one transaction; (schedule, period) is unique besides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server import timerange
from server.store import schedules as stored
from server.store import tasks
from server.store.database import Database, Driver
from server.store.schedules import CatchUp, DueSchedule
from server.store.tasks import NewTask
from server.tasks import cron
from server.tasks.kinds import Kinds

_BATCH = 100
_PERIODS = 100  # of one schedule at a time
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """The periods of a schedule that are to run now, and the one that is next."""

    due: Sequence[datetime]
    next: datetime


def periods(schedule: DueSchedule) -> Periods:
    """Returns the periods that have passed, as far as they are to be caught up, up to a bounded number of them."""
    times = cron.parse(schedule.cron).times(schedule.next_run_at - _MOMENT, timerange.zone(schedule.time_zone))
    due = list[datetime]()
    for at in times:
        if at > schedule.now or (len(due) == _PERIODS and schedule.catch_up is CatchUp.ALL):
            return Periods(due=due, next=at)
        if schedule.catch_up is CatchUp.LATEST:
            due.clear()
        due.append(at)
    raise AssertionError("a cron expression has no end")


async def refresh(database: Database, kinds: Kinds) -> int:
    """Makes the schedules what their definitions say, those of new organizations included, and returns how many were
    not. A schedule that is new, or changed, is due at the next instant that it names.
    """
    async with database.transaction() as driver:
        outdated = await stored.outdated(driver, [one.definition for one in kinds.schedules])
        for one in outdated:
            following = cron.parse(one.definition.cron).next(one.now, timerange.zone(one.time_zone))
            await stored.save(driver, one, following)
    return len(outdated)


async def run_due(database: Database, kinds: Kinds) -> int:
    """Queues a task for every period that is due, and returns how many."""
    total, found = 0, _BATCH
    while found == _BATCH:
        async with database.transaction() as driver:
            due = await stored.due(driver, kinds.names, _BATCH)
            for schedule in due:
                total += await _queue(driver, schedule, kinds)
        found = len(due)
    return total


async def _queue(driver: Driver, schedule: DueSchedule, kinds: Kinds) -> int:
    passed = periods(schedule)
    if passed.due and schedule.catch_up is CatchUp.LATEST:
        await stored.drop_earlier(driver, schedule.key, passed.due[-1])
    kind = kinds[schedule.kind]
    new = [
        NewTask(
            kind=kind.name,
            tries=kind.tries,
            priority=kind.priority,
            organization_id=schedule.key.organization_id,
            schedule=schedule.key.name,
            period=at,
        )
        for at in passed.due
    ]
    queued = await tasks.enqueue(driver, new)
    await stored.advance(driver, schedule.key, passed.next)
    return len(queued)
