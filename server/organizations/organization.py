"""A tenant."""

import enum
import hashlib
from dataclasses import dataclass
from datetime import datetime

from server.organizations.settings import OrganizationSettings


class OrganizationState(enum.StrEnum):
    """Whether an organization may use the service."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    DELETING = "deleting"
    DELETED = "deleted"

    @property
    def is_over(self) -> bool:
        """Whether its credentials are none any more, for good."""
        return self in (OrganizationState.REVOKED, OrganizationState.DELETED)

    @property
    def is_shut(self) -> bool:
        """Whether calls with its credentials are refused for now. Those of one that is to be deleted learn no more."""
        return self in (OrganizationState.SUSPENDED, OrganizationState.DELETING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A tenant. raw_from_bucket: raw events that occurred before this quarter hour may be gone. delete_after: when it
    is deleted unless that is taken back; None where it is not to be deleted.
    """

    organization_id: int
    name: str
    state: OrganizationState
    settings: OrganizationSettings
    raw_from_bucket: int
    created_at: datetime
    delete_after: datetime | None = None

    @property
    def etag(self) -> str:
        """Returns what is another one wherever state or settings are others."""
        return hashlib.sha256(f"{self.organization_id} {self.state.value} {self.settings}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationFacts:
    """What somebody who has signed in needs to know of an organization beside its settings, at the database's time."""

    name: str
    now: datetime
    month_events: int
    first_bucket: int | None  # the first quarter hour with any event
