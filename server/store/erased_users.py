"""Erased users: the keyed digests of their ids, the aliases that stand in their place, and how far each erasure is."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import asyncpg

from server.catalog import dimensions
from server.store.database import Driver

_COLUMNS = (
    "organization_id, erasure_id, digest, alias, number, request_id, requested_at, user_id, value_key, decided::text,"
    " swept_until, progress, touched::text, exports, revision, erased_at"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """An erasure of a user. user_id, value_key and decided are there until it is done, which erased_at tells."""

    organization_id: int
    erasure_id: uuid.UUID
    digest: bytes
    alias: str
    number: int
    request_id: str
    requested_at: datetime
    user_id: str | None
    value_key: bytes | None
    decided: Mapping[str, Sequence[Sequence[str]]]
    swept_until: datetime | None
    progress: float
    touched: Mapping[str, int]
    exports: Sequence[str]
    revision: int | None
    erased_at: datetime | None


def _erasure(row: asyncpg.Record) -> Erasure:
    values = dict(row)
    values["decided"] = json.loads(values["decided"] or "{}")
    values["touched"] = json.loads(values["touched"])
    return Erasure(**values)


class ErasedUser(NamedTuple):
    """What ingest has to know of an erased user; user_id is there until the erasure is done."""

    number: int
    digest: bytes
    alias: str
    user_id: str | None


async def count(driver: Driver, organization_id: int) -> int:
    """Returns how often what is known of an organization's erased users has changed."""
    found: int | None = await driver.fetchval(
        "SELECT erasures FROM revisions WHERE organization_id = $1", organization_id
    )
    return found or 0


async def after(driver: Driver, organization_id: int, number: int) -> list[ErasedUser]:
    """Returns the erased users that came to be known after a count."""
    rows = await driver.fetch(
        "SELECT number, digest, alias, user_id FROM erased_users WHERE organization_id = $1 AND number > $2",
        organization_id,
        number,
    )
    return [ErasedUser(*row) for row in rows]


async def by_digest(driver: Driver, organization_id: int, digest: bytes) -> Erasure | None:
    """Returns the erasure of the user with a digest; None where there is none."""
    row = await driver.fetchrow(
        f"SELECT {_COLUMNS} FROM erased_users WHERE organization_id = $1 AND digest = $2",  # noqa: S608 - a constant
        organization_id,
        digest,
    )
    return None if row is None else _erasure(row)


async def by_id(driver: Driver, organization_id: int, erasure_id: uuid.UUID, *, lock: bool = False) -> Erasure | None:
    """Returns an erasure, locked until COMMIT if that is wanted; None where there is none."""
    row = await driver.fetchrow(
        f"SELECT {_COLUMNS} FROM erased_users WHERE organization_id = $1 AND erasure_id = $2"  # noqa: S608 - a constant
        + (" FOR UPDATE" if lock else ""),
        organization_id,
        erasure_id,
    )
    return None if row is None else _erasure(row)


async def unfinished(driver: Driver) -> list[tuple[int, uuid.UUID]]:
    """Returns the erasures that are not done, each with its organization."""
    rows = await driver.fetch("SELECT organization_id, erasure_id FROM erased_users WHERE erased_at IS NULL")
    return [(row[0], row[1]) for row in rows]


async def running(driver: Driver, organization_id: int) -> dict[str, str]:
    """Returns the aliases of the users whose erasure is not done, by their ids: both may stand in raw events."""
    rows = await driver.fetch(
        "SELECT user_id, alias FROM erased_users WHERE organization_id = $1 AND erased_at IS NULL", organization_id
    )
    return {row[0]: row[1] for row in rows}


async def note(driver: Driver, erasure: Erasure) -> None:
    """Records how far an erasure is, which its caller has locked."""
    await driver.execute(
        "UPDATE erased_users SET decided = $3, swept_until = $4, progress = $5, touched = $6"
        " WHERE organization_id = $1 AND erasure_id = $2",
        erasure.organization_id,
        erasure.erasure_id,
        json.dumps(erasure.decided),
        erasure.swept_until,
        erasure.progress,
        json.dumps(erasure.touched),
    )


async def finish(driver: Driver, erasure: Erasure, revision: int, exports: Sequence[str]) -> None:
    """Records that an erasure is done with a revision, and which exports there were, and removes what was needed until
    then. Whatever servers remember of the organization's erased users is out of date after that, and so is what they
    have read of them. take_turn() was called before.
    """
    await driver.execute(
        "UPDATE erased_users SET user_id = NULL, value_key = NULL, decided = NULL, swept_until = NULL, progress = 1,"
        " revision = $3, exports = $4, erased_at = statement_timestamp()"
        " WHERE organization_id = $1 AND erasure_id = $2",
        erasure.organization_id,
        erasure.erasure_id,
        revision,
        list(exports),
    )
    await driver.execute(
        "UPDATE revisions SET erasures = erasures + 1 WHERE organization_id = $1", erasure.organization_id
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewErasure:
    """An erasure to be begun. value_key keys what takes the place of the user's values."""

    digest: bytes
    alias: str
    user_id: str
    value_key: bytes
    request_id: str


async def mark(driver: Driver, organization_id: int, new: NewErasure) -> bool:
    """Begins an erasure: from COMMIT on nothing is stored any more for the user's id, on any server. Returns False, and
    does nothing, where the user was marked before.

    It takes a turn at the numbers of ids: users who are being enrolled have their number before or not at all. The
    alias gets the number of the id, so that every set and count stays as it is.
    """
    await take_turn(driver, organization_id)
    number: int = await driver.fetchval(
        "UPDATE revisions SET erasures = erasures + 1 WHERE organization_id = $1 RETURNING erasures", organization_id
    )
    added = await driver.fetchval(
        _MARK,
        organization_id,
        new.digest,
        uuid.uuid4(),
        number,
        new.alias,
        new.request_id,
        new.user_id,
        new.value_key,
    )
    if added is None:
        return False
    await driver.execute(_COPY_MEMBER, organization_id, dimensions.USER_KIND, new.user_id, new.alias)
    return True


async def take_turn(driver: Driver, organization_id: int) -> None:
    """Waits for those who are enrolling ids of an organization; who has begun to, without a turn, does not any more."""
    await driver.execute(_TAKE_TURN, organization_id)


_TAKE_TURN = """
    INSERT INTO member_counters AS c (organization_id, next_number) VALUES ($1, 1)
    ON CONFLICT (organization_id) DO UPDATE SET next_number = c.next_number + 1
"""
_MARK = """
    INSERT INTO erased_users
        (organization_id, digest, erasure_id, number, alias, request_id, user_id, value_key, decided)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '{}') ON CONFLICT (organization_id, digest) DO NOTHING RETURNING number
"""
_COPY_MEMBER = """
    INSERT INTO members (organization_id, kind, external_id, number, overflow)
    SELECT organization_id, kind, $4, number, overflow FROM members
    WHERE organization_id = $1 AND kind = $2 AND external_id = $3
"""
