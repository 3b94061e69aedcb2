"""Retention removes raw events and keys and changes no metric."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from server.catalog.custom_metrics import FIRST_NUMBER, CustomMetric
from server.catalog.metrics import Aggregation, Better
from server.organizations.organization import Organization, OrganizationState
from server.organizations.settings import OrganizationSettings
from server.quarters import Width
from server.rollups import audit, fold
from server.store import custom_metrics, partitions
from server.store.database import Database
from server.store.isolation import EVERY
from server.tasks import custom_metric_history, retention
from server.tenancy import administration
from tests.support import worlds
from tests.support.waiting import PATIENCE


async def make(database: Database, name: str, **settings: int) -> int:
    chosen = OrganizationSettings(time_zone="UTC", **settings)  # type: ignore[arg-type]
    return await administration.create_organization(database, name, chosen)


async def now(database: Database) -> datetime:
    return (await database.condition()).now


async def move_receipt(database: Database, days: int) -> None:
    """Makes all events received that many days earlier, after every projection has seen them."""
    async with database.transaction(of=EVERY) as driver:
        for row in await driver.fetch("SELECT organization_id FROM organizations"):
            await worlds.project(database, row["organization_id"])
    async with database.transaction(of=EVERY) as driver:
        await partitions.ensure(driver, (await now(database)).date() - timedelta(days=days), days=0)
    await worlds.execute(database, f"UPDATE events SET received_at = {worlds.moved('received_at', f'-{days} days')}")


async def raw(database: Database, organization: int) -> object:
    return await worlds.value(database, "SELECT count(*) FROM events WHERE organization_id = $1", organization)


async def raw_from(database: Database, organization: int) -> int:
    statement = "SELECT raw_from_bucket FROM organizations WHERE organization_id = $1"
    return int(str(await worlds.value(database, statement, organization)))


async def days_of(database: Database) -> int:
    async with database.transaction(of=EVERY) as driver:
        return len(await partitions.listed(driver))


async def define_custom_metric(database: Database, organization: int) -> None:
    """Defines a metric of an organization, whose history is to be counted."""
    orders = CustomMetric(
        name="orders",
        title="Orders",
        description="",
        unit="1",
        better=Better.NEITHER,
        event_types=["order.placed"],
        aggregation=Aggregation.COUNT,
        value=None,
        decimals=0,
        filter=None,
        dimension=None,
    )
    async with database.transaction(of=EVERY) as driver:
        locked = await custom_metrics.begin(driver, organization)
        assert locked is not None
        await custom_metrics.add(driver, organization, FIRST_NUMBER, orders, locked.position.revision)


async def fill_custom_metrics(database: Database, organization: int) -> None:
    """Counts the history of the metrics of an organization."""
    counted = True
    while counted:
        async with database.transaction(of=EVERY) as driver:
            counted = await custom_metric_history._count_window(driver, organization) is not None


async def test_partitions_are_made_ahead_of_time(own_database: Database) -> None:
    at = await now(own_database)
    assert await retention.partitions(own_database, at, {}) == {"made": 0}
    assert await retention.partitions(own_database, at + timedelta(days=3), {}) == {"made": 3}
    made = await asyncio.gather(*(retention.partitions(own_database, at + timedelta(days=60), {}) for _ in range(3)))
    assert sorted(int(str(one["made"])) for one in made) == [0, 0, 9]


async def test_partitions_are_made_while_events_are_read(own_database: Database, own_organization: int) -> None:
    async with own_database.transaction(of=EVERY) as driver:
        await driver.execute("SELECT count(*) FROM events")
        later = await now(own_database) + timedelta(days=30)
        made = await asyncio.wait_for(retention.partitions(own_database, later, {}), PATIENCE)
        assert made == {"made": 9}
    indexes = "SELECT count(*) FROM pg_indexes WHERE tablename = $1"
    assert await worlds.value(own_database, indexes, f"events_{later:%Y%m%d}") == 3


async def test_retention_removes_raw_events_of_those_who_want_it(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION_EVENTS", 70)
    short, long, for_ever = (
        await make(own_database, "short", event_retention_days=30),
        await make(own_database, "long", event_retention_days=90),
        await make(own_database, "for ever"),
    )
    at = await now(own_database)
    for organization in (short, long, for_ever):
        await worlds.store(own_database, organization, worlds.events(organization, 300, end=at - timedelta(days=40)))
    await fold.fold_all(own_database, short)
    await move_receipt(own_database, 40)
    for organization in (short, long, for_ever):
        await worlds.store(own_database, organization, worlds.events(organization + 10, 100))
    await define_custom_metric(own_database, short)
    await worlds.project(own_database, short)
    result = await retention.event_retention(own_database, at, {})
    assert result == {"removed": 0, "dropped": 1}, "its history is counted from them; that of the day before was empty"
    assert await raw_from(own_database, short) == 0
    await fill_custom_metrics(own_database, short)
    before = {one: await worlds.figures(own_database, one) for one in (short, long, for_ever)}
    result = await retention.event_retention(own_database, at, {})
    assert result == {"removed": 300, "dropped": 0}
    assert [await raw(own_database, one) for one in (short, long, for_ever)] == [100, 400, 400]
    assert await raw_from(own_database, short) > 0
    assert await raw_from(own_database, long) == await raw_from(own_database, for_ever) == 0
    for organization in (short, long, for_ever):
        assert await worlds.figures(own_database, organization) == before[organization]
        assert (await audit.check(own_database, organization)).mismatches == 0
    report = await audit.check(own_database, short)
    assert report.events == 100


async def test_a_partition_nobody_needs_is_dropped_with_what_is_in_it(own_database: Database) -> None:
    one, other = (
        await make(own_database, "one", event_retention_days=30),
        await make(own_database, "other", event_retention_days=10),
    )
    at = await now(own_database)
    for organization in (one, other):
        await worlds.store(own_database, organization, worlds.events(organization, 200, end=at - timedelta(days=40)))
    await move_receipt(own_database, 40)
    before = await days_of(own_database), await worlds.figures(own_database, one)
    assert await retention.event_retention(own_database, at, {}) == {"removed": 0, "dropped": 2}
    assert await raw(own_database, one) == 0
    assert (await days_of(own_database) + 2, await worlds.figures(own_database, one)) == before
    assert (await audit.check(own_database, one)).mismatches == 0
    # Late events of the time that is given up are ordinary ones.
    await worlds.store(own_database, one, worlds.events(99, 100, end=at - timedelta(days=41)))
    await fold.fold_all(own_database, one)
    assert (await audit.check(own_database, one)).mismatches == 0


async def test_a_partition_in_use_is_emptied_instead(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_DROP_ATTEMPTS", 1)
    organization = await make(own_database, "one", event_retention_days=30)
    at = await now(own_database)
    await worlds.store(own_database, organization, worlds.events(1, 200, end=at - timedelta(days=40)))
    await move_receipt(own_database, 40)
    async with own_database.snapshot(of=EVERY) as driver:
        await driver.execute("SELECT count(*) FROM events")
        assert await retention.event_retention(own_database, at, {}) == {"removed": 200, "dropped": 0}
    assert await raw(own_database, organization) == 0
    assert await retention.event_retention(own_database, at, {}) == {"removed": 0, "dropped": 2}


async def test_what_is_audited_begins_after_what_is_removed(own_database: Database) -> None:
    organization = await make(own_database, "one", event_retention_days=30)
    at = await now(own_database)
    await worlds.store(own_database, organization, worlds.events(1, 200, end=at - timedelta(days=40), days=0.4))
    await move_receipt(own_database, 40)
    await worlds.store(own_database, organization, worlds.events(2, 200, end=at - timedelta(days=39)))
    await fold.fold_all(own_database, organization)
    await retention.event_retention(own_database, at, {})
    assert (await audit.check(own_database, organization)).mismatches == 0
    # The day in which the last removed event occurred is not checked, quarter hours after it are.
    first = await raw_from(own_database, organization)
    tamper = (
        "UPDATE rollups SET counter_amounts[1] = counter_amounts[1] + 1"
        " WHERE organization_id = $1 AND dimension = 0 AND granularity = $2 AND bucket = $3"
    )
    assert await worlds.execute(own_database, tamper, organization, 1, first - 1) == "UPDATE 1"
    day = Width.DAY.floor(first - 1)
    assert await worlds.execute(own_database, tamper, organization, 96, day) == "UPDATE 1"
    assert (await audit.check(own_database, organization)).mismatches == 0
    later = "SELECT min(bucket) FROM rollups WHERE organization_id = $1 AND granularity = 1 AND bucket >= $2"
    bucket = await worlds.value(own_database, later, organization, first)
    assert await worlds.execute(own_database, tamper, organization, 1, bucket) == "UPDATE 1"
    assert (await audit.check(own_database, organization)).mismatches == 1


async def test_keys_are_removed_when_ingest_refuses_their_events(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION_KEYS", 30)
    finite = await make(own_database, "finite", key_retention_days=30)
    for_ever = await make(own_database, "for ever")
    at = await now(own_database)
    old, fresh = at - timedelta(days=31, hours=2), at - timedelta(days=30, hours=20)
    for organization in (finite, for_ever):
        await worlds.store(own_database, organization, worlds.events(1, 100, end=old, days=20))
        await worlds.store(own_database, organization, worlds.events(2, 80, end=fresh, days=0))
    before = await worlds.figures(own_database, finite)
    assert await retention.key_retention(own_database, at, {}) == {"removed": 100}
    keys = "SELECT count(*) FROM event_keys WHERE organization_id = $1"
    assert await worlds.value(own_database, keys, finite) == 80
    assert await worlds.value(own_database, keys, for_ever) == 180
    assert await worlds.figures(own_database, finite) == before
    assert (await audit.check(own_database, finite)).mismatches == 0
    assert await retention.key_retention(own_database, at, {}) == {"removed": 0}


async def test_retention_goes_on_where_its_time_was_up(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    organization = await make(own_database, "one", key_retention_days=30, event_retention_days=30)
    at = await now(own_database)
    await worlds.store(own_database, organization, worlds.events(1, 100, end=at - timedelta(days=50)))
    monkeypatch.setattr(retention, "_RUN_SECONDS", -1.0)
    result = await retention.key_retention(own_database, at, {})
    assert result == {"removed": 0, "cursor": [organization, ""], "unfinished": True}
    assert (await retention.event_retention(own_database, at, {}))["unfinished"]
    monkeypatch.setattr(retention, "_RUN_SECONDS", 20.0)
    assert await retention.key_retention(own_database, at, result) == {"removed": 100}


def test_a_day_expires_when_all_of_it_is_past() -> None:
    at = datetime(2025, 3, 31, 12, tzinfo=UTC)
    tenant = Organization(
        organization_id=1,
        name="one",
        state=OrganizationState.ACTIVE,
        settings=OrganizationSettings(time_zone="UTC", event_retention_days=30),
        raw_from_bucket=0,
        created_at=at,
    )
    expired = {
        day: retention.is_expired(tenant, partitions.Partition(name="", day=day), at)
        for day in (date(2025, 2, 27), date(2025, 2, 28), date(2025, 3, 1), date(2025, 3, 2))
    }
    assert list(expired.values()) == [True, True, False, False]
