"""Values of what people keep: preferences, dashboards and their versions."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MOST_PERSONAL: Final = 100  # dashboards of a subject
MOST_SHARED: Final = 500  # dashboards of an organization
MOST_VERSIONS: Final = 50  # of a dashboard


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What somebody has chosen for the pages; empty texts stand for no choice."""

    time_zone: str = ""
    language: str = ""
    theme: str = ""
    shortcuts_off: bool = False
    home_dashboard_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardDraft:
    """A dashboard as somebody wants it. content is what the contract's message holds of tiles and period."""

    title: str
    description: str
    is_shared: bool
    tiles: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardVersion:
    """A version of a dashboard as it is kept. is_shared tells who could see it then."""

    number: int
    draft: DashboardDraft
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDashboard:
    """A dashboard with one of its versions. newest is the number of the newest, whichever this is; changed_at is when
    that was stored.
    """

    dashboard_id: str
    owner: str
    created_at: datetime
    newest: int
    changed_at: datetime
    is_shared: bool  # now, whatever the version says
    version: DashboardVersion

    @property
    def etag(self) -> str:
        """Returns what is different after each change, also where a restored database counts the same numbers again."""
        return hashlib.sha256(f"{self.dashboard_id} {self.newest} {self.changed_at.isoformat()}".encode()).hexdigest()[
            :16
        ]
