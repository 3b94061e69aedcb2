"""Rebuilding while ingest goes on, and while others work on the same projection."""

from typing import Any

import pytest

from server.catalog.families.conversations import PROJECTION
from server.events.conversation import Conversation
from server.projections.rebuild import rebuild
from server.rollups import audit
from server.store import changes
from server.store.database import Database, Driver
from tests.projections.test_projections import ignore, message, rows, state
from tests.support import worlds


async def test_a_rebuild_loses_nothing_that_comes_in_while_it_swaps(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has something to mend, and so a revision of its own, before which others come."""
    append, stored = changes.append, 0

    async def late(driver: Driver, *arguments: Any) -> Any:
        nonlocal stored
        stored += 1
        await worlds.store(own_database, own_organization, [message("late", stored)])
        return await append(driver, *arguments)

    await worlds.store(own_database, own_organization, worlds.events(3, 200))
    with monkeypatch.context() as patch:
        patch.setattr(Conversation, "close", lambda *_: None)
        await worlds.project(own_database, own_organization)
    with monkeypatch.context() as patch:
        patch.setattr(changes, "append", late)
        await rebuild(own_database, own_organization, PROJECTION, ignore)
    found = await state(own_database, own_organization)
    assert (stored, found["revision"]) == (1, found["newest"] - 2)
    await worlds.project(own_database, own_organization)
    kept = {row["conversation_id"]: row["messages"] for row in (await rows(own_database, own_organization)).values()}
    assert kept["late"] == 1
    assert (await audit.check(own_database, own_organization)).mismatches == 0
