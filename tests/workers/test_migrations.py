"""A database of an earlier version keeps its figures."""

from datetime import UTC, datetime, timedelta

import worlds

from server import audit, catalog, cells, fold, timerange, widening
from server.cells import Dimension, Granularity
from server.store import migrate, reading
from server.store.database import Database
from server.store.reading import Selection, Wanted
from server.timerange import Span


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


async def _asked(database: Database, organization: int) -> int:
    """All events of the last 100 days, by the statement that answers questions."""
    events = cells.count_key(catalog.MEASURE["events"].number)
    last = timerange.floor_bucket(datetime.now(UTC)) + 1
    span = Span(start=last - 9600, end=last)
    selection = Selection(point=0, dimension=Dimension.TOTAL, value="", span=span)
    async with database.query() as driver:
        found = await reading.read(driver, organization, [selection], Wanted(counters=[events]))
    return found.points[0].counters[events]


async def test_rollups_of_32_days_are_widened_from_what_stands(own_database: Database, own_organization: int) -> None:
    await worlds.store(own_database, own_organization, worlds.events(8, 300, days=70))
    # In the second and third quarter of an hour, so that what stands begins in the middle of one.
    early = datetime.now(UTC).replace(minute=44, second=0, microsecond=0) - timedelta(days=75)
    await worlds.store(own_database, own_organization, worlds.events(9, 20, end=early, days=1 / 96))
    await fold.fold_all(own_database, own_organization)
    before = await worlds.figures(own_database, own_organization)
    first = await worlds.value(own_database, "SELECT min(bucket) FROM rollups WHERE granularity = 1")
    assert int(str(first)) % 4
    asked = await _asked(own_database, own_organization)
    assert asked == 320
    widest = "SELECT max(granularity) FROM rollups"
    assert await worlds.value(own_database, widest) == Granularity.DAYS_32

    await worlds.downgrade(own_database, "0006")
    assert await worlds.value(own_database, widest) == Granularity.EIGHT_DAYS

    await migrate.upgrade(own_database)
    assert await worlds.figures(own_database, own_organization) == before
    assert await _asked(own_database, own_organization) == asked
    while await widening.widen(own_database, own_organization):
        pass
    assert await worlds.value(own_database, widest) == Granularity.DAYS_32
    assert await worlds.figures(own_database, own_organization) == before
    assert await _asked(own_database, own_organization) == asked
    assert (await audit.check(own_database, own_organization)).mismatches == 0
