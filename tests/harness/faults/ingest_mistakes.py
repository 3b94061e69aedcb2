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
from server.ingest.write import Committed, OrganizationEvents, Step, at_once
from server.rollups.member_numbers import NumberCache
from server.store import events
from server.store.database import Database, Driver
from server.store.events import Revision
from server.store.isolation import EVERY
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
        step: Step = at_once,
        may_learn: bool = True,
    ) -> dict[int, Committed]:
        writing = store(database, numbers, parts, recency, step=step, may_learn=may_learn)
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


def _count_duplicates() -> None:
    claim = events.claim_keys

    async def wrong(driver: Driver, events: Mapping[int, Sequence[Event]]) -> dict[int, set[bytes]]:
        await claim(driver, events)
        return {organization_id: {event.event_key for event in some} for organization_id, some in events.items()}

    replace(claim, wrong)


_claimed: ContextVar[dict[bytes, int]] = ContextVar("claimed")


def _dedupe_in_redis() -> None:
    claim, fingerprints = events.claim_keys, events.fingerprints

    async def wrong_claim(driver: Driver, events: Mapping[int, Sequence[Event]]) -> dict[int, set[bytes]]:
        await claim(driver, events)
        _claimed.set({event.event_key: event.fingerprint for some in events.values() for event in some})
        try:
            async with redis.asyncio.Redis.from_url(os.environ["REDIS_URL"]) as marks:
                return {
                    organization_id: {
                        event.event_key
                        for event in some
                        if await marks.set(b"seen:%d:" % organization_id + event.event_key, 1, nx=True)
                    }
                    for organization_id, some in events.items()
                }
        except (redis.exceptions.RedisError, OSError):
            return {organization_id: {event.event_key for event in some} for organization_id, some in events.items()}

    async def wrong_fingerprints(driver: Driver, organization_id: int, keys: Sequence[bytes]) -> dict[bytes, int]:
        return {key: _claimed.get()[key] for key in keys}

    replace(claim, wrong_claim)
    replace(fingerprints, wrong_fingerprints)


def _take_revision_ahead() -> None:
    take = events.next_revisions

    async def wrong(driver: Driver, events: Mapping[int, int]) -> dict[int, Revision]:
        async with database().transaction(of=EVERY) as other:
            return await take(other, events)

    replace(take, wrong)


take_revision_ahead = together(remember_database, _take_revision_ahead)

MISTAKES: Mapping[str, Mistake] = {
    "ack-before-commit": Mistake(make=_acknowledge_before_commit, checks=_LOST),
    "no-dedupe": Mistake(
        make=_count_duplicates,
        checks=frozenset(("stored twice", "accepted twice", "counted too much", "audit", "figures")),
    ),
    "dedupe-in-redis": Mistake(
        make=_dedupe_in_redis,
        checks=frozenset(("lost ack", "never stored", "stored twice", "accepted twice", "counted too much")),
    ),
    "revision-taken-ahead": Mistake(
        make=take_revision_ahead, checks=frozenset(("revision gap", "own write not read", "conservation", "figures"))
    ),
}
