"""Sessions of PostgreSQL: what each kind of them is set to, and how they are opened."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from server.store import address
from server.store.isolation import EVERY, Of
from server.store.pool import Driver, Identity

RECYCLE_SECONDS = 1800  # the age at which a connection is replaced
_CONNECT_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKind:
    """What sessions are for. timeout is the longest that a command may take, in seconds; None: no limit. of is for whom
    they are unless they are told otherwise.
    """

    application_name: str
    settings: Mapping[str, str]
    timeout: int | None
    of: Of = ()

    def options(self) -> dict[str, Any]:
        """What the driver is told beside the address."""
        return {
            "timeout": _CONNECT_SECONDS,
            "command_timeout": self.timeout,
            # Statements are kept whatever their size. The driver would have those of more than 15 KiB parsed and
            # planned anew each time: the one that answers questions grows with what is wanted.
            "max_cacheable_statement_size": 0,
            "server_settings": {"application_name": self.application_name},
        }


LOCK_TIMEOUT = "20s"
_SETTINGS = {
    "timezone": "UTC",
    "jit": "off",  # compiling costs more than running these statements
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": LOCK_TIMEOUT,
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

INGEST = SessionKind(application_name="tallywire ingest", settings=_INGEST_SETTINGS, timeout=60)
QUERY = SessionKind(application_name="tallywire query", settings=_QUERY_SETTINGS, timeout=60)
REALTIME = SessionKind(application_name="tallywire realtime", settings=_QUERY_SETTINGS, timeout=60)
PROJECTING = SessionKind(application_name="tallywire projecting", settings=_QUERY_SETTINGS, timeout=120)
_READING = (QUERY, REALTIME)  # they write nothing
OTHER = SessionKind(application_name="tallywire", settings=_SETTINGS, timeout=120)
# One of its sessions holds the turn to migrate, in a transaction that waits for the other and for its turn.
_MIGRATION_SETTINGS = {**_SETTINGS, "idle_in_transaction_session_timeout": "0", "lock_timeout": "0"}
MIGRATION = SessionKind(application_name="tallywire migration", settings=_MIGRATION_SETTINGS, timeout=None, of=EVERY)


async def _open(dsn: str, kind: SessionKind) -> Driver:
    """Opens a connection, and asks for its identity in the statement that sets it up.

    What a session is set to does not go with the address: poolers let only few names pass.
    """
    session: Driver = await asyncpg.connect(dsn, **kind.options(), connection_class=Driver)
    try:
        names, values = list(kind.settings), list(kind.settings.values())
        (found,) = await session.fetch(_SET_UP, names, values, timeout=_CONNECT_SECONDS)
        if found[2]:
            await session.execute(_OF_CITUS, timeout=_CONNECT_SECONDS)
            has_shards, session.node, session.address = (await session.fetch(_PLACE, timeout=_CONNECT_SECONDS))[0]
            session.has_shards = has_shards and kind not in _READING
    except BaseException:
        session.terminate()
        raise
    session.identity = Identity(pid=found[0], began=found[1])
    session.name(kind.of)
    session.is_distributed = found[2]
    return session


_SET_UP = (
    "SELECT pid, backend_start, EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') FROM pg_stat_activity,"
    " LATERAL (SELECT count(set_config(name, value, false)) AS settings"
    " FROM unnest($1::text[], $2::text[]) AS given(name, value)) AS done WHERE pid = pg_backend_pid() AND settings > 0"
)

# Citus picks the node by the values of parameters, so that a plan cannot do without them. What is set within a
# transaction is passed on to its nodes. Else each session would spend a second on the catalogue, whose names it hides.
_OF_CITUS = """
    SET plan_cache_mode = auto;
    SET citus.propagate_set_commands = 'local';
    SET citus.override_table_visibility = off
"""
_PLACE = (
    "SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = to_regclass('revisions')), groupid, coalesce("
    "(SELECT nodename || ':' || nodeport FROM pg_dist_node JOIN pg_dist_local_group USING (groupid)"
    " WHERE noderole = 'primary' AND NOT pg_is_in_recovery()), '') FROM pg_dist_local_group"
)


def connector(url: str, kind: SessionKind, variable: str = "DATABASE_URL") -> Callable[[], Awaitable[Driver]]:
    """Returns what opens sessions of a kind, at the URL of a setting."""
    dsn = address.dsn(url, variable)

    async def connect() -> Driver:
        return await _open(dsn, kind)

    return connect


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
