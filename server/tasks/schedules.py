"""Schedules: which tasks are due when, each period exactly once over any number of workers.

A schedule's row says which period is next. Whoever finds it due locks the row, queues the tasks of the periods that
have passed and moves the row on, in one transaction; (schedule, period) is unique besides.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from server import errors, log_throttle, timerange
from server.store import schedules as stored
from server.store import tasks
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.store.schedules import CatchUp, DueSchedule, Outdated, ScheduleKey
from server.store.tasks import NewTask
from server.tasks import cron
from server.tasks.kinds import Kind, Kinds

_BATCH = 100
_PERIODS = 100  # of one schedule at a time
_MOMENT = timedelta(microseconds=1)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """The periods of a schedule that are to run now, and the one that is next."""

    due: Sequence[datetime]
    next: datetime


def periods(schedule: DueSchedule) -> Periods:
    """Returns the periods that have passed, as far as they are to be caught up, up to a bounded number of them."""
    expression, zone = cron.parse(schedule.cron), timerange.zone(schedule.time_zone)
    if schedule.catch_up is CatchUp.LATEST:
        latest = expression.last(schedule.next_run_at, schedule.now, zone)
        return Periods(due=[] if latest is None else [latest], next=expression.next(schedule.now, zone))
    due = list[datetime]()
    for at in expression.times(schedule.next_run_at - _MOMENT, zone):
        if at > schedule.now or len(due) == _PERIODS:
            return Periods(due=due, next=at)
        due.append(at)
    raise AssertionError("a cron expression has no end")


async def refresh(database: Database, kinds: Kinds) -> int:
    """Makes the schedules what their definitions say, those of new organizations included, and returns how many were
    not. A schedule that is new, or changed, is due at the next instant that it names.
    """
    async with database.transaction(of=EVERY) as driver:
        outdated = await stored.outdated(driver, [one.definition for one in kinds.schedules])
        for one in outdated:
            key = ScheduleKey(name=one.definition.name, organization_id=one.organization_id)
            following = _worked_out(key, functools.partial(_following, one))
            if following is not None:
                await stored.save(driver, one, following)
        await stored.remove_of_revoked(driver)
    return len(outdated)


def _following(one: Outdated) -> datetime:
    return cron.parse(one.definition.cron).next(one.now, timerange.zone(one.time_zone))


async def run_due(database: Database, kinds: Kinds) -> int:
    """Queues a task for every period that is due, and returns how many.

    Schedules that this code has no definition of are left alone: those of another release, and those of kinds that
    this process does not run. Of some kinds none has a definition: people make them.
    """
    names = [one.name for one in kinds.schedules]
    undefined = [name for name in kinds.names if kinds[name].is_scheduled_by_people]
    total = 0
    due: list[DueSchedule] | None = None
    while due is None or len(due) == _BATCH:
        async with database.transaction(of=EVERY) as driver:
            due = await stored.due(
                driver, names, kinds.names, _BATCH, undefined=undefined, after=due[-1] if due else None
            )
            for schedule in due:
                passed = _worked_out(schedule.key, functools.partial(periods, schedule))
                if passed is not None:
                    total += await _queue(driver, schedule, passed, kinds[schedule.kind])
    return total


def _worked_out(key: ScheduleKey, work_out: Callable[[], _T]) -> _T | None:
    """Returns the times of a schedule; None, and a line in the log, where they cannot be worked out.

    Its time zone may be one that this machine does not know, and its expression one of newer code. The other schedules
    go on. A savepoint for each is not needed, since this comes before the schedule's first statement.
    """
    try:
        return work_out()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault of this schedule alone
        log_throttle.write(
            "error",
            "the times of a schedule cannot be worked out",
            key,
            schedule=key.name,
            organization_id=key.organization_id,
            reason=errors.describe(error),
        )
        return None


async def _queue(driver: Driver, schedule: DueSchedule, passed: Periods, kind: Kind) -> int:
    if passed.due and schedule.catch_up is CatchUp.LATEST:
        await stored.drop_earlier(driver, schedule.key, passed.due[-1])
    new = [
        NewTask(
            kind=kind.name,
            tries=kind.tries,
            priority=kind.priority,
            organization_id=schedule.key.organization_id,
            payload=schedule.payload,
            schedule=schedule.key.name,
            period=at,
        )
        for at in passed.due
    ]
    queued = await tasks.enqueue(driver, new)
    await stored.advance(driver, schedule.key, passed.next)
    return len(queued)
