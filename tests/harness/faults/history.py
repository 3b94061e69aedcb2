"""What happened in a run: every call, read and fault, with times of one monotonic clock, in memory and as JSON."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

from tests.harness.faults.promises import Delivery

ACCEPTED, DUPLICATE, REJECTED = "accepted", "duplicate", "rejected"
ACKNOWLEDGED = (ACCEPTED, DUPLICATE)

now = time.monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Events that were sent in one message, and what came of each as (event id, status).

    An event of the call without a result may or may not be stored. revision is that of the acknowledgement where it
    tells one (0: it does not). error is the status that the call ended with, if not OK.
    """

    organization: int
    client: str
    server: str
    began: float
    ended: float
    event_ids: tuple[str, ...]
    results: tuple[tuple[str, str], ...] = ()
    revision: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """An answer about all of an organization's events and conversations. sums are figures that must be equal, by what
    they add up.
    """

    organization: int
    client: str
    server: str
    began: float
    ended: float
    events: int
    conversations: int
    revision: int
    sums: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that was done to the service."""

    at: float
    what: str
    victim: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A recount of an organization in one snapshot. check: by whom it was recounted."""

    check: str
    organization: int
    at: float
    mismatches: int
    examples: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A call or a question that failed, by the status that it ended with."""

    at: float
    client: str
    server: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """A subscriber opened a connection with the token of a revision."""

    organization: int
    subscriber: str
    server: str
    at: float
    connection: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a subscriber of updates got."""

    organization: int
    subscriber: str
    server: str
    at: float
    delivery: Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A state or a heartbeat that a subscriber of states got."""

    organization: int
    subscriber: str
    server: str
    at: float
    connection: int
    revision: int


Entry: TypeAlias = Call | Read | Fault | Audit | Failure | Resumed | Delivered | Shown


class History:
    """The entries of a run, by kind; also written to a file as they come, if one is named."""

    def __init__(self, path: Path | None = None) -> None:
        self.calls: list[Call] = []
        self.reads: list[Read] = []
        self.faults: list[Fault] = []
        self.audits: list[Audit] = []
        self.failures: list[Failure] = []
        self.resumed: list[Resumed] = []
        self.delivered: list[Delivered] = []
        self.shown: list[Shown] = []
        self._file = None if path is None else path.open("w", encoding="utf-8")

    def add(self, entry: Entry) -> None:
        """Keeps an entry."""
        match entry:
            case Call():
                self.calls.append(entry)
            case Read():
                self.reads.append(entry)
            case Fault():
                self.faults.append(entry)
            case Audit():
                self.audits.append(entry)
            case Failure():
                self.failures.append(entry)
            case Resumed():
                self.resumed.append(entry)
            case Delivered():
                self.delivered.append(entry)
            case Shown():
                self.shown.append(entry)
        if self._file is not None:
            self._file.write(json.dumps({"entry": type(entry).__name__, **asdict(entry)}) + "\n")

    def close(self) -> None:
        """Completes the file."""
        if self._file is not None:
            self._file.close()

    @property
    def organizations(self) -> list[int]:
        """The organizations that anything was sent for, in order."""
        return sorted({call.organization for call in self.calls})
