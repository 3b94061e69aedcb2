"""Mistakes in how projections follow revisions, and in who waits for them."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from server.catalog.cells import Cells
from server.events.conversation import Conversation
from server.projections import conversations as projected
from server.projections.projector import Projector
from server.store import conversations, projections
from server.store.database import Driver
from server.store.following import EventReader
from server.store.isolation import EVERY
from server.store.projections import Locked, ProjectionPosition
from tests.harness.faults.ingest_mistakes import database, remember_database
from tests.harness.faults.mistake import Mistake, replace, together

_MISCOUNTED = frozenset(("audit", "conservation", "figures", "stale conversations", "too many conversations"))
_EVERYTHING = 2**62
_NEWEST = "SELECT revision, revised_at FROM revisions WHERE organization_id = $1"


def _move_before_writing() -> None:
    """Moves the position in a transaction of its own, before the one that writes what was read."""
    lock = projections.lock

    async def wrong(driver: Driver, organization_id: int, name: str, needs: Collection[str] = ()) -> Locked | None:
        async with database().transaction(of=EVERY) as other:
            locked = await lock(other, organization_id, name, needs)
            if locked is not None:
                await projections.move(other, organization_id, name, locked.newest, is_durable=True)
        await lock(driver, organization_id, name, needs)
        return locked

    replace(lock, wrong)


def _leave_compensation_out() -> None:
    change = projected._change

    def wrong(pairs: Iterable[tuple[Conversation | None, Conversation | None]]) -> Cells:
        return change((None if after != before else before, after) for before, after in pairs)

    replace(change, wrong)


def _step_without_lock() -> None:
    """Lets go of the lock at once; a moment, as of a database that is slow, lets others come in between."""
    lock = projections.lock

    async def wrong(driver: Driver, organization_id: int, name: str, needs: Collection[str] = ()) -> Locked | None:
        async with database().transaction(of=EVERY) as other:
            locked = await lock(other, organization_id, name, needs)
        await asyncio.sleep(0.05)
        return locked

    replace(lock, wrong)


def _skip_what_comes_meanwhile() -> None:
    """Takes for the position what is newest once everything is written, and not what was newest when it was read."""
    move = projections.move

    async def wrong(
        driver: Driver, organization_id: int, name: str, position: ProjectionPosition, *, is_durable: bool
    ) -> None:
        newest = await driver.fetchrow(_NEWEST, organization_id)
        assert newest is not None
        await move(driver, organization_id, name, ProjectionPosition(**newest), is_durable=is_durable)

    replace(move, wrong)


def _read_beyond_position() -> None:
    """Reads whatever is committed by then, and not up to the revision that the position is moved to."""
    read = EventReader.after

    async def wrong(
        self: Any, driver: Driver, organization_id: int, position: ProjectionPosition, until: int, limit: int
    ) -> Any:
        if self is conversations.EVENTS:
            until = _EVERYTHING
        return await read(self, driver, organization_id, position, until, limit)

    replace(read, wrong)


def _answer_at_once() -> None:
    async def wrong(self: Projector, organization_id: int, names: Collection[str], target: int) -> None:
        await asyncio.sleep(0)

    replace(Projector.catch_up, wrong)


MISTAKES: Mapping[str, Mistake] = {
    "position-moved-before-write": Mistake(make=together(remember_database, _move_before_writing), checks=_MISCOUNTED),
    "compensation-left-out": Mistake(make=_leave_compensation_out, checks=_MISCOUNTED),
    "step-without-lock": Mistake(make=together(remember_database, _step_without_lock), checks=_MISCOUNTED),
    "position-ahead-of-what-was-read": Mistake(make=_skip_what_comes_meanwhile, checks=_MISCOUNTED),
    "step-reads-beyond-position": Mistake(make=_read_beyond_position, checks=_MISCOUNTED),
    "answer-without-catching-up": Mistake(make=_answer_at_once, checks=frozenset(("stale conversations",))),
}
