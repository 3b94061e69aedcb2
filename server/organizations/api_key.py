"""The credentials of an organization: keys of its services, and what people get in exchange for one."""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from server.organizations.restriction import Restriction

SESSION_IDLE: Final = timedelta(hours=12)  # a session ends after so long without a call
SESSION_LIFETIME: Final = timedelta(days=7)
CODE_LIFETIME: Final = timedelta(minutes=10)


class KeyKind(enum.StrEnum):
    """What a stored credential is for."""

    KEY = "key"  # an API key
    SESSION = "session"  # calls of somebody who has signed in
    CODE = "code"  # one sign-in, and nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInIdentity:
    """Whose session it is where an identity provider knows them: by issuer and subject. member is their subject among
    the organization's members, and was_member whether they were one when they signed in.
    """

    issuer: str
    subject: str
    member: str
    was_member: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A credential as it is stored; the secret itself is not stored. Sessions and codes have a parent, the API key that
    they come from, and a subject, whom they are for; or an identity in place of a parent. idle_until is when a session
    ends without further calls.
    """

    key_id: str
    organization_id: int
    name: str
    secret_hmac: bytes
    pepper_id: str  # of the pepper that keys the hash
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    kind: KeyKind = KeyKind.KEY
    parent_key_id: str | None = None
    subject: str = ""
    idle_until: datetime | None = None
    role: str = ""  # the name of the role that the scopes were of; empty where they were chosen one by one
    restriction: Restriction | None = None
    networks: tuple[str, ...] = ()  # that calls must come from, in the notation of CIDR; none: any
    last_used_at: datetime | None = None  # to ten minutes
    identity: SignedInIdentity | None = None

    @property
    def owner(self) -> str:
        """Returns the subject that personal things of its calls belong to: the key itself unless it was made for
        somebody.
        """
        return self.subject or f"key:{self.parent_key_id or self.key_id}"

    @property
    def ends_at(self) -> datetime | None:
        """Returns when it ends if no call is made any more; None: never."""
        if self.expires_at is None or self.idle_until is None:
            return self.expires_at or self.idle_until
        return min(self.expires_at, self.idle_until)
