"""The budget of connections in the documentation is that of the pools."""

import re

import pytest

from server.cli.doctor import postgres
from server.settings import Settings
from server.store.database import Database
from server.tasks import runner
from tests.documentation import PAGES, ROOT, rows
from workers import connections

SIZING = "docs/operations/sizing.md"
_URL = "postgresql://nobody@127.0.0.1:1/none"
_COMMANDS = 10


@pytest.fixture
def server() -> int:
    """How many connections a server process opens at most, as it is set by default."""
    known = Settings()
    return Database(
        _URL,
        ingest_connections=known.ingest_connections,
        query_connections=known.query_connections,
        realtime_connections=known.realtime_connections,
    ).most_connections


@pytest.fixture
def worker() -> int:
    """How many a worker opens at most, with as many slots as it has by default."""
    slots = runner.SHORT_SLOTS
    return connections.opened(_URL, short_slots=slots, long_slots=max(1, slots // 2)).most_connections


def test_each_process_has_as_many_as_the_table_says(server: int, worker: int) -> None:
    told = {process: [int(one) for one in re.findall(r"\d+", parts)] for process, parts in rows(SIZING, _HEADING)}
    assert told["a server process"][0] == sum(told["a server process"][1:]) == server
    assert told["a worker"][0] == sum(told["a worker"][1:]) == worker == postgres.WORKER_CONNECTIONS


_HEADING = "## Database connections"


def test_the_sums_for_several_processes_are_right(server: int, worker: int) -> None:
    table = rows(SIZING, "is\nto be at least:")
    for processes, *sums in table:
        found = [int(one) - int(processes) * server - _COMMANDS for one in sums]
        assert found == [worker, 2 * worker, 4 * worker]
    assert 2 * server + worker + _COMMANDS <= 100 < 2 * server + 2 * worker


def test_other_pages_say_the_same(server: int, worker: int) -> None:
    assert f"{server} connections and each worker {worker}" in PAGES["docs/operations/kubernetes.md"]
    assert f"default_pool_size = {2 * server + worker}\n" in PAGES["docs/operations/database.md"]
    notes = (ROOT / "docs/operations/deploy/helm/tallywire/templates/NOTES.txt").read_text(encoding="utf-8")
    assert f"(mul $workers {worker})" in notes
