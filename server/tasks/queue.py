"""The queue: how something comes to be done by workers, and how a task is cancelled or tried again.

A task is queued in the caller's transaction: it is there if and only if that commits. Workers find it within a second;
Wakeups.tasks() after the commit spares them the search.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from server.store import tasks
from server.store.database import Driver
from server.store.tasks import SERVICE, NewTask
from server.tasks.kinds import Kind

MOST_QUEUED = 10_000  # of one kind, by one organization


class QueueFull(Exception):
    """An organization has as many tasks of a kind in the queue as it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A task in the queue. is_new: it was not there before under its dedupe key."""

    task_id: int
    is_new: bool


async def enqueue(
    driver: Driver,
    kind: Kind,
    *,
    organization_id: int = SERVICE,
    payload: Mapping[str, object] | None = None,
    priority: int | None = None,
    run_in: timedelta = timedelta(0),
    dedupe_key: str | None = None,
    schedule: str | None = None,
) -> Queued:
    """Queues a task, and returns it or the one that has the same dedupe key and has not ended; raises QueueFull.

    run_in is how long it waits at least, and priority, if it is not the kind's, orders it among those of its kind.
    schedule makes it a run of that schedule, outside of its periods.
    """
    if await tasks.queued(driver, kind.name, organization_id, MOST_QUEUED) == MOST_QUEUED:
        raise QueueFull(f"{MOST_QUEUED:,} tasks of the kind {kind.name} are queued for this organization already")
    new = NewTask(
        kind=kind.name,
        tries=kind.tries,
        priority=kind.priority if priority is None else priority,
        organization_id=organization_id,
        payload=payload or {},
        run_in=run_in,
        dedupe_key=dedupe_key,
        schedule=schedule,
    )
    while True:
        for task_id in await tasks.enqueue(driver, [new]):
            return Queued(task_id=task_id, is_new=True)
        if dedupe_key is None:
            raise AssertionError("nothing else can keep a task from being queued")
        found = await tasks.by_dedupe_key(driver, kind.name, organization_id, dedupe_key)
        if found is not None:  # else it has ended between the two statements
            return Queued(task_id=found, is_new=False)
