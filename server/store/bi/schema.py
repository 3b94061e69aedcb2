"""Makes the schema bi, and makes it anew where a release has other views.

It is there once an organization has a login. The views follow from the code: a comment of the schema says from which.
"""

import functools
import hashlib
from collections.abc import Sequence

from server.store import calendars
from server.store.bi import figures, long_views
from server.store.bi.directories import DIRECTORIES
from server.store.bi.views import DAY, HOUR, WIDE, BiView
from server.store.database import Database, Driver

# Two processes must not make the schema at once; the number is arbitrary and ours.
_LOCK = 7_203_844_016_013
_FOUND = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'bi'"


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
    return f"tallywire bi {hashlib.sha256(content.encode()).hexdigest()[:16]}"


async def make(driver: Driver) -> None:
    """Makes the schema, or makes it anew, unless it is that of this release. Its readers wait meanwhile, and it waits
    for theirs.
    """
    await driver.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    if await driver.fetchval(_FOUND) == _mark():
        return
    await driver.execute("DROP SCHEMA IF EXISTS bi CASCADE")
    await driver.execute(";\n".join(_made_of()))  # in one round trip: they are hundreds
    metrics, terms = long_views.catalogue()
    await driver.copy_records_to_table("known_metrics", schema_name="bi", records=metrics)
    await driver.copy_records_to_table("metric_terms", schema_name="bi", records=terms)
    await driver.execute(f"COMMENT ON SCHEMA bi IS '{_mark()}'")


async def renew(database: Database) -> None:
    """Brings the schema and the calendars to this release where any organization has a login."""
    async with database.transaction() as driver:
        if await driver.fetchval("SELECT EXISTS (SELECT FROM bi_logins)"):
            await make(driver)
            await calendars.renew(driver)
