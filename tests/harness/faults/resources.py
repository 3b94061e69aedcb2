"""What the service holds once everybody has left: it must be back to what an idle one holds."""

import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from server.store.database import Database
from server.store.isolation import EVERY
from tests.harness.faults.supervisor import Cluster

_LOOK_AGAIN = 0.2  # seconds
_OLD = 5.0  # seconds; no transaction of an idle service is open for longer
# Of a server, at most. It opens up to 24 connections to the database, as docs/operations/sizing.md says.
_LIMITS: Mapping[str, float] = {
    "tallywire_inflight_bytes": 0,
    "tallywire_open_streams": 0,
    "tallywire_pending_events": 0,
    "tallywire_subscriptions": 0,
    "process_open_fds": 100,
    "process_resident_memory_bytes": 300 << 20,
}
_SERVER_CONNECTIONS, _WORKER_CONNECTIONS, _OWN_CONNECTIONS = 18, 7, 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """What is more than it may be."""

    what: str
    found: float
    limit: float

    def __str__(self) -> str:
        """In words."""
        return f"{self.what}: {self.found:g}, at most {self.limit:g}"


async def excess(cluster: Cluster, database: Database) -> list[Excess]:
    """Everything there is too much of at this moment."""
    reported = await asyncio.gather(*(asyncio.to_thread(_scraped, port) for port in cluster.metrics_ports))
    found = [
        one for port, metrics in zip(cluster.metrics_ports, reported, strict=True) for one in _of_server(port, metrics)
    ]
    return [*found, *await _of_database(cluster, database)]


async def until_idle(cluster: Cluster, database: Database) -> None:
    """Returns once there is too much of nothing."""
    while await excess(cluster, database):  # noqa: ASYNC110 - what is waited for is in other processes
        await asyncio.sleep(_LOOK_AGAIN)


def _of_server(port: int, metrics: Mapping[str, float]) -> Iterator[Excess]:
    for name, limit in _LIMITS.items():
        if name.startswith("process_") and name not in metrics:  # which only Linux tells
            continue
        if metrics.get(name, float("inf")) > limit:
            yield Excess(what=f"{name} at {port}", found=metrics.get(name, float("inf")), limit=limit)


async def _of_database(cluster: Cluster, database: Database) -> list[Excess]:
    async with database.snapshot(of=EVERY) as driver:
        row = await driver.fetchrow(
            "SELECT count(*), count(*) FILTER (WHERE xact_start < clock_timestamp() - make_interval(secs => $1))"
            " FROM pg_stat_activity WHERE application_name LIKE 'tallywire%'",
            _OLD,
        )
    connections = len(cluster.servers) * _SERVER_CONNECTIONS + len(cluster.workers) * _WORKER_CONNECTIONS
    limits = {"connections": connections + _OWN_CONNECTIONS, "old transactions": 0}
    return [
        Excess(what=what, found=count, limit=limits[what])
        for what, count in zip(limits, row or (), strict=True)
        if count > limits[what]
    ]


def _scraped(port: int) -> dict[str, float]:
    """A server's own metrics, without labelled ones; nothing where it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, OSError):
        return {}
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels
    }
