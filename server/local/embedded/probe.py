"""Talks to the engines: are they up, are they ours, do they hold what they should."""

import asyncio
import collections.abc
import concurrent.futures
import re
from typing import Any

import asyncpg
import redis

from server.local.embedded import cluster, errors, folder
from server.local.embedded.cluster import EnginePlan

SETUP = (
    ("SELECT 1 FROM pg_roles WHERE rolname = $1", cluster.USER, 'CREATE ROLE "{0}" LOGIN CREATEDB CREATEROLE'),
    ("SELECT 1 FROM pg_database WHERE datname = $1", cluster.DATABASE, 'CREATE DATABASE "{0}" OWNER "{1}"'),
)
NOT_SET_UP = "SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = $1"


def postgres_is_up(plan: EnginePlan, pid: int) -> bool:
    """Answers whether the process we started is ready on our port: a stale pid file says "ready" as well."""
    lines = cluster.pid_file(plan.folder)
    return len(lines) >= 8 and (lines[0], lines[3], lines[7]) == (str(pid), str(plan.access.postgres_port), "ready")


def valkey_is_up(plan: EnginePlan, pid: int) -> bool:
    """Answers whether the process that takes our password on our port is the one we started."""
    # Asked only once its own log says that it has the port: a stranger there would be told the password.
    log = folder.tail(plan.folder / "valkey.log", lines=20)
    if not re.search(rf"\b{pid}:.*Ready to accept connections", log):
        return False
    access = plan.access
    client = redis.Redis(host="127.0.0.1", port=access.redis_port, password=access.redis_password, socket_timeout=2)
    try:
        info: Any = client.info("server")
    except redis.ConnectionError:
        return False
    except redis.RedisError as error:
        raise errors.EnginesFailed(f"Valkey on port {access.redis_port} does not answer: {error}") from None
    finally:
        client.close()
    return bool(info["process_id"] == pid)


def set_up(plan: EnginePlan) -> None:
    """Makes sure, with the administrator's password, that the service's role and database exist."""

    async def ensure(connection: "asyncpg.Connection[Any]") -> None:
        for question, name, statement in SETUP:
            if await connection.fetchval(question, name) is None:
                await connection.execute(statement.format(name, cluster.USER))
        if await connection.fetchval(NOT_SET_UP, cluster.USER):
            await connection.execute(f"ALTER ROLE \"{cluster.USER}\" PASSWORD '{plan.access.password}'")

    _administer(plan, ensure)


def create_database(plan: EnginePlan, name: str, template: str | None) -> None:
    """Makes a database owned by the service's role, a copy of the template if one is named."""
    # Copying files takes a quarter of what it takes to write all of their blocks to the log.
    source = f" TEMPLATE {quoted(template)} STRATEGY FILE_COPY" if template is not None else ""
    execute(plan, f"CREATE DATABASE {quoted(name)} OWNER {quoted(cluster.USER)}{source}")


def drop_database(plan: EnginePlan, name: str) -> None:
    """Removes a database, open connections or not."""
    execute(plan, f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")


def execute(plan: EnginePlan, statement: str) -> None:
    """Runs one statement as the administrator, outside of a transaction."""

    async def run(connection: "asyncpg.Connection[Any]") -> None:
        await connection.execute(statement)

    _administer(plan, run)


def quoted(name: str) -> str:
    """Quotes an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _administer(
    plan: EnginePlan, work: collections.abc.Callable[["asyncpg.Connection[Any]"], collections.abc.Awaitable[None]]
) -> None:
    async def connected() -> None:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=plan.access.postgres_port,
            user=cluster.ADMIN,
            password=plan.access.admin_password,
            database="postgres",
            ssl=False,
            timeout=20,
        )
        try:
            await work(connection)
        finally:
            await connection.close()

    # In a thread of its own, because the caller may be inside a running event loop.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        try:
            thread.submit(asyncio.run, connected()).result()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise errors.EnginesFailed(f"PostgreSQL on port {plan.access.postgres_port}: {error}") from error
