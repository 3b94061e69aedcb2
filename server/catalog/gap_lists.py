"""What people say of content gaps, and how a list of them is asked for, as values: the store takes them."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

MOST_RESOLUTIONS = 100  # of a topic that are remembered


class GapStatus(enum.IntEnum):
    """What is being done about a content gap. The numbers are stored."""

    IDENTIFIED = 1
    IN_PROGRESS = 2
    RESOLVED = 3
    DISMISSED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A time in which a topic counted as resolved, in microseconds since 1970; until is None where nobody has changed
    that since.
    """

    since: int
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapState:
    """What was said of a topic: the status, the note, who changed that last and when, how often it was changed, and
    when it was resolved, the newest last.
    """

    status: GapStatus = GapStatus.IDENTIFIED
    change: int = 0
    changed_at: datetime | None = None
    changed_by: str = ""
    note: str = ""
    resolutions: Sequence[Resolution] = ()

    @property
    def resolved_at(self) -> int | None:
        """Returns when it was resolved, where nobody has said anything else since."""
        return self.resolutions[-1].since if self.status is GapStatus.RESOLVED and self.resolutions else None

    def is_reopened(self, last_at: int) -> bool:
        """Returns whether it has occurred again since it was resolved, given when it occurred last."""
        return self.resolved_at is not None and last_at > self.resolved_at

    def status_now(self, last_at: int) -> GapStatus:
        """Returns the status, given when it occurred last: what was resolved and occurred again is identified."""
        return GapStatus.IDENTIFIED if self.is_reopened(last_at) else self.status

    def changed(
        self, status: GapStatus | None, note: str | None, *, by: str, at: datetime, now: int, last_at: int
    ) -> "GapState":
        """Returns what it is after somebody has set the status, the note or both. What is resolved anew after it has
        occurred again is resolved from now on.
        """
        to, resolutions = status or self.status, list(self.resolutions)
        is_resolved = self.resolved_at is not None
        stays = status is None or (is_resolved and to is GapStatus.RESOLVED and not self.is_reopened(last_at))
        if not stays and is_resolved:
            resolutions[-1] = Resolution(since=resolutions[-1].since, until=now)
        if not stays and to is GapStatus.RESOLVED:
            resolutions.append(Resolution(since=now))
        return GapState(
            status=to,
            change=self.change + 1,
            changed_at=at,
            changed_by=by,
            note=self.note if note is None else note,
            resolutions=resolutions[-MOST_RESOLUTIONS:],
        )


class GapOrder(enum.Enum):
    """What content gaps are put in order by."""

    PRIORITY = enum.auto()
    FREQUENCY = enum.auto()
    LAST_SEEN = enum.auto()
    FIRST_SEEN = enum.auto()
    TOPIC = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class GapFilter:
    """Which content gaps are meant, by normalized topics; None and empty texts narrow nothing."""

    status: GapStatus | None = None
    prefix: str = ""
    search: str = ""
