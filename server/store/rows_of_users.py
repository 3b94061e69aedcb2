"""The rows that name a user: raw events are rewritten, and an alias takes the place of the id elsewhere."""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from server.catalog import dimensions
from server.catalog.custom_counting import ValueKey
from server.catalog.custom_metrics import Path
from server.events.event import Event
from server.store import events, statements, users
from server.store.database import Driver
from server.store.projections import Locked


class PlacedEvent(NamedTuple):
    """A raw event, and where it is stored."""

    revision: int
    received_at: datetime
    event: Event


EVENTS, REPLACED = TABLES = ("events", "replaced_events")  # what is, and what was before it was replaced
_PORTION = 500


async def of_types(
    driver: Driver, organization_id: int, user_id: str, event_types: Sequence[str], table: str
) -> AsyncIterator[list[PlacedEvent]]:
    """Yields the events of some types of a user that are in a table, in portions, as they were at the beginning; needs
    an open transaction. Each comes with the revision that it is stored under, or was replaced by.
    """
    columns = events.SELECTED if table == EVENTS else events.REPLACED
    cursor = await driver.cursor(
        f"SELECT revision, {columns} FROM {table}"  # noqa: S608 - names of the code
        " WHERE organization_id = $1 AND user_id = $2 AND event_type = ANY($3::text[])",
        organization_id,
        user_id,
        list(event_types),
    )
    while rows := await cursor.fetch(_PORTION):
        yield [PlacedEvent(row[0], row["received_at"], events.read(tuple(row)[1:])) for row in rows]


async def received_between(driver: Driver, organization_id: int) -> tuple[datetime, datetime] | None:
    """Returns when the oldest and the newest raw event of an organization were received; None where there is none."""
    first, last = [
        await driver.fetchval(
            f"SELECT received_at FROM events WHERE organization_id = $1 ORDER BY revision {order} LIMIT 1",  # noqa: S608
            organization_id,
        )
        for order in ("ASC", "DESC")
    ]
    return None if first is None else (first, last)


async def of_user(
    driver: Driver, organization_id: int, user_id: str, start: datetime, end: datetime, limit: int
) -> list[PlacedEvent]:
    """Returns raw events of a user that were received in [start, end), as many as a limit allows."""
    rows = await driver.fetch(
        f"SELECT {events.SELECTED} FROM events WHERE organization_id = $1 AND user_id = $2"  # noqa: S608 - constants
        " AND received_at >= $3 AND received_at < $4 LIMIT $5",
        organization_id,
        user_id,
        start,
        end,
        limit,
    )
    return [PlacedEvent(row["revision"], row["received_at"], events.read(tuple(row))) for row in rows]


_REWRITE = statements.load("rewrite_events_of_user")


async def rewrite(
    driver: Driver, organization_id: int, some: Sequence[PlacedEvent], start: datetime, end: datetime
) -> None:
    """Stores raw events that were received from start to end without their ids, as they are now."""
    arguments = _REWRITE.arguments(
        organization_id=organization_id,
        start=start,
        end=end,
        revisions=[one.revision for one in some],
        received=[one.received_at for one in some],
        event_keys=[one.event.event_key for one in some],
        user_ids=[one.event.user_id for one in some],
        details=[json.dumps(one.event.detail) if one.event.detail else None for one in some],
        properties=[one.event.properties or None for one in some],
    )
    await driver.execute(_REWRITE.text, *arguments)


async def replaced_of_user(driver: Driver, organization_id: int, user_id: str, limit: int) -> list[PlacedEvent]:
    """Returns what events of a user were before revisions replaced them, as many as a limit allows; each with the
    revision that has.
    """
    rows = await driver.fetch(
        f"SELECT revision, {events.REPLACED} FROM replaced_events"  # noqa: S608 - constants
        " WHERE organization_id = $1 AND user_id = $2 LIMIT $3",
        organization_id,
        user_id,
        limit,
    )
    return [PlacedEvent(row[0], row["received_at"], events.read(tuple(row)[1:])) for row in rows]


_REWRITE_REPLACED = statements.load("rewrite_replaced_events_of_user")


async def rewrite_replaced(driver: Driver, organization_id: int, some: Sequence[PlacedEvent], user_id: str) -> None:
    """Stores what events of a user were without their ids, as they are now; notes that hold the id go."""
    arguments = _REWRITE_REPLACED.arguments(
        organization_id=organization_id,
        user_id=user_id,
        revisions=[one.revision for one in some],
        event_keys=[one.event.event_key for one in some],
        user_ids=[one.event.user_id for one in some],
        details=[json.dumps(one.event.detail) if one.event.detail else None for one in some],
        properties=[one.event.properties or None for one in some],
    )
    await driver.execute(_REWRITE_REPLACED.text, *arguments)


async def told_by_others(
    driver: Driver,
    organization_id: int,
    path: Path,
    event_types: Sequence[str],
    texts: Sequence[str],
    not_by: Sequence[str],
) -> set[str]:
    """Returns those of some texts that events of types tell at a path, of others than some users."""
    place = "detail ->> $5" if path.is_detail else "properties #>> $5::text[]"
    rows = await driver.fetch(
        f"SELECT DISTINCT {place} FROM events WHERE organization_id = $1 AND event_type = ANY($2::text[])"  # noqa: S608
        f" AND (user_id IS NULL OR user_id <> ALL($3::text[])) AND {place} = ANY($4::text[])",
        organization_id,
        sorted(set(event_types)),
        list(not_by),
        list(texts),
        path.keys[0] if path.is_detail else list(path.keys),
    )
    return {row[0] for row in rows}


class Renamed(NamedTuple):
    """A distinct value of a custom metric, and what takes its place."""

    key: ValueKey
    value: str


async def rename_values(driver: Driver, organization_id: int, some: Sequence[Renamed]) -> int:
    """Lets other texts take the place of distinct values, with their numbers; returns how many there were."""
    done = await driver.execute(
        "UPDATE custom_values AS v SET value = w.value"
        " FROM unnest($2::integer[], $3::boolean[], $4::text[], $5::text[]) AS w(number, is_dimension, old, value)"
        " WHERE v.organization_id = $1 AND v.number = w.number AND v.is_dimension = w.is_dimension AND v.value = w.old",
        organization_id,
        *_columns(some),
    )
    return statements.rows(done)


async def rename_figures(driver: Driver, organization_id: int, some: Sequence[Renamed], table: str) -> int:
    """Lets other texts take the place of values of custom metrics' own dimensions in a table of figures; returns in how
    many rows. Nobody may fold meanwhile.
    """
    own = [one for one in some if one.key.is_dimension]
    done = await driver.execute(
        f"UPDATE {table} AS f SET value = w.value"  # noqa: S608 - a name of the code
        " FROM unnest($2::smallint[], $3::text[], $4::text[]) AS w(dimension, old, value)"
        " WHERE f.organization_id = $1 AND f.dimension = w.dimension AND f.value = w.old",
        organization_id,
        [one.key.dimension_number for one in own],
        [one.key.value for one in own],
        [one.value for one in own],
    )
    return statements.rows(done)


def _columns(some: Iterable[Renamed]) -> list[list[object]]:
    return list(map(list, zip(*((*one.key, one.value) for one in some), strict=True)))


_CONVERSATIONS_BEGUN = statements.load("rename_user_of_beginnings")
_DAYS = statements.load("rename_user_of_days", COLUMNS=users.DAY_COLUMNS, ADDED=users.DAYS_ADDED)
_PROFILE = statements.load("rename_user")


async def rename_in_conversations(driver: Driver, locked: Locked, user_id: str, alias: str, limit: int) -> int:
    """Lets an alias take the place of a user in conversations, as many as a limit allows; returns in how many. The
    projection must be locked.
    """
    done = await driver.execute(
        "UPDATE conversations SET latest_user_id = $4 WHERE organization_id = $1 AND (version, conversation_key) IN"
        " (SELECT version, conversation_key FROM conversations WHERE organization_id = $1"
        " AND version = ANY($2::smallint[]) AND latest_user_id = $3 AND latest_user_id <> '' LIMIT $5)",
        locked.rows.organization_id,
        _versions(locked),
        user_id,
        alias,
        limit,
    )
    return statements.rows(done)


async def rename_in_beginnings(driver: Driver, locked: Locked, user_id: str, alias: str, limit: int) -> int:
    """Does the same in how conversations begin for users."""
    arguments = _CONVERSATIONS_BEGUN.arguments(**_given(locked, user_id, alias), limit=limit)
    return statements.rows(await driver.execute(_CONVERSATIONS_BEGUN.text, *arguments))


async def rename_in_days(driver: Driver, locked: Locked, user_id: str, alias: str, limit: int) -> int:
    """Does the same in days of users, and adds them to those that the alias has."""
    rows = await driver.fetch(_SOME_DAYS, locked.rows.organization_id, _versions(locked), user_id, limit)
    if not rows:
        return 0
    versions, days = [row["version"] for row in rows], [row["day"] for row in rows]
    arguments = _DAYS.arguments(
        organization_id=locked.rows.organization_id, user_id=user_id, alias=alias, versions=versions, days=days
    )
    await driver.execute(_DAYS.text, *arguments)
    await driver.execute(_REMOVE_DAYS, locked.rows.organization_id, user_id, versions, days)
    await driver.execute(
        "DELETE FROM user_days WHERE organization_id = $1 AND version = ANY($2::smallint[]) AND user_id = $3"  # noqa: S608
        f" AND {users.IS_EMPTY_DAY}",
        locked.rows.organization_id,
        _versions(locked),
        alias,
    )
    return len(rows)


_SOME_DAYS = """
    SELECT version, day FROM user_days WHERE organization_id = $1 AND version = ANY($2::smallint[]) AND user_id = $3
    ORDER BY version, day LIMIT $4
"""
_REMOVE_DAYS = """
    DELETE FROM user_days AS d USING unnest($3::smallint[], $4::date[]) AS given(version, day)
    WHERE d.organization_id = $1 AND d.user_id = $2 AND d.version = given.version AND d.day = given.day
"""


async def rename_profile(driver: Driver, locked: Locked, user_id: str, alias: str) -> int:
    """Does the same with what is known of the user, whose name goes."""
    arguments = _PROFILE.arguments(**_given(locked, user_id, alias))
    await driver.execute(_PROFILE.text, *arguments)
    removed = await driver.execute(
        "DELETE FROM users WHERE organization_id = $1 AND version = ANY($2::smallint[]) AND user_id = $3",
        locked.rows.organization_id,
        _versions(locked),
        user_id,
    )
    return statements.rows(removed)


def _given(locked: Locked, user_id: str, alias: str) -> dict[str, object]:
    organization_id = locked.rows.organization_id
    return {"organization_id": organization_id, "versions": _versions(locked), "user_id": user_id, "alias": alias}


def _versions(locked: Locked) -> list[int]:
    return list(range(1, locked.latest_version + 1))


async def remove_member(driver: Driver, organization_id: int, user_id: str) -> int:
    """Removes the id of a user, whose number an alias has; returns whether it was there, as 0 or 1."""
    done = await driver.execute(
        "DELETE FROM members WHERE organization_id = $1 AND kind = $2 AND external_id = $3",
        organization_id,
        dimensions.USER_KIND,
        user_id,
    )
    return statements.rows(done)


async def renew_statistics(driver: Driver, days: Iterable[str]) -> None:
    """Makes the planner's statistics anew of tables that held a user, and of raw events received on days (YYYYMMDD):
    statistics keep values.
    """
    tables = ["members", "users", "user_days", "user_conversations", "conversations", "custom_values"]
    tables += ["deltas", "rollups", "replaced_events", "content_gaps"]
    for table in (*tables, *(f"events_{day}" for day in days)):
        await driver.execute("SELECT tallywire_analyze(to_regclass($1))", table)
    # Those of all partitions together, once somebody has made them. The view of statistics shows none of tables with
    # policies.
    await driver.execute(
        "SELECT tallywire_analyze(oid) FROM pg_class WHERE oid = 'events'::regclass AND reltuples >= 0"
    )


async def forget_notes(driver: Driver, organization_id: int, user_id: str) -> None:
    """Removes notes of corrections that hold the id of a user, whoever's the events were."""
    await driver.execute(
        "UPDATE replaced_events SET note = '' WHERE organization_id = $1 AND position(lower($2) IN lower(note)) > 0",
        organization_id,
        user_id,
    )
