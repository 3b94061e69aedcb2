"""Partitions of raw events, one per day of receipt."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from server import timerange
from server.store import statements
from server.store.database import Driver

DAYS_AHEAD = 7
# Two callers must not make the same partition; the number is arbitrary and ours.
_LOCK = 7_203_844_016_012


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One day of receipt."""

    name: str
    day: date

    @property
    def end(self) -> datetime:
        """Returns where the day ends."""
        return datetime.combine(self.day + timedelta(days=1), datetime.min.time(), UTC)

    @property
    def condition(self) -> str:
        """Returns SQL that holds for its events, of which policies of events let through what is to be seen."""
        return f"received_at >= '{self.day.isoformat()} 00:00+00' AND received_at < '{self.end.isoformat()}'"


def name_of(day: date) -> str:
    """Returns the name of the partition of a day. COPY, which a table with policies does not take, goes there."""
    return f"events_{day:%Y%m%d}"


def _day(name: str) -> date:
    return datetime.strptime(name, "events_%Y%m%d").replace(tzinfo=UTC).date()


async def listed(driver: Driver) -> list[Partition]:
    """The partitions there are, oldest first."""
    rows = await driver.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'events'::regclass ORDER BY 1"
    )
    return [Partition(name=row["relname"], day=_day(row["relname"])) for row in rows]


async def ensure(driver: Driver, today: date, days: int = DAYS_AHEAD) -> int:
    """Makes the partitions of yesterday up to that many days ahead, and returns how many were missing.

    Yesterday's is made too: a transaction that began before midnight may commit after it. Each is made on its own and
    then attached: unlike CREATE TABLE … PARTITION OF, that waits for nobody who reads or writes events.
    """
    await driver.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    existing = {partition.day for partition in await listed(driver)}
    missing = [day for day in (today + timedelta(days=offset) for offset in range(-1, days + 1)) if day not in existing]
    for day in missing:
        await driver.execute("SELECT tallywire_add_partition($1)", day)
    return len(missing)


async def organizations(driver: Driver, partition: Partition) -> list[int]:
    """The organizations that have events in a partition, found by hopping through the index."""
    if driver.is_distributed:  # nodes take no hops over organizations
        text = f"SELECT DISTINCT organization_id AS id FROM events WHERE {partition.condition} ORDER BY 1"  # noqa: S608
    else:
        text = (
            f"WITH RECURSIVE hop AS (SELECT min(organization_id) AS id FROM events WHERE {partition.condition}"  # noqa: S608
            f" UNION ALL SELECT (SELECT min(organization_id) FROM events WHERE {partition.condition}"
            " AND organization_id > hop.id) FROM hop"
            " WHERE hop.id IS NOT NULL) SELECT id FROM hop WHERE id IS NOT NULL"
        )
    return [row["id"] for row in await driver.fetch(text)]


async def last_bucket(driver: Driver, partition: Partition, organization_id: int) -> int | None:
    """The latest quarter hour in which one of the organization's events in a partition occurred; None without any."""
    latest: datetime | None = await driver.fetchval(
        f"SELECT max(occurred_at) FROM events WHERE {partition.condition}"  # noqa: S608 - made of its day
        " AND organization_id = $1 AND occurred_at > '-infinity'",
        organization_id,
    )
    return None if latest is None else timerange.floor_bucket(latest)


async def remove_events(driver: Driver, partition: Partition, organization_id: int, limit: int) -> int:
    """Removes that many of the organization's events from a partition, and returns how many there were."""
    removed = await driver.execute(
        f"DELETE FROM events WHERE {driver.narrowed}{partition.condition} AND ctid = ANY(ARRAY("  # noqa: S608 - made of its day
        f"SELECT ctid FROM events WHERE {partition.condition} AND organization_id = $1 LIMIT $2))",
        organization_id,
        limit,
    )
    return statements.rows(removed)


async def drop(driver: Driver, partition: Partition) -> None:
    """Drops a day of receipt with every raw event in it; StorageUnavailable where events are in use just now.

    It locks all of events, so that everybody queues behind it: it waits for less than anybody would notice.
    """
    await driver.execute("SET LOCAL lock_timeout = '100ms'")
    await driver.execute("SELECT tallywire_drop_partition($1)", partition.day)
