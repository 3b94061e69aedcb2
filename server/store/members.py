"""Members: the distinct ids of an organization, each with a dense number and, for good, with or without own cells."""

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.database import Driver


class MemberKind(enum.IntEnum):
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

    kind: MemberKind
    external_id: str
    limit: int | None


Key = tuple[MemberKind, str]

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
    return {(MemberKind(row[0]), row[1]): Member(row[2], row[3]) for row in rows}


# Ids without a number get one here, in turns: whoever enrols ids of an organization advances its counter, and so locks
# it until the commit. A turn that was waited for, or that somebody else had since the statement began, shows in the
# counter: it is not where the statement's snapshot has it. What the snapshot has of members is then out of date, too,
# and nothing is enrolled.
#
# A candidate's place is its rank among the members of its kind that have cells of their own. Those with another limit
# than their kind's (none, or 0) are ranked among themselves.
_ENROL = """
    WITH asked AS MATERIALIZED (
        SELECT a.*, m.number, m.overflow
        FROM unnest($1::integer[], $2::smallint[], $3::text[], $4::integer[]) WITH ORDINALITY
            AS a(organization_id, kind, external_id, "limit", ordinal)
        LEFT JOIN LATERAL (SELECT number, overflow FROM members WHERE organization_id = a.organization_id
            AND kind = a.kind AND external_id = a.external_id OFFSET 0) AS m ON true
    ), wanted AS MATERIALIZED (
        SELECT organization_id, kind, external_id, "limit", ordinal,
            row_number() OVER (PARTITION BY organization_id ORDER BY ordinal) AS place
        FROM asked WHERE number IS NULL
    ), turns AS (
        INSERT INTO member_counters AS c (organization_id, next_number)
        SELECT organization_id, max(place) FROM wanted
        WHERE (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
        GROUP BY organization_id ORDER BY organization_id
        ON CONFLICT (organization_id) DO UPDATE SET next_number = c.next_number + excluded.next_number
        RETURNING organization_id, next_number
    ), begun AS (
        SELECT organization_id, t.next_number - w.places AS first
        FROM turns t JOIN (SELECT organization_id, max(place) AS places FROM wanted GROUP BY organization_id) AS w
            USING (organization_id)
        LEFT JOIN member_counters c USING (organization_id)
        WHERE t.next_number - w.places = coalesce(c.next_number, 0)
    ), placed AS (
        SELECT w.organization_id, w.kind, w.external_id, w."limit", (b.first + w.place - 1)::integer AS number,
            coalesce(w."limit" < coalesce(c.separate, 0) + row_number() OVER (
                PARTITION BY w.organization_id, w.kind, w."limit" ORDER BY w.ordinal), false) AS overflow
        FROM begun b JOIN wanted w USING (organization_id)
        LEFT JOIN member_counts c ON c.organization_id = w.organization_id AND c.kind = w.kind
    ), enrolled AS (
        INSERT INTO members (organization_id, kind, external_id, number, overflow)
        SELECT organization_id, kind, external_id, number, overflow FROM placed
    ), counted AS (
        INSERT INTO member_counts AS c (organization_id, kind, separate, overflowed)
        SELECT organization_id, kind, count(*) FILTER (WHERE NOT overflow), count(*) FILTER (WHERE overflow)
        FROM placed WHERE "limit" IS NOT NULL GROUP BY organization_id, kind ORDER BY organization_id, kind
        ON CONFLICT (organization_id, kind) DO UPDATE
        SET separate = c.separate + excluded.separate, overflowed = c.overflowed + excluded.overflowed
    )
    SELECT organization_id, kind, external_id, number, overflow FROM asked WHERE number IS NOT NULL
    UNION ALL SELECT organization_id, kind, external_id, number, overflow FROM placed
"""
_TAKE_TURNS = """
    SELECT FROM member_counters WHERE organization_id = ANY($1::integer[]) ORDER BY organization_id FOR UPDATE
"""


async def enrol(driver: Driver, wanted: Mapping[int, Collection[Candidate]]) -> dict[int, dict[Key, Member]]:
    """What is known of ids, by organization. Gives a number to every one that has none yet, and decides for good
    whether it has cells of its own. Outside of any transaction.

    Callers take turns on all servers, organization by organization: each sees what the one before it has decided. A
    number that nobody got is lost, which costs nothing. The commit does not wait for the disk: what is decided comes
    before the events that use it in the write-ahead log, so that it is durable when those are, and without them nobody
    misses it.
    """
    found = await _enrol(driver, wanted)
    late = {
        organization_id: [one for one in candidates if (one.kind, one.external_id) not in found[organization_id]]
        for organization_id, candidates in wanted.items()
        if len(found[organization_id]) < len(candidates)
    }
    if late:  # another caller's turn came in between
        async with driver.transaction():
            await driver.execute(_TAKE_TURNS, sorted(late))
            for organization_id, members in (await _enrol(driver, late)).items():
                found[organization_id] |= members
    return found


async def _enrol(driver: Driver, wanted: Mapping[int, Collection[Candidate]]) -> dict[int, dict[Key, Member]]:
    ordered = sorted(
        (organization_id, kind, external_id, limit)
        for organization_id, candidates in wanted.items()
        for kind, external_id, limit in candidates
    )
    organizations, kinds, ids, limits = zip(*ordered, strict=True)
    found: dict[int, dict[Key, Member]] = {organization_id: {} for organization_id in wanted}
    for organization_id, kind, external_id, number, overflow in await driver.fetch(
        _ENROL, organizations, kinds, ids, limits
    ):
        found[organization_id][MemberKind(kind), external_id] = Member(number, overflow)
    return found


async def find(
    connection: AsyncConnection, organization_id: int, kind: MemberKind, ids: Collection[str]
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


async def has_overflow(driver: Driver, organization_id: int, kind: MemberKind) -> bool:
    """True where ids of the kind are counted under cells.OTHER."""
    statement = "SELECT overflowed > 0 FROM member_counts WHERE organization_id = $1 AND kind = $2"
    return bool(await driver.fetchval(statement, organization_id, int(kind)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OverflowCount:
    """How many ids of a kind, in words, are counted under cells.OTHER, and of how many organizations."""

    kind: str
    ids: int
    organizations: int


async def overflows(connection: AsyncConnection) -> list[OverflowCount]:
    """The kinds whose limit some organization has passed."""
    rows = await connection.execute(
        sa.text(
            "SELECT kind, sum(overflowed) AS ids, count(*) AS organizations FROM member_counts WHERE overflowed > 0"
            " GROUP BY kind ORDER BY kind"
        )
    )
    return [
        OverflowCount(
            kind=MemberKind(row.kind).name.lower().replace("_", " "), ids=int(row.ids), organizations=row.organizations
        )
        for row in rows
    ]
