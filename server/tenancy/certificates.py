"""Programs with client certificates as makers of calls: whom the operator has named in the file of identities.

The server has verified the certificate while the connection was made. It names a program by its SPIFFE id, or by the
common name of its subject; what it says else does not matter.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from server import errors
from server.errors import Reason, Refused
from server.store.identities import StandingAsked
from server.tenancy import identities
from server.tenancy.certificate_holders import CertificateHolder
from server.tenancy.identities import Identities
from server.tenancy.principal import CallerKind, Principal

SUBJECT: Final = "certificate:"  # in front of subjects of programs with certificates

_CONFIRM_SECONDS = 1.0  # for which a call in progress waits to learn whether its maker may go on


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCertificate:
    """What a verified certificate says: its SPIFFE ids, of which a good one has at most one, and its common names."""

    spiffe_ids: Sequence[str]
    common_names: Sequence[str]


class Certificates:
    """The check of certificates, with what is remembered of their holders."""

    def __init__(self, known: Identities, holders: Sequence[CertificateHolder]) -> None:
        self._known = known
        self._holders = {one.identity: one for one in holders}
        self._principals: dict[str, tuple[float, Principal]] = {}

    async def principal(self, shown: ShownCertificate) -> Principal:
        """Returns the maker of a call with a certificate and no other credential; refuses whoever is not known."""
        holder = self._holder(shown)
        if holder is None:
            raise Refused(
                Reason.CREDENTIALS_MISSING,
                "send the metadata authorization: Bearer API_KEY; the client's certificate is not one that stands for"
                " somebody here",
            )
        until, principal = self._principals.get(holder.identity, (0.0, None))
        if principal is None or until < time.monotonic():
            until, principal = await self._looked_up(holder)
            self._principals[holder.identity] = until, principal
        return principal

    async def confirm(self, shown: ShownCertificate, last: Principal) -> Principal:
        """Returns the current principal of a call in progress. While the database is away, the last result stands."""
        try:
            async with asyncio.timeout(_CONFIRM_SECONDS):
                return await self.principal(shown)
        except (TimeoutError, errors.StorageUnavailable):
            return last

    def _holder(self, shown: ShownCertificate) -> CertificateHolder | None:
        """Returns whom a certificate stands for. One with a SPIFFE id is known by that alone."""
        if shown.spiffe_ids:
            return self._holders.get(shown.spiffe_ids[0]) if len(shown.spiffe_ids) == 1 else None
        return self._holders.get(f"CN={shown.common_names[0]}") if len(shown.common_names) == 1 else None

    async def _looked_up(self, holder: CertificateHolder) -> tuple[float, Principal]:
        asked = StandingAsked(organization=holder.organization, member="", role=holder.role)
        until, standing = await self._known.standing(asked)
        if standing is None or standing.organization.state.is_over:
            raise Refused(Reason.CREDENTIALS_INVALID, "the organization of the client's certificate is revoked")
        if standing.organization.state.is_shut:
            raise Refused(Reason.TENANT_SUSPENDED, "the organization is suspended; ask the operator")
        scopes = identities.scopes_of(standing)
        if not scopes:
            why = f"the organization has no role {holder.role!r}, which the client's certificate gives"
            raise Refused(Reason.NO_ROLE, why)
        return until, Principal(
            organization_id=standing.organization.organization_id,
            key_id=f"cert:{hashlib.sha256(holder.identity.encode()).hexdigest()[:24]}",
            scopes=scopes,
            settings=standing.organization.settings,
            kind=CallerKind.CERTIFICATE,
            subject=SUBJECT + holder.identity,
            role=holder.role,
        )
