"""Erasures as callers see them: begun, looked at, and confirmed by a receipt."""

import json
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from server.admission.query_slots import QuerySlots
from server.errors import Reason, Refused
from server.events import erased
from server.organizations.audit_trail import Actor, Entry
from server.privacy import erasing, people
from server.store import erased_users as stored
from server.store.database import Database
from server.store.erased_users import Erasure, NewErasure
from server.tenancy import audit_trail
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal

_KEY_BYTES = 32
_AT_ONCE = 2  # erasures that are begun in this process: each makes all servers learn of it
_MOST_WAITING, _MOST_WAITING_EACH = 40, 10
Begun = Erasure  # an erasure, for who is not to know the store


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What an erasure has come to, with the proof that it was made here."""

    user_digest: str
    rows: Mapping[str, int]
    exports_to_delete: tuple[str, ...] = ()
    signature: str = field(default="")


class Erasures:
    """The erasures of organizations. on_task is called once a task is queued."""

    def __init__(self, database: Database, hashes: KeyedHashes, on_task: Callable[[], None]) -> None:
        self._database = database
        self._hashes = hashes
        self._on_task = on_task
        self._slots = QuerySlots(_AT_ONCE, limit=_MOST_WAITING, limit_each=_MOST_WAITING_EACH)

    async def begin(self, principal: Principal, user_id: str, request_id: str, by: Actor) -> Erasure:
        """Begins to erase a person, unless that was begun before, and returns how far it is. Once it returns, nothing
        is stored any more under the id.
        """
        organization_id = principal.organization_id
        stored_id = people.stored_id(self._hashes, organization_id, user_id)
        people.check_request_id(request_id, user_id, stored_id)
        digest = self._hashes.erased_user(organization_id, stored_id)
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            found = await stored.by_digest(driver, organization_id, digest)
            if found is None:
                new = NewErasure(
                    digest=digest,
                    alias=erased.new_alias(),
                    user_id=stored_id,
                    value_key=secrets.token_bytes(_KEY_BYTES),
                    request_id=request_id,
                )
                is_new = await stored.mark(driver, organization_id, new)
                found = await stored.by_digest(driver, organization_id, digest)
                if is_new and found is not None:
                    told = {"erasure_id": str(found.erasure_id), "request_id": request_id}
                    entry = Entry(actor=by, action="user.erasure_begun", subject=digest.hex(), after=told)
                    await audit_trail.record(driver, organization_id, entry)
            assert found is not None  # noqa: S101 - it was there, or was just made
            if found.erased_at is None:
                await erasing.enqueue(driver, organization_id, found.erasure_id)
        self._on_task()
        return found

    async def get(self, principal: Principal, erasure_id: str) -> Erasure:
        """Returns an erasure; refuses one that the organization does not have."""
        try:
            name = uuid.UUID(erasure_id)
        except ValueError:
            raise _not_found() from None
        async with self._database.transaction(of=principal.organization_id) as driver:
            found = await stored.by_id(driver, principal.organization_id, name)
        if found is None:
            raise _not_found()
        return found

    def receipt(self, erasure: Erasure) -> Receipt | None:
        """Returns the receipt of an erasure; None until it is done."""
        if erasure.erased_at is None:
            return None
        rows, exports = dict(sorted(erasure.touched.items())), tuple(erasure.exports)
        receipt = Receipt(user_digest=erasure.digest.hex(), rows=rows, exports_to_delete=exports)
        content = [
            str(erasure.erasure_id),
            erasure.request_id,
            erasure.requested_at.isoformat(),
            receipt.user_digest,
            list(receipt.rows.items()),
            erasure.erased_at.isoformat(),
            erasure.revision,
            receipt.exports_to_delete,
        ]
        signature = self._hashes.receipt_signature(json.dumps(content).encode()).hex()
        return replace(receipt, signature=signature)


def _not_found() -> Refused:
    return Refused(Reason.ERASURE_NOT_FOUND, "the organization has no such erasure", field="erasure_id")
