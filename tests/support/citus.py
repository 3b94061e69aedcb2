"""The engines of tests: PostgreSQL and a Valkey.

PostgreSQL is a plain one or, where TALLYWIRE_TEST_CITUS names the programs of one that has Citus, a cluster of a
coordinator and two workers with the same interface.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import types
import urllib.parse
from typing import TYPE_CHECKING, Any, Self, cast

import asyncpg
import pytest

from server.local import embedded
from server.local.embedded import cluster, probe
from server.local.embedded.binaries import POSTGRES_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from server.store.database import Database

VARIABLE = "TALLYWIRE_TEST_CITUS"
LOGS_VARIABLE = "TALLYWIRE_TEST_CITUS_LOGS"  # a folder to keep logs of the nodes in
WORKERS = 2
SHARDS = 4
_TRIES = 5  # of making or dropping a database
_BASE = "citus_base"  # what databases are made of: it knows all nodes
_OWN_SETTINGS = dict(cluster.SETTINGS)
_SETTINGS = {
    "shared_preload_libraries": "citus",
    "wal_level": "logical",
    "max_connections": "300",
    "max_prepared_transactions": "300",
    "max_worker_processes": "64",
    "shared_buffers": "64MB",
    "citus.shard_count": str(SHARDS),
    "citus.recover_2pc_interval": "1s",
    "citus.node_connection_timeout": "5s",
    "citus.enable_statistics_collection": "off",
}


# Of tests that look into a single PostgreSQL: at its locks, its statements, its settings.
one_node = pytest.mark.skipif(bool(os.environ.get(VARIABLE)), reason="is about a PostgreSQL of a single node")
# Of tests that are about a cluster.
needed = pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"{VARIABLE} names no PostgreSQL that has Citus")


class Nodes:
    """Are a coordinator, its workers and the coordinator's Valkey. Whatever is said of PostgreSQL is the coordinator's
    unless it names a node. Spare nodes run and are not of the cluster until add() has added them.
    """

    def __init__(self, nodes: list[embedded.Engines], spare: list[embedded.Engines]) -> None:
        self.coordinator, *self.workers = nodes
        self.spare = spare
        self._all = [*nodes, *spare]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.coordinator, name)

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Makes a database on every node, as probe.create_database() does on one."""
        source = template or _BASE
        for node in self._all:
            _try(lambda node=node: _copy(node, name, source))
        return self.coordinator.url(name)

    def drop_database(self, name: str) -> None:
        """Removes a database from every node."""
        for node in self._all:
            _try(lambda node=node: node.drop_database(name))

    def add(self, database: str) -> embedded.Engines:
        """Adds the first spare node to the cluster of a database, without any shard, and returns it."""
        node = self.spare.pop(0)
        self.execute(f"SELECT citus_add_node('127.0.0.1', {port(node)})", database)
        self.workers.append(node)
        return node

    def execute(self, statement: str, database: str = cluster.DATABASE) -> None:
        """Runs a statement on the coordinator as its superuser."""
        execute(self.coordinator, statement, database)

    def stop(self) -> None:
        """Stops all nodes."""
        for node in self._all:
            node.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.stop()


def _try(change: Callable[[], None]) -> None:
    """Makes or drops a database, again where a daemon of Citus was just starting there."""
    for tries_left in reversed(range(_TRIES)):
        try:
            change()
            return
        except embedded.EnginesFailed:
            if not tries_left:
                raise


def _copy(node: embedded.Engines, name: str, source: str) -> None:
    # What keeps a template from being copied: it comes again when the database is next used.
    execute(node, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{source}'")
    node.create_database(name, template=source)


def workers(engines: embedded.Engines) -> list[embedded.Engines]:
    """The nodes of a cluster that have rows; none of a plain PostgreSQL."""
    return engines.workers if isinstance(engines, Nodes) else []


def node_urls(engines: embedded.Engines, url: str | None = None) -> list[str]:
    """The URLs of the nodes that have rows, at which questions may be asked; none of a plain PostgreSQL. url is that of
    the database at the coordinator.
    """
    parts = urllib.parse.urlsplit(url or engines.database_url)
    user = parts.netloc.rpartition("@")[0]
    return [parts._replace(netloc=f"{user}@127.0.0.1:{port(node)}").geturl() for node in workers(engines)]


def is_wanted() -> bool:
    """Whether tests run on a cluster."""
    return bool(os.environ.get(VARIABLE))


def start(data: pathlib.Path) -> contextlib.AbstractContextManager[embedded.Engines]:
    """Runs engines on a folder until the end of the block."""
    if not is_wanted():
        return embedded.start(data)
    # Has all that tests use of the engines.
    return cast("contextlib.AbstractContextManager[embedded.Engines]", start_nodes(data))


@contextlib.contextmanager
def start_one(data: pathlib.Path) -> Iterator[embedded.Engines]:
    """Runs a plain PostgreSQL of the same programs as a cluster's, to compare with, until the end of the block."""
    with contextlib.ExitStack() as running:
        with _settings({}):
            engines = running.enter_context(embedded.start(data))
        yield engines


async def migrate(database: Database) -> str:
    """Brings a database's schema up to date, and distributes it on a cluster; returns the schema."""
    from server.store import distribution
    from server.store import migrate as migrations
    from server.store.isolation import EVERY

    made = await migrations.upgrade(database)
    async with database.query(of=EVERY) as driver:
        is_of_cluster = driver.is_distributed
    if is_of_cluster:
        await distribution.distribute(database, SHARDS)
    return made


@contextlib.contextmanager
def start_nodes(data: pathlib.Path, *, workers: int = WORKERS, spare: int = 0) -> Iterator[Nodes]:
    """Runs a cluster in a folder until the end of the block; its databases know all nodes but the spare ones."""
    with contextlib.ExitStack() as running, _settings(_SETTINGS):
        nodes = [
            running.enter_context(embedded.start(_folder(data, name)))
            for name in ("coordinator", *(f"worker{number}" for number in range(1, workers + spare + 1)))
        ]
        for node in nodes:
            _trust(node)
            node.create_database(_BASE)
            execute(node, "CREATE EXTENSION citus", _BASE)
        coordinator, *others = nodes[: workers + 1]
        execute(coordinator, f"SELECT citus_set_coordinator_host('127.0.0.1', {port(coordinator)})", _BASE)
        for node in others:
            execute(coordinator, f"SELECT citus_add_node('127.0.0.1', {port(node)})", _BASE)
        found = Nodes(nodes[: workers + 1], nodes[workers + 1 :])
        for node in nodes:
            node.drop_database(cluster.DATABASE)
        found.create_database(cluster.DATABASE)
        try:
            yield found
        finally:
            if kept := os.environ.get(LOGS_VARIABLE):
                _keep_logs(data, pathlib.Path(kept))


def _keep_logs(data: pathlib.Path, folder: pathlib.Path) -> None:
    for log in data.glob("*/postgres.log"):
        (folder / f"{os.getpid()}-{data.name}-{log.parent.name}.log").write_bytes(log.read_bytes())


def _folder(data: pathlib.Path, name: str) -> pathlib.Path:
    folder = data / name
    folder.mkdir()
    return folder


@contextlib.contextmanager
def _settings(more: Mapping[str, str]) -> Iterator[None]:
    """Has the embedded engines use the programs of a cluster, with some settings beside their own."""
    before, programs = dict(cluster.SETTINGS), os.environ.get(POSTGRES_VARIABLE)
    cluster.SETTINGS.clear()
    cluster.SETTINGS.update(_OWN_SETTINGS | more)
    known = subprocess.run(
        [f"{os.environ[VARIABLE]}/postgres", "--describe-config"], capture_output=True, text=True, check=True
    ).stdout
    if more and "output_plugin_libraries" in known:  # else every library may be one; Citus moves rows by one of its own
        cluster.SETTINGS["output_plugin_libraries"] = "pgoutput, citus"
    os.environ[POSTGRES_VARIABLE] = os.environ[VARIABLE]
    try:
        yield
    finally:
        cluster.SETTINGS.clear()
        cluster.SETTINGS.update(before)
        if programs is None:
            del os.environ[POSTGRES_VARIABLE]
        else:
            os.environ[POSTGRES_VARIABLE] = programs


def _plan(node: embedded.Engines) -> cluster.EnginePlan:
    return node._plan


def port(node: embedded.Engines) -> int:
    """The port of a node's PostgreSQL."""
    return _plan(node).access.postgres_port


def _trust(node: embedded.Engines) -> None:
    """Lets nodes in without a password: each has another one."""
    rules = _plan(node).cluster / "pg_hba.conf"
    rules.write_text("host all all 127.0.0.1/32 trust\n")
    execute(node, "SELECT pg_reload_conf()")


def processes(node: embedded.Engines) -> list[int]:
    """The processes of a node's PostgreSQL, the one that starts the others first."""
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(node.postgres_pid)], capture_output=True, text=True, check=True
    )
    return [node.postgres_pid, *map(int, children.stdout.split())]


def kill(node: embedded.Engines) -> None:
    """Ends a node's PostgreSQL at once: left to themselves, its sessions would go on for some more calls."""
    for one in processes(node):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def log(node: embedded.Engines) -> str:
    """What a node's PostgreSQL has logged."""
    return (_plan(node).folder / "postgres.log").read_text(errors="replace")


def execute(node: embedded.Engines, statement: str, database: str = "postgres") -> None:
    """Runs a statement on a node as its superuser."""

    async def run(_: asyncpg.Connection[Any]) -> None:
        url = node.admin_url.replace("+asyncpg", "").rpartition("/")[0] + f"/{database}"
        connection = await asyncpg.connect(url, timeout=20)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    probe._administer(_plan(node), run)
