"""Sessions of those who are signed in: pages of them, and what is looked up before one is ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from server.organizations.api_key import ApiKey
from server.store.database import Driver
from server.store.organizations import KEY_COLUMNS, key_of_row

_KEYS = "key:"  # in front of the id of a key that is itself the subject of its sessions
_SESSIONS = (
    f"SELECT {KEY_COLUMNS}, coalesce(p.name, '') AS parent_name FROM api_keys k"  # noqa: S608 - our columns
    " LEFT JOIN api_keys p ON p.key_id = k.parent_key_id WHERE k.organization_id = $1 AND k.kind = 'session'"
)
_GOOD = "k.revoked_at IS NULL AND k.expires_at > now() AND k.idle_until > now()"
# $2 is the subject, and $3 the key that it stands for, if it does. Sessions of that key itself name no subject.
_OF_SUBJECT = "($2 <> '' AND (k.subject = $2 OR (k.subject = '' AND k.parent_key_id = $3)))"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session, and what the API key is for that it comes from."""

    key: ApiKey
    key_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlace:
    """A place in a list of sessions, the newest first: behind the one that was made then and has this id."""

    created_at: datetime
    key_id: str


async def page(
    driver: Driver, organization_id: int, after: SessionPlace | None, limit: int, *, subject: str = "", key_id: str = ""
) -> list[StoredSession]:
    """Returns good sessions behind a place, the newest first: of a subject, or of an API key, or of all."""
    rows = await driver.fetch(
        f"{_SESSIONS} AND {_GOOD} AND ($2 = '' OR {_OF_SUBJECT}) AND ($4 = '' OR k.parent_key_id = $4)"
        " AND ($5::timestamptz IS NULL OR (k.created_at, k.key_id) < ($5, $6))"
        " ORDER BY k.created_at DESC, k.key_id DESC LIMIT $7",
        organization_id,
        subject,
        _key_of(subject),
        key_id,
        after and after.created_at,
        after and after.key_id,
        limit,
    )
    return [_stored(row) for row in rows]


async def by_id(
    driver: Driver, organization_id: int, session_id: str, *, subject: str | None = None
) -> StoredSession | None:
    """Returns a session of an organization, good or not; None where it has none of that id, or the subject has not."""
    row = await driver.fetchrow(
        f"{_SESSIONS} AND ($2::text IS NULL OR {_OF_SUBJECT}) AND k.key_id = $4",
        organization_id,
        subject,
        _key_of(subject or ""),
        session_id,
    )
    return _stored(row) if row else None


async def revoke_others(driver: Driver, organization_id: int, subject: str, keep: str) -> Sequence[str]:
    """Revokes all good sessions of a subject but one, and returns their ids. They are held in order, so that two who do
    this at once do not wait for each other.
    """
    rows = await driver.fetch(
        "WITH held AS (SELECT k.key_id FROM api_keys k WHERE k.organization_id = $1 AND k.kind = 'session'"  # noqa: S608 - ours
        f" AND {_GOOD} AND {_OF_SUBJECT} AND k.key_id <> $4 ORDER BY k.key_id FOR UPDATE)"
        " UPDATE api_keys SET revoked_at = now() FROM held WHERE api_keys.key_id = held.key_id"
        " RETURNING api_keys.key_id",
        organization_id,
        subject,
        _key_of(subject),
        keep,
    )
    return [row[0] for row in rows]


def _key_of(subject: str) -> str | None:
    """Returns the id of the API key that is a subject itself; None for other subjects."""
    return subject.removeprefix(_KEYS) if subject.startswith(_KEYS) else None


def _stored(row: asyncpg.Record) -> StoredSession:
    return StoredSession(key=key_of_row(row), key_name=row["parent_name"])
