"""Makes the PostgreSQL cluster of a data folder and says how both engines are run."""

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import Any

from server.local import private_files
from server.local.embedded import errors, keeper
from server.local.embedded.account import Account
from server.local.embedded.binaries import Binaries
from server.local.embedded.folder import Access

ADMIN = "postgres"
USER = "tallywire"
DATABASE = "tallywire"
SETTINGS = {
    # Loopback and passwords only: sockets have a path length limit that a deep data folder exceeds.
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "synchronous_commit": "on",
    "autovacuum": "on",
    "autovacuum_naptime": "10s",
    "jit": "off",  # costs more than it saves on queries that take milliseconds
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
}
VALKEY_SETTINGS = """\
bind 127.0.0.1
protected-mode yes
port {port}
requirepass {password}
save ""
appendonly no
maxmemory 256mb
maxmemory-policy noeviction
daemonize no
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EnginePlan:
    """Everything that decides how the engines of a data folder are run."""

    folder: pathlib.Path
    binaries: Binaries
    account: Account
    access: Access
    durable: bool
    reach: str  # the cluster's path as PostgreSQL sees it

    @property
    def cluster(self) -> pathlib.Path:
        """Names the cluster's path as this process sees it."""
        return self.folder / "postgres"


def major(data: pathlib.Path) -> int | None:
    """Answers which major version of PostgreSQL wrote the data folder, None when it is new."""
    try:
        return int((data / "postgres" / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def reach(path: pathlib.Path, account: Account) -> tuple[str, list[int]]:
    """Names a folder so that the account can enter it, with the descriptors its processes must inherit.

    Root's folders often lie below a home that nobody else may enter. An open descriptor leads there without
    a walk through the parents, so neither the data nor the parents' permissions have to move.
    """
    if account.uid is None or sys.platform != "linux":
        return str(path), []
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    return f"/proc/self/fd/{handle}", [handle]


def create(data: pathlib.Path, binaries: Binaries, account: Account, access: Access, lock: int) -> None:
    """Makes the cluster if there is none; a crash at any moment leaves a whole one or none."""
    for leftover in data.glob("postgres.new-*"):
        shutil.rmtree(leftover)
    if major(data) is not None:
        return
    if (data / "postgres").exists():
        raise errors.EnginesFailed(f"{data / 'postgres'} exists and is no PostgreSQL cluster: remove it")
    fresh = pathlib.Path(tempfile.mkdtemp(prefix="postgres.new-", dir=data))
    try:
        account.give(fresh)
        _initdb(fresh, binaries, account, access, lock)
        fresh.rename(data / "postgres")
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    private_files.sync(data)


def _initdb(fresh: pathlib.Path, binaries: Binaries, account: Account, access: Access, lock: int) -> None:
    seen, handles = reach(fresh, account)
    # A file without a name: the password is never on disk where another account could look.
    with tempfile.TemporaryFile(dir=fresh.parent) as password:
        try:
            password.write(access.admin_password.encode())
            password.seek(0)
            account.give(password.fileno())
            done = subprocess.run(
                [
                    binaries.postgres_bin / "initdb",
                    f"--pgdata={seen}",
                    f"--username={ADMIN}",
                    f"--pwfile=/dev/fd/{password.fileno()}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--data-checksums",
                    *_locale(binaries.postgres_major),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                pass_fds=[lock, password.fileno(), *handles],
                user=account.uid,
                group=account.gid,
                extra_groups=account.groups,
                start_new_session=True,  # Ctrl-C reaches us first, and we clean up
                check=False,
            )
        finally:
            for handle in handles:
                os.close(handle)
    if done.returncode:
        said = [line for line in done.stdout.decode(errors="replace").splitlines() if line and "removing" not in line]
        # The first complaint is the cause (a full disk, say); what follows is its echo.
        causes = [line for line in said if re.search("error:|ERROR:|FATAL:|PANIC:|could not", line)]
        free = shutil.disk_usage(fresh.parent).free >> 20
        raise errors.EnginesFailed(
            f"initdb fails in {fresh.parent} ({free} MB free): {' | '.join(causes[:2] or said[-3:])}"
        )


def _locale(version: int) -> list[str]:
    """Chooses code point order and Unicode letters, which no upgrade of a system library can change."""
    if version >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C", f"--lc-ctype={'C.UTF-8' if sys.platform == 'linux' else 'C'}"]


def forget(data: pathlib.Path, last: dict[str, Any]) -> None:
    """Removes the pid file of a PostgreSQL that we started and that is gone, while the lock is ours.

    After a reboot another process may have its pid, and PostgreSQL would then refuse to start.
    """
    holder = last.get("engines", {}).get("postgres")
    if holder and pid_file(data)[:1] == [str(holder[0])] and keeper.stamp(int(holder[0])) != holder[1]:
        with contextlib.suppress(FileNotFoundError):
            (data / "postgres" / "postmaster.pid").unlink()


def pid_file(data: pathlib.Path) -> list[str]:
    """Reads postmaster.pid: pid, folder, start time, port, … and in the eighth line the state."""
    try:
        return [line.strip() for line in (data / "postgres" / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


def postgres(plan: EnginePlan) -> dict[str, Any]:
    """Says how the keeper runs PostgreSQL."""
    # Without durability a power cut may cost the cluster, but killed processes still lose nothing.
    safety = "on" if plan.durable else "off"
    settings = SETTINGS | {"fsync": safety, "full_page_writes": safety}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    program = str(plan.binaries.postgres_bin / "postgres")
    fast, immediate = int(signal.SIGINT), int(signal.SIGQUIT)
    return {
        "name": "postgres",
        "argv": [program, "-D", plan.reach, "-p", str(plan.access.postgres_port), *options],
        "stdin": "",
        "endings": [[fast, 30], [immediate, 10]],
    }


def valkey(plan: EnginePlan) -> dict[str, Any]:
    """Says how the keeper runs Valkey, whose settings go through a pipe: they hold the password."""
    return {
        "name": "valkey",
        "argv": [str(plan.binaries.valkey), "-"],
        "stdin": VALKEY_SETTINGS.format(port=plan.access.redis_port, password=plan.access.redis_password),
        "endings": [[int(signal.SIGTERM), 10]],
    }
