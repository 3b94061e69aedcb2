"""Members: the distinct ids of an organization, each with a dense number and, for good, with or without own cells."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from server.catalog import dimensions
from server.store import appending, statements
from server.store.database import Driver


class Member(NamedTuple):
    """What is known of an id. overflow: it came when its kind's limit was reached, and is counted under cells.OTHER."""

    number: int
    overflow: bool


class Candidate(NamedTuple):
    """An id to be enrolled. kind: see catalog/dimensions.py. limit: how many of its kind may have cells of their own;
    None where it is not limited.
    """

    kind: int
    external_id: str
    limit: int | None


Key = tuple[int, str]  # a kind and an id

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
    rows = await driver.fetch(_KNOWN, organization_id, [kind for kind, _ in ids], [one for _, one in ids])
    return {(row[0], row[1]): Member(row[2], row[3]) for row in rows}


_ENROL = statements.load("enrol_members", USER_KIND=dimensions.USER_KIND)
_TAKE_TURNS = """
    SELECT FROM member_counters WHERE organization_id = ANY($1::integer[]) ORDER BY organization_id FOR UPDATE
"""


async def enrol(
    driver: Driver, wanted: Mapping[int, Collection[Candidate]], erasures: Mapping[int, int] | None = None
) -> dict[int, dict[Key, Member]]:
    """What is known of ids, by organization. Gives a number to every one that has none yet, and decides for good
    whether it has cells of its own. Outside of any transaction.

    erasures is how often what the caller knows of erased users had changed, by organization; 0 where that is missing.
    Where it has changed since, users that have no number are left out, since one of them may have been erased.

    Callers take turns on all servers, organization by organization: each sees what the one before it has decided. A
    number that nobody got is lost, which costs nothing. The commit does not wait for the disk: what is decided comes
    before the events that use it in the write-ahead log, so that it is durable when those are, and without them nobody
    misses it.
    """
    erasures = erasures or {}
    if driver.is_distributed:
        return {one: await _enrol_at_node(driver, one, some, erasures.get(one, 0)) for one, some in wanted.items()}
    found = await _enrol(driver, wanted, erasures)
    late = {
        organization_id: [one for one in candidates if (one.kind, one.external_id) not in found[organization_id]]
        for organization_id, candidates in wanted.items()
        if len(found[organization_id]) < len(candidates)
    }
    if late:  # another caller's turn came in between
        async with driver.transaction():
            await driver.execute(_TAKE_TURNS, sorted(late))
            for organization_id, members in (await _enrol(driver, late, erasures)).items():
                found[organization_id] |= members
    return found


async def _enrol(
    driver: Driver, wanted: Mapping[int, Collection[Candidate]], erasures: Mapping[int, int]
) -> dict[int, dict[Key, Member]]:
    ordered = sorted(
        (organization_id, kind, external_id, limit)
        for organization_id, candidates in wanted.items()
        for kind, external_id, limit in candidates
    )
    organizations, kinds, ids, limits = zip(*ordered, strict=True)
    found: dict[int, dict[Key, Member]] = {organization_id: {} for organization_id in wanted}
    known = [erasures.get(organization_id, 0) for organization_id in organizations]
    arguments = _ENROL.arguments(
        organizations=organizations, kinds=kinds, external_ids=ids, limits=limits, erasures=known
    )
    for organization_id, kind, external_id, number, overflow in await driver.fetch(_ENROL.text, *arguments):
        found[organization_id][kind, external_id] = Member(number, overflow)
    return found


async def _enrol_at_node(
    driver: Driver, organization_id: int, candidates: Collection[Candidate], erasures: int
) -> dict[Key, Member]:
    """Does what enrol_members.sql does, step by step: Citus runs the parts of a statement one after the other, so that
    they would not see the same. Here commits wait for the disk, since no setting of them gets to the nodes.
    """
    keys = {(one.kind, one.external_id) for one in candidates}
    found = await known(driver, organization_id, keys)
    if len(found) == len(keys):
        return found
    async with driver.transaction():
        places = len(keys) - len(found)
        end = await driver.fetchval(_TAKE_TURN, organization_id, places)
        found = await known(driver, organization_id, keys)  # what was enrolled before this turn
        obeyed = await driver.fetchval(_ERASURES, organization_id) or 0
        new = sorted(
            (one for one in candidates if (one.kind, one.external_id) not in found),
            key=lambda one: (one.kind, one.external_id),
        )
        new = [one for one in new if one.kind != dimensions.USER_KIND or erasures == obeyed]
        added = await _placed(driver, organization_id, new, end - places)
        if added:
            await _add(driver, organization_id, new, added)
    return found | added


async def _placed(driver: Driver, organization_id: int, new: Sequence[Candidate], first: int) -> dict[Key, Member]:
    """Gives numbers to new ids, and decides which of them have cells of their own."""
    counts = await driver.fetch(_SEPARATE, organization_id, sorted({one.kind for one in new}))
    separate = {row[0]: row[1] for row in counts}
    ranks: Counter[tuple[int, int | None]] = Counter()
    placed = {}
    for number, one in enumerate(new, start=first):
        ranks[one.kind, one.limit] += 1
        rank = separate.get(one.kind, 0) + ranks[one.kind, one.limit]
        placed[one.kind, one.external_id] = Member(number, one.limit is not None and one.limit < rank)
    return placed


async def _add(driver: Driver, organization_id: int, new: Sequence[Candidate], placed: Mapping[Key, Member]) -> None:
    members = [placed[one.kind, one.external_id] for one in new]
    values: dict[str, list[Any]] = {
        "kind": [one.kind for one in new],
        "external_id": [one.external_id for one in new],
        "number": [member.number for member in members],
        "overflow": [member.overflow for member in members],
    }
    await appending.insert(driver, "members", organization_id, values)
    counted = Counter(
        (one.kind, member.overflow) for one, member in zip(new, members, strict=True) if one.limit is not None
    )
    for kind in sorted({kind for kind, _ in counted}):
        await driver.execute(_COUNT, organization_id, kind, counted[kind, False], counted[kind, True])


_TAKE_TURN = """
    INSERT INTO member_counters AS c (organization_id, next_number) VALUES ($1, $2)
    ON CONFLICT (organization_id) DO UPDATE SET next_number = c.next_number + excluded.next_number
    RETURNING next_number
"""
_ERASURES = "SELECT erasures FROM revisions WHERE organization_id = $1"
_SEPARATE = "SELECT kind, separate FROM member_counts WHERE organization_id = $1 AND kind = ANY($2::smallint[])"
_COUNT = """
    INSERT INTO member_counts AS c (organization_id, kind, separate, overflowed) VALUES ($1, $2, $3, $4)
    ON CONFLICT (organization_id, kind) DO UPDATE
    SET separate = c.separate + excluded.separate, overflowed = c.overflowed + excluded.overflowed
"""


async def find(driver: Driver, organization_id: int, kind: int, ids: Collection[str]) -> dict[str, Member]:
    """Those of the ids of a kind that the organization has ever had an event with."""
    rows = await driver.fetch(
        "SELECT external_id, number, overflow FROM members WHERE organization_id = $1 AND kind = $2"
        " AND external_id = ANY($3::text[])",
        organization_id,
        kind,
        list(ids),
    )
    return {row["external_id"]: Member(row["number"], row["overflow"]) for row in rows}


async def over_limit(driver: Driver, organization_id: int, keys: Collection[Key]) -> set[Key]:
    """Returns those of the ids that are counted under cells.OTHER."""
    ids = list(keys)
    rows = await driver.fetch(_OVER_LIMIT, organization_id, [kind for kind, _ in ids], [one for _, one in ids])
    return {(row[0], row[1]) for row in rows}


_OVER_LIMIT = """
    SELECT w.kind, w.external_id FROM unnest($2::smallint[], $3::text[]) AS w(kind, external_id)
    CROSS JOIN LATERAL (SELECT overflow FROM members WHERE organization_id = $1 AND kind = w.kind
        AND external_id = w.external_id OFFSET 0) AS m
    WHERE m.overflow AND EXISTS (SELECT FROM member_counts WHERE organization_id = $1 AND overflowed > 0)
"""


async def has_overflow(driver: Driver, organization_id: int, kind: int) -> bool:
    """True where ids of the kind are counted under cells.OTHER."""
    statement = "SELECT overflowed > 0 FROM member_counts WHERE organization_id = $1 AND kind = $2"
    return bool(await driver.fetchval(statement, organization_id, kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class OverflowCount:
    """How many ids of a kind, in words, are counted under cells.OTHER, and of how many organizations."""

    kind: str
    ids: int
    organizations: int


async def overflows(driver: Driver) -> list[OverflowCount]:
    """The kinds whose limit some organization has passed."""
    rows = await driver.fetch(
        "SELECT kind, sum(overflowed)::bigint AS ids, count(*) AS organizations FROM member_counts"
        " WHERE overflowed > 0 GROUP BY kind ORDER BY kind"
    )
    return [
        OverflowCount(
            kind=_name(row["kind"]),
            ids=row["ids"],
            organizations=row["organizations"],
        )
        for row in rows
    ]


def _name(kind: int) -> str:
    dimension = dimensions.TABLE.by_member_kind.get(kind)  # there is none where only a newer release knows it
    return dimension.name.replace("_", " ") if dimension else f"kind {kind}"
