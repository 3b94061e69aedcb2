"""A login sees its own organization alone, writes nothing, and is no way to anything else of the database."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import asyncpg
import pytest

from server.rollups import fold
from server.store import address
from server.store.bi import schema
from server.store.database import Database
from server.store.isolation import EVERY, SETTING
from server.tenancy import administration, bi_logins
from tallywire.v1 import event_pb2
from tests.bi.reading import Reader, logged_in
from tests.support import citus, serving, worlds
from tests.support.serving import Accounts, Caller

pytestmark = citus.one_node

OURS, THEIRS = "ours", "theirs"
AT = serving.now() - timedelta(days=1)


class Sides(NamedTuple):
    mine: Caller
    other: Caller
    reader: Reader


async def fill(caller: Caller, database: Database, mark: str) -> None:
    """Something for each view to show, with a word that tells whose it is."""
    place = {"agent_id": f"{mark}-bot", "user_id": f"{mark}-user", "channel": mark, "team_id": mark}
    place |= {"campaign_id": mark, "conversation_id": f"{mark}-conversation"}
    lead = event_pb2.LeadDetail(lead_id=f"{mark}-lead", value_micros=5, currency="EUR")
    api = event_pb2.ApiDetail(endpoint=f"/{mark}", method="GET", status_code=200, latency_ms=5)
    events = [
        serving.event("conversation.started", at=AT, **place),
        serving.event("message.sent", at=AT, message=event_pb2.MessageDetail(model=mark, prompt_tokens=5), **place),
        serving.event("conversation.resolved", at=AT, conversation=event_pb2.ConversationDetail(topic=mark), **place),
        serving.event("lead.created", at=AT, lead=lead, **place),
        serving.event("api.called", at=AT, api=api, **place),
        serving.event("call.ended", at=AT, call=event_pb2.CallDetail(queue=mark, talk_ms=9), **place),
        serving.event("campaign.started", at=AT, campaign=event_pb2.CampaignDetail(name=mark), **place),
    ]
    await caller.track_all(events)
    await fold.fold_all(database, caller.organization_id)
    await worlds.project(database, caller.organization_id)  # leaves deltas beside rollups
    await caller.track_all([serving.event("message.sent", at=AT + timedelta(minutes=1), **place)])
    await worlds.project(database, caller.organization_id)


@pytest.fixture(scope="module")
async def sides(accounts: Accounts, database: Database) -> AsyncIterator[Sides]:
    mine, other = await accounts.caller(), await accounts.caller()
    await fill(mine, database, OURS)
    await fill(other, database, THEIRS)
    async with logged_in(database, other.name), logged_in(database, mine.name) as reader:
        yield Sides(mine, other, reader)


_NO_PRIVILEGE, _RESERVED, _NO_TABLE, _NOT_NOW = "42501", "42939", "42809", "55000"


async def refused(reader: Reader, statement: str, *states: str) -> None:
    """PostgreSQL refuses a statement, also where the session may write, in words that tell nothing of others."""
    with pytest.raises(asyncpg.PostgresError) as error:
        await reader.execute(f"BEGIN READ WRITE; {statement}")
    await reader.execute("ROLLBACK")
    assert THEIRS not in str(error.value)
    assert error.value.sqlstate in (states or (_NO_PRIVILEGE,)), str(error.value)


async def test_each_view_shows_the_rows_of_one_organization(sides: Sides) -> None:
    for view in schema.views():
        rows = await sides.reader.fetch(f"SELECT * FROM bi.{view.name}")
        assert rows, view.name
        assert THEIRS not in str(rows), view.name
        assert view.name in ("metrics", "freshness") or OURS in str(rows) or not _has_texts(view.name), view.name
    (row,) = await sides.reader.fetch("SELECT organization_id, name FROM bi.organization")
    assert tuple(row) == (sides.mine.organization_id, sides.mine.name)


def _has_texts(name: str) -> bool:
    return name in ("agents", "users", "campaigns", "conversations", "leads", "metrics_daily", "agents_daily")


async def test_nobody_else_sees_anything(sides: Sides, database: Database) -> None:
    """The service's own role may read every view, and is no organization's login."""
    async with database.transaction(of=EVERY) as driver:
        for view in schema.views():
            if view.name != "metrics":
                assert await driver.fetchval(f"SELECT count(*) FROM bi.{view.name}") == 0, view.name


@pytest.mark.parametrize(
    "condition",
    [
        # What a planner may take first tells what it has looked at by failing: there it would fail for rows of others.
        "agent_id <> 'ours-bot' AND agent_id::integer = 1",
        "CASE WHEN agent_id = 'ours-bot' THEN 1 ELSE agent_id::integer END = 0",
        "1 / (CASE WHEN agent_id LIKE 'theirs%' THEN 0 ELSE 1 END) = 0",
        "agent_id ~ '^theirs' OR length(agent_id) / (length(agent_id) - length('theirs-bot')) > 99",
    ],
)
async def test_conditions_that_fail_are_not_asked_of_rows_of_others(sides: Sides, condition: str) -> None:
    for view in ("agents", "agents_daily", "agents_hourly"):
        assert await sides.reader.fetch(f"SELECT * FROM bi.{view} WHERE {condition}") == []


async def test_what_the_service_says_of_itself_opens_nothing_to_a_login(sides: Sides) -> None:
    """Views say whose rows they show by the login, whatever the policies beneath let through."""
    for said in ("*", f"{{{sides.other.organization_id}}}", ""):
        await sides.reader.execute(f"SET {SETTING} = '{said}'")
        rows = await sides.reader.fetch("SELECT organization_id FROM bi.organization")
        assert {row[0] for row in rows} <= {sides.mine.organization_id}, said
        assert "theirs" not in str(await sides.reader.fetch("SELECT * FROM bi.agents"))
    await sides.reader.execute(f"RESET {SETTING}")
    for function in ("tallywire_add_partition(now()::date)", "tallywire_drop_partition(now()::date)"):
        await refused(sides.reader, f"SELECT public.{function}")


async def test_who_reads_cannot_be_changed(sides: Sides, database: Database) -> None:
    async with database.transaction(of=EVERY) as driver:
        theirs = await driver.fetchval(
            "SELECT role_name FROM bi_logins WHERE organization_id = $1", sides.other.organization_id
        )
        service = await driver.fetchval("SELECT current_user")
    for role in (theirs, service, "postgres", "pg_read_all_data"):
        await refused(sides.reader, f"SET ROLE {role}")
        await refused(sides.reader, f"SET SESSION AUTHORIZATION {role}")
        await refused(sides.reader, f"GRANT {role} TO CURRENT_USER")
        await refused(sides.reader, f"ALTER ROLE {role} PASSWORD 'x'", _NO_PRIVILEGE, _RESERVED)
    await refused(sides.reader, "ALTER ROLE CURRENT_USER SUPERUSER")
    await refused(sides.reader, "ALTER ROLE CURRENT_USER CONNECTION LIMIT 1000")
    logins = f"public.bi_logins VALUES ({sides.other.organization_id}, current_user)"
    await refused(sides.reader, f"INSERT INTO {logins}")
    with pytest.raises(asyncpg.PostgresError):
        await sides.reader.execute("SELECT set_config('session_authorization', $1, false)", theirs)


async def test_tables_behind_the_views_stay_closed(sides: Sides) -> None:
    names = await sides.reader.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'S', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
    )
    opened = {view.name for view in schema.views()}
    closed = [row["name"] for row in names if row["name"] not in opened]
    assert {"public.rollups", "public.events", "public.api_keys", "public.bi_logins"} <= set(closed)
    for name in closed:
        await refused(sides.reader, f"SELECT * FROM {name}")
    for name in opened:
        for statement in (
            f"DELETE FROM bi.{name}",
            f"DROP VIEW bi.{name}",
            f"ALTER VIEW bi.{name} OWNER TO CURRENT_USER",
        ):
            await refused(sides.reader, statement, _NO_PRIVILEGE, _NO_TABLE, _NOT_NOW)


async def test_nothing_can_be_made(sides: Sides) -> None:
    for statement in (
        "CREATE TEMPORARY TABLE t (x integer)",
        "CREATE TABLE bi.t (x integer)",
        "CREATE TABLE public.t (x integer)",
        "CREATE SCHEMA s",
        "CREATE FUNCTION bi.f(text) RETURNS boolean COST 0.0001 LANGUAGE sql AS 'SELECT true'",
        "CREATE FUNCTION public.f(text) RETURNS boolean COST 0.0001 LANGUAGE sql AS 'SELECT true'",
        "CREATE FUNCTION pg_temp.f(text) RETURNS boolean COST 0.0001 LANGUAGE sql AS 'SELECT true'",
        "CREATE OPERATOR bi.<<< (FUNCTION = texteq, LEFTARG = text, RIGHTARG = text)",
        "CREATE EXTENSION postgres_fdw",
        "COPY (SELECT 1) TO '/tmp/x'",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM pg_authid",
        "LOCK TABLE bi.agents IN ROW SHARE MODE",
        "LOCK TABLE public.events IN ACCESS SHARE MODE",
        "SELECT * FROM bi.agents FOR UPDATE",
        "SET temp_file_limit = -1",
    ):
        await refused(sides.reader, statement)
    # What is written to by default is refused at once, before any privilege is looked at.
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await sides.reader.execute("CREATE TABLE public.t (x integer)")


async def test_statistics_and_other_sessions_tell_nothing(sides: Sides) -> None:
    assert (
        await sides.reader.fetch("SELECT tablename, attname FROM pg_stats WHERE schemaname IN ('public', 'bi')") == []
    )
    sessions = await sides.reader.fetch(
        "SELECT usename::text, query FROM pg_stat_activity WHERE usename <> current_user"
    )
    assert {row["query"] for row in sessions} == {"<insufficient privilege>"}
    plan = await sides.reader.fetch("EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM bi.agents WHERE agent_id = 'theirs-bot'")
    assert "rows=0" in plan[0][0]


async def test_estimates_tell_no_values_of_others(sides: Sides, database: Database) -> None:
    """EXPLAIN tells the planner's estimates, which rest on statistics of all organizations: ids and amounts could be
    found by halving.
    """
    many = """
        INSERT INTO {0} SELECT (json_populate_record(t, json_build_object('{1}', {2}))).*
        FROM {0} AS t, generate_series(1000, 1999) AS number WHERE t.organization_id = $1
    """
    async with database.transaction(of=EVERY) as driver:
        await driver.execute(many.format("agents", "agent_id", "'theirs-' || number"), sides.other.organization_id)
        await driver.execute(many.format("leads", "lead_id", "'theirs-' || number"), sides.other.organization_id)
        await driver.execute(
            "UPDATE leads SET value_micros = 1000000 * right(lead_id, 4)::integer"
            " WHERE organization_id = $1 AND lead_id LIKE 'theirs-1%'",
            sides.other.organization_id,
        )
        for table in ("rollups", "deltas"):
            await driver.execute(
                many.format(table, "value", "'theirs-' || number") + " AND t.value = 'theirs-bot'",
                sides.other.organization_id,
            )
        await driver.execute("ANALYZE agents, leads, rollups, deltas")
        # What they are is hidden from everybody for whom policies hold.
        known = await driver.fetchval(
            "SELECT count(*) FROM pg_class WHERE relname IN ('agents', 'leads', 'rollups', 'deltas_rows')"
            " AND reltuples > 1000"
        )
        assert known == 4
        assert await driver.fetchval("SELECT count(*) FROM pg_stats WHERE tablename = 'agents'") == 0
    for view, column, values in (
        ("agents", "agent_id", ("'theirs-1100'", "'theirs-1900'")),
        ("leads", "lead_id", ("'theirs-1100'", "'theirs-1900'")),
        ("leads", "value_micros", ("1100000000", "1900000000")),
        ("agents_daily", "agent_id", ("'theirs-1100'", "'theirs-1900'")),
        ("agents_hourly", "agent_id", ("'theirs-1100'", "'theirs-1900'")),
        ("metrics_daily", "dimension_value", ("'theirs-1100'", "'theirs-1900'")),
        ("percentiles_hourly", "dimension_value", ("'theirs-1100'", "'theirs-1900'")),
        ("model_costs_daily", "model", ("'theirs-1100'", "'theirs-1900'")),
        ("endpoint_statuses_daily", "endpoint", ("'theirs-1100'", "'theirs-1900'")),
    ):
        plans = [
            await sides.reader.fetchval(f"EXPLAIN (FORMAT JSON) SELECT * FROM bi.{view} WHERE {column} < {value}")
            for value in values
        ]
        one, other = (json.loads(plan)[0]["Plan"] for plan in plans)
        assert (one["Plan Rows"], one["Total Cost"]) == (other["Plan Rows"], other["Total Cost"]), column


async def test_no_scan_finds_rows_of_others(sides: Sides) -> None:
    """EXPLAIN ANALYZE tells how many rows each part of a plan has found: a condition that is asked of a table without
    that for the organization would tell whether others have such rows, and a session chooses its kinds of plans.
    """
    kinds = ("indexscan", "bitmapscan", "indexonlyscan", "nestloop", "memoize")
    conditions = {
        "agents": ("agent_id = 'theirs-bot'", "team_id = 'theirs'", "first_seen_at > '2020-01-01'"),
        "campaigns": ("campaign_id = 'theirs'",),
        "users": ("user_id = 'theirs-user'", "first_seen_at > '2020-01-01'"),
        "conversations": ("conversation_id = 'theirs-conversation'", "topic = 'theirs'", "began_at > '2020-01-01'"),
        "leads": ("lead_id = 'theirs-lead'", "value_micros = 5", "campaign_id = 'theirs'"),
    }
    async with sides.reader.transaction():
        for kind in kinds:
            await sides.reader.execute(f"SET LOCAL enable_{kind} = off")
        await sides.reader.execute("SET LOCAL enable_seqscan = on")
        for view, asked in conditions.items():
            for condition in asked:
                plan = await sides.reader.fetchval(
                    f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM bi.{view} WHERE {condition}"
                )
                scans = [one for one in _parts(json.loads(plan)[0]["Plan"]) if one.get("Relation Name") == view]
                assert scans, view
                assert all(one["Actual Rows"] == ("theirs" not in condition) for one in scans), (condition, scans)


def _parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for one in plan.get("Plans", ()):
        yield from _parts(one)


async def test_objects_of_ones_own_change_no_view(sides: Sides) -> None:
    """A search path leads nowhere else: views are bound to what they were made of."""
    before = await sides.reader.fetch("SELECT * FROM bi.agents_daily")
    await sides.reader.execute("SET search_path = pg_temp, public, bi, pg_catalog")
    assert await sides.reader.fetch("SELECT * FROM bi.agents_daily") == before


async def test_a_suspended_organization_reads_nothing(sides: Sides, database: Database) -> None:
    suspended, active = administration.OrganizationState.SUSPENDED, administration.OrganizationState.ACTIVE
    await administration.set_state(database, sides.mine.name, suspended)
    assert await sides.reader.fetch("SELECT * FROM bi.agents") == []
    assert await sides.reader.fetch("SELECT * FROM bi.metrics_daily") == []
    await administration.set_state(database, sides.mine.name, active)
    assert len(await sides.reader.fetch("SELECT * FROM bi.agents")) == 1


async def test_other_databases_of_the_cluster_hold_nothing_of_ours(sides: Sides, database: Database) -> None:
    login = await bi_logins.give(database, sides.other.name)
    elsewhere = await asyncpg.connect(address.of_login(database.url, login.role, login.password, "template1"))
    try:
        with pytest.raises(asyncpg.UndefinedTableError):
            await elsewhere.fetch("SELECT * FROM bi.agents")
    finally:
        await elsewhere.close()
