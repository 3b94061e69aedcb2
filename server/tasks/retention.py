"""Housekeeping: partitions ahead of time, and retention. No metric depends on either.

Each function works for a limited time and says when there is more to do, and each may be begun again at any point.
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import structlog

from server import errors, timerange
from server.organizations.organization import Organization
from server.projections.registry import PROJECTIONS
from server.store import (
    audit_trail,
    custom_metrics,
    events,
    organizations,
    projections,
    replaced_events,
    slots,
    tasks,
    updates,
)
from server.store import partitions as stored_partitions
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.store.partitions import Partition
from server.store.tasks import SERVICE, TaskState
from server.tasks.kinds import UNFINISHED, Result

PORTION_EVENTS = 5_000
PORTION_KEYS = 20_000
PORTION_UPDATES = 5_000
PORTION_SLOTS = 20_000
PORTION_ROWS = 5_000
PORTION_TASKS = 5_000
PORTION_ENTRIES = 5_000
_SERVICE_TRAIL_DAYS = 400  # where there is no organization
_RUN_SECONDS = 20.0
# Ingest tells the time from the database's clock and may try the same transaction again for a while. A key is removed
# only when an event that needs it has been refused for that much longer.
KEY_MARGIN = timedelta(days=1)
# An empty partition stays as long as the clock might still be set back to it.
_EMPTY_KEPT = timedelta(days=7)
_DROP_ATTEMPTS = 20
# Longer than folds add to them, so that the two never want the same row.
_SLOTS_KEPT = timedelta(minutes=90)
_HOUR = timedelta(hours=1)
_TASKS_KEPT = {
    TaskState.DONE: timedelta(days=1),
    TaskState.CANCELLED: timedelta(days=1),
    TaskState.DEAD: timedelta(days=7),
}
_log = structlog.get_logger(__name__)


async def partitions(database: Database, now: datetime, last: Result) -> Result:
    """Makes the partitions of the days ahead."""
    async with database.transaction(of=EVERY) as driver:
        made = await stored_partitions.ensure(driver, now.date())
    return {"made": made}


async def event_retention(database: Database, now: datetime, last: Result) -> Result:
    """Removes the raw events that their organizations no longer keep. Rollups, deltas and conversations stay."""
    deadline = time.monotonic() + _RUN_SECONDS
    async with database.transaction(of=EVERY) as driver:
        tenants = {one.organization_id: one for one in await organizations.listed(driver)}
        days = await stored_partitions.listed(driver)
    await _give_up_history(database, list(tenants.values()), now)
    removed = dropped = 0
    for partition in days:
        expired, others = await _owners(database, partition, tenants, now)
        given_up = await _give_up_raw(database, partition, expired)
        others += [one for one in expired if one not in given_up]
        if not others and partition.day < (now - _EMPTY_KEPT).date() and await _drop(database, partition):
            dropped += 1
            continue
        for organization_id in given_up:
            removed += await _remove(database, partition, organization_id, deadline)
        if time.monotonic() > deadline:
            return {"removed": removed, "dropped": dropped, UNFINISHED: True}
    return {"removed": removed, "dropped": dropped}


async def _owners(
    database: Database, partition: Partition, tenants: Mapping[int, Organization], now: datetime
) -> tuple[list[int], list[int]]:
    """The organizations with events in a partition: those that no longer keep them, and the others."""
    async with database.transaction(of=EVERY) as driver:
        present = await stored_partitions.organizations(driver, partition)
        expired = [one for one in present if one in tenants and is_expired(tenants[one], partition, now)]
        expired = await _unneeded(driver, expired, partition.end)
    return expired, [one for one in present if one not in expired]


async def _unneeded(driver: Driver, organization_ids: Sequence[int], end: datetime) -> list[int]:
    """Returns those of the organizations that need no raw events any more that were received before an instant."""
    # Raw events stay until every projection has seen them.
    seen_until = await projections.seen_until(driver, list(PROJECTIONS), organization_ids)
    # And until the custom metrics that were defined later are filled from them.
    needed = await custom_metrics.in_history(driver, organization_ids)
    return [one for one in organization_ids if seen_until.get(one, end) >= end and one not in needed]


def is_expired(organization: Organization, partition: Partition, now: datetime) -> bool:
    """True where an organization no longer keeps what it sent on a day: all of that day is past its retention."""
    days = organization.settings.event_retention_days
    return days is not None and partition.day + timedelta(days=1) <= (now - timedelta(days=days)).date()


async def _give_up_raw(database: Database, partition: Partition, expired: Sequence[int]) -> list[int]:
    """Records up to when raw events may be missing, before the first of them is: in every snapshot the audit knows.

    Returns the organizations of which that is recorded: not those with projections that have yet to make something anew
    from raw events, since one was corrected.
    """
    given_up = []
    for organization_id in expired:
        async with database.transaction(of=organization_id) as driver:
            await organizations.hold(driver, organization_id)  # nobody corrects an event meanwhile
            if await replaced_events.is_pending(driver, organization_id, list(PROJECTIONS)):
                continue
            latest = await stored_partitions.last_bucket(driver, partition, organization_id)
            if latest is not None:
                await organizations.raise_raw_from(driver, organization_id, latest + 1)
            await _remove_history(driver, organization_id, partition.end)
        given_up.append(organization_id)
    return given_up


async def _give_up_history(database: Database, tenants: Sequence[Organization], now: datetime) -> None:
    """Removes what events were that have been corrected or retracted and were received before what their organizations
    keep: of the days of some of them no raw event is left, and no partition leads to them.
    """
    for tenant in tenants:
        days = tenant.settings.event_retention_days
        if days is None:
            continue
        organization_id, end = tenant.organization_id, _midnight((now - timedelta(days=days)).date())
        async with database.transaction(of=organization_id) as driver:
            if not await replaced_events.has_before(driver, organization_id, end):
                continue
            await organizations.hold(driver, organization_id)  # as above
            if await replaced_events.is_pending(driver, organization_id, list(PROJECTIONS)):
                continue
            if await _unneeded(driver, [organization_id], end):
                await _remove_history(driver, organization_id, end)


async def _remove_history(driver: Driver, organization_id: int, end: datetime) -> None:
    """Removes what events were that were received before an instant. What was at an earlier revision cannot be told any
    more of their time, any more than of that of raw events that are gone.
    """
    latest = await replaced_events.remove_before(driver, organization_id, end)
    if latest is not None:
        await organizations.raise_raw_from(driver, organization_id, timerange.floor_bucket(latest) + 1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)


async def _remove(database: Database, partition: Partition, organization_id: int, deadline: float) -> int:
    """Removes an organization's events from a partition, portion by portion, until none is left or time is up."""
    total = 0
    while time.monotonic() < deadline:
        async with database.transaction(of=organization_id) as driver:
            removed = await stored_partitions.remove_events(driver, partition, organization_id, PORTION_EVENTS)
        total += removed
        if removed < PORTION_EVENTS:
            break
    return total


async def _drop(database: Database, partition: Partition) -> bool:
    """Drops a partition in a moment when nobody uses events; where there is none, the next run tries again."""
    for _ in range(_DROP_ATTEMPTS):
        try:
            async with database.transaction(of=EVERY) as driver:
                await stored_partitions.drop(driver, partition)
        except errors.StorageUnavailable:
            await asyncio.sleep(0.2)
        else:
            return True
    _log.info(
        "could not drop a partition: still in use after all attempts; the next run tries again",
        partition=partition.name,
        attempts=_DROP_ATTEMPTS,
    )
    return False


async def key_retention(database: Database, now: datetime, last: Result) -> Result:
    """Removes the keys of events that are so old that ingest refuses them. Goes on where the last run ended."""
    deadline = time.monotonic() + _RUN_SECONDS
    async with database.transaction(of=EVERY) as driver:
        tenants = await organizations.listed(driver)
    cursor = last.get("cursor")
    first_id, first_key = cursor if isinstance(cursor, list) else (0, "")
    removed = 0
    for tenant in tenants:
        days = tenant.settings.key_retention_days
        if days is None or tenant.organization_id < first_id:
            continue
        before = (now - timedelta(days=days) - KEY_MARGIN - timerange.EPOCH) // _HOUR
        key: bytes | None = bytes.fromhex(first_key) if tenant.organization_id == first_id else b""
        while key is not None:
            if time.monotonic() > deadline:
                return {"removed": removed, "cursor": [tenant.organization_id, key.hex()], UNFINISHED: True}
            async with database.transaction(of=tenant.organization_id) as driver:
                portion = await events.remove_keys(driver, tenant.organization_id, key, PORTION_KEYS, before)
            removed += portion.removed
            key = portion.next_key
    return {"removed": removed}


async def update_retention(database: Database, now: datetime, last: Result, *, window: timedelta) -> Result:
    """Removes the updates that no subscriber can resume after any more, oldest first."""
    deadline = time.monotonic() + _RUN_SECONDS
    async with database.transaction(of=EVERY) as driver:
        tenants = await organizations.listed(driver)
    removed = 0
    for tenant in tenants:
        portion = PORTION_UPDATES
        while portion >= PORTION_UPDATES:
            if time.monotonic() > deadline:
                return {"removed": removed, UNFINISHED: True}
            async with database.transaction(of=tenant.organization_id) as driver:
                portion = await updates.remove_before(driver, tenant.organization_id, now - window, PORTION_UPDATES)
            removed += portion
    return {"removed": removed}


async def audit_trail_retention(database: Database, now: datetime, last: Result) -> Result:
    """Removes the entries of audit trails that are no longer kept; those of the service are kept as long as any."""
    deadline = time.monotonic() + _RUN_SECONDS
    async with database.transaction(of=EVERY) as driver:
        days = {one.organization_id: one.settings.audit_retention_days for one in await organizations.listed(driver)}
    removed = 0
    for organization_id, kept in {SERVICE: max(days.values(), default=_SERVICE_TRAIL_DAYS), **days}.items():
        portion = PORTION_ENTRIES
        while portion == PORTION_ENTRIES:
            if time.monotonic() > deadline:
                return {"removed": removed, UNFINISHED: True}
            async with database.transaction(of=organization_id) as driver:
                instant = now - timedelta(days=kept)
                portion = await audit_trail.remove_before(driver, organization_id, instant, PORTION_ENTRIES)
            removed += portion
    return {"removed": removed}


async def slot_retention(database: Database, now: datetime, last: Result) -> Result:
    """Removes the figures of slots that are too old for any figure of now."""
    deadline = time.monotonic() + _RUN_SECONDS
    removed, portion = 0, PORTION_SLOTS
    while portion == PORTION_SLOTS:
        if time.monotonic() > deadline:
            return {"removed": removed, UNFINISHED: True}
        async with database.transaction(of=EVERY) as driver:
            portion = await slots.remove_before(driver, now - _SLOTS_KEPT, PORTION_SLOTS)
        removed += portion
    return {"removed": removed}


async def projection_retention(database: Database, now: datetime, last: Result) -> Result:
    """Removes rows of projections that a rebuild has replaced, where it was ended before it had removed them."""
    deadline = time.monotonic() + _RUN_SECONDS
    async with database.transaction(of=EVERY) as driver:
        rebuilt = await projections.rebuilt(driver, list(PROJECTIONS))
    removed = 0
    for name, valid, latest in random.sample(rebuilt, len(rebuilt)):  # so that all have their turns
        portion = PORTION_ROWS
        while portion:
            if time.monotonic() > deadline:
                return {"removed": removed, UNFINISHED: removed > 0}
            # Where tables are read by their indexes alone.
            async with database.projecting(of=valid.organization_id) as driver:
                portion = await PROJECTIONS[name].remove_others(driver, valid, latest, PORTION_ROWS)
            removed += portion
    return {"removed": removed}


async def task_retention(database: Database, now: datetime, last: Result) -> Result:
    """Removes the tasks that ended some time ago; dead ones are kept longer, since somebody may want to retry them."""
    deadline = time.monotonic() + _RUN_SECONDS
    removed = 0
    for state, kept in _TASKS_KEPT.items():
        portion = PORTION_TASKS
        while portion == PORTION_TASKS:
            if time.monotonic() > deadline:
                return {"removed": removed, UNFINISHED: True}
            async with database.transaction(of=EVERY) as driver:
                portion = await tasks.remove_ended(driver, state, kept, PORTION_TASKS)
            removed += portion
    return {"removed": removed}
