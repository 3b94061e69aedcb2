"""Members: people of an organization by the subjects that its identity provider knows them by, with what they may do;
and the organization's own roles.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from server.organizations.restriction import Restriction

ROLE_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
MOST_MEMBERS: Final = 10_000  # of an organization
MOST_ROLES: Final = 50
LONGEST_SUBJECT: Final = 200  # characters
LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A person of an organization. role is the name of a role, built-in or the organization's own."""

    organization_id: int
    subject: str
    name: str
    role: str
    restriction: Restriction | None
    created_at: datetime
    updated_at: datetime

    @property
    def etag(self) -> str:
        """Returns what is different after each change."""
        return _etag(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRole:
    """A role that an organization has made: a set of scopes."""

    organization_id: int
    name: str
    description: str
    scopes: tuple[str, ...]
    created_at: datetime
    updated_at: datetime

    @property
    def etag(self) -> str:
        """Returns what is different after each change."""
        return _etag(self)


def _etag(kept: Membership | CustomRole) -> str:
    return hashlib.sha256(repr(kept).encode()).hexdigest()[:16]
