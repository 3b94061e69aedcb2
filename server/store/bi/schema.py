"""Makes the schema bi, and makes it anew where a release has other views.

It is there once an organization has a login. The views follow from the code: a comment of the schema says from which.
"""

import asyncio
import functools
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from server import errors
from server.store import calendars
from server.store.bi import figures, long_views
from server.store.bi.directories import DIRECTORIES
from server.store.bi.views import DAY, HOUR, WIDE, BiView
from server.store.database import Database, Driver, is_locked_out
from server.store.isolation import EVERY

# Two processes must not make the schema at once; the number is arbitrary and ours.
_LOCK = 7_203_844_016_013
_TURN = "1s"
_PAUSE_SECONDS = 1.0
_GIVE_UP_SECONDS = 300.0
_FOUND = "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = 'bi'"
_OURS = "tallywire bi "  # begins the comment


@functools.cache
def views() -> Sequence[BiView]:
    """Returns all views of this release."""
    return (*DIRECTORIES, *WIDE, *long_views.views(DAY, HOUR))


@functools.cache
def _made_of() -> Sequence[str]:
    """Returns the statements that make the schema."""
    return (
        "CREATE SCHEMA bi",
        "GRANT USAGE ON SCHEMA bi TO PUBLIC",
        figures.functions(),
        *long_views.TABLES,
        *(statement for view in views() for statement in view.statements),
    )


@functools.cache
def _mark() -> str:
    """Returns what tells the schema of this release from those of others."""
    content = repr((_made_of(), long_views.catalogue()))
    return f"{_OURS}{hashlib.sha256(content.encode()).hexdigest()[:16]}"


async def make(driver: Driver) -> None:
    """Makes the schema, or makes it anew, unless it is that of this release. SetupError where it is somebody else's."""
    await driver.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    found: str | None = await driver.fetchval(_FOUND)
    if found == _mark():
        return
    if found is not None and not found.startswith(_OURS):
        raise errors.SetupError(
            "the database has a schema named bi that is not of this service, which needs that name: rename it"
        )
    await driver.execute("DROP SCHEMA IF EXISTS bi CASCADE")
    await driver.execute(";\n".join(_made_of()))  # in one round trip: they are hundreds
    metrics, terms = long_views.catalogue()
    await driver.copy_records_to_table("known_metrics", schema_name="bi", records=metrics)
    await driver.copy_records_to_table("metric_terms", schema_name="bi", records=terms)
    await driver.execute(f"COMMENT ON SCHEMA bi IS '{_mark()}'")


async def renew(database: Database) -> None:
    """Brings the schema and the calendars to this release where any organization has a login."""
    await in_turns(database, _renew)


async def _renew(driver: Driver) -> None:
    if await driver.fetchval("SELECT EXISTS (SELECT FROM bi_logins)"):
        await make(driver)
        await calendars.renew(driver)


async def in_turns(database: Database, work: Callable[[Driver], Awaitable[None]]) -> None:
    """Does work that waits for readers of the views in a transaction, in short turns: whoever comes while it waits for
    a reader would wait, too. SetupError where readers stay for minutes.
    """
    give_up_at = time.monotonic() + _GIVE_UP_SECONDS
    while True:
        try:
            async with database.transaction(of=EVERY) as driver:
                await driver.execute("SELECT set_config('lock_timeout', $1, true)", _TURN)
                await work(driver)
            return
        except errors.StorageUnavailable as error:
            if not is_locked_out(error):
                raise
            if time.monotonic() > give_up_at:
                raise errors.SetupError(
                    "the views for BI cannot be made anew, since sessions read them all the time: end those of the"
                    " roles tallywire_bi_… (pg_stat_activity shows them) and run it again"
                ) from error
        await asyncio.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
