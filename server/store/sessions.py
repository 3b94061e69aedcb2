"""Sessions of PostgreSQL: what each kind of them is set to, and how they are opened."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from server.store.pool import Driver, Identity

RECYCLE_SECONDS = 1800  # the age at which a connection is replaced
_CONNECT_SECONDS = 5
# Parameters of a URL that are SQLAlchemy's own and not the driver's.
_NOT_FOR_THE_DRIVER = ("prepared_statement_cache_size", "prepared_statement_name_func", "async_creator_fn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What sessions are for. timeout is the longest that a command may take, in seconds; None: no limit."""

    application_name: str
    settings: Mapping[str, str]
    timeout: int | None

    def options(self) -> dict[str, Any]:
        """What the driver is told beside the address."""
        return {
            "timeout": _CONNECT_SECONDS,
            "command_timeout": self.timeout,
            "server_settings": {**self.settings, "application_name": self.application_name},
        }


_SETTINGS = {
    "timezone": "UTC",
    "jit": "off",  # compiling costs more than running these statements
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "20s",
    # A server that vanished without a word would keep its transactions, and what they lock, for two hours.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
# Every statement of ingest looks up keys. After a burst the statistics lag behind, and a plan made for a small table
# would read a large one from end to end.
_INGEST_SETTINGS = {
    **_SETTINGS,
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
    "idle_in_transaction_session_timeout": "10s",  # it holds the revision, for which the organization's others wait
}
# Every question is answered from ranges of primary keys, also by a plan that was made when the tables were small.
_QUERY_SETTINGS = {**_SETTINGS, "enable_seqscan": "off"}

INGEST = Kind(application_name="agentmetrics ingest", settings=_INGEST_SETTINGS, timeout=60)
QUERY = Kind(application_name="agentmetrics query", settings=_QUERY_SETTINGS, timeout=60)
REALTIME = Kind(application_name="agentmetrics realtime", settings=_QUERY_SETTINGS, timeout=60)
OTHER = Kind(application_name="agentmetrics", settings=_SETTINGS, timeout=120)
# One of its sessions holds the turn to migrate, in a transaction that waits for the other and for its turn.
_MIGRATION_SETTINGS = {**_SETTINGS, "idle_in_transaction_session_timeout": "0", "lock_timeout": "0"}
MIGRATION = Kind(application_name="agentmetrics migration", settings=_MIGRATION_SETTINGS, timeout=None)


async def _open(**options: Any) -> Driver:
    """Opens a connection. One that has just been opened costs a question more, so that it can be told from others."""
    session: Driver = await asyncpg.connect(**options, connection_class=Driver)
    try:
        (found,) = await session.fetch(_IDENTITY, timeout=_CONNECT_SECONDS)
    except BaseException:
        session.terminate()
        raise
    session.identity = Identity(pid=found[0], began=found[1])
    return session


_IDENTITY = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"


def connector(url: str, kind: Kind) -> Callable[[], Awaitable[Driver]]:
    """Opens connections of the bare driver; the URL means what it means to an engine."""
    parsed = _parsed(url)
    _, address = parsed.get_dialect()().create_connect_args(parsed)
    for name in _NOT_FOR_THE_DRIVER:
        address.pop(name, None)
    options = {**address, **kind.options()}

    async def connect() -> Driver:
        return await _open(**options)

    return connect


def engine(url: str, kind: Kind, connections: int, *, wait: int = 10) -> AsyncEngine:
    """SQLAlchemy's pool of so many connections; wait is the longest for a free one, in seconds."""
    made = create_async_engine(
        _parsed(url),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=wait,
        pool_recycle=RECYCLE_SECONDS,
        pool_use_lifo=True,
        hide_parameters=True,  # values of tenants stay out of logs and exceptions
        connect_args={**kind.options(), "async_creator_fn": _open},
    )
    sa.event.listen(made.sync_engine, "checkout", _refuse_dead)
    return made


def _parsed(url: str) -> sa.URL:
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+asyncpg")
    if "sslmode" in parsed.query:  # libpq's word, as hosters write it; the driver's is ssl, with the same values
        parsed = parsed.difference_update_query(["sslmode"]).update_query_dict({"ssl": str(parsed.query["sslmode"])})
    return parsed


def _refuse_dead(connection: sa.engine.interfaces.DBAPIConnection, *_: object) -> None:
    """Makes the pool replace a connection that the database has closed meanwhile, without asking it each time."""
    if connection.driver_connection.is_closed():
        raise sa.exc.DisconnectionError


def forget_lost_answers() -> None:
    """Keeps the running event loop from reporting the answers of lost connections that nobody waits for any more.

    A COPY over a connection that is lost in the moment in which it begins fails, as its caller is told, before the
    driver waits for the answer; the loss then fails that answer, too.
    """

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        lost = isinstance(context.get("exception"), asyncpg.ConnectionDoesNotExistError)
        if not (lost and isinstance(context.get("future"), asyncio.Future) and "never retrieved" in context["message"]):
            loop.default_exception_handler(context)

    asyncio.get_running_loop().set_exception_handler(handle)
