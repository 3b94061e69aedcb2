"""Deletions of organizations, as operators begin them and see what became of them."""

from dataclasses import dataclass
from datetime import timedelta

from server.admin import whose
from server.admission.query_slots import QuerySlots
from server.organizations.audit_trail import Actor
from server.organizations.organization import Organization
from server.store.database import Database
from server.store.organization_deletions import OrganizationDeletion
from server.tenancy import organization_deletions
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.organization_deletions import DeletionReceipt
from server.tenancy.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDeletion:
    """A deletion, and its receipt, which is None until it is done."""

    deletion: OrganizationDeletion
    receipt: DeletionReceipt | None


class DeletionAdmin:
    """Begins deletions and shows them."""

    def __init__(self, database: Database, slots: QuerySlots, hashes: KeyedHashes) -> None:
        self._database = database
        self._slots = slots
        self._hashes = hashes

    async def begin(
        self, principal: Principal, name: str, grace: timedelta, request_id: str, etag: str, by: Actor
    ) -> Organization:
        """Has an organization deleted after a grace and returns it, also where it is to be deleted already."""
        whose.check_operator(principal)

        def check(before: Organization) -> None:
            whose.check_etag(etag, before.etag, "etag", "organization")

        async with self._slots.slot(principal):
            with whose.refusing(name):
                return await organization_deletions.begin(
                    self._database, name, grace, request_id=request_id, check=check, by=by
                )

    async def get(self, principal: Principal, name: str, organization_id: int | None) -> ShownDeletion:
        """Returns the deletion of the organization that has or had a name, or of that of an id."""
        whose.check_operator(principal)
        async with self._slots.slot(principal):
            with whose.refusing(name if organization_id is None else str(organization_id)):
                found = await organization_deletions.found(self._database, name, organization_id)
        return ShownDeletion(deletion=found, receipt=organization_deletions.receipt(self._hashes, found))
