"""A PostgreSQL that is run by hand, as the documentation tells operators, with the commands of its pages."""

import os
import pathlib
import secrets
import subprocess
from dataclasses import dataclass

import pytest

from server.local.embedded import account, binaries
from server.local.embedded.account import Account
from tests.support import processes
from tests.support.waiting import PATIENCE

PROGRAMS = ("initdb", "pg_ctl", "psql", "pg_basebackup", "pg_verifybackup", "pg_archivecleanup")
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 60
shared_buffers = '32MB'
"""


def need(folder: pathlib.Path, *programs: str) -> None:
    """Skips the test where PostgreSQL came without programs that operators have."""
    if missing := [name for name in programs if not (folder / name).exists()]:
        pytest.skip(f"{folder} has no {', '.join(missing)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The folder, the account that owns it, and the variables by which programs of PostgreSQL find it."""

    folder: pathlib.Path
    owner: Account
    variables: dict[str, str]

    @property
    def data(self) -> pathlib.Path:
        """The data folder."""
        return pathlib.Path(self.variables["PGDATA"])

    @property
    def backups(self) -> pathlib.Path:
        """What stands for /backups of the documentation."""
        return self.folder / "backups"

    def here(self, text: str) -> str:
        """A text of the documentation with the folder of this cluster's backups."""
        return text.replace("/backups", str(self.backups))

    def shell(self, commands: str, **variables: str) -> str:
        """Types commands of the documentation; each must do. Returns what they print."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.here(commands)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd=self.folder,
            env={**self.variables, **variables},
            user=self.owner.uid,
            group=self.owner.gid,
            extra_groups=self.owner.groups,
            timeout=PATIENCE,
        )
        logs = "".join(path.read_text() for path in self.folder.glob("*.log")) if done.returncode else ""
        assert done.returncode == 0, f"{done.stderr}\n{logs[-4000:]}"
        return done.stdout.strip()

    def ask(self, statement: str) -> str:
        """The one value that a statement of the superuser returns."""
        return self.shell('psql -Atc "$STATEMENT" postgres', STATEMENT=statement)

    def start(self) -> None:
        """Starts PostgreSQL and waits until it answers."""
        self.shell('pg_ctl start --silent --pgdata="$PGDATA" --timeout=120 --log="$PGDATA.log"')

    def end(self) -> None:
        """Leaves nothing behind, whatever became of the test."""
        self.shell("if pg_ctl status > /dev/null 2>&1; then pg_ctl stop --silent --mode=immediate; fi")

    def make_database(self) -> str:
        """Makes an owner who is no superuser, and its database, without a schema; returns its URL."""
        password = secrets.token_hex(8)
        self.ask(f"CREATE ROLE tallywire LOGIN PASSWORD '{password}'")
        self.ask("CREATE DATABASE tallywire OWNER tallywire")
        return f"postgresql://tallywire:{password}@127.0.0.1:{self.variables['PGPORT']}/tallywire"


def make(folder: pathlib.Path, settings: str, password: str = "") -> Cluster:
    """Makes a cluster with settings of the documentation, and a folder for its backups; it does not run yet. The
    superuser's password is a new one unless it is given.
    """
    owner = account.choose(folder / "data")
    programs = binaries.find(owner, major=None).postgres_bin
    need(programs, *PROGRAMS)
    folder.chmod(0o755)
    home = folder / "cluster"
    for path in (home, home / "backups", home / "backups" / "wal"):
        path.mkdir()
        owner.give(path)
    variables = {
        "PATH": os.pathsep.join((str(programs), os.defpath)),
        "PGDATA": str(home / "data"),
        "PGHOST": "127.0.0.1",
        "PGPORT": str(processes.free_port()),
        "PGUSER": "postgres",
        "PGPASSWORD": password or secrets.token_hex(8),
        "LC_ALL": "C",
    }
    cluster = Cluster(folder=home, owner=owner, variables=variables)
    cluster.shell(
        'initdb --username="$PGUSER" --pwfile=<(echo "$PGPASSWORD") --auth=scram-sha-256 --encoding=UTF8 --no-sync'
    )
    with (cluster.data / "postgresql.conf").open("a") as file:
        file.write(SETTINGS + cluster.here(settings))
    return cluster
