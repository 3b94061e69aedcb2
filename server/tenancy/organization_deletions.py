"""Deletions of organizations: begun with a grace, taken back within it, and confirmed by a receipt.

What is done is in the service's own audit trail, since that of the organization goes with it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from server.organizations.audit_trail import UNNAMED_OPERATOR, Actor, Entry
from server.organizations.errors import DeletionOfAnother, OrganizationNotDeleting, OrganizationNotFound
from server.organizations.organization import Organization, OrganizationState
from server.store import organization_deletions as stored
from server.store import organizations
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.store.organization_deletions import OrganizationDeletion
from server.tenancy import audit_trail
from server.tenancy.keyed_hashes import KeyedHashes

GRACE: Final = timedelta(days=7)
LONGEST_GRACE: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionReceipt:
    """What a deletion has come to, with the proof that it was made here. signature is in hexadecimal digits."""

    rows: Mapping[str, int]
    files: int
    deleted_at: datetime
    signature: str


def name_digest(name: str) -> bytes:
    """Returns what a deleted organization is found by: a digest of its name."""
    return hashlib.sha256(name.encode()).digest()


def _anything(_: Organization) -> None:
    """Refuses nothing."""


async def begin(
    database: Database,
    name: str,
    grace: timedelta,
    *,
    request_id: str = "",
    check: Callable[[Organization], None] = _anything,
    by: Actor = UNNAMED_OPERATOR,
) -> Organization:
    """Has an organization deleted after a grace, unless it is to be deleted already, and returns it; servers follow
    within 10 seconds. A request that has begun a deletion before returns the organization of that one. check sees the
    organization as it is before, and may raise.

    Raises OrganizationNotFound, and DeletionOfAnother for a request that was about another name.
    """
    digest = name_digest(name)
    async with database.transaction(of=EVERY) as driver:
        if request_id and (known := await stored.by_request(driver, request_id)) is not None:
            if known.name_digest != digest:
                raise DeletionOfAnother
            return await _kept(driver, known.organization_id)
        held = await organizations.held_by_name(driver, name)
        if held is None:
            raise OrganizationNotFound(name)
        if held.state is OrganizationState.DELETING:
            return held
        check(held)
        await stored.mark(driver, held.organization_id, digest, grace, request_id or None)
        marked = await _kept(driver, held.organization_id)
        told = {"name_sha256": digest.hex(), "delete_after": marked.delete_after}
        await _record(driver, by, "organization.deletion_begun", held.organization_id, told)
    return marked


async def _kept(driver: Driver, organization_id: int) -> Organization:
    found = await organizations.by_id(driver, organization_id, even_deleted=True)
    assert found is not None  # noqa: S101 - an organization that has a deletion stays
    return found


async def _record(
    driver: Driver, by: Actor, action: str, organization_id: int, told: Mapping[str, object] | None = None
) -> None:
    entry = Entry(actor=by, action=action, subject=str(organization_id), after=told)
    await audit_trail.record(driver, audit_trail.SERVICE, entry)


async def restore(database: Database, name: str, *, by: Actor = UNNAMED_OPERATOR) -> OrganizationState:
    """Takes a deletion back, and returns the state that the organization has again.

    Raises OrganizationNotFound, also where it is being removed, and OrganizationNotDeleting.
    """
    async with database.transaction(of=EVERY) as driver:
        held = await organizations.held_by_name(driver, name)
        if held is None:
            raise OrganizationNotFound(name)
        if held.state is not OrganizationState.DELETING:
            raise OrganizationNotDeleting(name)
        return await take_back(driver, held, by=by)


async def take_back(driver: Driver, held: Organization, *, by: Actor) -> OrganizationState:
    """Takes back the deletion of an organization that is held, and returns the state that it has again."""
    before = await stored.take_back(driver, held.organization_id)
    assert before is not None  # noqa: S101 - one whose removal has begun is in another state
    await _record(driver, by, "organization.deletion_taken_back", held.organization_id, {"state": before})
    return OrganizationState(before)


async def found(database: Database, name: str, organization_id: int | None = None) -> OrganizationDeletion:
    """Returns the deletion of the organization of an id, or else of the one that had a name last.

    Raises OrganizationNotFound where there is none.
    """
    async with database.transaction(of=EVERY) as driver:
        if organization_id is not None:
            deletion = await stored.by_id(driver, organization_id)
        else:
            deletion = await stored.latest(driver, name_digest(name))
    if deletion is None:
        raise OrganizationNotFound(name if organization_id is None else str(organization_id))
    return deletion


async def record_done(driver: Driver, deletion: OrganizationDeletion, by: Actor) -> None:
    """Records that nothing of an organization is left, with what was removed."""
    told = {"name_sha256": deletion.name_digest.hex(), "rows": dict(deletion.rows), "files": deletion.files}
    await _record(driver, by, "organization.deleted", deletion.organization_id, told)


def receipt(hashes: KeyedHashes, deletion: OrganizationDeletion) -> DeletionReceipt | None:
    """Returns the receipt of a deletion; None until it is done."""
    if deletion.deleted_at is None:
        return None
    rows = dict(sorted(deletion.rows.items()))
    content = [
        "organization",
        deletion.organization_id,
        deletion.name_digest.hex(),
        deletion.asked_at.isoformat(),
        deletion.delete_after.isoformat(),
        list(rows.items()),
        deletion.files,
        deletion.deleted_at.isoformat(),
    ]
    signature = hashes.receipt_signature(json.dumps(content).encode()).hex()
    return DeletionReceipt(rows=rows, files=deletion.files, deleted_at=deletion.deleted_at, signature=signature)
