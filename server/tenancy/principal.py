"""The maker of a call, and what it may do."""

import dataclasses
import enum
from datetime import datetime

from server.organizations.settings import OrganizationSettings


class Scope(enum.StrEnum):
    """The permissions of a key."""

    INGEST = "ingest"  # send events
    READ = "read"  # ask questions, and watch figures
    EVENTS = "events"  # see raw events with their properties, on top of read
    BACKFILL = "backfill"  # send events of any age since 1980, on top of ingest
    CORRECT = "correct"  # correct and retract stored events
    ADMIN = "admin"  # everything, and what changes the organization


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The maker of a call. The organization of a call comes from here and from nowhere else."""

    organization_id: int
    key_id: str
    scopes: frozenset[Scope]
    settings: OrganizationSettings
    expires_at: datetime | None = None  # of the key

    def may(self, scope: Scope) -> bool:
        """Returns whether the key has the scope, or all of them."""
        return scope in self.scopes or Scope.ADMIN in self.scopes
