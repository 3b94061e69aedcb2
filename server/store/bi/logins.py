"""Logins of organizations: roles of PostgreSQL that may read the views of the schema bi and see one organization.

A role is named after the database and the organization, whose numbers are the only thing that is put into a statement.
It owns nothing and is a member of nothing. Its settings are made with it and are the operator's afterwards.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from server import errors
from server.store import calendars
from server.store.bi import schema
from server.store.database import Driver

CONNECTIONS = 10
_SETTINGS = {
    # A default, which the login can change for its own session; that it may write nothing is a matter of privileges.
    "default_transaction_read_only": "on",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "10s",
    "search_path": "bi",
    "jit": "off",  # compiling costs more than running these statements
    "enable_seqscan": "off",  # as for questions: statistics of a table that has just filled say that it is empty
}
_END_MILLISECONDS = 5_000  # for each session; one that takes longer ends all the same
_ITERATIONS = 4096  # PostgreSQL's own number; the password has 192 random bits


@dataclass(frozen=True, slots=True, kw_only=True)
class BiLogin:
    """A login that was made or has a new password, and the database that it opens."""

    role: str
    password: str
    database: str
    is_new: bool


async def prepare(driver: Driver) -> None:
    """Makes the views unless they are there. SetupError says what the service's own role lacks for logins, and that
    there are none where tables are distributed.
    """
    if driver.is_distributed:
        raise errors.SetupError(
            "views for BI are not to be had of a Citus cluster: export figures, or ask for them over gRPC"
        )
    await _check(driver)
    await schema.make(driver)


async def give(driver: Driver, organization_id: int, time_zone: str) -> BiLogin:
    """Gives an organization a login, or its login another password: then nobody gets in until reopen(). The views are
    there.

    SetupError says what the service's own role lacks.
    """
    await calendars.ensure(driver, time_zone)
    role, database = await _name(driver, organization_id)
    password = secrets.token_urlsafe(24)
    is_new = not await _exists(driver, role)
    if is_new:
        await driver.execute(f"CREATE ROLE {role} LOGIN NOINHERIT CONNECTION LIMIT {CONNECTIONS}")
        for name, value in _SETTINGS.items():
            await driver.execute(f"ALTER ROLE {role} SET {name} = '{value}'")
        await driver.execute(f"ALTER ROLE {role} {_password(password)}")
        await _let_in(driver, role)
    elif not await driver.fetchval(_MAY_CHANGE, role):
        raise errors.SetupError(
            f"the service's role may not change {role}, which another role has made: as a superuser of PostgreSQL, run"
            f" GRANT {role} TO {await driver.fetchval('SELECT quote_ident(current_user)')} WITH ADMIN OPTION"
        )
    else:
        # A session can change the password of its own role: one that has not committed that would be waited for.
        await _end_sessions(driver, role)
        await driver.execute(f"ALTER ROLE {role} NOLOGIN")
    await driver.execute(
        "INSERT INTO bi_logins (organization_id, role_name) VALUES ($1, $2) ON CONFLICT (organization_id)"
        " DO UPDATE SET role_name = excluded.role_name, changed_at = now()",
        organization_id,
        role,
    )
    return BiLogin(role=role, password=password, database=database, is_new=is_new)


async def reopen(driver: Driver, login: BiLogin) -> None:
    """Lets a login in by its new password. No session of the one before is left by then that could change it back."""
    await _end_sessions(driver, login.role)
    await driver.execute(f"ALTER ROLE {login.role} LOGIN {_password(login.password)}")


async def take(driver: Driver, organization_id: int) -> str | None:
    """Takes an organization's login away and ends its sessions; returns its role, None where there is none.

    The role of another database that this one is a copy of stays, and so does any that the service may not remove (any
    more): it opens nothing here.
    """
    role: str | None = await driver.fetchval(
        "DELETE FROM bi_logins WHERE organization_id = $1 RETURNING role_name", organization_id
    )
    name, _ = await _name(driver, organization_id)
    if role == name and await _exists(driver, role) and await driver.fetchval(_MAY_CHANGE, role):
        await _end_sessions(driver, role)
        await driver.execute(f"DROP OWNED BY {role}")  # large objects, which anybody can make
        await driver.execute(f"DROP ROLE {role}")
    return role


async def roles(driver: Driver) -> dict[int, str]:
    """Returns the roles of all logins by their organizations."""
    rows = await driver.fetch("SELECT organization_id, role_name::text FROM bi_logins")
    return {row[0]: row[1] for row in rows}


async def is_given(driver: Driver, organization_id: int) -> bool:
    """Returns whether an organization has a login."""
    found: bool = await driver.fetchval(
        "SELECT EXISTS (SELECT FROM bi_logins WHERE organization_id = $1)", organization_id
    )
    return found


def verifier(password: str, salt: bytes) -> str:
    """Returns what PostgreSQL keeps of a password (RFC 5803), so that no log of statements can ever show it."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(one).decode() for one in (salt, stored, server))
    return f"SCRAM-SHA-256${_ITERATIONS}:{salt_text}${stored_text}:{server_text}"


def _password(password: str) -> str:
    return f"PASSWORD '{verifier(password, secrets.token_bytes(16))}'"


async def _name(driver: Driver, organization_id: int) -> tuple[str, str]:
    """Returns the role of an organization in this database, and the database's name."""
    row = await driver.fetchrow("SELECT oid::bigint, datname FROM pg_database WHERE datname = current_database()")
    assert row is not None  # noqa: S101 - it is connected to it
    return f"tallywire_bi_{row[0]:d}_{organization_id:d}", row[1]


async def _exists(driver: Driver, role: str) -> bool:
    found: bool = await driver.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role)
    return found


# Up to PostgreSQL 15 whoever may make roles may change all of them, but for superusers.
_MAY_CHANGE = """
    SELECT rolsuper OR rolcreaterole AND (current_setting('server_version_num')::integer < 160000
        OR pg_has_role(current_user, $1::name, 'MEMBER WITH ADMIN OPTION'))
    FROM pg_roles WHERE rolname = current_user
"""
_RIGHTS = """
    SELECT current_user AS name, quote_ident(current_user) AS role, quote_ident(current_database()) AS database,
        rolsuper OR rolcreaterole AS may_make_roles,
        has_database_privilege(current_database(), 'CREATE') AS may_make_schemas
    FROM pg_roles WHERE rolname = current_user
"""
# Up to PostgreSQL 14 databases were made so, and upgrades keep it: a function of a login's own could stand in for one
# that the service calls.
_OPEN_SCHEMAS = """
    SELECT quote_ident(n.nspname) FROM pg_namespace AS n
    WHERE n.nspname = ANY (current_schemas(false)) AND EXISTS (
        SELECT FROM aclexplode(n.nspacl) AS one WHERE one.grantee = 0 AND one.privilege_type = 'CREATE'
    )
"""


async def _check(driver: Driver) -> None:
    """Raises SetupError, with the statement that helps, where the service's role may not make what a login needs, or a
    login might do more than read.
    """
    row = await driver.fetchrow(_RIGHTS)
    assert row is not None  # noqa: S101 - the role is connected
    for right, what, statement in (
        ("may_make_roles", "roles", "ALTER ROLE {role} CREATEROLE"),
        ("may_make_schemas", "schemas", "GRANT CREATE ON DATABASE {database} TO {role}"),
    ):
        if not row[right]:
            raise errors.SetupError(
                f"the service's role {row['name']!r} may not make {what}, which a login for BI needs: as a superuser of"
                f" PostgreSQL, run {statement.format(**row)}"
            )
    if (opened := await driver.fetchval(_OPEN_SCHEMAS)) is not None:
        raise errors.SetupError(
            f"everybody may make functions in the schema {opened}, where the service looks for its own, and so could a"
            f" login for BI: as a superuser of PostgreSQL, run GRANT CREATE ON SCHEMA {opened} TO {row['role']};"
            f" REVOKE CREATE ON SCHEMA {opened} FROM PUBLIC"
        )


async def _let_in(driver: Driver, role: str) -> None:
    """Lets a role connect, and keeps it, like everybody but the service, from making temporary tables."""
    row = await driver.fetchrow(
        "SELECT quote_ident(current_database()), quote_ident(current_user),"
        " has_database_privilege($1, current_database(), 'CONNECT'),"
        " has_database_privilege($1, current_database(), 'TEMPORARY'),"
        " pg_has_role(current_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'USAGE')",
        role,
    )
    assert row is not None  # noqa: S101 - it always returns a row
    database, service, may_connect, may_have_tables, is_owner = row
    if not may_connect:
        await driver.execute(f"GRANT CONNECT ON DATABASE {database} TO {role}")
    if may_have_tables and is_owner:
        await driver.execute(f"GRANT TEMPORARY ON DATABASE {database} TO {service}")
        await driver.execute(f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC")


async def _end_sessions(driver: Driver, role: str) -> None:
    """Ends the sessions of a role, for which one has to be a member of it, and waits until they have ended."""
    await driver.execute(f"GRANT {role} TO CURRENT_USER")
    await driver.execute(
        "SELECT pg_terminate_backend(pid, $2) FROM pg_stat_activity WHERE usename = $1", role, _END_MILLISECONDS
    )
