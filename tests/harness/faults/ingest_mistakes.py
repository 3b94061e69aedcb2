"""Mistakes in how events are stored, such as services of this kind have been built with."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import redis.asyncio

from server.catalog.counting import NO_OVERFLOW
from server.catalog.slots import Recency
from server.events.event import Event
from server.ingest import write
from server.ingest.pipeline import Ingest
from server.ingest.scheduler import OrganizationQueue
from server.ingest.write import Committed, OrganizationEvents, Step, at_once
from server.rollups.member_numbers import NumberCache
from server.store import conversations, events, single
from server.store.database import Database, Driver
from server.store.events import Revision
from tests.harness.faults.mistake import Mistake, replace, together

_LOST = frozenset(("lost ack", "stale read", "accepted twice"))
_databases: list[Database] = []  # of this process


def remember_database() -> None:
    """Keeps this process's database, for mistakes that use another connection than they are given."""
    begin = Database.__init__

    def wrong(self: Database, *about: Any, **more: Any) -> None:
        begin(self, *about, **more)
        _databases.append(self)

    Database.__init__ = wrong  # type: ignore[method-assign]


def database() -> Database:
    """This process's database."""
    return _databases[-1]


_early: set[asyncio.Task[Any]] = set()  # what is written while its callers have their answer


def _acknowledge_before_commit() -> None:
    store = write.store

    async def wrong(
        database: Database,
        numbers: NumberCache,
        parts: Sequence[OrganizationEvents],
        recency: Recency,
        *,
        is_group: bool = False,
        optimistic: bool = False,
        step: Step = at_once,
    ) -> dict[int, Committed]:
        writing = store(database, numbers, parts, recency, is_group=is_group, optimistic=optimistic, step=step)
        task = asyncio.create_task(writing)
        _early.add(task)
        task.add_done_callback(_early.discard)
        task.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody's
        return {
            part.organization_id: Committed(
                revision=0, new={event.event_key for event in part.events}, stored={}, overflow=NO_OVERFLOW
            )
            for part in parts
        }

    replace(store, wrong)


def _never_optimistic() -> None:
    """Lets events come to the steps of the longer transaction, where some mistakes are."""
    store = write.store

    async def wrong(
        database: Database,
        numbers: NumberCache,
        parts: Sequence[OrganizationEvents],
        recency: Recency,
        *,
        is_group: bool = False,
        optimistic: bool = False,
        step: Step = at_once,
    ) -> dict[int, Committed]:
        return await store(database, numbers, parts, recency, is_group=is_group, optimistic=False, step=step)

    replace(store, wrong)


def _never_join() -> None:
    def wrong(self: Ingest, queue: OrganizationQueue) -> bool:
        return False

    replace(Ingest._may_join, wrong)


def _count_duplicates() -> None:
    claim = events.claim_keys

    async def wrong(driver: Driver, organization_id: int, events: Sequence[Event]) -> set[bytes]:
        await claim(driver, organization_id, events)
        return {event.event_key for event in events}

    replace(claim, wrong)


_claimed: ContextVar[dict[bytes, int]] = ContextVar("claimed")


def _dedupe_in_redis() -> None:
    claim, fingerprints = events.claim_keys, events.fingerprints

    async def wrong_claim(driver: Driver, organization_id: int, events: Sequence[Event]) -> set[bytes]:
        await claim(driver, organization_id, events)
        _claimed.set({event.event_key: event.fingerprint for event in events})
        try:
            async with redis.asyncio.Redis.from_url(os.environ["REDIS_URL"]) as marks:
                keys = {event.event_key: b"seen:%d:" % organization_id + event.event_key for event in events}
                return {key for key, mark in keys.items() if await marks.set(mark, 1, nx=True)}
        except (redis.exceptions.RedisError, OSError):
            return {event.event_key for event in events}

    async def wrong_fingerprints(driver: Driver, organization_id: int, keys: Sequence[bytes]) -> dict[bytes, int]:
        return {key: _claimed.get()[key] for key in keys}

    replace(claim, wrong_claim)
    replace(fingerprints, wrong_fingerprints)


def _take_revision_ahead() -> None:
    take = events.next_revision

    async def wrong(driver: Driver, organization_id: int, events: int) -> Revision:
        async with database().transaction() as other:
            return await take(other, organization_id, events)

    replace(take, wrong)


_VERSIONS = (
    "SELECT organization_id, conversation_key, xmin::text, outcome IS NOT NULL FROM conversations"
    " WHERE (organization_id, conversation_key) IN (SELECT * FROM unnest($1::integer[], $2::bytea[]))"
)


def _see_conversations_too_early() -> None:
    look, store = conversations.look, single.store

    # A moment, as of a database that is slow: without one, one run in three comes upon it.
    async def wrong_look(driver: Driver, wanted: Any) -> Any:
        seen = await look(driver, wanted)
        await asyncio.sleep(0.05)
        return seen

    async def wrong_store(driver: Driver, parts: Sequence[single.CountedEvents]) -> dict[int, Revision]:
        """Takes conversations for what they were at the look, whatever has become of them."""
        keys = [(part.organization_id, one.conversation_key) for part in parts for one in part.conversation_changes]
        organizations, names = [one for one, _ in keys], [one for _, one in keys]
        found = {(row[0], row[1]): row[2:] for row in await driver.fetch(_VERSIONS, organizations, names)}
        for part in parts:
            changes: Any = part.conversation_changes
            for number, one in enumerate(changes):
                version, is_closed = found.get((part.organization_id, one.conversation_key), (None, False))
                if version is not None and (is_closed or one.outcome is not None):
                    changes[number] = one._replace(version=version)
        return await store(driver, parts)

    replace(look, wrong_look)
    replace(store, wrong_store)


take_revision_ahead = together(remember_database, _never_optimistic, _take_revision_ahead)

MISTAKES: Mapping[str, Mistake] = {
    "ack-before-commit": Mistake(make=_acknowledge_before_commit, checks=_LOST),
    "no-dedupe": Mistake(
        make=_count_duplicates,
        checks=frozenset(("stored twice", "accepted twice", "counted too much", "audit", "figures")),
    ),
    "conversation-seen-too-early": Mistake(
        make=_see_conversations_too_early, checks=frozenset(("audit", "figures", "stale read"))
    ),
    "dedupe-in-redis": Mistake(
        make=together(_never_optimistic, _never_join, _dedupe_in_redis),
        checks=frozenset(("lost ack", "never stored", "stored twice", "accepted twice", "counted too much")),
    ),
    "revision-taken-ahead": Mistake(make=take_revision_ahead, checks=frozenset(("revision gap", "own write not read"))),
}
