"""Erasing a person: a task of bounded transactions, each of which may be the last one of its process.

The mark was first (server/privacy/erasures.py): since it has committed nothing comes in under the id. An alias with the
same dense number takes the place of the id, so that no set, no count and no figure changes. Raw events are first, since
projections are made of them; who has read the id before its turn finds the alias the next time.
"""

import asyncio
import dataclasses
import functools
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from server import errors, failpoints
from server.catalog.custom_metrics import PROJECTION as CUSTOM_METRICS
from server.catalog.custom_scrubbing import Scrubbing
from server.catalog.families.conversations import PROJECTION as CONVERSATIONS
from server.delivery import queueing
from server.organizations.audit_trail import Actor, ActorKind, Entry
from server.organizations.delivery import Message, Topic
from server.privacy import content_gaps, export_log, raw_events, report_files
from server.privacy.raw_events import Busy
from server.projections import users
from server.projections.content_gaps import ContentGapTopics
from server.projections.projector import Projector
from server.projections.users import Users
from server.store import custom_metrics, organizations, projections, rows_of_users, updates
from server.store import erased_users as stored
from server.store import events as stored_events
from server.store.database import Database, Driver, is_locked_out
from server.store.erased_users import Erasure
from server.store.isolation import EVERY
from server.store.projections import Locked, ProjectionPosition
from server.store.users import PROFILES
from server.tasks import queue
from server.tasks.kinds import Kind, Result, Work
from server.tenancy import audit_trail

_ROWS_AT_ONCE = 2_000
_BUSY_SECONDS = 0.05
_LONGEST = timedelta(hours=24)
_FOLLOWED = ("agents", CONVERSATIONS, Users.name, "leads", ContentGapTopics.name)
# Shares of the work after which each part of it is done.
_SWEPT, _RENAMED = 0.8, 0.95

_ACTOR = Actor(kind=ActorKind.SERVICE, id="erase_user")

# Does a portion of a part of an erasure, and returns how far it is then, and whether there is more of that part.
_Portion: TypeAlias = Callable[[Driver, Erasure], Awaitable[tuple[Erasure, bool]]]
# Renames rows of a projection that is locked, as many as a limit allows, and returns how many.
_Rename: TypeAlias = Callable[[Driver, Locked, str, str, int], Awaitable[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasing:
    """Erases people. on_commit is called with an organization that has a new revision; projector is the one of this
    process, and read_file reads files of reports.
    """

    on_commit: Callable[[int], None] = lambda _: None
    projector: Projector | None = None
    read_file: Callable[[str], Awaitable[bytes]] | None = None

    async def erase(self, work: Work) -> Result:
        """Erases the person of an erasure, from where it stands; one that is done stays as it is."""
        if "erasure_id" not in work.payload:  # asked for at the command line: there is nobody to erase
            return {}
        erasure_id = uuid.UUID(str(work.payload["erasure_id"]))
        job = _Job(work=work, erasure_id=erasure_id)
        if await job.is_done():
            return {}
        await self._catch_up(work)
        for part in (
            raw_events.tell_apart,
            _sweep,
            raw_events.sweep_replaced,
            content_gaps.make_anew,
            _conversations,
            *_OF_USERS,
            _updates,
            _member,
        ):
            await job.all_of(part)
        await self._give_reports_up(job)
        await _renew_statistics(work.database, work.organization_id, erasure_id)
        await job.all_of(_finish)
        self.on_commit(work.organization_id)
        return {}

    async def _give_reports_up(self, job: "_Job") -> None:
        """Gives files of reports up that name the person. Whoever reads figures from now on finds the alias."""
        erasure = await job.erasure()
        if erasure is None or self.read_file is None:
            return
        async for run_id in report_files.naming(job.work.database, erasure, self.read_file):
            await job.all_of(functools.partial(_give_up, run_id))

    async def _catch_up(self, work: Work) -> None:
        """Has projections see the person's events, and corrections of them, as they came in."""
        async with work.database.transaction(of=work.organization_id) as driver:
            metrics = await custom_metrics.listed(driver, work.organization_id)
        projector = self.projector or Projector(work.database)
        for name in (*_FOLLOWED, *((CUSTOM_METRICS,) if metrics else ())):
            await projector.follow_patiently(work.organization_id, name)

    async def requeue(self, work: Work) -> Result:
        """Queues tasks for erasures that are not done and have none, such as those whose task has failed for good."""
        async with work.database.transaction(of=EVERY) as driver:
            for organization_id, erasure_id in await stored.unfinished(driver):
                await enqueue(driver, organization_id, erasure_id)
        return {}


def kinds(erasing: Erasing) -> tuple[Kind, Kind]:
    """Returns the kinds of tasks that erase people."""
    return (
        dataclasses.replace(KIND, run=erasing.erase),
        Kind(name="unfinished_erasures", help="Queues erasures again whose task has failed.", run=erasing.requeue),
    )


KIND = Kind(
    name="erase_user",
    help="Removes a person from everything that is kept, and leaves figures as they are.",
    run=Erasing().erase,
    is_long=True,
    longest=_LONGEST,
    tries=10,
)


async def enqueue(driver: Driver, organization_id: int, erasure_id: uuid.UUID) -> None:
    """Queues the task of an erasure, unless it is queued or running."""
    name = str(erasure_id)
    await queue.enqueue(driver, KIND, organization_id=organization_id, payload={"erasure_id": name}, dedupe_key=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """An erasure that is being worked on."""

    work: Work
    erasure_id: uuid.UUID

    async def is_done(self) -> bool:
        return await self.erasure() is None

    async def erasure(self) -> Erasure | None:
        """Returns the erasure; None where it is done."""
        async with self.work.database.transaction(of=self.work.organization_id) as driver:
            found = await stored.by_id(driver, self.work.organization_id, self.erasure_id)
        return found if found is not None and found.erased_at is None else None

    async def all_of(self, part: _Portion) -> None:
        """Does a part of the erasure, portion by portion, each in a transaction; waits where others are in the way."""
        has_more = True
        while has_more:
            try:
                has_more = await self._portion(part)
            except Busy:
                await asyncio.sleep(_BUSY_SECONDS)
            except errors.StorageUnavailable as error:
                if not is_locked_out(error):
                    raise

    async def _portion(self, part: _Portion) -> bool:
        async with self.work.database.transaction(of=self.work.organization_id) as driver:
            erasure = await stored.by_id(driver, self.work.organization_id, self.erasure_id, lock=True)
            if erasure is None or erasure.erased_at is not None:  # another run of the task has done it
                return False
            erasure, has_more = await part(driver, erasure)
            if part is not _finish:
                await stored.note(driver, erasure)
            failpoints.reach("erasure_before_commit")
        failpoints.reach("erasure_after_commit")
        self.work.report(erasure.progress)
        return has_more


def _user_of(erasure: Erasure) -> str:
    assert erasure.user_id is not None  # noqa: S101 - an erasure that is not done has it
    return erasure.user_id


async def _sweep(driver: Driver, erasure: Erasure) -> tuple[Erasure, bool]:
    """Rewrites raw events, day of receipt by day."""
    received = await rows_of_users.received_between(driver, erasure.organization_id)
    if received is None:
        return erasure, False
    first, last = map(raw_events.first_day, received)
    erasure = dataclasses.replace(erasure, swept_until=max(first, erasure.swept_until or first))
    assert erasure.swept_until is not None  # noqa: S101 - it was just set
    if erasure.swept_until > last:
        return dataclasses.replace(erasure, progress=max(erasure.progress, _SWEPT)), False
    erasure = await raw_events.sweep(driver, erasure)
    assert erasure.swept_until is not None  # noqa: S101 - as above
    share = (erasure.swept_until - first) / (last - first + timedelta(days=1))
    return dataclasses.replace(erasure, progress=max(erasure.progress, min(share, 1) * _SWEPT)), True


def _renaming(projection: str, table: str, rename: _Rename) -> _Portion:
    """Returns what lets the alias take the place of the user in a table of a projection."""

    async def portion(driver: Driver, erasure: Erasure) -> tuple[Erasure, bool]:
        locked = await projections.lock(driver, erasure.organization_id, projection)
        if locked is None:
            return erasure, False
        rows = await rename(driver, locked, _user_of(erasure), erasure.alias, _ROWS_AT_ONCE)
        erasure = dataclasses.replace(erasure, progress=max(erasure.progress, _RENAMED))
        return raw_events.touched(erasure, table, rows), rows == _ROWS_AT_ONCE

    return portion


async def _rename_profile(driver: Driver, locked: Locked, user_id: str, alias: str, _limit: int) -> int:
    """Also makes anew what is known of the alias: a correction of an event that was swept before knew of no user that
    this event was the first or the last one of.
    """
    renamed = await rows_of_users.rename_profile(driver, locked, user_id, alias)
    await organizations.hold(driver, locked.rows.organization_id)  # raw events stay meanwhile
    filled = [(locked.rows, locked.position)]
    if locked.rebuilt is not None:
        filled.append((locked.rebuilt.rows, locked.rebuilt.position))
    for rows, position in filled:
        await users.make_anew(driver, rows, await PROFILES.first_known(driver, rows, [alias]), position.revision)
    return renamed


_conversations = _renaming(CONVERSATIONS, "conversations", rows_of_users.rename_in_conversations)
# What is known of the user is last: it tells when the others began.
_OF_USERS = (
    _renaming(Users.name, "user_conversations", rows_of_users.rename_in_beginnings),
    _renaming(Users.name, "user_days", rows_of_users.rename_in_days),
    _renaming(Users.name, "users", _rename_profile),
)


async def _updates(driver: Driver, erasure: Erasure) -> tuple[Erasure, bool]:
    """Renames, in the log of updates, values of custom metrics' own dimensions that were renamed elsewhere."""
    names = raw_events.replaced_texts(erasure)
    metrics = await custom_metrics.listed(driver, erasure.organization_id) if names else ()
    renamed = raw_events.renamings(erasure, Scrubbing(metrics), names)
    own = {(one.key.dimension_number, one.key.value): one.value for one in renamed if one.key.is_dimension}
    if not own:
        return erasure, False
    rows = await updates.rename(driver, erasure.organization_id, own, _ROWS_AT_ONCE)
    return raw_events.touched(erasure, "updates", rows), rows == _ROWS_AT_ONCE


async def _member(driver: Driver, erasure: Erasure) -> tuple[Erasure, bool]:
    """Removes the id; the alias has its number."""
    removed = await rows_of_users.remove_member(driver, erasure.organization_id, _user_of(erasure))
    return raw_events.touched(erasure, "members", removed), False


async def _give_up(run_id: int, driver: Driver, erasure: Erasure) -> tuple[Erasure, bool]:
    return await report_files.give_up(driver, erasure, run_id), False


async def _renew_statistics(database: Database, organization_id: int, erasure_id: uuid.UUID) -> None:
    """Makes the planner's statistics anew, which hold values of tables."""
    async with database.transaction(of=organization_id) as driver:
        erasure = await stored.by_id(driver, organization_id, erasure_id)
    if erasure is not None and erasure.erased_at is None and erasure.touched:
        async with database.transaction(of=organization_id) as driver:
            await rows_of_users.renew_statistics(driver, [day for day, _ in erasure.decided.get(raw_events.DAYS, ())])


async def _announce(driver: Driver, erasure: Erasure, revision: int, exports: Sequence[str]) -> None:
    """Tells the destinations that ask for it that somebody was erased, in how many rows, and which exports are to be
    deleted; never who that was.
    """
    erasure_id = str(erasure.erasure_id)
    message = Message(
        topic=Topic.ERASURE,
        kind="user.erased",
        subject_id=erasure_id,
        title="A person was erased",
        text=f"The erasure {erasure_id} is done. GetErasure has its receipt.",
        data={
            "erasure_id": erasure_id,
            "request_id": erasure.request_id,
            "revision": revision,
            "rows": dict(erasure.touched),
            "exports_to_delete": list(exports),
        },
    )
    await queueing.enqueue(driver, erasure.organization_id, message, None, key=f"erasure:{erasure_id}")


async def _finish(driver: Driver, erasure: Erasure) -> tuple[Erasure, bool]:
    """Ends the erasure with a revision, after which servers read anew what they remember."""
    organization_id = erasure.organization_id
    # A correction that has read the event before its turn may have enrolled the id again.
    await stored.take_turn(driver, organization_id)
    await rows_of_users.remove_member(driver, organization_id, _user_of(erasure))
    revision = (await stored_events.next_revisions(driver, {organization_id: 0}))[organization_id]
    await updates.append(driver, [(organization_id, revision, updates.encode({}))])
    await projections.pass_over(driver, organization_id, ProjectionPosition.of(revision))
    exports = await export_log.of_user(driver, organization_id, erasure.digest)
    await stored.finish(driver, erasure, revision.number, exports)
    told = {"erasure_id": str(erasure.erasure_id), "rows": erasure.touched, "revision": revision.number}
    await _announce(driver, erasure, revision.number, exports)
    entry = Entry(actor=_ACTOR, action="user.erased", subject=erasure.digest.hex(), after=told)
    await audit_trail.record(driver, organization_id, entry)
    return dataclasses.replace(erasure, progress=1), False
