"""Values of reports: a report and its versions, its runs with their files, and its schedules."""

import enum
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from server.organizations.restriction import Restriction

MOST_OWNED: Final = 200  # reports of a subject
MOST: Final = 1_000  # reports of an organization
MOST_VERSIONS: Final = 50  # of a report
MOST_OPEN: Final = 100  # runs of an organization that have not ended
MOST_OF_REPORT: Final = 20


class ReportVisibility(enum.StrEnum):
    """Who sees a report."""

    PERSONAL = "personal"
    ORGANIZATION = "organization"
    PEOPLE = "people"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportViewer:
    """Somebody who looks for reports: their subject, and the part of the organization that they may see."""

    subject: str
    restriction: Restriction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDraft:
    """A report as somebody wants it. content is what the contract's message holds of blocks, period, filter, formats
    and locale; readers and editors are the people of a report for people.
    """

    title: str
    description: str
    visibility: ReportVisibility
    readers: tuple[str, ...]
    editors: tuple[str, ...]
    blocks: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReport:
    """A report with one of its versions. newest is the number of the newest, whichever this is; changed_at is when that
    was stored. Visibility and people in the draft are those of now, whatever the version had. restriction is the part
    of the organization that all of its runs are about: that of who made it, for good.
    """

    report_id: str
    owner: str
    restriction: Restriction | None
    created_at: datetime
    newest: int
    changed_at: datetime
    version: int
    draft: ReportDraft
    updated_at: datetime
    updated_by: str

    @property
    def etag(self) -> str:
        """Returns what is different after each change, also where a restored database counts the same numbers again."""
        told = f"{self.report_id} {self.newest} {self.changed_at.isoformat()}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]


class ReportRunState(enum.StrEnum):
    """What has become of a run."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Returns whether nothing changes it any more."""
        return self not in (ReportRunState.PENDING, ReportRunState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """A file of a run. path is where it is in the object store."""

    format: str
    name: str
    media_type: str
    size: int
    sha256: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReportRun:
    """A run that is asked for. content is that of the report; the period and the formats are those of this run."""

    report_id: str
    version: int
    title: str
    content: bytes
    requested_by: str
    range: str
    comparison: str
    formats: Sequence[str]
    period_start: datetime
    period_end: datetime
    time_zone: str
    request_id: str | None = None
    schedule_id: str | None = None
    scheduled_at: datetime | None = None
    again_of: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRun:
    """A run as it is kept. progress is that of its task; restriction is its report's."""

    organization_id: int
    run_id: int
    report_id: str
    restriction: Restriction | None
    version: int
    title: str
    content: bytes
    state: ReportRunState
    requested_by: str
    schedule_id: str | None
    scheduled_at: datetime | None
    again_of: int | None
    range: str
    comparison: str
    formats: Sequence[str]
    period_start: datetime
    period_end: datetime
    time_zone: str
    task_id: int | None
    attempt: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    first_revision: int
    last_revision: int
    rows: int
    failed_blocks: int
    changed_figures: int | None
    files: Sequence[ReportFile]
    error: str | None
    progress: float
    progress_line: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What a run that succeeded has made."""

    first_revision: int
    last_revision: int
    rows: int
    failed_blocks: int
    changed_figures: int | None
    files: Sequence[ReportFile]


@dataclass(frozen=True, slots=True)
class RunAttempt:
    """The files of an attempt that are to be kept."""

    organization_id: int
    run_id: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDraft:
    """A schedule as somebody wants it. said is what they wrote, cron what it means."""

    said: str
    cron: str
    time_zone: str
    catches_up_all: bool  # else the latest run is made of those whose instant has passed
    destinations: tuple[str, ...]
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSchedule:
    """A schedule as it is kept. next_run_at is the first instant that is not queued yet."""

    schedule_id: str
    report_id: str
    report_title: str
    draft: ScheduleDraft
    paused: bool
    next_run_at: datetime
    created_by: str
    created_at: datetime
    updated_at: datetime

    @property
    def etag(self) -> str:
        """Returns what is different after each change."""
        return hashlib.sha256(f"{self.schedule_id} {self.updated_at.isoformat()}".encode()).hexdigest()[:16]
