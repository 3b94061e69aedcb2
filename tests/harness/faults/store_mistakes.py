"""Mistakes in how the database is used, in what is folded, asked and ended."""

import asyncio
import dataclasses
import time
from collections.abc import Collection, Mapping
from typing import Any

from server.query import overview
from server.query.overview import Overview, OverviewQuestion
from server.query.queries import Queries
from server.store import members, rollups, sessions
from server.store.database import Condition, Database, Driver
from server.store.isolation import EVERY
from server.store.members import Candidate, Key, Member
from server.store.rollups import Taken
from server.tasks.runner import Runner
from server.tenancy.principal import Principal
from tests.harness.faults.ingest_mistakes import database, remember_database
from tests.harness.faults.mistake import Mistake, replace, together

_LOST = frozenset(("lost ack", "stale read", "revision went back", "own write not read", "accepted twice"))


def _commit_without_waiting() -> None:
    settings: Any = sessions.INGEST.settings
    settings["synchronous_commit"] = "off"


def _set_for_set_local() -> None:
    enrol = members.enrol

    async def wrong(
        driver: Driver, wanted: Mapping[int, Collection[Candidate]], erasures: Mapping[int, int] | None = None
    ) -> dict[int, dict[Key, Member]]:
        found = await enrol(driver, wanted, erasures)
        await driver.execute("SET synchronous_commit = off")
        return found

    replace(enrol, wrong)


def _fold_in_two_transactions() -> None:
    take = rollups.take_deltas

    async def wrong(driver: Driver, organization_id: int, limit: int) -> Taken:
        async with database().transaction(of=EVERY) as other:
            return await take(other, organization_id, limit)

    replace(take, wrong)


_KEPT_SECONDS = 2.0


def _keep_answers() -> None:
    answer, kept = overview.answer, dict[tuple[int, str, float], Overview]()

    async def wrong(queries: Queries, principal: Principal, question: OverviewQuestion) -> Overview:
        key = principal.organization_id, repr(question), time.time() // _KEPT_SECONDS
        if key not in kept:
            kept[key] = await answer(queries, principal, question)
        return kept[key]

    replace(answer, wrong)


class _Deaf(asyncio.Event):
    """An event whose waiters do not end where they are cancelled."""

    async def wait(self) -> Any:
        try:
            return await super().wait()
        except asyncio.CancelledError:
            return False


def _swallow_cancellation() -> None:
    begin = Runner.__init__

    def wrong(self: Runner, *about: Any, **more: Any) -> None:
        begin(self, *about, **more)
        self._woken = _Deaf()

    Runner.__init__ = wrong  # type: ignore[method-assign]


def _see_no_weak_settings() -> None:
    condition = Database.condition

    async def wrong(self: Database) -> Condition:
        return dataclasses.replace(await condition(self), weak_settings=())

    replace(condition, wrong)


BLIND = Mistake(make=_see_no_weak_settings, checks=frozenset(("lost ack", "lost disk")))
MISTAKES: Mapping[str, Mistake] = {
    "commit-does-not-wait": Mistake(make=_commit_without_waiting, checks=_LOST),
    "set-for-set-local": Mistake(make=_set_for_set_local, checks=_LOST),
    "fold-in-two-transactions": Mistake(
        make=together(remember_database, _fold_in_two_transactions),
        checks=frozenset(("audit", "stale read", "figures")),
    ),
    "cached-answer": Mistake(
        make=_keep_answers, checks=frozenset(("stale read", "revision went back", "own write not read"))
    ),
    "swallowed-cancellation": Mistake(make=_swallow_cancellation, checks=frozenset(("end",))),
}
