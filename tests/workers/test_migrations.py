"""A database of an earlier version keeps its figures."""

import worlds

from server import audit, fold, widening
from server.cells import Granularity
from server.store import migrate
from server.store.database import Database


async def test_widths_that_are_new_are_folded_from_what_stands(own_database: Database, own_organization: int) -> None:
    events = worlds.events(5, 600, days=20)
    await worlds.store(own_database, own_organization, events[:500])
    await fold.fold_all(own_database, own_organization)
    await worlds.store(own_database, own_organization, events[500:])  # some deltas wait
    before = await worlds.figures(own_database, own_organization)

    await worlds.downgrade(own_database, "0003")
    assert await worlds.value(own_database, "SELECT max(granularity) FROM rollups") == Granularity.DAY

    assert await migrate.upgrade(own_database) == migrate.expected()
    assert await worlds.figures(own_database, own_organization) == before
    await fold.fold(own_database, own_organization, limit=100)
    assert await worlds.figures(own_database, own_organization) == before
    await fold.fold_all(own_database, own_organization)
    assert await worlds.figures(own_database, own_organization) == before
    assert await worlds.unfolded(own_database, own_organization) == 0
    assert (await audit.check(own_database, own_organization)).mismatches == 0


async def test_what_is_not_widened_is_folded_into_every_width_by_an_earlier_version(
    own_database: Database, own_organization: int
) -> None:
    await worlds.store(own_database, own_organization, worlds.events(6, 100, days=30))
    await fold.fold_all(own_database, own_organization)
    begun = "UPDATE folds SET widened_until = widened_until - 1200"  # what is wider up to now is as if it were not
    await worlds.execute(own_database, begun)
    await worlds.store(own_database, own_organization, worlds.events(7, 300, days=20))
    await fold.fold_all(own_database, own_organization)
    before = await worlds.figures(own_database, own_organization)

    await worlds.downgrade(own_database, "0005")
    waiting = await worlds.unfolded(own_database, own_organization)
    stands = "SELECT count(*) FROM rollups WHERE granularity = 1"
    assert waiting > 0 < await worlds.value(own_database, stands)  # type: ignore[operator]

    await migrate.upgrade(own_database)
    assert await worlds.figures(own_database, own_organization) == before
    await fold.fold_all(own_database, own_organization)
    while await widening.widen(own_database, own_organization):
        pass
    assert await worlds.figures(own_database, own_organization) == before
    assert (await audit.check(own_database, own_organization)).mismatches == 0


async def test_rollups_of_32_days_are_widened_from_what_stands(own_database: Database, own_organization: int) -> None:
    await worlds.store(own_database, own_organization, worlds.events(8, 300, days=70))
    await fold.fold_all(own_database, own_organization)
    before = await worlds.figures(own_database, own_organization)
    widest = "SELECT max(granularity) FROM rollups"
    assert await worlds.value(own_database, widest) == Granularity.DAYS_32

    await worlds.downgrade(own_database, "0006")
    assert await worlds.value(own_database, widest) == Granularity.EIGHT_DAYS

    await migrate.upgrade(own_database)
    assert await worlds.figures(own_database, own_organization) == before
    while await widening.widen(own_database, own_organization):
        pass
    assert await worlds.value(own_database, widest) == Granularity.DAYS_32
    assert await worlds.figures(own_database, own_organization) == before
    assert (await audit.check(own_database, own_organization)).mismatches == 0
