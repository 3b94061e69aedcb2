"""What an event costs, as measured on one machine and kept in costs.json beside this file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

FILE = Path(__file__).with_name("costs.json")
BATCH = 500  # events of a call that is measured as a batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One way to send events."""

    server_us: float  # processor time of the server for an event
    postgresql_us: float  # the same of PostgreSQL
    wal_bytes: float  # for an event
    one_organization: float  # events/s at most of one organization, whose revisions come one after the other


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """All of it. Times are of processors, in microseconds."""

    batch: Sent
    single: Sent
    worker_us: float  # folding and projecting an event
    work_postgresql_us: float  # what that takes of PostgreSQL
    work_wal_bytes: float
    question_server_us: float  # GetOverview of 30 days
    question_postgresql_us: float
    event_bytes: float  # raw events on disk, with indexes
    key_bytes: float  # ids by which duplicates are recognized
    lasting_bytes: float  # rollups and projections
    machine: dict[str, Any]

    @classmethod
    def read(cls, file: Path = FILE) -> Self:
        """What was measured last."""
        found = json.loads(file.read_text())
        return cls(**{**found, "batch": Sent(**found["batch"]), "single": Sent(**found["single"])})

    def write(self, file: Path = FILE) -> None:
        """Keeps it."""
        file.write_text(json.dumps(asdict(self), indent=2) + "\n")
