"""How logins for BI are given and taken away, and what they outlive."""

import asyncio
import itertools
import json
import pathlib
from datetime import timedelta

import asyncpg
import pytest

from server import errors, timerange
from server.local import embedded
from server.organizations.errors import OrganizationNotFound, OrganizationRevoked
from server.organizations.organization import OrganizationState
from server.organizations.settings import OrganizationSettings
from server.process import preparation
from server.store import address, audit_trail
from server.store.bi import logins, schema
from server.store.bi.logins import BiLogin
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.tenancy import administration, bi_logins
from tests import documentation
from tests.bi.reading import Reader, logged_in
from tests.privacy import erasures
from tests.support import citus, processes, serving, waiting, worlds
from tests.support.releases import CONTRACTION, NextRelease
from tests.support.serving import Accounts, Caller

pytestmark = citus.one_node


async def opened(database: Database, login: BiLogin) -> Reader:
    return await asyncpg.connect(address.of_login(database.url, login.role, login.password, login.database))


async def is_role(database: Database, role: str) -> bool:
    return bool(await worlds.value(database, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role))


async def ended(reader: Reader) -> None:
    await waiting.until(reader.is_closed)


async def actions(database: Database, organization_id: int) -> list[str]:
    async with database.transaction(of=EVERY) as driver:
        entries = await audit_trail.after(driver, organization_id, 0, 100)
    return [one.action for one in entries if one.action.startswith("bi_login")]


async def test_another_password_in_place_of_the_first(caller: Caller, database: Database) -> None:
    first = await bi_logins.give(database, caller.name)
    reader = await opened(database, first)
    assert await reader.fetchval("SELECT name FROM bi.organization") == caller.name
    # What operators have changed of a login stays.
    await worlds.value(database, f"ALTER ROLE {first.role} CONNECTION LIMIT 2")
    second = await bi_logins.give(database, caller.name)
    assert (first.is_new, second.is_new, first.role) == (True, False, second.role)
    assert first.password != second.password
    await ended(reader)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await opened(database, first)
    one, other = await opened(database, second), await opened(database, second)
    with pytest.raises(asyncpg.TooManyConnectionsError):
        await opened(database, second)
    await one.close()
    assert await bi_logins.take(database, caller.name)
    await ended(other)
    assert not await is_role(database, second.role)
    assert not await bi_logins.take(database, caller.name)
    assert await actions(database, caller.organization_id) == [
        "bi_login.created",
        "bi_login.rotated",
        "bi_login.removed",
    ]


async def test_a_session_cannot_hold_up_another_password(caller: Caller, database: Database) -> None:
    """A session may change the password of its own role, which is waited for until it has committed that."""
    async with logged_in(database, caller.name) as reader:
        await reader.execute("BEGIN READ WRITE; ALTER ROLE CURRENT_USER PASSWORD 'mine'")
        second = await bi_logins.give(database, caller.name)
        await ended(reader)
        again = await opened(database, second)
        assert await again.fetchval("SELECT name FROM bi.organization") == caller.name
        await again.close()


async def test_a_login_is_closed_until_sessions_have_ended(
    caller: Caller, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that came meanwhile gives itself no password that outlives it."""
    first = await bi_logins.give(database, caller.name)
    came = await opened(database, first)
    reopen = logins.reopen

    async def while_closed(driver: Driver, login: BiLogin) -> None:
        for password in (first, login):
            with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
                await opened(database, password)
        await reopen(driver, login)

    monkeypatch.setattr(logins, "reopen", while_closed)
    second = await bi_logins.give(database, caller.name)
    await ended(came)
    await (await opened(database, second)).close()
    await bi_logins.take(database, caller.name)


async def test_where_everybody_may_make_functions(own_database: Database, own_organization: int) -> None:
    await worlds.value(own_database, "GRANT CREATE ON SCHEMA public TO PUBLIC")
    with pytest.raises(
        errors.SetupError, match=r"run (GRANT CREATE .*; REVOKE CREATE ON SCHEMA public FROM PUBLIC)$"
    ) as told:
        await bi_logins.give(own_database, "acme")
    for statement in str(told.value).rpartition(" run ")[2].split("; "):
        await worlds.value(own_database, statement)
    async with logged_in(own_database, "acme") as reader:
        assert not await reader.fetchval("SELECT has_schema_privilege('public', 'CREATE')")


async def test_limits_of_a_login(caller: Caller, database: Database) -> None:
    async with logged_in(database, caller.name) as reader:
        for setting, value in (("default_transaction_read_only", "on"), ("statement_timeout", "1min")):
            assert await reader.fetchval("SELECT current_setting($1)", setting) == value
        assert await reader.fetchval("SHOW search_path") == "bi"
        row = await reader.fetchrow(
            "SELECT rolconnlimit, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS may"
            " FROM pg_roles WHERE rolname = current_user"
        )
        assert tuple(row) == (logins.CONNECTIONS, False)
        # Grants to each login would fill the row of a view in the catalogue after some hundreds.
        grants = await reader.fetch(
            "SELECT DISTINCT grantee::regrole::text AS name FROM pg_class, aclexplode(relacl)"
            " WHERE relnamespace = 'bi'::regnamespace"
        )
        assert {row["name"] for row in grants} <= {"-", "tallywire"}


async def test_what_a_login_has_made_goes_with_it(caller: Caller, database: Database) -> None:
    login = await bi_logins.give(database, caller.name)
    reader = await opened(database, login)
    made = await reader.fetchval("SELECT 1 FROM pg_largeobject_metadata LIMIT 1")
    assert made is None
    await reader.execute("BEGIN READ WRITE; SELECT lo_from_bytea(0, 'x'); COMMIT")
    await reader.close()
    assert await bi_logins.take(database, caller.name)
    assert not await is_role(database, login.role)
    assert await worlds.value(database, "SELECT count(*) FROM pg_largeobject_metadata") == 0


async def test_it_ends_with_its_organization(caller: Caller, database: Database) -> None:
    login = await bi_logins.give(database, caller.name)
    await administration.set_state(database, caller.name, OrganizationState.REVOKED)
    assert not await is_role(database, login.role)
    with pytest.raises(OrganizationRevoked):
        await bi_logins.give(database, caller.name)
    with pytest.raises(OrganizationNotFound):
        await bi_logins.give(database, "nobody'; DROP TABLE organizations; --")


_numbers = itertools.count(1)  # of roles, which the databases of a cluster share


async def plain(database: Database, url: str, attributes: str) -> tuple[str, Database]:
    """A role with some attributes that owns nothing, and the database with it as the service's role."""
    name = f"plain_{next(_numbers)}"
    async with database.transaction(of=EVERY) as driver:
        await driver.execute(f"CREATE ROLE {name} LOGIN {attributes} PASSWORD 'x'")
        await driver.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
    as_role = address.of_login(url, name, "x", await own_name(database))
    return name, Database(as_role, ingest_connections=1, other_connections=1)


async def own_name(database: Database) -> str:
    return str(await worlds.value(database, "SELECT current_database()"))


async def test_without_the_rights_for_it(own_database: Database, own_url: str, own_organization: int) -> None:
    here = await own_name(own_database)
    for attributes, said in (
        ("NOCREATEROLE", "role '{0}' may not make roles, .* run ALTER ROLE {0} CREATEROLE$"),
        ("CREATEROLE", "role '{0}' may not make schemas, .* run GRANT CREATE ON DATABASE {1} TO {0}$"),
    ):
        name, database = await plain(own_database, own_url, attributes)
        with pytest.raises(errors.SetupError, match=said.format(name, here)):
            await bi_logins.give(database, "acme")
        # What needs no login goes on: there is none to take away.
        assert not await bi_logins.take(database, "acme")
        await database.close()
    assert await worlds.value(own_database, "SELECT count(*) FROM bi_logins") == 0


async def test_a_login_that_another_role_has_made(own_database: Database, own_url: str, own_organization: int) -> None:
    login = await bi_logins.give(own_database, "acme")
    name, database = await plain(own_database, own_url, "CREATEROLE")
    async with own_database.transaction(of=EVERY) as driver:
        await driver.execute(f"GRANT CREATE ON DATABASE {login.database} TO {name}")
    if await worlds.value(own_database, "SELECT current_setting('server_version_num')::integer < 160000"):
        assert not (await bi_logins.give(database, "acme")).is_new  # who may make roles may change all of them there
        assert await bi_logins.take(database, "acme")
    else:
        with pytest.raises(errors.SetupError, match=rf"run GRANT {login.role} TO {name} WITH ADMIN OPTION$"):
            await bi_logins.give(database, "acme")
        reader = await opened(own_database, login)
        # It cannot remove the role either, and closes all that it opens.
        assert await bi_logins.take(database, "acme")
        assert await reader.fetch("SELECT * FROM bi.organization") == []
        await reader.close()
        await worlds.value(own_database, f"DROP ROLE {login.role}")
    await database.close()


async def test_a_login_outlives_migrations(
    own_database: Database, own_url: str, own_organization: int, tmp_path: pathlib.Path
) -> None:
    login = await bi_logins.give(own_database, "acme")
    contraction = CONTRACTION + '        op.execute("ALTER TABLE conversations DROP COLUMN IF EXISTS tokens")\n'
    release = NextRelease(tmp_path, "contract", contraction)
    await release.migrate(own_url)  # although a view has that column
    assert await worlds.value(own_database, "SELECT to_regnamespace('bi')") is None
    assert await is_role(own_database, login.role)
    await bi_logins.take(own_database, "acme")


async def test_views_of_another_release_are_made_anew(own_database: Database, own_organization: int) -> None:
    login = await bi_logins.give(own_database, "acme")
    reader = await opened(own_database, login)
    await worlds.value(own_database, "DROP VIEW bi.daily")
    await worlds.value(own_database, "COMMENT ON SCHEMA bi IS 'tallywire bi of another release'")
    await worlds.value(own_database, "UPDATE calendars SET release = 'of another year'")
    await worlds.value(own_database, "DELETE FROM calendar_days WHERE day > '2020-01-01'")
    await preparation.prepare(own_database)
    assert await reader.fetch("SELECT * FROM bi.daily") == []
    assert await worlds.value(own_database, "SELECT max(day)::text FROM calendar_days") == "2099-12-31"
    before = await worlds.value(own_database, "SELECT 'bi.daily'::regclass::oid")
    await preparation.prepare(own_database)
    assert await worlds.value(own_database, "SELECT 'bi.daily'::regclass::oid") == before
    await reader.close()
    await bi_logins.take(own_database, "acme")


async def test_views_are_made_anew_in_short_turns(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_TURN", "200ms")
    monkeypatch.setattr(schema, "_PAUSE_SECONDS", 0.05)
    login = await bi_logins.give(own_database, "acme")
    await worlds.value(own_database, "COMMENT ON SCHEMA bi IS 'tallywire bi of another release'")
    reading, other = await opened(own_database, login), await opened(own_database, login)
    async with reading.transaction():
        assert await reading.fetch("SELECT * FROM bi.daily") == []
        renewing = asyncio.create_task(schema.renew(own_database))
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        for _ in range(2):
            await waiting.until(lambda: worlds.value(own_database, waits))
            # Whoever comes later has a turn, too, although the first reader has not ended.
            assert await other.fetch("SELECT * FROM bi.daily") == []
        assert not renewing.done()
    await renewing
    assert (
        await worlds.value(own_database, "SELECT obj_description('bi'::regnamespace)")
        != "tallywire bi of another release"
    )
    assert await reading.fetch("SELECT * FROM bi.daily") == []
    monkeypatch.setattr(schema, "_GIVE_UP_SECONDS", 0)
    await worlds.value(own_database, "COMMENT ON SCHEMA bi IS 'tallywire bi of another release'")
    async with reading.transaction():
        await reading.fetch("SELECT * FROM bi.daily")
        with pytest.raises(errors.SetupError, match="end those of the roles tallywire_bi_"):
            await schema.renew(own_database)
    await reading.close()
    await other.close()


async def test_a_schema_of_somebody_else_stays(
    own_database: Database, own_url: str, own_organization: int, tmp_path: pathlib.Path
) -> None:
    await worlds.value(own_database, "CREATE SCHEMA bi")
    await worlds.value(own_database, "CREATE TABLE bi.daily AS SELECT 7 AS theirs")
    with pytest.raises(errors.SetupError, match="a schema named bi that is not of this service"):
        await bi_logins.give(own_database, "acme")
    await NextRelease(tmp_path, "contract", CONTRACTION).migrate(own_url)
    assert await worlds.value(own_database, "SELECT theirs FROM bi.daily") == 7


async def test_where_nobody_has_a_login_nothing_is_made(own_database: Database) -> None:
    await preparation.prepare(own_database)
    assert await worlds.value(own_database, "SELECT to_regnamespace('bi')") is None


async def test_logins_that_are_given_at_once(accounts: Accounts, database: Database) -> None:
    callers = [await accounts.caller() for _ in range(3)]
    made = await asyncio.gather(*(bi_logins.give(database, one.name) for one in callers))
    assert len({one.role for one in made}) == 3
    for caller, login in zip(callers, made, strict=True):
        reader = await opened(database, login)
        assert await reader.fetchval("SELECT organization_id FROM bi.organization") == caller.organization_id
        await reader.close()
        await bi_logins.take(database, caller.name)


async def test_another_time_zone_makes_other_days(accounts: Accounts, database: Database) -> None:
    caller = await accounts.caller(settings=OrganizationSettings(time_zone="Pacific/Auckland"))
    async with logged_in(database, caller.name) as reader:
        at = serving.now() - timedelta(hours=30)
        await caller.track(serving.event("a.b", at=at))
        for zone in ("Pacific/Auckland", "Pacific/Pago_Pago"):
            await administration.change_settings(database, caller.name, {"time_zone": zone})
            days = await reader.fetch("SELECT day FROM bi.daily WHERE events > 0")
            assert [row["day"] for row in days] == [timerange.day_at(at, timerange.zone(zone))]


async def test_people_who_were_erased_are_not_told_apart(own_database: Database, own_organization: int) -> None:
    events = erasures.world(5, 50)
    await worlds.store(own_database, own_organization, events)
    await worlds.project(own_database, own_organization)
    async with logged_in(own_database, "acme") as reader:
        before = await reader.fetch("SELECT * FROM bi.metrics_daily ORDER BY 1, 2, 3, 4")
        assert await reader.fetchval("SELECT count(*) FROM bi.users WHERE user_id = $1", erasures.ANN) == 1
        await erasures.run(own_database, await erasures.begin(own_database, own_organization))
        await worlds.project(own_database, own_organization)
        assert await reader.fetch("SELECT * FROM bi.metrics_daily ORDER BY 1, 2, 3, 4") == before
        assert await reader.fetchval("SELECT count(*) FROM bi.users WHERE user_id = '_erased'") == 1
        for view in (one for one in schema.views() if not one.name.startswith("percentiles")):
            rows = str(await reader.fetch(f"SELECT * FROM bi.{view.name}"))
            assert not any(canary in rows for canary in erasures.CANARIES), view.name


async def test_what_a_superuser_can_take_away(
    own_engines: embedded.Engines, own_database: Database, own_organization: int
) -> None:
    """The statement of the documentation takes locks and large objects from logins, and leaves them to the service. The
    limit of temporary files holds, whatever a login tries.
    """
    (statement,) = documentation.blocks("sql", documentation.PAGES["docs/bi.md"])
    name = await worlds.value(own_database, "SELECT current_database()")
    admin = await asyncpg.connect(address.dsn(own_engines.admin_url.removesuffix("postgres") + str(name)))
    await admin.execute(statement)
    login = await bi_logins.give(own_database, "acme")
    await admin.execute(f"ALTER ROLE {login.role} SET temp_file_limit = '10GB'")
    await admin.close()
    async with logged_in(own_database, "acme") as reader:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.execute("SET temp_file_limit = -1")
        await reader.execute("BEGIN READ WRITE; ALTER ROLE CURRENT_USER RESET ALL; COMMIT")
        kept = "SELECT setconfig FROM pg_db_role_setting WHERE setrole = $1::text::regrole"
        assert await reader.fetchval(kept, login.role) == ["temp_file_limit=10GB"]
        for call in (
            "pg_advisory_lock(1)",
            "pg_try_advisory_xact_lock_shared(1, 2)",
            "lo_from_bytea(0, 'x')",
            "pg_logical_emit_message(false, 'x', 'x')",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await reader.execute(f"BEGIN READ WRITE; SELECT {call}")
            await reader.execute("ROLLBACK")
    await preparation.prepare(own_database)
    await worlds.store(own_database, own_organization, erasures.world(7, 20))


async def test_corrections_are_in_the_figures(own_database: Database, own_organization: int) -> None:
    events = erasures.world(6, 60)
    await worlds.store(own_database, own_organization, events)
    async with logged_in(own_database, "acme") as reader:
        await erasures.correct(own_database, own_organization, events, 3)
        await worlds.project(own_database, own_organization)
        raw = await worlds.value(
            own_database, "SELECT count(DISTINCT user_id) FROM events WHERE organization_id = $1", own_organization
        )
        counted = await worlds.value(
            own_database, "SELECT count(*) FROM events WHERE organization_id = $1", own_organization
        )
        assert await reader.fetchval("SELECT sum(events) FROM bi.daily") == counted
        assert raw
        (row,) = await reader.fetch("SELECT revisions_behind FROM bi.freshness WHERE source = 'conversations'")
        assert row["revisions_behind"] == 0


async def test_by_the_command_line(own_url: str, own_organization: int, tmp_path: pathlib.Path) -> None:
    environment = processes.environment(tmp_path, DATABASE_URL=own_url)
    shown = processes.invoke("organizations", "set", "acme", "--bi", environment=environment)
    assert shown.returncode == 0, shown.stderr
    assert "its password is shown only now" in shown.stderr
    first = shown.stdout.strip()
    assert first.startswith("postgresql://tallywire_bi_")
    shown = processes.invoke("organizations", "set", "acme", "--bi", "--weight", "3", "--json", environment=environment)
    told = json.loads(shown.stdout)
    assert told["weight"] == 3
    assert told["bi_url"] not in ("", first)
    assert await _name(told["bi_url"]) == "acme"
    (listed,) = json.loads(processes.invoke("organizations", "list", "--json", environment=environment).stdout)
    assert f"//{listed['bi_login']}:" in told["bi_url"]
    shown = processes.invoke("organizations", "set", "acme", "--no-bi", environment=environment)
    assert shown.stdout == "organization 'acme' has no login for BI\n"
    with pytest.raises(asyncpg.PostgresError):
        await _name(told["bi_url"])


async def _name(url: str) -> object:
    reader = await asyncpg.connect(url)
    try:
        return await reader.fetchval("SELECT name FROM organization")
    finally:
        await reader.close()
