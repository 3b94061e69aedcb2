"""Users, their days, and how conversations begin for them, as the projection keeps them."""

import dataclasses
from collections.abc import Collection, Mapping
from datetime import datetime

from server.events import event_types
from server.events.user_activity import Beginning, DayActivity, UserDay, UserEvent
from server.store import instants, projections, statements
from server.store.database import Driver
from server.store.following import EventReader
from server.store.projection_rows import MergingTable
from server.store.projections import Rows

TABLES = ("users", "user_days", "user_conversations")
PROFILES = MergingTable(
    "users", "user_id", earliest=("first_seen_at",), latest=("last_seen_at",), newest={"name": "text"}
)
_USES_MODEL = f"event_type IN ({', '.join(map(repr, event_types.MODEL_USES))})"
_IS_ABOUT_USERS = f"event_type IN ({', '.join(map(repr, event_types.USERS))})"
_IS_FEEDBACK = "event_type = 'feedback.submitted'"
_COLUMNS = tuple(one.name for one in dataclasses.fields(DayActivity))
# What days have, and how more of it is added to a day, in SQL.
DAY_COLUMNS = ", ".join(_COLUMNS)
IS_EMPTY_DAY = " AND ".join(f"{one} = 0" for one in _COLUMNS)
DAYS_ADDED = ", ".join(f"{one} = d.{one} + excluded.{one}" for one in _COLUMNS)


def _number(name: str, condition: str) -> str:
    return f"CASE WHEN {condition} THEN coalesce((detail ->> '{name}')::bigint, 0) ELSE 0 END"


EVENTS = EventReader(
    (
        "user_id",
        "coalesce(conversation_id, '')",
        f"CASE WHEN {_IS_ABOUT_USERS} THEN coalesce(detail ->> 'name', '') ELSE '' END",
        _number("prompt_tokens", _USES_MODEL),
        _number("cached_tokens", _USES_MODEL),
        _number("completion_tokens", _USES_MODEL),
        _number("cost_micros", _USES_MODEL),
        _number("rating", _IS_FEEDBACK),
    ),
    "user_id IS NOT NULL",
    UserEvent._make,
)
_ADD_DAYS = statements.load("add_user_days", COLUMNS=DAY_COLUMNS, ADDED=DAYS_ADDED)
_KEEP = (
    statements.load("uncount_user_conversations"),
    statements.load("keep_user_conversations"),
    statements.load(
        "keep_user_days",
        COLUMNS=DAY_COLUMNS,
        REPLACED=", ".join(f"{one} = excluded.{one}" for one in _COLUMNS),
    ),
)


async def add_days(driver: Driver, rows: Rows, days: Mapping[UserDay, DayActivity]) -> None:
    """Adds to what users did on days."""
    keys = sorted(days)
    added = [days[key] for key in keys]
    arguments = _ADD_DAYS.arguments(
        organization_id=rows.organization_id,
        version=rows.version,
        user_ids=[key.user_id for key in keys],
        days=[key.day for key in keys],
        **{name: [getattr(one, name) for one in added] for name in _COLUMNS},
    )
    await driver.execute(_ADD_DAYS.text, *arguments)


async def recorded_days(driver: Driver, organization_id: int, days: Collection[UserDay]) -> dict[UserDay, DayActivity]:
    """Returns what is recorded of days of users, of those of them of which anything is."""
    keys = list(days)
    rows = await driver.fetch(_DAYS, organization_id, [key.user_id for key in keys], [key.day for key in keys])
    return {UserDay(row[0], row[1]): DayActivity(*row[2:]) for row in rows}


async def remove_empty_days(driver: Driver, rows: Rows, days: Collection[UserDay]) -> None:
    """Removes those of some days on which users have done nothing. While one is being erased, a day of the alias may
    have no events and yet other numbers, some of them below 0: they belong to those that are still under the id.
    """
    keys = sorted(days)
    await driver.execute(
        "DELETE FROM user_days WHERE organization_id = $1 AND version = $2"  # noqa: S608 - constants of this file
        " AND user_id = ANY($3::text[])"
        " AND (user_id, day) IN (SELECT user_id, date '1970-01-01' + day"
        f" FROM unnest($3::text[], $4::integer[]) AS given(user_id, day)) AND {IS_EMPTY_DAY}",
        *rows,
        [key.user_id for key in keys],
        [key.day for key in keys],
    )


# OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
_DAYS = f"""
    SELECT w.user_id, w.day, {", ".join(f"d.{one}" for one in _COLUMNS)}
    FROM unnest($2::text[], $3::integer[]) AS w(user_id, day) CROSS JOIN LATERAL (SELECT * FROM user_days
    WHERE organization_id = $1 AND version = {projections.VERSION.format("users")} AND user_id = w.user_id
        AND day = date '1970-01-01' + w.day OFFSET 0) AS d
"""  # noqa: S608 - constants of this file
_BEGINNINGS = f"""
    SELECT c.conversation_key, is_no_start, {instants.selected("began_at")}, user_id
    FROM unnest($3::bytea[]) AS w(key) CROSS JOIN LATERAL (SELECT * FROM user_conversations
    WHERE organization_id = $1 AND version = $2 AND conversation_key = w.key OFFSET 0) AS c
"""  # noqa: S608 - constants of this file
_SAVE_BEGINNINGS = f"""
    INSERT INTO user_conversations (organization_id, version, conversation_key, is_no_start, began_at, user_id)
    SELECT b.organization_id, $2, conversation_key, is_no_start, {instants.stored("at")}, user_id
    FROM unnest($3::bytea[], $4::boolean[], $5::bigint[], $6::text[]) AS c(conversation_key, is_no_start, at, user_id),
        revisions AS b
    WHERE b.organization_id = $1
    ON CONFLICT (organization_id, version, conversation_key) DO UPDATE
    SET is_no_start = excluded.is_no_start, began_at = excluded.began_at, user_id = excluded.user_id
"""  # noqa: S608 - constants of this file


async def beginnings(driver: Driver, rows: Rows, keys: Collection[bytes]) -> dict[bytes, Beginning]:
    """Returns how conversations begin as far as that is known, by their keys."""
    found = await driver.fetch(_BEGINNINGS, *rows, list(keys))
    return {key: Beginning(*values) for key, *values in found}


async def save_beginnings(driver: Driver, rows: Rows, begin: Mapping[bytes, Beginning]) -> None:
    """Stores how conversations begin, in place of what was known."""
    keys = sorted(begin)
    columns = zip(*(begin[key] for key in keys), strict=True)
    await driver.execute(_SAVE_BEGINNINGS, *rows, keys, *columns)


async def remove_beginnings(driver: Driver, rows: Rows, keys: Collection[bytes]) -> None:
    """Removes how conversations begin."""
    await driver.execute(
        "DELETE FROM user_conversations WHERE organization_id = $1 AND version = $2"
        " AND conversation_key = ANY($3::bytea[])",
        *rows,
        sorted(keys),
    )


async def keep(driver: Driver, old: Rows, new: Rows, complete_from: datetime) -> None:
    """Takes over what raw events may be gone of: users who were seen before an instant, the days up to it, and the
    conversations that began before it.
    """
    await PROFILES.keep(driver, old, new, complete_from)
    for statement in _KEEP:
        arguments = statement.arguments(
            organization_id=old.organization_id, old=old.version, new=new.version, complete_from=complete_from
        )
        await driver.execute(statement.text, *arguments)
