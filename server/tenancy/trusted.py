"""Whom the operator trusts to say who somebody is: identity providers, and the authority of client certificates."""

from dataclasses import dataclass
from typing import Self

from server import errors
from server.clock import Clock
from server.settings import Settings
from server.store.database import Database
from server.tenancy import identity_providers
from server.tenancy.certificates import Certificates
from server.tenancy.identities import Identities
from server.tenancy.identity_tokens import IdentityTokens
from server.tenancy.key_sets import Fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """The checks of what is no credential of the service itself; None: there is no such check. looks is what they
    share.
    """

    looks: Identities
    identities: Identities | None
    certificates: Certificates | None

    @classmethod
    def of(cls, settings: Settings, database: Database, clock: Clock, fetch: Fetch) -> Self:
        """Returns the checks that the operator's file asks for; raises SetupError where it cannot be used."""
        found = identity_providers.read(settings.identity_providers)
        if found.certificates and settings.tls_client_ca is None:
            raise errors.SetupError(
                f"TALLYWIRE_IDENTITY_PROVIDERS={settings.identity_providers} names certificates, and no client shows"
                " one: set TALLYWIRE_TLS_CLIENT_CA"
            )
        looks = Identities(database, clock, IdentityTokens(found.providers, fetch))
        return cls(
            looks=looks,
            identities=looks if found.providers else None,
            certificates=Certificates(looks, found.certificates) if found.certificates else None,
        )
