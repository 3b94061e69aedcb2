"""The audit trail: what was administered is recorded in the transaction that did it, and the chain can be verified."""

import enum
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from server.organizations.audit_trail import FIRST_HASH, Actor, Chosen, Entry, KeptEntry
from server.store import audit_trail as stored
from server.store.audit_trail import Chain
from server.store.database import Database, Driver, Purpose

SERVICE: Final = 0  # stands for the organization where something is about the whole service
_PORTION = 1_000
_MOST_FAULTS = 20
_LOOKED_AT = 20_000  # at once, for entries that are chosen


async def record(driver: Driver, organization_id: int, entry: Entry) -> KeptEntry:
    """Records what was done, in the transaction that does it, as its last statement if possible: until COMMIT nobody
    else can record anything of the organization.
    """
    (kept,) = await stored.append(driver, organization_id, [entry])
    return kept


async def record_all(driver: Driver, organization_id: int, entries: Sequence[Entry]) -> None:
    """Records what was done and counted before, in a transaction of its own."""
    await stored.append(driver, organization_id, entries)


async def record_change(
    driver: Driver,
    organization_id: int,
    by: Actor,
    action: str,
    subject: str,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Records that somebody has made, changed or removed something, as record() does."""
    await record(driver, organization_id, Entry(actor=by, action=action, subject=subject, before=before, after=after))


class ChainFault(enum.StrEnum):
    """What is wrong with an entry."""

    CONTENT = "content"  # its hash is not that of what it says
    LINK = "link"  # it does not follow from the entry before
    MISSING = "missing"  # it is not there
    KNOWN = "known"  # it is not the one that was noted earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFinding:
    """An entry with which something is wrong, by its number."""

    number: int
    fault: ChainFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a look at a whole chain came to. removed: how many of the oldest entries are no longer kept. number and hash
    are the last entry's: whoever noted them can tell later whether that entry is still the same.
    """

    entries: int
    removed: int
    number: int
    hash: bytes
    faults: int
    findings: Sequence[ChainFinding]  # the first ones


async def verify(database: Database, organization_id: int, noted: tuple[int, bytes] | None = None) -> Verified:
    """Verifies the whole chain of an organization, from the oldest entry that is kept to the newest. noted is the
    number and hash of an entry as somebody has noted them earlier.
    """
    findings: list[ChainFinding] = []
    entries = faults = 0

    def found(number: int, fault: ChainFault) -> None:
        nonlocal faults
        faults += 1
        if len(findings) < _MOST_FAULTS:
            findings.append(ChainFinding(number=number, fault=fault))

    async with database.snapshot(Purpose.OTHER, of=organization_id) as driver:
        chain = await stored.chain(driver, organization_id)
        if chain is None:
            chain = Chain(number=0, hash=FIRST_HASH, removed_number=0, removed_hash=FIRST_HASH)
        number, last_hash = chain.removed_number, chain.removed_hash
        while portion := await stored.after(driver, organization_id, number, _PORTION):
            for one in portion:
                entries += 1
                if one.number != number + 1:
                    found(number + 1, ChainFault.MISSING)
                elif one.previous_hash != last_hash:
                    found(one.number, ChainFault.LINK)
                if not one.is_intact():
                    found(one.number, ChainFault.CONTENT)
                if noted is not None and noted[0] == one.number and noted[1] != one.hash:
                    found(one.number, ChainFault.KNOWN)
                number, last_hash = one.number, one.hash
        if number != chain.number:
            found(number + 1, ChainFault.MISSING)
        elif last_hash != chain.hash:
            found(number, ChainFault.LINK)
        if noted is not None and noted[0] > chain.number:
            found(noted[0], ChainFault.KNOWN)
    return Verified(
        entries=entries,
        removed=chain.removed_number,
        number=chain.number,
        hash=chain.hash,
        faults=faults,
        findings=findings,
    )


async def every(driver: Driver, organization_id: int) -> AsyncIterator[KeptEntry]:
    """Yields all entries of an organization that are kept, oldest first."""
    number = -1
    while portion := await stored.after(driver, organization_id, number, _PORTION):
        for one in portion:
            yield one
        number = portion[-1].number


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPage:
    """Some entries, newest first. before: the number before which to go on; None where nothing is left."""

    entries: Sequence[KeptEntry]
    before: int | None


async def page(driver: Driver, organization_id: int, chosen: Chosen, *, before: int | None, size: int) -> EntryPage:
    """Returns chosen entries before a number, or the newest. A page looks at a limited number of entries, so it may
    hold fewer than its size and still not be the last one.
    """
    chain = await stored.chain(driver, organization_id)
    if chain is None:
        return EntryPage(entries=(), before=None)
    start = chain.number + 1 if before is None else before
    found = await stored.before(driver, organization_id, start, chosen, looked_at=_LOOKED_AT, limit=size)
    following = found[-1].number if len(found) == size else start - _LOOKED_AT
    return EntryPage(entries=found, before=following if following > chain.removed_number + 1 else None)
