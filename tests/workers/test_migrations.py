"""A database of an earlier version keeps its figures."""

import worlds

from server import audit, fold
from server.store import migrate
from server.store.database import Database


async def test_widths_that_are_new_are_folded_from_what_stands(own_database: Database, own_organization: int) -> None:
    events = worlds.events(5, 600, days=20)
    await worlds.store(own_database, own_organization, events[:500])
    await fold.fold_all(own_database, own_organization)
    await worlds.store(own_database, own_organization, events[500:])  # some deltas wait
    before = await worlds.figures(own_database, own_organization)

    await worlds.downgrade(own_database, "0003")
    assert await worlds.figures(own_database, own_organization) != before

    assert await migrate.upgrade(own_database) == migrate.expected()
    assert await worlds.figures(own_database, own_organization) == before
    await fold.fold(own_database, own_organization, limit=100)
    assert await worlds.figures(own_database, own_organization) == before
    await fold.fold_all(own_database, own_organization)
    assert await worlds.figures(own_database, own_organization) == before
    assert await worlds.unfolded(own_database, own_organization) == 0
    assert (await audit.check(own_database, own_organization)).mismatches == 0
