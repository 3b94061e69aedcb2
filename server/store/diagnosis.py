"""Says in plain words why database or Redis cannot be used as they are set, and never shows a password."""

import contextlib
import socket
import urllib.parse
from collections.abc import AsyncIterator, Iterator

import redis
import redis.asyncio

from server import errors, redis_pools
from server.store import address, schema
from server.store.database import ConfigurationError, Database
from server.store.deployment import Deployment

_EXAMPLE = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"
_SECONDS = 5.0


@contextlib.asynccontextmanager
async def database(url: str, *, migrated: bool = True) -> AsyncIterator[Database]:
    """A database that was seen to answer and, unless told otherwise, has the schema that this code needs.

    SetupError says in one line what is wrong with DATABASE_URL or with what it leads to.
    """
    check_url(url)
    with explained(url):
        opened = Database(url, ingest_connections=1, other_connections=2)
        try:
            await opened.condition()
            await check_sessions(opened, url)
            if migrated:
                checked_schema(await schema.current(opened))
            yield opened
        finally:
            await opened.close()


def check_url(url: str, variable: str = "DATABASE_URL") -> None:
    """Refuses what is not the URL of a PostgreSQL database, as the setting that has it."""
    try:
        parts = urllib.parse.urlsplit(url)
        address.place(url)
    except ValueError:
        raise errors.SetupError(f"{variable} is not a URL: it looks like {_EXAMPLE}") from None
    if parts.scheme not in address.SCHEMES:
        what = f"is of {parts.scheme}, not of PostgreSQL" if "://" in url and parts.scheme else "is not a URL"
        raise errors.SetupError(f"{variable} {what}: it looks like {_EXAMPLE}")
    if "@" in parts.path + parts.query + parts.fragment:
        raise errors.SetupError(f"{variable} has / ? or # in its user or password: write them as %2F %3F %23")
    if not parts.path.strip("/"):
        raise errors.SetupError(f"{variable} names no database: it looks like {_EXAMPLE}")
    address.dsn(url, variable)


async def check_sessions(database: Database, url: str) -> None:
    """Refuses a pooler that gives one session to several clients: what a session is set to would be others', too."""
    if await database.is_shared():
        raise errors.SetupError(_pooler(address.place(url)))


def checked_schema(found: Deployment | None) -> Deployment:
    """What was found; SetupError where this code cannot run on the schema, or there is none."""
    if found is None:
        raise errors.SetupError("the database has no schema yet: run `python -m server migrate`")
    if fault := schema_fault(found):
        raise errors.SetupError(fault)
    return found


def schema_fault(found: Deployment) -> str | None:
    """Why this code cannot run on a schema; None where it can: on its own, and on a later one that lets it."""
    made_for = schema.expected()
    if found.schema < made_for:
        return (
            f"the database has the schema {found.schema} and this code needs {made_for}: run `python -m server migrate`"
        )
    if found.oldest_code > made_for:
        return (
            f"the database has the schema {found.schema}, for code of the schema {found.oldest_code} or later, and this"
            f" code is of the schema {made_for}: run a newer version of the code"
        )
    return None


def check_redis_url(url: str) -> None:
    """Refuses what is not the URL of a Redis, or of Sentinels."""
    try:
        redis_pools.pool(url).make_connection()  # type: ignore[no-untyped-call]  # redis-py's
    except ValueError as error:
        raise errors.SetupError(f"REDIS_URL {error}") from None
    except TypeError:
        raise errors.SetupError(
            "REDIS_URL has an option behind its ? that connections do not know; those of TLS need rediss://"
        ) from None


async def check_redis(url: str) -> None:
    """Refuses a REDIS_URL that leads to no Redis."""
    check_redis_url(url)
    pool = redis_pools.pool(url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS)
    client, place = redis.asyncio.Redis.from_pool(pool), redis_pools.place(url)
    try:
        await client.ping()
    except redis_pools.NoMaster as error:
        raise errors.SetupError(f"{error}: check REDIS_URL") from None
    except redis.AuthenticationError:
        raise errors.SetupError(f"{place} refuses the password in REDIS_URL") from None
    except redis.TimeoutError:
        raise errors.SetupError(f"{place} does not answer: check REDIS_URL") from None
    except redis.ConnectionError:
        raise errors.SetupError(f"{place} cannot be reached: start it, or correct REDIS_URL") from None
    except redis.RedisError as error:
        raise errors.SetupError(f"{place} says: {error}") from None
    finally:
        await client.aclose()


def explain(error: BaseException, url: str) -> str:
    """What an error of the database means, in one line."""
    causes = list(_causes(error))
    state = next((state for cause in causes if (state := getattr(cause, "sqlstate", None))), None)
    place = address.place(url)
    if any("pooling mode" in str(cause) for cause in causes):
        return _pooler(place)  # PgBouncer that takes no transactions says so with the SQLSTATE of a lost connection
    if state is not None:
        return _state(state, url, place)
    if (wrong := next((cause for cause in causes if isinstance(cause, ConfigurationError)), None)) is not None:
        return f"DATABASE_URL cannot be used: {wrong}"
    return next((_network(cause, place) for cause in reversed(causes) if isinstance(cause, OSError)), str(error))


@contextlib.contextmanager
def explained(url: str) -> Iterator[None]:
    """Raises SetupError, with the meaning of the error in plain words, where the block meets one of the database."""
    try:
        yield
    except (errors.StorageUnavailable, errors.StorageRejected) as error:
        raise errors.SetupError(explain(error, url)) from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _state(state: str, url: str, place: str) -> str:
    parts = urllib.parse.urlsplit(url)
    user = urllib.parse.unquote(parts.username or "")
    name = urllib.parse.unquote(parts.path.lstrip("/"))
    match state:
        case "28P01":
            return f"PostgreSQL at {place} refuses the password of {user!r}: correct DATABASE_URL"
        case "28000":
            return f"PostgreSQL at {place} does not let {user!r} in: correct DATABASE_URL, or allow it in pg_hba.conf"
        case "3D000":
            return f"there is no database {name!r} at {place}: create it, or correct DATABASE_URL"
        case "42501":
            return f"{user!r} lacks a privilege in the database {name!r} at {place}: grant it"
        case "42P01":
            return "the database has no schema yet: run `python -m server migrate`"
        case "42P05" | "26000":
            return _pooler(place)
        case "08P01":
            return f"what answers at {place} does not understand PostgreSQL's clients: use PostgreSQL's own address"
        case "53300":
            return f"PostgreSQL at {place} has no connection free: raise max_connections, or try again later"
        case "57P03":
            return f"PostgreSQL at {place} is still starting: try again in a moment"
    return f"PostgreSQL at {place} failed with SQLSTATE {state}: its log says more"


def _pooler(place: str) -> str:
    return (
        f"at {place} a pooler, such as PgBouncer, shares sessions between transactions: let it pool by session"
        " (pool_mode = session), or put PostgreSQL's own address into DATABASE_URL"
    )


def _network(error: OSError, place: str) -> str:
    if isinstance(error, socket.gaierror):
        return f"the host of {place} cannot be found: correct DATABASE_URL"
    if isinstance(error, TimeoutError):
        return f"{place} does not answer: correct DATABASE_URL, or check the network"
    if "SSL" in str(error):
        return f"PostgreSQL at {place} does not speak TLS as DATABASE_URL asks"
    # Where a name has several addresses, the errors of all of them come as one without a number.
    if isinstance(error, ConnectionRefusedError) or "Connect call failed" in str(error):
        return f"nothing listens at {place}: start PostgreSQL, or correct DATABASE_URL"
    return f"the connection to {place} failed ({error.strerror or type(error).__name__}): check DATABASE_URL"
