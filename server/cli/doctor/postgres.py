"""Checks of PostgreSQL itself."""

from datetime import timedelta
from typing import Final

from server.cli.doctor.check import Check, Finding, Subject, fail, ok, warn
from server.cli.status import span
from server.store import database, diagnosis, distribution, node_pools, partitions, protection, schema, vitals
from server.store.isolation import EVERY
from server.store.protection import Protection

# How many a worker may have: to fold, for tasks, alerts, questions of reports, projections, and the rest.
WORKER_CONNECTIONS: Final = 30
_OLDEST_VERSION: Final = 15
_NEWEST_VERSION: Final = 18
_LONG: Final = timedelta(minutes=5)
_HELD_BYTES: Final = 10 * 2**30
_LAG: Final = timedelta(minutes=1)
_WRAPAROUND: Final = 1_500_000_000  # transactions; PostgreSQL refuses writes shortly before 2,147,483,648


async def _reach(subject: Subject) -> Finding:
    async with (
        diagnosis.database(subject.place.database_url, migrated=False) as opened,
        opened.query(of=EVERY) as driver,
    ):
        number, text = await vitals.server_version(driver)
    major = number // 10_000
    if major < _OLDEST_VERSION:
        return fail(f"PostgreSQL {text} is older than {_OLDEST_VERSION}", "upgrade PostgreSQL")
    if major > _NEWEST_VERSION:
        newest = f"PostgreSQL {_NEWEST_VERSION}"
        return warn(f"PostgreSQL {text} is newer than {newest}, the newest that was tested", f"prefer {newest}")
    return ok(f"PostgreSQL {text} answers")


async def _durability(subject: Subject) -> Finding:
    weak = (await subject.database.condition()).weak_settings
    if not weak:
        return ok("what is acknowledged is durable")
    settings = ", ".join(weak)
    names = " ".join(f"ALTER SYSTEM SET {one.partition(' ')[0]} = on;" for one in weak)
    return fail(
        f"{settings}: acknowledged events can be lost, and servers refuse events",
        f"`{names}` and `SELECT pg_reload_conf();`, and look at settings of the role and the database",
    )


async def _schema(subject: Subject) -> Finding:
    found = await schema.current(subject.database)
    made_for = schema.expected()
    if found is None:
        return fail("the database has no schema yet", "`python -m server migrate`")
    if fault := diagnosis.schema_fault(found):
        return fail(fault.partition(":")[0], "`python -m server migrate`, or a version of the code that fits")
    if found.schema != made_for:
        return warn(
            f"the schema {found.schema} is newer than this code's {made_for}, which may use it",
            "finish the upgrade: run the same version everywhere",
        )
    return ok(f"schema {found.schema}")


async def _isolation(subject: Subject) -> Finding:
    async with subject.database.query(of=EVERY) as driver:
        found = await protection.look(driver)
        unprotected = await vitals.unprotected_tables(driver)
    if unprotected:
        tables = ", ".join(unprotected)
        return fail(f"row security is off for {tables}", "`ALTER TABLE … ENABLE ROW LEVEL SECURITY;` for each of them")
    if found is Protection.NONE:
        return warn(
            "the service's role is a superuser or has BYPASSRLS, which policies do not hold for",
            "give servers and workers a role of their own: docs/operations/database.md#roles",
        )
    return ok(found.value)


async def _connections(subject: Subject) -> Finding:
    known = subject.settings
    async with subject.database.query(of=EVERY) as driver:
        found = await vitals.connections(driver)
    each = known.ingest_connections + known.query_connections + known.realtime_connections
    each += database.PROJECTING_CONNECTIONS + database.OTHER_CONNECTIONS
    wanted = known.processes * each + WORKER_CONNECTIONS
    sizing = "docs/operations/sizing.md#database-connections"
    if found.used * 10 > found.most * 9:
        return fail(
            f"{found.used} of {found.most} connections are in use",
            f"raise max_connections, or end what holds them: {sizing}",
        )
    if wanted > found.most:
        return warn(
            f"{known.processes} server processes of {each} connections and a worker of {WORKER_CONNECTIONS} may need"
            f" {wanted}, and {found.most} are allowed",
            f"raise max_connections or lower TALLYWIRE_QUERY_CONNECTIONS and its like: {sizing}",
        )
    return ok(f"{found.used} of {found.most} in use; {wanted} for this machine's servers and a worker")


async def _partitions(subject: Subject) -> Finding:
    async with subject.database.query(of=EVERY) as driver:
        last = max((one.day for one in await partitions.listed(driver)), default=None)
        today = (await vitals.now(driver)).date()
    if last is None or last <= today:
        return fail(
            "there is no partition for tomorrow's events, which cannot be stored without",
            "`python -m server migrate` makes them; then look why servers and workers do not",
        )
    days = (last - today).days
    if days < partitions.DAYS_AHEAD - 2:
        return warn(f"partitions reach only {days} days ahead", "`python -m server migrate`; is a server running?")
    return ok(f"partitions reach {days} days ahead")


async def _replication(subject: Subject) -> Finding:
    async with subject.database.query(of=EVERY) as driver:
        found = await vitals.replication(driver)
    if found.is_replica:
        return fail("this PostgreSQL is a replica and takes no writes", "let DATABASE_URL lead to the primary")
    if found.awaits_standby:
        return fail(
            "synchronous_standby_names asks for a standby, and none is connected: commits wait for ever",
            "start the standby, or take it out of synchronous_standby_names",
        )
    for one in found.slots:
        if not one.is_active and one.held_bytes > 0:
            return warn(
                f"nobody reads the slot {one.name}, which keeps {one.held_bytes / 2**30:,.1f} GiB of WAL",
                f"start its replica, or `SELECT pg_drop_replication_slot('{one.name}');`",
            )
        if one.held_bytes > _HELD_BYTES or (one.lag is not None and one.lag > _LAG):
            return warn(f"the replica {one.name} is behind", "look at its log, its disk and the network to it")
    return ok(f"{len(found.slots)} replicas or slots" if found.slots else "no replica")


async def _archiving(subject: Subject) -> Finding:
    async with subject.database.query(of=EVERY) as driver:
        found = await vitals.archiving(driver)
    if found.mode == "off":
        return ok("off: WAL is not archived")
    if found.is_failing:
        return fail(
            f"archiving of WAL fails ({found.failed:,} failures): PostgreSQL's disk fills, and backups have a gap",
            "look at archive_command in PostgreSQL's log; docs/operations/backup.md",
        )
    return ok("WAL is archived")


async def _transactions(subject: Subject) -> Finding:
    async with subject.database.query(of=EVERY) as driver:
        found = await vitals.long_transactions(driver, _LONG)
    if not found:
        return ok(f"none is open for more than {span(_LONG)}")
    oldest = found[0]
    end = f"SELECT pg_terminate_backend({oldest.pid});" if oldest.pid else f"ROLLBACK PREPARED '{oldest.name}';"
    return warn(
        f"{len(found)} open for more than {span(_LONG)}, the oldest, of {oldest.name or 'an unnamed client'}, for"
        f" {span(oldest.age)}: vacuum cannot remove what it may still see",
        f"`{end}`",
    )


async def _vacuum(subject: Subject) -> Finding:
    async with subject.database.query(of=EVERY) as driver:
        found = await vitals.vacuum(driver)
    if found.oldest > _WRAPAROUND:
        return fail(
            f"{found.oldest:,} transactions since the oldest row that is not frozen: writes stop before 2,147,483,648",
            "end long transactions and run `VACUUM FREEZE;` as the owner",
        )
    if not found.is_on:
        return fail("autovacuum or track_counts is off", "`ALTER SYSTEM SET autovacuum = on;` and reload")
    if found.oldest > 2 * found.freeze_at:
        return warn(f"the oldest row that is not frozen is {found.oldest:,} transactions old", "`VACUUM FREEZE;`")
    if found.bloated:
        return warn(
            f"more dead rows than living ones: {', '.join(found.bloated)}",
            "`VACUUM (VERBOSE) TABLE;` says what holds it; look at long transactions",
        )
    return ok("autovacuum keeps up")


async def _nodes(subject: Subject) -> Finding:
    async with subject.database.query(of=EVERY) as driver:
        distributed = await distribution.is_distributed(driver)
        away = await vitals.nodes_away(driver) if distributed else []
    urls = subject.settings.node_urls
    if not distributed and urls:
        return warn(f"{node_pools.VARIABLE} has no effect: tables are not distributed", "unset it")
    if not distributed:
        return ok("one PostgreSQL")
    if away:
        return fail(
            f"{', '.join(away)} cannot be reached: organizations there are UNAVAILABLE",
            "start them, or their standbys; look at the network and at pg_hba.conf",
        )
    asked = database.Database(subject.place.database_url, ingest_connections=1, node_urls=urls)
    try:
        faults = await asked.node_faults()
    finally:
        await asked.close()
    if faults:
        shown = ", ".join(f"{place}: {fault}" for place, fault in faults.items())
        return warn(
            f"not all of {node_pools.VARIABLE} can be asked ({shown})",
            "correct it, or allow the role in the node's pg_hba.conf: docs/operations/citus.md#questions-at-the-nodes",
        )
    return ok(f"all nodes answer, and {len(urls)} are asked themselves" if urls else "all nodes answer")


_TROUBLE: Final = "docs/operations/troubleshooting.md"
_OWN: Final = ("database",)
CHECKS: Final = (
    Check(
        name="database",
        about="PostgreSQL answers at DATABASE_URL, in a version from 15 to 18, and no pooler shares sessions",
        page="docs/operations/database.md",
        look=_reach,
    ),
    Check(
        name="durability",
        about="`fsync`, `full_page_writes` and `synchronous_commit` are on",
        page="docs/operations/monitoring.md#health",
        look=_durability,
        needs=_OWN,
    ),
    Check(
        name="schema",
        about="the schema is one that this code may use",
        page="docs/operations/upgrade.md",
        look=_schema,
        needs=_OWN,
    ),
    Check(
        name="isolation",
        about="the service's role is one that policies hold for, and every table of organizations has them",
        page="docs/operations/database.md#roles",
        look=_isolation,
        needs=("schema",),
    ),
    Check(
        name="nodes",
        about="the nodes of a [cluster](citus.md) answer, and those of `TALLYWIRE_QUERY_DATABASE_URLS` can be asked",
        page="docs/operations/citus.md#when-a-node-is-away",
        look=_nodes,
        needs=("schema",),
    ),
    Check(
        name="connections",
        about="`max_connections` is enough for the pools of this machine's servers and a worker, and is not used up",
        page="docs/operations/sizing.md#database-connections",
        look=_connections,
        needs=_OWN,
    ),
    Check(
        name="partitions",
        about="there are partitions for the events of the days ahead",
        page=_TROUBLE,
        look=_partitions,
        needs=("schema",),
    ),
    Check(
        name="replication",
        about="this is no replica, standbys that commits wait for are there, and no slot keeps WAL for nobody",
        page="docs/operations/backup.md",
        look=_replication,
        needs=_OWN,
    ),
    Check(
        name="archiving",
        about="if WAL is archived, the last try was no failure",
        page="docs/operations/backup.md",
        look=_archiving,
        needs=_OWN,
    ),
    Check(
        name="transactions",
        about="no transaction has been open for more than 5 minutes (of other roles: with `pg_monitor`)",
        page=_TROUBLE,
        look=_transactions,
        needs=_OWN,
    ),
    Check(
        name="vacuum",
        about="autovacuum is on, transaction numbers do not run out, and no table is mostly dead rows",
        page=_TROUBLE,
        look=_vacuum,
        needs=_OWN,
    ),
)
