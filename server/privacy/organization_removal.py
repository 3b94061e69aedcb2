"""Removing organizations whose grace is over: bounded transactions, each of which may be the last one of its process.

First the organization becomes a deleted one, which frees its name; from then on policies of the database let nobody add
a row of it. Then its files and all of its rows go. It is done once no transaction is left that has begun before, and no
table has a row.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from server import errors, failpoints
from server.organizations.audit_trail import Actor, ActorKind
from server.store import organization_deletions as stored
from server.store.bi import logins
from server.store.database import Database, is_locked_out
from server.store.isolation import EVERY
from server.store.organization_deletions import OwnedTable
from server.tasks.kinds import UNFINISHED, Kind, Result, Schedule, Work
from server.tenancy import organization_deletions

PORTION = 5_000
# For as long the organization is refused at least before anything of it goes: servers follow within 10 seconds.
SETTLED = timedelta(seconds=30)
_RUN_SECONDS = 20.0
_LOOK_SECONDS = 0.2
# What makes others work for an organization goes first.
_FIRST = ("schedules", "tasks", "revisions", "deltas")
_ACTOR = Actor(kind=ActorKind.SERVICE, id="organization_removal")


async def _no_files(_database: Database, _organization_id: int) -> list[str]:
    """Knows of no files."""
    return []


async def _nothing(_files: Sequence[str]) -> None:
    """Deletes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationRemoval:
    """Removes organizations. files_of returns the files that one has, and delete_files deletes files."""

    files_of: Callable[[Database, int], Awaitable[list[str]]] = _no_files
    delete_files: Callable[[Sequence[str]], Awaitable[None]] = _nothing
    settled: timedelta = SETTLED

    async def run(self, work: Work) -> Result:
        """Removes the organizations that are due, or goes on with it, for a limited time."""
        deadline = time.monotonic() + _RUN_SECONDS
        async with work.database.transaction(of=EVERY) as driver:
            due = await stored.due(driver, self.settled)
        deleted, failed = 0, list[Exception]()
        for organization_id in due:
            try:
                deleted += await _Removal(self, work, organization_id, deadline).run()
            except errors.StorageUnavailable as error:
                if not is_locked_out(error):
                    raise  # else whoever is at work for the organization is let end, and the next run goes on
            except Exception as error:  # noqa: BLE001 - one organization must not keep the others
                failed.append(error)
            if time.monotonic() > deadline:
                break
        if failed:
            raise failed[0]
        return {"deleted": deleted, UNFINISHED: deleted < len(due)}


@dataclass(frozen=True, slots=True)
class _Removal:
    """The removal of one organization, up to a deadline."""

    parts: OrganizationRemoval
    work: Work
    organization_id: int
    deadline: float

    async def run(self) -> bool:
        """Goes on from wherever it stands; returns whether the organization is gone."""
        if not await self._bury():
            return True  # it was taken back
        await self._remove_files()
        async with self.work.database.transaction(of=EVERY) as driver:
            tables = await stored.tables(driver)
        tables.sort(key=lambda one: _FIRST.index(one.name) if one.name in _FIRST else len(_FIRST))  # keeps their order
        while await self._remove_rows(tables):
            if await self._finish(tables):
                return True
            if time.monotonic() > self.deadline:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        return False

    async def _bury(self) -> bool:
        """Makes the organization a deleted one; returns whether it is."""
        organization_id = self.organization_id
        async with self.work.database.transaction(of=EVERY) as driver:
            if await stored.bury(driver, organization_id) and await logins.take(driver, organization_id) is not None:
                await stored.count(driver, organization_id, {"bi_logins": 1})
            failpoints.reach("deletion_before_commit")
        failpoints.reach("deletion_after_commit")
        async with self.work.database.transaction(of=EVERY) as driver:
            return await stored.begin_removal(driver, organization_id)

    async def _remove_files(self) -> None:
        """Counts files once, since a process may end between deleting them and counting them."""
        files = await self.parts.files_of(self.work.database, self.organization_id)
        async with self.work.database.transaction(of=EVERY) as driver:
            await stored.count_files(driver, self.organization_id, len(files))
        await self.parts.delete_files(files)

    async def _remove_rows(self, tables: Sequence[OwnedTable]) -> bool:
        """Removes the rows of all tables, one after the other; returns whether there was the time for it."""
        for place, table in enumerate(tables):
            self.work.report(place / len(tables), f"organization {self.organization_id}: {table.name}")
            while await self._portion(table):
                if time.monotonic() > self.deadline:
                    return False
        return True

    async def _portion(self, table: OwnedTable) -> bool:
        """Removes some rows of a table; returns whether there may be more."""
        try:
            async with self.work.database.transaction(of=self.organization_id) as driver:
                removed = await stored.remove(driver, table, self.organization_id, PORTION)
                await stored.count(driver, self.organization_id, {table.name: removed})
                failpoints.reach("deletion_before_commit")
        except errors.StorageUnavailable as error:
            if not is_locked_out(error):
                raise
            await asyncio.sleep(_LOOK_SECONDS)
            return True
        failpoints.reach("deletion_after_commit")
        return removed > 0

    async def _finish(self, tables: Sequence[OwnedTable]) -> bool:
        """Records that it is done, where nobody can add rows any more and none is left."""
        async with self.work.database.transaction(of=EVERY) as driver:
            deletion = await stored.by_id(driver, self.organization_id, lock=True)
            assert deletion is not None  # noqa: S101 - it stays from when removing begins
            if deletion.deleted_at is not None:
                return True
            if deletion.removal_from is None or not await stored.is_fenced(driver, deletion.removal_from):
                return False
            if await stored.left_in(driver, tables, self.organization_id):
                return False
            await stored.finish(driver, self.organization_id)
            await organization_deletions.record_done(driver, deletion, _ACTOR)
            failpoints.reach("deletion_before_commit")
        failpoints.reach("deletion_after_commit")
        return True


KIND = Kind(
    name="organization_removal",
    help="Removes all that is kept of organizations that were to be deleted and whose grace is over.",
    run=OrganizationRemoval().run,
    is_long=True,
    concurrency=1,
)
SCHEDULE = Schedule(name=KIND.name, kind=KIND.name, cron="* * * * *")
