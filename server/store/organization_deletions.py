"""Deletions of organizations: what was asked for, how far it is, and the rows of every table that has any.

Tables are found in the catalog, as those are that policies keep apart: one that is new cannot be forgotten.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from server.store import statements
from server.store.database import Driver

_COLUMNS = (
    "d.deleted_organization_id, d.name_digest, d.request_id, d.state_before, d.asked_at, o.delete_after,"
    " d.removal_from, d.rows::text, coalesce(d.files, 0), d.deleted_at"
)
_FROM = "FROM organization_deletions d JOIN organizations o ON o.organization_id = d.deleted_organization_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationDeletion:
    """The deletion of an organization. removal_from is None until removing has begun, deleted_at until it is done."""

    organization_id: int
    name_digest: bytes
    request_id: str | None
    state_before: str
    asked_at: datetime
    delete_after: datetime
    removal_from: datetime | None
    rows: Mapping[str, int]
    files: int
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedTable:
    """A table with rows of organizations. refers_to_itself: a row of it may go with another one."""

    name: str
    is_partitioned: bool
    refers_to_itself: bool


def _deletion(row: asyncpg.Record) -> OrganizationDeletion:
    organization_id, digest, request_id, before, asked_at, after, removal_from, rows, files, deleted_at = row
    return OrganizationDeletion(
        organization_id=organization_id,
        name_digest=digest,
        request_id=request_id,
        state_before=before,
        asked_at=asked_at,
        delete_after=after,
        removal_from=removal_from,
        rows=json.loads(rows),
        files=files,
        deleted_at=deleted_at,
    )


async def mark(
    driver: Driver, organization_id: int, name_digest: bytes, grace: timedelta, request_id: str | None
) -> None:
    """Marks an organization as to be deleted after a grace; its tasks that are running are queued again, so that their
    workers let go of them within seconds. Whoever calls holds the organization.
    """
    await driver.execute(
        "INSERT INTO organization_deletions (deleted_organization_id, name_digest, request_id, state_before)"
        " SELECT organization_id, $2, $3, state FROM organizations WHERE organization_id = $1",
        organization_id,
        name_digest,
        request_id,
    )
    await driver.execute(
        "UPDATE organizations SET state = 'deleting', delete_after = now() + $2 WHERE organization_id = $1",
        organization_id,
        grace,
    )
    await driver.execute(
        "UPDATE tasks SET state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'queued' END,"
        " ended_at = CASE WHEN cancel_requested THEN now() END, attempts = attempts - 1, run_at = now(), owner = NULL,"
        " lease_until = NULL WHERE organization_id = $1 AND state = 'running'",
        organization_id,
    )


async def take_back(driver: Driver, organization_id: int) -> str | None:
    """Takes a deletion back, and returns the state that the organization has again: that of before, or active where it
    was suspended; None where removing has begun. Whoever calls holds the organization.
    """
    before: str | None = await driver.fetchval(
        "DELETE FROM organization_deletions WHERE deleted_organization_id = $1 AND removal_from IS NULL"
        " RETURNING CASE state_before WHEN 'revoked' THEN 'revoked' ELSE 'active' END",
        organization_id,
    )
    if before is not None:
        await driver.execute(
            "UPDATE organizations SET state = $2, delete_after = NULL WHERE organization_id = $1",
            organization_id,
            before,
        )
    return before


async def by_id(driver: Driver, organization_id: int, *, lock: bool = False) -> OrganizationDeletion | None:
    """Returns the deletion of an organization, which with lock nobody else changes until COMMIT; None without one."""
    row = await driver.fetchrow(
        f"SELECT {_COLUMNS} {_FROM} WHERE d.deleted_organization_id = $1{' FOR UPDATE OF d' if lock else ''}",
        organization_id,
    )
    return _deletion(row) if row else None


async def by_request(driver: Driver, request_id: str) -> OrganizationDeletion | None:
    """Returns the deletion that a request has begun; None where none has."""
    row = await driver.fetchrow(f"SELECT {_COLUMNS} {_FROM} WHERE d.request_id = $1", request_id)
    return _deletion(row) if row else None


async def latest(driver: Driver, name_digest: bytes) -> OrganizationDeletion | None:
    """Returns the deletion of the organization that had a name last; None where there is none."""
    row = await driver.fetchrow(
        f"SELECT {_COLUMNS} {_FROM} WHERE d.name_digest = $1"
        " ORDER BY d.asked_at DESC, d.deleted_organization_id DESC LIMIT 1",
        name_digest,
    )
    return _deletion(row) if row else None


async def due(driver: Driver, settled: timedelta) -> list[int]:
    """Returns organizations whose grace is over and that are not gone, the longest due first. settled is how long ago
    they were marked at least.
    """
    rows = await driver.fetch(
        f"SELECT d.deleted_organization_id {_FROM} WHERE d.deleted_at IS NULL"
        " AND o.delete_after <= now() AND d.asked_at <= now() - $1::interval ORDER BY o.delete_after, 1",
        settled,
    )
    return [row[0] for row in rows]


async def bury(driver: Driver, organization_id: int) -> bool:
    """Makes an organization that is to be deleted a deleted one: its name is free, and what was chosen for it is
    forgotten. Returns whether it has become one now.
    """
    buried = await driver.execute(
        "UPDATE organizations SET state = 'deleted', name = 'deleted ' || organization_id || ' ' || gen_random_uuid(),"
        " secret_keys = '{}', pairs = '{}', request_id = NULL, request_digest = NULL"
        " WHERE organization_id = $1 AND state = 'deleting'",
        organization_id,
    )
    return statements.rows(buried) > 0


async def begin_removal(driver: Driver, organization_id: int) -> bool:
    """Records from when on everybody sees that the organization is deleted, once bury() has committed. False where its
    deletion was taken back.
    """
    begun = await driver.execute(
        "UPDATE organization_deletions SET removal_from = coalesce(removal_from, clock_timestamp())"
        " WHERE deleted_organization_id = $1",
        organization_id,
    )
    return statements.rows(begun) > 0


async def is_fenced(driver: Driver, instant: datetime) -> bool:
    """Returns whether no transaction is left that has begun before an instant, and so may add a row unseen."""
    found: bool = await driver.fetchval(
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND xact_start < $1"
        " AND backend_type = 'client backend')",
        instant,
    )
    return found


async def tables(driver: Driver) -> list[OwnedTable]:
    """Returns all tables with rows of organizations, each before those that it refers to."""
    rows = await driver.fetch(_TABLES)
    left = {row["name"]: row for row in rows}
    found = []
    while left:
        free = [name for name in left if not any(name in left[one]["refers_to"] for one in left if one != name)]
        for name in sorted(free):
            row = left.pop(name)
            found.append(
                OwnedTable(name=name, is_partitioned=row["is_partitioned"], refers_to_itself=name in row["refers_to"])
            )
        if not free:
            raise AssertionError(f"tables refer to each other in a circle: {', '.join(sorted(left))}")
    return found


_TABLES = """
    SELECT c.oid::regclass::text AS name, c.relkind = 'p' AS is_partitioned, ARRAY(
        SELECT f.confrelid::regclass::text FROM pg_constraint AS f WHERE f.conrelid = c.oid AND f.contype = 'f'
    ) AS refers_to
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND a.attname = 'organization_id' AND NOT a.attisdropped AND c.oid <> 'organizations'::regclass
"""


async def remove(driver: Driver, table: OwnedTable, organization_id: int, limit: int) -> int:
    """Removes rows of an organization from a table, as many as a limit allows and those that go with them, and returns
    how many there were.
    """
    # Where tables are distributed, the same place in another partition is of the organization, too, and goes as well.
    if table.is_partitioned and not driver.is_distributed:
        return await _remove_of_partition(driver, table, organization_id, limit)
    before = await _count(driver, table, organization_id) if table.refers_to_itself else 0
    removed = await driver.execute(
        f"DELETE FROM {table.name} WHERE {driver.narrowed}ctid = ANY (ARRAY(SELECT ctid FROM {table.name}"  # noqa: S608 - of the catalog
        " WHERE organization_id = $1 LIMIT $2))",
        organization_id,
        limit,
    )
    if table.refers_to_itself:
        return before - await _count(driver, table, organization_id)
    return statements.rows(removed)


async def _remove_of_partition(driver: Driver, table: OwnedTable, organization_id: int, limit: int) -> int:
    """As remove(), from the first partition that has any: places of rows are those within a partition."""
    part: int | None = await driver.fetchval(
        f"SELECT tableoid::bigint FROM {table.name} WHERE organization_id = $1 LIMIT 1",  # noqa: S608 - as above
        organization_id,
    )
    if part is None:
        return 0
    # With its bounds, planners look at no other one.
    bounds = await driver.fetchval("SELECT pg_get_partition_constraintdef($1::bigint::oid)", part)
    within = f" AND {bounds}" if bounds else ""
    removed = await driver.execute(
        f"DELETE FROM {table.name} WHERE tableoid = {part:d}::oid{within} AND ctid = ANY (ARRAY("  # noqa: S608 - as above
        f"SELECT ctid FROM {table.name} WHERE tableoid = {part:d}::oid{within} AND organization_id = $1 LIMIT $2))",
        organization_id,
        limit,
    )
    return statements.rows(removed)


async def _count(driver: Driver, table: OwnedTable, organization_id: int) -> int:
    found: int = await driver.fetchval(
        f"SELECT count(*) FROM {table.name} WHERE organization_id = $1",  # noqa: S608 - of the catalog
        organization_id,
    )
    return found


async def has_rows(driver: Driver, table: OwnedTable, organization_id: int) -> bool:
    """Returns whether a table has any row of an organization."""
    found: bool = await driver.fetchval(
        f"SELECT EXISTS (SELECT FROM {table.name} WHERE organization_id = $1)",  # noqa: S608 - of the catalog
        organization_id,
    )
    return found


async def count(driver: Driver, organization_id: int, rows: Mapping[str, int]) -> None:
    """Counts what was removed, in the transaction that removes it."""
    known: str = await driver.fetchval(
        "SELECT rows::text FROM organization_deletions WHERE deleted_organization_id = $1 FOR UPDATE", organization_id
    )
    total: dict[str, int] = json.loads(known)
    for table, removed in rows.items():
        if removed:
            total[table] = total.get(table, 0) + removed
    await driver.execute(
        "UPDATE organization_deletions SET rows = $2::text::jsonb WHERE deleted_organization_id = $1",
        organization_id,
        json.dumps(total),
    )


async def count_files(driver: Driver, organization_id: int, files: int) -> None:
    """Records how many files there are, before the first of them goes; later calls change nothing."""
    await driver.execute(
        "UPDATE organization_deletions SET files = coalesce(files, $2) WHERE deleted_organization_id = $1",
        organization_id,
        files,
    )


async def finish(driver: Driver, organization_id: int) -> None:
    """Records that nothing is left."""
    await driver.execute(
        "UPDATE organization_deletions SET deleted_at = clock_timestamp() WHERE deleted_organization_id = $1",
        organization_id,
    )


async def left_in(driver: Driver, some: Sequence[OwnedTable], organization_id: int) -> list[OwnedTable]:
    """Returns those of some tables that have rows of an organization."""
    return [one for one in some if await has_rows(driver, one, organization_id)]
