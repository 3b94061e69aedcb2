"""The audit trail: entries that are only ever added, in a chain of hashes for each organization."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from server.organizations.audit_trail import Actor, ActorKind, Chosen, Entry, KeptEntry
from server.store import statements
from server.store.database import Driver

_COLUMNS = (
    "organization_id, number, at, actor_kind, actor_id, peer, action, subject, before, after, previous_hash, hash"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Both ends of an organization's chain: the last entry, and the last one that was removed because of its age."""

    number: int
    hash: bytes
    removed_number: int
    removed_hash: bytes


def _entry(row: asyncpg.Record) -> KeptEntry:
    organization_id, number, at, kind, actor_id, peer, action, subject, before, after, previous_hash, own_hash = row
    return KeptEntry(
        organization_id=organization_id,
        number=number,
        at=at,
        actor=Actor(kind=ActorKind(kind), id=actor_id, peer=peer),
        action=action,
        subject=subject,
        before=before,
        after=after,
        previous_hash=previous_hash,
        hash=own_hash,
    )


async def append(driver: Driver, organization_id: int, entries: Sequence[Entry]) -> Sequence[KeptEntry]:
    """Stores entries behind the last one of their organization, whose chain is locked until COMMIT."""
    if not entries:
        return ()
    (row,) = await driver.fetch(_ADVANCE, organization_id, len(entries))
    number, last_hash, kept = row["number"] - len(entries), row["hash"], []
    for entry in entries:
        number += 1
        kept.append(KeptEntry.of(entry, organization_id, number, row["at"], last_hash))
        last_hash = kept[-1].hash
    await driver.executemany(_INSERT, map(_values, kept))
    await driver.execute("UPDATE audit_chains SET hash = $2 WHERE organization_id = $1", organization_id, last_hash)
    return kept


# The hash is still that of the entry before.
_ADVANCE = (
    "INSERT INTO audit_chains AS c (organization_id, number) VALUES ($1, $2)"
    " ON CONFLICT (organization_id) DO UPDATE SET number = c.number + $2"
    " RETURNING number, hash, clock_timestamp() AS at"
)
_INSERT = f"INSERT INTO audit_entries ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"  # noqa: S608 - columns


def _values(kept: KeptEntry) -> tuple[object, ...]:
    return (
        kept.organization_id,
        kept.number,
        kept.at,
        kept.actor.kind.value,
        kept.actor.id,
        kept.actor.peer,
        kept.action,
        kept.subject,
        kept.before,
        kept.after,
        kept.previous_hash,
        kept.hash,
    )


async def chain(driver: Driver, organization_id: int) -> Chain | None:
    """Returns the ends of an organization's chain; None where nothing was recorded yet."""
    row = await driver.fetchrow(
        "SELECT number, hash, removed_number, removed_hash FROM audit_chains WHERE organization_id = $1",
        organization_id,
    )
    return Chain(number=row[0], hash=row[1], removed_number=row[2], removed_hash=row[3]) if row else None


async def before(
    driver: Driver, organization_id: int, number: int, chosen: Chosen, *, looked_at: int, limit: int
) -> Sequence[KeptEntry]:
    """Returns chosen entries before a number, newest first, at most that many of the numbers that are looked at."""
    given = _BEFORE.arguments(
        organization_id=organization_id,
        before=number,
        first=number - looked_at,
        actor_kind=chosen.actor_kind,
        actor_id=chosen.actor_id,
        actions=chosen.actions,
        subject=chosen.subject,
        digest=chosen.digest,
        since=chosen.since,
        until=chosen.until,
        limit=limit,
    )
    return [_entry(row) for row in await driver.fetch(_BEFORE.text, *given)]


_BEFORE = statements.load("read_audit_entries")


async def after(driver: Driver, organization_id: int, number: int, limit: int) -> Sequence[KeptEntry]:
    """Returns the entries after a number, oldest first."""
    rows = await driver.fetch(
        f"SELECT {_COLUMNS} FROM audit_entries WHERE organization_id = $1 AND number > $2 ORDER BY number LIMIT $3",  # noqa: S608 - columns
        organization_id,
        number,
        limit,
    )
    return [_entry(row) for row in rows]


async def remove_before(driver: Driver, organization_id: int, instant: datetime, limit: int) -> int:
    """Removes up to that many of an organization's oldest entries that were made before an instant, and returns how
    many. The chain remembers the last one of them, so that those that are kept can be verified.
    """
    await driver.execute("SELECT FROM audit_chains WHERE organization_id = $1 FOR UPDATE", organization_id)
    given = _REMOVE.arguments(organization_id=organization_id, instant=instant, limit=limit)
    removed: int = await driver.fetchval(_REMOVE.text, *given)
    return removed


_REMOVE = statements.load("remove_audit_entries")
