"""Dense numbers for external ids, so that distinct ids can be kept as bitmaps."""

import enum
from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.database import Driver


class Kind(enum.IntEnum):
    """What a member is; the numbers are stored and never change."""

    USER = 1
    AGENT = 2
    EVENT_TYPE = 3


async def known(driver: Driver, organization_id: int, kind: Kind, ids: Collection[str]) -> dict[str, int]:
    """The numbers of those ids that have one."""
    rows = await driver.fetch(
        "SELECT external_id, number FROM members"
        " WHERE organization_id = $1 AND kind = $2 AND external_id = ANY($3::text[])",
        organization_id,
        int(kind),
        list(ids),
    )
    return {row[0]: row[1] for row in rows}


async def enrol(driver: Driver, organization_id: int, missing: Mapping[Kind, Collection[str]]) -> None:
    """Gives a number to every id that has none yet.

    The organization's counter is locked first, so that concurrent callers take turns; a number that another caller made
    superfluous is lost, which costs nothing. The commit does not wait for the disk: the numbers come before the events
    that use them in the write-ahead log, so that they are durable when those are, and without them nobody misses them.
    """
    await driver.execute("SET LOCAL synchronous_commit = off")
    pairs = sorted((int(kind), external_id) for kind, ids in missing.items() for external_id in ids)
    first = await driver.fetchval(
        "INSERT INTO member_counters AS c (organization_id, next_number) VALUES ($1, $2)"
        " ON CONFLICT (organization_id) DO UPDATE SET next_number = c.next_number + $2"
        " RETURNING next_number - $2",
        organization_id,
        len(pairs),
    )
    await driver.execute(
        "INSERT INTO members (organization_id, kind, external_id, number)"
        " SELECT $1, m.kind, m.external_id, $4 + m.ordinal::integer - 1"
        " FROM unnest($2::smallint[], $3::text[]) WITH ORDINALITY AS m(kind, external_id, ordinal)"
        " ON CONFLICT DO NOTHING",
        organization_id,
        [kind for kind, _ in pairs],
        [external_id for _, external_id in pairs],
        first,
    )


async def exists(connection: AsyncConnection, organization_id: int, kind: Kind, external_id: str) -> bool:
    """True where the organization has ever had an event with this id."""
    found = await connection.scalar(
        sa.text("SELECT 1 FROM members WHERE organization_id = :organization AND kind = :kind AND external_id = :id"),
        {"organization": organization_id, "kind": int(kind), "id": external_id},
    )
    return found is not None


async def ids(connection: AsyncConnection, organization_id: int, kind: Kind, limit: int) -> list[str]:
    """External ids of a kind, at most that many, in order."""
    rows = await connection.scalars(
        sa.text(
            "SELECT external_id FROM members WHERE organization_id = :organization AND kind = :kind"
            " ORDER BY external_id LIMIT :limit"
        ),
        {"organization": organization_id, "kind": int(kind), "limit": limit},
    )
    return list(rows)
