"""Distributes the tables of organizations over the nodes of a Citus cluster, by organization.

An organization's rows are all on one node, so that what is done for it is done there, in one transaction of one phase.
What many organizations share or the service looks at across them stays on the coordinator, where it is as before.
docs/design/distribution.md has the reasons.
"""

from server import errors
from server.store import statements
from server.store.database import Database, Driver
from server.store.isolation import EVERY

ANCHOR = "revisions"  # the first; every other table has its rows beside it
# Beside ANCHOR. Each is led by organization_id, and is read and written for one organization at a time.
DISTRIBUTED = (
    "member_counters",
    "member_counts",
    "members",
    "kept_pairs",
    "event_keys",
    "events",
    "replaced_events",
    "updates",
    "erased_users",
    "projections",
    "conversations",
    "conversation_closings",
    "agents",
    "agent_kinds",
    "users",
    "user_days",
    "user_conversations",
    "leads",
    "campaigns",
    "content_gaps",
    "content_gap_quarters",
    "content_gap_states",
    "content_gap_merges",
    "custom_metrics",
    "custom_values",
    "agent_statuses",
    "deltas",
    "rollups",
    "slot_rollups",
    "folds",
)
# One copy on every node, since statements about organizations ask for them, too.
REFERENCE = ("deployment",)

DEFAULT_SHARDS = 16
_LOCK = 7_203_844_016_013  # two must not distribute the same table; arbitrary and ours


async def is_distributed(driver: Driver) -> bool:
    """Whether the tables of organizations are distributed."""
    if not driver.is_distributed:
        return False
    found = "SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = to_regclass($1))"
    return bool(await driver.fetchval(found, ANCHOR))


async def define(driver: Driver) -> None:
    """Makes the functions that nodes call, on every node; nothing on a database without Citus."""
    if driver.is_distributed:
        await driver.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await driver.execute(_FUNCTIONS)


async def distribute(database: Database, shards: int | None = None) -> list[str]:
    """Distributes those tables that are not distributed yet, with their rows, and returns their names.

    Policies hold for the owner again, where shards were let move. A call that was cut off may be repeated. SetupError
    where the database is none of a Citus cluster, no node takes shards, or servers and workers are connected.
    """
    done = []
    async with database.transaction(of=EVERY) as driver:
        await _check(driver, database.pids())
        await define(driver)
        todo = await _missing(driver)
    for table in todo:
        async with database.transaction(of=EVERY) as driver:
            await driver.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            if table in await _missing(driver):
                await _distribute(driver, table, shards)
                done.append(table)
    for table in (ANCHOR, *DISTRIBUTED):
        async with database.transaction(of=EVERY) as driver:
            if not await driver.fetchval("SELECT relforcerowsecurity FROM pg_class WHERE oid = to_regclass($1)", table):
                await driver.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    return done


async def _check(driver: Driver, own: list[int]) -> None:
    if not driver.is_distributed:
        raise errors.SetupError(
            "the database is not one of a Citus cluster: run `CREATE EXTENSION citus` in it on every node, and"
            " `SELECT citus_add_node(…)` on the coordinator"
        )
    if not await driver.fetchval("SELECT EXISTS (SELECT FROM pg_dist_node WHERE isactive AND shouldhaveshards)"):
        raise errors.SetupError("no node of the Citus cluster takes shards: add one by `SELECT citus_add_node(…)`")
    if await is_distributed(driver):
        return
    # They write in the way of a single database, and would not see rows on other nodes.
    others = await driver.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'tallywire%' AND pid <> ALL($1::integer[])",
        own,
    )
    if others:
        raise errors.SetupError(
            f"servers, workers and commands have {others} connections to the database: stop them, then distribute its"
            " tables"
        )


async def _missing(driver: Driver) -> list[str]:
    """The tables that are not distributed yet, in their order."""
    rows = await driver.fetch(
        "SELECT name FROM unnest($1::text[]) WITH ORDINALITY AS wanted(name, place) WHERE NOT EXISTS"
        " (SELECT FROM pg_dist_partition WHERE logicalrelid = to_regclass(name)) ORDER BY place",
        [ANCHOR, *REFERENCE, *DISTRIBUTED],
    )
    return [row[0] for row in rows]


async def _distribute(driver: Driver, table: str, shards: int | None) -> None:
    if table in REFERENCE:
        await driver.execute("SELECT create_reference_table($1::text::regclass)", table)
    else:
        for statement in _PREPARE:
            await driver.execute(statement.replace("TABLE_NAME", table))
        await _identify_rows(driver, table)
        if table == ANCHOR:
            await driver.execute(
                "SELECT create_distributed_table($1::text::regclass, 'organization_id', colocate_with => 'none',"
                " shard_count => $2)",
                table,
                shards or DEFAULT_SHARDS,
            )
        else:
            await driver.execute(
                "SELECT create_distributed_table($1::text::regclass, 'organization_id', colocate_with => $2)",
                table,
                ANCHOR,
            )
        for state in ("ENABLE", "FORCE"):
            await driver.execute(f"ALTER TABLE {table} {state} ROW LEVEL SECURITY")
    # What was there before has been copied to the nodes and would stay on the coordinator, where nobody sees it.
    await driver.execute("SELECT truncate_local_data_after_distributing_table($1::text::regclass)", table)


_FUNCTIONS = statements.text("node_functions")
_SETTING = "current_setting('tallywire.organizations', true)"
# Citus takes no subqueries in policies: each row asks for the setting. Organizations that are deleted are not looked
# for, either: they are not on the nodes. Removing looks again until nothing is left.
_PREPARE = (
    # Rows are copied to the nodes by COPY, which a table with policies does not take.
    "ALTER TABLE TABLE_NAME DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE TABLE_NAME NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY IF EXISTS of_none_that_is_deleted ON TABLE_NAME",
    "DROP POLICY organizations ON TABLE_NAME",
    f"""
    CREATE POLICY organizations ON TABLE_NAME
        USING ({_SETTING} = '*' OR organization_id = ANY (nullif(nullif({_SETTING}, '*'), '')::integer[]))
    """,
)


async def _identify_rows(driver: Driver, table: str) -> None:
    """Lets rows of partitions without a key move between nodes while they are written."""
    if table == "events":
        await driver.execute("ALTER TABLE events REPLICA IDENTITY FULL")
        parts = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::text::regclass"
        for (name,) in await driver.fetch(parts, table):
            await driver.execute(f"ALTER TABLE {name} REPLICA IDENTITY FULL")
