"""Starts, restarts and stops the engines of one data folder."""

import collections.abc
import contextlib
import dataclasses
import os
import pathlib
import time
import types
import urllib.parse
from typing import Any, Self

from server.local.embedded import account, binaries, cluster, errors, folder, link, probe
from server.local.embedded.cluster import EnginePlan

START_PATIENCE = 120.0  # seconds; recovery after a crash reads up to max_wal_size
AGAIN_PATIENCE = 15.0  # seconds during which causes that pass by themselves are tried again
LOOK_AGAIN = 0.02
# What the children of a killed PostgreSQL, or an old connection to a port, leave behind for a moment.
PORT_TAKEN = ("Address already in use", "could not create any TCP/IP")
PASSING = ("pre-existing shared memory block", "already exists", *PORT_TAKEN)


class Engines:
    """Are a running PostgreSQL and Valkey; `stop()`, leaving the context or the death of this process ends both."""

    def __init__(self, plan: EnginePlan, connection: link.Link) -> None:
        self._plan = plan
        self._link = connection
        self.postgres_pid = 0
        self.redis_pid = 0

    @property
    def database_url(self) -> str:
        """Gives the service's database, as a role that is no superuser, for SQLAlchemy."""
        return self.url(cluster.DATABASE)

    @property
    def admin_url(self) -> str:
        """Gives the database `postgres` as the superuser, for what tests and operators do from outside."""
        return self._url(cluster.ADMIN, self._plan.access.admin_password, "postgres")

    @property
    def redis_url(self) -> str:
        """Gives Valkey, for redis-py and arq."""
        return f"redis://:{self._plan.access.redis_password}@127.0.0.1:{self._plan.access.redis_port}/0"

    @property
    def postgres_bin(self) -> pathlib.Path:
        """Names the folder of PostgreSQL's programs."""
        return self._plan.binaries.postgres_bin

    @property
    def keeper_pid(self) -> int:
        """Names the process that holds both engines."""
        return self._link.pid

    def url(self, database: str) -> str:
        """Gives a database of this cluster, as the service's role."""
        return self._url(cluster.USER, self._plan.access.password, database)

    def _url(self, user: str, password: str, database: str) -> str:
        place = f"127.0.0.1:{self._plan.access.postgres_port}/{urllib.parse.quote(database, safe='')}"
        return f"postgresql+asyncpg://{user}:{password}@{place}"

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Makes a further database, a copy of the template if one is named (nobody may use it); returns its URL."""
        probe.create_database(self._plan, name, template)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Removes a database, even one in use."""
        probe.drop_database(self._plan, name)

    def restart_postgres(self) -> None:
        """Brings PostgreSQL back on the same URL, whether it runs (fast shutdown first), was killed or stopped."""
        self._link.ask("end", name="postgres")
        self._run_postgres()

    def restart_redis(self) -> None:
        """Brings Valkey back, empty, on the same URL."""
        self._link.ask("end", name="valkey")
        self._run_valkey()

    def stop_postgres(self) -> None:
        """Stops PostgreSQL alone, with its fast shutdown."""
        self._link.ask("end", name="postgres")

    def stop_redis(self) -> None:
        """Stops Valkey alone."""
        self._link.ask("end", name="valkey")

    def stop(self) -> None:
        """Stops both engines in order and frees the data folder; does nothing the second time."""
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.stop()

    def bring_up(self) -> None:
        """Starts both engines, on other ports if another program takes theirs in that moment."""
        for last in (False, False, True):
            try:
                self._run_valkey(again=last)
                self._run_postgres(again=last)
                break
            except _EnginePortTaken:
                ports = folder.free_ports([])
                access = dataclasses.replace(self._plan.access, postgres_port=ports[0], redis_port=ports[1])
                folder.remember(self._plan.folder, access)
                self._plan = dataclasses.replace(self._plan, access=access)
        probe.set_up(self._plan)

    def _run_postgres(self, *, again: bool = True) -> None:
        self.postgres_pid = self._run("PostgreSQL", cluster.postgres(self._plan), probe.postgres_is_up, again)

    def _run_valkey(self, *, again: bool = True) -> None:
        self.redis_pid = self._run("Valkey", cluster.valkey(self._plan), probe.valkey_is_up, again)

    def _run(
        self, title: str, request: dict[str, Any], is_up: collections.abc.Callable[[EnginePlan, int], bool], again: bool
    ) -> int:
        """Spawns one engine until it is ready; causes that pass by themselves get a second chance."""
        started = time.monotonic()
        owner = self._plan.account
        user = None if owner.uid is None else [owner.uid, owner.gid]
        while True:
            log = folder.log(self._plan.folder, request["name"])
            said_before = log.stat().st_size if log.exists() else 0
            pid: int = self._link.ask("spawn", log=str(log), user=user, **request)["pid"]
            if self._becomes_ready(title, request["name"], pid, is_up):
                return pid
            said = folder.tail(log, start=said_before)
            if not again and any(words in said for words in PORT_TAKEN):
                raise _EnginePortTaken(f"{title}: {said}")
            if time.monotonic() - started > AGAIN_PATIENCE or not any(words in said for words in PASSING):
                raise errors.EnginesFailed(f"{title} does not start: {said or f'see {log}'}")
            time.sleep(5 * LOOK_AGAIN)

    def _becomes_ready(
        self, title: str, name: str, pid: int, is_up: collections.abc.Callable[[EnginePlan, int], bool]
    ) -> bool:
        """Waits until the engine is up; answers False if it ends before."""
        deadline = time.monotonic() + START_PATIENCE
        while self._link.ask("poll", name=name)["running"]:
            if is_up(self._plan, pid):
                return True
            if time.monotonic() > deadline:
                raise errors.EnginesFailed(f"{title} is not ready after {START_PATIENCE:.0f} s, see its log")
            time.sleep(LOOK_AGAIN)
        return False


class _EnginePortTaken(errors.EnginesFailed):
    """Another program listens on the port an engine was given."""


def start(data_dir: pathlib.Path, *, durable: bool = True) -> Engines:
    """Runs PostgreSQL and Valkey on a data folder, made if missing, until `stop()` or the death of this process.

    Committed data survives everything when durable; else everything but a power cut. Raises EnginesUnavailable,
    EnginesInUse or EnginesFailed, each with one line that says what to do.
    """
    data = data_dir.absolute()
    try:
        folder.prepare(data)
        engines = _launch(data.resolve(), durable)
    except OSError as error:
        raise errors.EnginesFailed(f"{error.filename or data}: {error.strerror or error}") from error
    try:
        engines.bring_up()
    except BaseException:
        engines.stop()
        raise
    return engines


def _launch(data: pathlib.Path, durable: bool) -> Engines:
    """Takes the data folder, lays it out and starts its keeper, which holds the folder from then on."""
    with contextlib.ExitStack() as open_here:
        lock, last = folder.lock(data)
        open_here.callback(os.close, lock)
        runs_as = account.choose(data / "postgres")
        found = binaries.find(runs_as, major=cluster.major(data))
        access = folder.access(data)
        cluster.create(data, found, runs_as, access, lock)
        cluster.forget(data, last)
        reach, handles = cluster.reach(data / "postgres", runs_as)
        for handle in handles:
            open_here.callback(os.close, handle)
        plan = EnginePlan(folder=data, binaries=found, account=runs_as, access=access, durable=durable, reach=reach)
        return Engines(plan, link.Link(folder.log(data, "keeper"), lock, handles))
