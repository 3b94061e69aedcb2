"""How far projections have followed the revisions of organizations."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import asyncpg

from server.store import sessions, statements
from server.store.database import Driver
from server.store.events import Revision


class Rows(NamedTuple):
    """The rows of a projection of an organization. While it is rebuilt there are those of two versions."""

    organization_id: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionPosition:
    """The revision up to which a projection has seen everything, and a time that no revision behind it is older than:
    its own, or that of the next one.
    """

    revision: int
    revised_at: datetime

    @classmethod
    def of(cls, revision: Revision) -> "ProjectionPosition":
        """Returns the position of a projection that has seen everything up to and with a revision."""
        return cls(revision=revision.number, revised_at=revision.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """Rows of a projection that are being filled from the oldest raw event on: how far they are, and up to which key
    they have taken the place of those that are valid.
    """

    rows: Rows
    position: ProjectionPosition
    replaced: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A projection that is locked until COMMIT: where it stands, the newest revision of its organization, and the one
    that it may be brought to, which is the newest one or as far as the projections that it needs have got.
    """

    rows: Rows
    position: ProjectionPosition
    newest: ProjectionPosition
    until: ProjectionPosition
    rebuilt: Rebuilt | None
    latest_version: int  # of which there ever were rows
    is_stopped: bool


# Followed for those organizations alone that have a row of it: it costs the others nothing.
ON_DEMAND = ("custom_metrics",)
LOCK_SECONDS = 5.0  # longer than a step takes, or a portion of a rebuild
# What lets readers find the rows of the version that is valid, in SQL; $1 is the organization.
VERSION = "(SELECT version FROM projections WHERE organization_id = $1 AND name = '{}')"

_LOCK = """
    SELECT version, revision, revised_at, rebuilt_version, rebuilt_revision, rebuilt_revised_at, rebuilt_after,
        failed_revision IS NOT NULL AS is_stopped
    FROM projections WHERE organization_id = $1 AND name = $2 FOR UPDATE
"""
_ADD = (
    "INSERT INTO projections (organization_id, name) SELECT organization_id, $2 FROM revisions"
    " WHERE organization_id = $1 ON CONFLICT DO NOTHING"
)
# Looked at once the lock is held: whatever was newest when somebody asked for the projection is seen.
_NEWEST = """
    SELECT r.revision, r.revised_at, n.revision AS needed_revision, n.revised_at AS needed_revised_at,
        set_config('lock_timeout', $2, true)
    FROM revisions r LEFT JOIN LATERAL (
        SELECT coalesce(p.revision, 0) AS revision, coalesce(p.revised_at, '1970-01-01 00:00+00') AS revised_at
        FROM unnest($3::text[]) AS n(name) LEFT JOIN projections p ON p.organization_id = $1 AND p.name = n.name
        WHERE p.failed_revision IS NULL ORDER BY 1 LIMIT 1
    ) AS n ON true
    WHERE r.organization_id = $1
"""


async def lock(driver: Driver, organization_id: int, name: str, needs: Collection[str] = ()) -> Locked | None:
    """Locks an organization's projection until COMMIT, once whoever holds it has committed; None where there is no such
    organization, or where it is ON_DEMAND and not followed. Of the projections that it needs, it does not wait for
    those that have stopped. Other locks are waited for as long as ever.
    """
    await driver.execute(f"SET LOCAL lock_timeout = {int(LOCK_SECONDS * 1000)}")
    row = await driver.fetchrow(_LOCK, organization_id, name)
    if row is None and name not in ON_DEMAND:
        await driver.execute(_ADD, organization_id, name)
        row = await driver.fetchrow(_LOCK, organization_id, name)
    found = await driver.fetchrow(_NEWEST, organization_id, sessions.LOCK_TIMEOUT, list(needs))
    if driver.is_distributed:  # the statement has set that of the node alone
        await driver.execute(f"SET LOCAL lock_timeout = '{sessions.LOCK_TIMEOUT}'")
    if row is None or found is None:
        return None
    newest = _position(found)
    until = newest
    if found["needed_revision"] is not None and found["needed_revision"] < newest.revision:
        until = ProjectionPosition(revision=found["needed_revision"], revised_at=found["needed_revised_at"])
    rebuilt = None
    if row["rebuilt_revision"] is not None:
        rebuilt = Rebuilt(
            rows=Rows(organization_id, row["rebuilt_version"]),
            position=ProjectionPosition(revision=row["rebuilt_revision"], revised_at=row["rebuilt_revised_at"]),
            replaced=row["rebuilt_after"],
        )
    return Locked(
        rows=Rows(organization_id, row["version"]),
        position=_position(row),
        newest=newest,
        until=until,
        rebuilt=rebuilt,
        latest_version=max(row["version"], row["rebuilt_version"] or 0),
        is_stopped=row["is_stopped"],
    )


def _position(row: asyncpg.Record) -> ProjectionPosition:
    return ProjectionPosition(revision=row["revision"], revised_at=row["revised_at"])


class Standing(NamedTuple):
    """How a projection stands: its revision, the newest one of the organization, and whether it has stopped."""

    revision: int
    newest: int
    is_stopped: bool


async def standing(driver: Driver, organization_id: int, name: str) -> Standing:
    """Returns how a projection stands, without a lock. One that is ON_DEMAND and not followed has nothing to do."""
    row = await driver.fetchrow(_STANDING, organization_id, name, name in ON_DEMAND)
    assert row is not None  # noqa: S101 - it always returns a row
    return Standing(*row)


_STANDING = """
    SELECT coalesce((SELECT revision FROM projections WHERE organization_id = $1 AND name = $2),
            CASE WHEN $3 THEN r.newest ELSE 0 END) AS position, r.newest,
        EXISTS (SELECT FROM projections
            WHERE organization_id = $1 AND name = $2 AND failed_revision IS NOT NULL) AS is_stopped
    FROM (SELECT coalesce((SELECT revision FROM revisions WHERE organization_id = $1), 0) AS newest) AS r
"""


async def within(driver: Driver, organization_id: int, locked: Locked, revisions: int) -> ProjectionPosition:
    """Returns the position so many revisions after that of a projection that is locked, at most the one that it may be
    brought to.
    """
    last = locked.position.revision + revisions
    if last >= locked.until.revision:
        return locked.until
    at: datetime | None = await driver.fetchval(
        "SELECT received_at FROM events WHERE organization_id = $1 AND revision > $2 AND revision <= $3"
        " AND received_at >= $4 ORDER BY revision DESC LIMIT 1",
        organization_id,
        locked.position.revision,
        last,
        locked.position.revised_at,
    )
    return ProjectionPosition(revision=last, revised_at=locked.position.revised_at if at is None else at)


async def move(
    driver: Driver, organization_id: int, name: str, position: ProjectionPosition, *, is_durable: bool
) -> None:
    """Moves a projection that is locked on. Unless is_durable, the COMMIT does not wait for the disk: should it be
    lost, all of the transaction is, and is done again.
    """
    statement = "UPDATE projections SET revision = $3, revised_at = $4 WHERE organization_id = $1 AND name = $2"
    if not is_durable and not driver.is_distributed:  # nodes take nothing that has an effect in RETURNING
        statement += " RETURNING set_config('synchronous_commit', 'off', true)"
    await driver.execute(statement, organization_id, name, position.revision, position.revised_at)


async def pass_over(driver: Driver, organization_id: int, position: ProjectionPosition) -> None:
    """Moves the projections of an organization that have seen all before a revision without events past that revision.
    One that is at work does it itself.
    """
    await driver.execute(
        "UPDATE projections SET revision = $2, revised_at = $3 WHERE organization_id = $1 AND name IN (SELECT name"
        " FROM projections WHERE organization_id = $1 AND revision = $2 - 1 FOR UPDATE SKIP LOCKED)",
        organization_id,
        position.revision,
        position.revised_at,
    )


async def move_rebuilt(driver: Driver, name: str, rebuilt: Rebuilt) -> None:
    """Records how far rows of another version are filled, and have taken the place of those that are valid."""
    await driver.execute(
        "UPDATE projections SET rebuilt_version = $3, rebuilt_revision = $4, rebuilt_revised_at = $5,"
        " rebuilt_after = $6 WHERE organization_id = $1 AND name = $2",
        rebuilt.rows.organization_id,
        name,
        rebuilt.rows.version,
        rebuilt.position.revision,
        rebuilt.position.revised_at,
        rebuilt.replaced,
    )


async def go_on(driver: Driver, organization_id: int, name: str) -> None:
    """Lets a projection that has stopped go on."""
    await driver.execute(
        "UPDATE projections SET failed_revision = NULL, failed_at = NULL, failure = NULL"
        " WHERE organization_id = $1 AND name = $2",
        organization_id,
        name,
    )


async def end_rebuild(driver: Driver, name: str, valid: Rows) -> None:
    """Ends a rebuild with the rows that are valid from now on."""
    await driver.execute(
        "UPDATE projections SET version = $3, rebuilt_revision = NULL, rebuilt_revised_at = NULL, rebuilt_after = NULL"
        " WHERE organization_id = $1 AND name = $2",
        valid.organization_id,
        name,
        valid.version,
    )


async def stop(driver: Driver, organization_id: int, name: str, revision: int, failure: str) -> None:
    """Records that a projection cannot get over a revision, and why."""
    await driver.execute(
        "UPDATE projections SET failed_revision = $3, failed_at = statement_timestamp(), failure = $4"
        " WHERE organization_id = $1 AND name = $2",
        organization_id,
        name,
        revision,
        failure,
    )


async def seen(driver: Driver, organization_id: int, name: str) -> int:
    """Returns the revision up to which a projection of an organization has seen everything."""
    statement = "SELECT revision FROM projections WHERE organization_id = $1 AND name = $2"
    return await driver.fetchval(statement, organization_id, name) or 0


async def seen_by_all(driver: Driver, organization_id: int, names: Collection[str]) -> int | None:
    """Returns the revision up to which those projections that have not stopped have seen everything; None where all
    have stopped.
    """
    revision: int | None = await driver.fetchval(
        "SELECT min(coalesce(p.revision, 0)) FROM unnest($2::text[]) AS n(name)"
        " LEFT JOIN projections p ON p.organization_id = $1 AND p.name = n.name WHERE p.failed_revision IS NULL",
        organization_id,
        list(names),
    )
    return revision


class RebuiltRows(NamedTuple):
    """The valid rows of a projection that was rebuilt, and the latest version of which there may be others."""

    name: str
    valid: Rows
    latest_version: int


async def rebuilt(driver: Driver, names: Collection[str]) -> list[RebuiltRows]:
    """Returns the rows of projections that were rebuilt at some time and are not being rebuilt."""
    rows = await driver.fetch(
        "SELECT name, organization_id, version, greatest(version, rebuilt_version) FROM projections"
        " WHERE name = ANY($1::text[]) AND rebuilt_version IS NOT NULL AND rebuilt_revision IS NULL",
        list(names),
    )
    return [RebuiltRows(name, Rows(organization, version), latest) for name, organization, version, latest in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedRebuild:
    """A rebuild of a projection of an organization that is under way, or that was ended before it was done."""

    name: str
    organization_id: int
    revision: int
    newest: int


async def unfinished(driver: Driver, limit: int) -> list[UnfinishedRebuild]:
    """Returns rebuilds that are not finished, as many as a limit allows."""
    rows = await driver.fetch(
        "SELECT p.name, p.organization_id, p.rebuilt_revision, r.revision FROM projections p"
        " JOIN revisions r USING (organization_id) WHERE p.rebuilt_revision IS NOT NULL"
        " ORDER BY p.organization_id, p.name LIMIT $1",
        limit,
    )
    return [UnfinishedRebuild(name=row[0], organization_id=row[1], revision=row[2], newest=row[3]) for row in rows]


async def retry(driver: Driver, name: str, organization_ids: Collection[int] | None) -> int:
    """Lets projections that have stopped go on, of some organizations or of all; returns how many."""
    status: str = await driver.execute(
        "UPDATE projections SET failed_revision = NULL, failed_at = NULL, failure = NULL"
        " WHERE name = $1 AND failed_revision IS NOT NULL AND ($2::integer[] IS NULL OR organization_id = ANY($2))",
        name,
        None if organization_ids is None else list(organization_ids),
    )
    return int(status.split()[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A projection of an organization that has not seen every revision."""

    organization_id: int
    name: str


async def behind(
    driver: Driver, names: Collection[str], only: Sequence[int] | None = None, *, within_seconds: float | None = None
) -> list[Behind]:
    """Returns the projections that have not stopped and have not seen every revision, in the order of the names; of all
    organizations, or of some. Those with a revision of the last seconds take a fraction of the time.
    """
    some, told = statements.among(only, "r.organization_id = ANY($4::integer[])")
    rows = await driver.fetch(
        "SELECT r.organization_id, n.name FROM revisions r CROSS JOIN unnest($1::text[]) AS n(name)"  # noqa: S608
        " LEFT JOIN projections p ON p.organization_id = r.organization_id AND p.name = n.name"
        " WHERE coalesce(p.revision, 0) < r.revision AND p.failed_revision IS NULL"
        " AND (p.name IS NOT NULL OR n.name <> ALL($3::text[]))"
        " AND ($2::float8 IS NULL OR r.revised_at >= now() - make_interval(secs => $2))"
        f"{some} ORDER BY array_position($1, n.name)",
        list(names),
        within_seconds,
        list(ON_DEMAND),
        *told,
    )
    return [Behind(organization_id=row[0], name=row[1]) for row in rows]


async def seen_until(driver: Driver, names: Collection[str], organization_ids: Collection[int]) -> dict[int, datetime]:
    """Returns up to when projections have seen whatever organizations have stored, for those organizations of which
    some projection has not seen all of it.
    """
    rows = await driver.fetch(
        "SELECT r.organization_id, min(coalesce(p.revised_at, timestamptz '1970-01-01 00:00+00')) FROM revisions r"
        " CROSS JOIN unnest($1::text[]) AS n(name)"
        " LEFT JOIN projections p ON p.organization_id = r.organization_id AND p.name = n.name"
        " WHERE r.organization_id = ANY($2::integer[]) AND coalesce(p.revision, 0) < r.revision"
        " AND (p.name IS NOT NULL OR n.name <> ALL($3::text[])) GROUP BY 1",
        list(names),
        list(organization_ids),
        list(ON_DEMAND),
    )
    return {row[0]: row[1] for row in rows}
