"""What a run has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from server.store.database import Database
from tests.faults.clients import Client, Tenant
from tests.faults.history import History
from tests.faults.supervisor import Cluster
from tests.faults.workload import SPREAD


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a run has. The database is reached directly, whatever stands between the service and it."""

    seed: int
    database: Database
    cluster: Cluster
    tenants: Sequence[Tenant]
    history: History

    @property
    def period(self) -> tuple[datetime, datetime]:
        """A period that holds everything, with bounds at odd minutes."""
        end = datetime.now(UTC) + timedelta(hours=1)
        return (end - SPREAD - timedelta(days=2)).replace(minute=15, second=0, microsecond=0), end

    def clients(self, kind: str) -> list[Client]:
        """A client of a kind for each organization."""
        return [
            Client(str(self.seed), f"{kind} {tenant.organization}", tenant, self.history) for tenant in self.tenants
        ]
