"""A check of credentials that trusts some identity providers, without a server around it."""

from typing import Any

from server.clock import Clock
from server.delivery import http_get
from server.errors import Refused
from server.tenancy import identity_providers
from server.tenancy.authentication import Authenticator
from server.tenancy.identities import Identities
from server.tenancy.identity_tokens import IdentityTokens
from tests.support.serving import Accounts

PEER = "ipv4:127.0.0.1"


class Desk:
    """A check of credentials that trusts the providers of some tables of the operator's file."""

    def __init__(self, accounts: Accounts, tables: dict[str, Any]) -> None:
        providers = identity_providers.parse({"providers": tables}).providers
        self.clock = Clock()
        self.identities = Identities(accounts.database, self.clock, IdentityTokens(providers, http_get.get))
        self.authenticator = Authenticator(accounts.database, accounts.secrets, self.clock, self.identities)

    async def says(self, token: str) -> str:
        """The role that a token gives, or why it is refused."""
        try:
            principal = await self.authenticator.authenticate(token)
        except Refused as refusal:
            return refusal.reason.name
        if principal is None:
            return self.authenticator.refusal(token, PEER).message
        return principal.role
