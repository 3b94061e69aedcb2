"""What PostgreSQL says of itself: connections, transactions, replicas, archiving, vacuum, and clocks.

A role without pg_monitor does not see everything of other roles' sessions; what is hidden is counted as such.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.store.database import Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionUse:
    """How many sessions there may be for the service's role, and how many there are."""

    most: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LongTransaction:
    """A transaction of this database that has been open for long. pid: None for a prepared one."""

    pid: int | None
    name: str  # of the application, or of the prepared transaction
    age: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Archiving:
    """How archiving of WAL goes."""

    mode: str
    failed: int
    is_failing: bool  # the last try was no success


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSlot:
    """What a replica, or a slot without one, keeps PostgreSQL from removing, in bytes of WAL. lag: None if unknown."""

    name: str
    is_active: bool
    held_bytes: int
    lag: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replication:
    """The replicas of this PostgreSQL. awaits_standby: commits wait for a synchronous standby, and there is none."""

    is_replica: bool
    awaits_standby: bool
    slots: Sequence[ReplicaSlot]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vacuum:
    """How far vacuum is from its limits. oldest is the age, in transactions, of the oldest row that is not frozen."""

    is_on: bool
    oldest: int
    freeze_at: int
    bloated: Sequence[str]  # tables with more dead rows than living ones, which vacuum has left alone


async def server_version(driver: Driver) -> tuple[int, str]:
    """Returns the number of PostgreSQL's version, as 180001, and its text."""
    row = await driver.fetchrow("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
    assert row is not None  # noqa: S101 - a row without a table
    return row[0], row[1].partition(" ")[0]


async def connections(driver: Driver) -> ConnectionUse:
    """Returns how many connections the role may have, after what is reserved for others."""
    row = await driver.fetchrow(_CONNECTIONS)
    assert row is not None  # noqa: S101 - the role and the database are there
    limits = [limit for limit in (row["of_role"], row["of_database"]) if limit >= 0]
    return ConnectionUse(most=min([row["most"] - row["reserved"], *limits]), used=row["used"])


async def long_transactions(driver: Driver, longer_than: timedelta) -> list[LongTransaction]:
    """Returns transactions that have been open for longer, the oldest first."""
    rows = await driver.fetch(_LONG_TRANSACTIONS, longer_than)
    return [LongTransaction(pid=row["pid"], name=row["name"], age=row["age"]) for row in rows]


async def archiving(driver: Driver) -> Archiving:
    """Returns how archiving goes."""
    row = await driver.fetchrow(_ARCHIVING)
    assert row is not None  # noqa: S101 - a view of one row
    return Archiving(mode=row["mode"], failed=row["failed_count"], is_failing=row["is_failing"])


async def replication(driver: Driver) -> Replication:
    """Returns which replicas there are, and which are missing."""
    is_replica, awaits = await _standing(driver)
    rows = [] if is_replica else await driver.fetch(_SLOTS)
    return Replication(
        is_replica=is_replica,
        awaits_standby=awaits,
        slots=[
            ReplicaSlot(name=row["name"], is_active=row["is_active"], held_bytes=row["held"] or 0, lag=row["lag"])
            for row in rows
        ],
    )


async def _standing(driver: Driver) -> tuple[bool, bool]:
    row = await driver.fetchrow(
        "SELECT pg_is_in_recovery(), current_setting('synchronous_standby_names') <> ''"
        " AND current_setting('synchronous_commit') NOT IN ('local', 'off') AND NOT EXISTS ("
        "SELECT FROM pg_stat_replication WHERE coalesce(sync_state, 'sync') IN ('sync', 'quorum'))"
    )
    assert row is not None  # noqa: S101 - a row without a table
    return row[0], row[1]


async def vacuum(driver: Driver) -> Vacuum:
    """Returns how vacuum does."""
    row = await driver.fetchrow(_VACUUM)
    assert row is not None  # noqa: S101 - a row without a table
    bloated = [f"{one[0]} ({one[1]:,} dead rows)" for one in await driver.fetch(_BLOATED)]
    return Vacuum(is_on=row["is_on"], oldest=row["oldest"], freeze_at=row["freeze_at"], bloated=bloated)


async def unprotected_tables(driver: Driver) -> list[str]:
    """Returns tables with rows of organizations that row security is off for."""
    return [row[0] for row in await driver.fetch(_UNPROTECTED)]


async def now(driver: Driver) -> datetime:
    """Returns PostgreSQL's clock."""
    at: datetime = await driver.fetchval("SELECT clock_timestamp()")
    return at


async def nodes_away(driver: Driver) -> list[str]:
    """Returns the places of the nodes of a cluster that do not answer; it waits for those that are silent."""
    return [row[0] for row in await driver.fetch(_NODES_AWAY)]


_CONNECTIONS = (
    "SELECT current_setting('max_connections')::int AS most,"
    " CASE WHEN r.rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::int"
    " + coalesce(current_setting('reserved_connections', true)::int, 0) END AS reserved,"
    " r.rolconnlimit AS of_role, d.datconnlimit AS of_database,"
    " (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL AND backend_type IS DISTINCT FROM"
    " 'parallel worker') AS used"
    " FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()"
)
_LONG_TRANSACTIONS = (
    "SELECT pid, application_name AS name, now() - xact_start AS age FROM pg_stat_activity"
    " WHERE datname = current_database() AND xact_start < now() - $1::interval AND pid <> pg_backend_pid()"
    " UNION ALL SELECT NULL, gid, now() - prepared FROM pg_prepared_xacts"
    " WHERE database = current_database() AND prepared < now() - $1::interval ORDER BY age DESC LIMIT 20"
)
_ARCHIVING = (
    "SELECT current_setting('archive_mode') AS mode, failed_count,"
    " coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) AS is_failing"
    " FROM pg_stat_archiver"
)
_SLOTS = (
    "SELECT slot_name::text AS name, active AS is_active,"
    " pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint AS held, NULL::interval AS lag"
    " FROM pg_replication_slots"
    " UNION ALL SELECT application_name, true, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint, replay_lag"
    " FROM pg_stat_replication ORDER BY 1"
)
_VACUUM = (
    "SELECT current_setting('autovacuum')::bool AND current_setting('track_counts')::bool AS is_on,"
    " (SELECT max(age(datfrozenxid)) FROM pg_database WHERE datallowconn) AS oldest,"
    " current_setting('autovacuum_freeze_max_age')::int AS freeze_at"
)
_BLOATED = (
    "SELECT relname, n_dead_tup FROM pg_stat_user_tables WHERE n_dead_tup > greatest(100000, n_live_tup)"
    " AND coalesce(greatest(last_autovacuum, last_vacuum), '-infinity') < now() - interval '1 hour'"
    " ORDER BY n_dead_tup DESC LIMIT 3"
)
_UNPROTECTED = (
    "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'"
    " WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'events'::regclass)"
    " AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT a.attisdropped AND NOT c.relrowsecurity"
    " ORDER BY c.relname"
)
_NODES_AWAY = (
    "SELECT nodename || ':' || nodeport FROM run_command_on_all_nodes('SELECT 1') JOIN pg_dist_node USING (nodeid)"
    " WHERE NOT success ORDER BY 1"
)
