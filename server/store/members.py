"""Members: the distinct ids of an organization, each with a dense number and, for good, with or without own cells."""

import enum
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.database import Driver


class Kind(enum.IntEnum):
    """What a member is; the numbers are stored and never change."""

    USER = 1
    AGENT = 2
    EVENT_TYPE = 3
    CHANNEL = 4
    TEAM = 5


class Member(NamedTuple):
    """What is known of an id. overflow: it came when its kind's limit was reached, and is counted under cells.OTHER."""

    number: int
    overflow: bool


class Candidate(NamedTuple):
    """An id to be enrolled. limit: how many of its kind may have cells of their own; None where it is not limited."""

    kind: Kind
    external_id: str
    limit: int | None


Key = tuple[Kind, str]

# OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
_KNOWN = """
    SELECT w.kind, w.external_id, m.number, m.overflow
    FROM unnest($2::smallint[], $3::text[]) AS w(kind, external_id)
    CROSS JOIN LATERAL (SELECT number, overflow FROM members WHERE organization_id = $1 AND kind = w.kind
        AND external_id = w.external_id OFFSET 0) AS m
"""


async def known(driver: Driver, organization_id: int, keys: Collection[Key]) -> dict[Key, Member]:
    """Those of the ids that are enrolled."""
    ids = list(keys)
    rows = await driver.fetch(_KNOWN, organization_id, [int(kind) for kind, _ in ids], [one for _, one in ids])
    return {(Kind(row[0]), row[1]): Member(row[2], row[3]) for row in rows}


# A candidate's place is its rank among the members of its kind that have cells of their own. Those with another limit
# than their kind's (none, or 0) are ranked among themselves.
_ENROL = """
    WITH wanted AS (
        SELECT * FROM unnest($2::smallint[], $3::text[], $4::integer[]) WITH ORDINALITY
            AS w(kind, external_id, "limit", ordinal)
        WHERE NOT EXISTS (SELECT FROM members m
            WHERE m.organization_id = $1 AND m.kind = w.kind AND m.external_id = w.external_id)
    ), placed AS (
        SELECT w.*, coalesce(w."limit" < coalesce(c.separate, 0)
            + row_number() OVER (PARTITION BY w.kind, w."limit" ORDER BY w.ordinal), false) AS overflow
        FROM wanted w LEFT JOIN member_counts c ON c.organization_id = $1 AND c.kind = w.kind
    ), enrolled AS (
        INSERT INTO members (organization_id, kind, external_id, number, overflow)
        SELECT $1, kind, external_id, $5 + ordinal - 1, overflow FROM placed
    )
    INSERT INTO member_counts AS c (organization_id, kind, separate, overflowed)
    SELECT $1, kind, count(*) FILTER (WHERE NOT overflow), count(*) FILTER (WHERE overflow)
    FROM placed WHERE "limit" IS NOT NULL GROUP BY kind
    ON CONFLICT (organization_id, kind) DO UPDATE
    SET separate = c.separate + excluded.separate, overflowed = c.overflowed + excluded.overflowed
"""


async def enrol(driver: Driver, organization_id: int, candidates: Iterable[Candidate]) -> None:
    """Gives a number to every id that has none yet, and decides for good whether it has cells of its own.

    The organization's counter is locked first, so that callers take turns on all servers: each sees what the one before
    it has decided. A number that another caller made superfluous is lost, which costs nothing. The commit does not wait
    for the disk: what is decided comes before the events that use it in the write-ahead log, so that it is durable when
    those are, and without them nobody misses it.
    """
    await driver.execute("SET LOCAL synchronous_commit = off")
    ordered = sorted(candidates, key=lambda one: (one.kind, one.external_id))
    first = await driver.fetchval(
        "INSERT INTO member_counters AS c (organization_id, next_number) VALUES ($1, $2)"
        " ON CONFLICT (organization_id) DO UPDATE SET next_number = c.next_number + $2"
        " RETURNING next_number - $2",
        organization_id,
        len(ordered),
    )
    await driver.execute(
        _ENROL,
        organization_id,
        [int(one.kind) for one in ordered],
        [one.external_id for one in ordered],
        [one.limit for one in ordered],
        first,
    )


async def find(
    connection: AsyncConnection, organization_id: int, kind: Kind, ids: Collection[str]
) -> dict[str, Member]:
    """Those of the ids of a kind that the organization has ever had an event with."""
    rows = await connection.execute(
        sa.text(
            "SELECT external_id, number, overflow FROM members WHERE organization_id = :organization AND kind = :kind"
            " AND external_id = ANY(CAST(:ids AS text[]))"
        ),
        {"organization": organization_id, "kind": int(kind), "ids": list(ids)},
    )
    return {row.external_id: Member(row.number, row.overflow) for row in rows}


async def has_overflow(driver: Driver, organization_id: int, kind: Kind) -> bool:
    """True where ids of the kind are counted under cells.OTHER."""
    statement = "SELECT overflowed > 0 FROM member_counts WHERE organization_id = $1 AND kind = $2"
    return bool(await driver.fetchval(statement, organization_id, int(kind)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """How many ids of a kind, in words, are counted under cells.OTHER, and of how many organizations."""

    kind: str
    ids: int
    organizations: int


async def overflows(connection: AsyncConnection) -> list[Overflow]:
    """The kinds whose limit some organization has passed."""
    rows = await connection.execute(
        sa.text(
            "SELECT kind, sum(overflowed) AS ids, count(*) AS organizations FROM member_counts WHERE overflowed > 0"
            " GROUP BY kind ORDER BY kind"
        )
    )
    return [
        Overflow(kind=Kind(row.kind).name.lower().replace("_", " "), ids=int(row.ids), organizations=row.organizations)
        for row in rows
    ]
