"""The maker of a call, and what it may do."""

import dataclasses
import enum
from datetime import datetime

from server.organizations.restriction import Restriction
from server.organizations.settings import OrganizationSettings


class Scope(enum.StrEnum):
    """The permissions of a key."""

    INGEST = "ingest"  # send events
    READ = "read"  # ask questions, and watch figures
    EVENTS = "events"  # see raw events with their properties, on top of read
    BACKFILL = "backfill"  # send events of any age since 1980, on top of ingest
    EDIT = "edit"  # change what is shared with others: dashboards
    CORRECT = "correct"  # correct and retract stored events
    ADMIN = "admin"  # everything, and what changes the organization


class CallerKind(enum.StrEnum):
    """What a caller has shown."""

    API_KEY = "api_key"
    SESSION = "session"
    CODE = "code"  # which signs in, and may do nothing else
    EMBEDDED = "embedded"  # a panel in somebody else's page
    OPERATOR = "operator"  # who operates the deployment, and belongs to no organization
    CERTIFICATE = "certificate"  # of the client's end of a connection
    IDENTITY_TOKEN = "identity_token"  # noqa: S105 - a kind; of the organization's identity provider


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EmbedGrant:
    """What an embed token is good for. maker_id is the key or session that made it, with which it ends. conditions are
    the dimensions and values that all of its questions are narrowed to.
    """

    token_id: str
    organization_id: int
    maker_id: str
    conditions: tuple[tuple[str, str], ...]
    rpcs: tuple[str, ...]
    origins: tuple[str, ...]
    expires_at: datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CallerIdentity:
    """Somebody as an identity provider knows them. member is their subject among the organization's members, and
    is_member whether they are one. session_hours is for how long they stay signed in.
    """

    issuer: str
    subject: str
    member: str
    is_member: bool
    session_hours: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The maker of a call. The organization of a call comes from here and from nowhere else. key_id is the stored
    credential: of an embed token its maker's, and of an identity token, which is not stored, what stands for its issuer
    and subject. parent_key_id is the API key that all comes from. subject is whom personal things belong to.
    """

    organization_id: int
    key_id: str
    scopes: frozenset[Scope]
    settings: OrganizationSettings
    expires_at: datetime | None = None  # of the credential, whatever happens
    idle_until: datetime | None = None  # of a session
    kind: CallerKind = CallerKind.API_KEY
    parent_key_id: str = ""
    subject: str = ""
    embed: EmbedGrant | None = None
    role: str = ""  # the name of the role that the scopes are of; empty where they were chosen one by one
    restriction: Restriction | None = None  # to a part of the organization
    identity: CallerIdentity | None = None  # of an identity token, and of a session that comes from one
    networks: tuple[str, ...] = ()  # that calls must come from, in the notation of CIDR; none: any

    def may(self, scope: Scope) -> bool:
        """Returns whether the key has the scope, or all of them."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def of_service(
    organization_id: int,
    settings: OrganizationSettings,
    subject: str = "",
    restriction: Restriction | None = None,
) -> Principal:
    """Returns whom the service asks questions for where nobody calls: they may read figures, of a part alone if one is
    given, and nothing else.
    """
    return Principal(
        organization_id=organization_id,
        key_id="",
        scopes=frozenset({Scope.READ}),
        settings=settings,
        subject=subject,
        restriction=restriction,
    )
