"""A Citus cluster whose nodes are run by hand, with the commands and the settings of the documentation."""

import dataclasses
import os
import pathlib
import re
import secrets
import shutil

import pytest

from server.local.embedded.binaries import POSTGRES_VARIABLE
from tests import documentation
from tests.support import certificates, citus, clusters, processes
from tests.support.certificates import Certificates, Pair
from tests.support.clusters import Cluster

DATABASE = "metrics"
PAGE = documentation.PAGES["docs/operations/citus.md"]
BACKUP = documentation.PAGES["docs/operations/backup.md"]
(_ARCHIVING,) = documentation.blocks("ini", BACKUP)
_FILES = "/etc/tallywire"  # of certificates, in the documentation
_NETWORK = "10.0.0.0/8"  # of nodes, in the documentation


def blocks(heading: str, language: str) -> list[str]:
    """The code blocks of a section about clusters."""
    _, found, after = PAGE.partition(f"\n## {heading}\n")
    assert found, heading
    return documentation.blocks(language, after.partition("\n## ")[0])


(_TLS,) = blocks("TLS between nodes", "ini")
(_RULES,) = blocks("TLS between nodes", "text")
MOVED, KNOWN = blocks("A node at another address", "sh")
_SETTINGS = re.findall(r"<<SETTINGS\n(.*?)^SETTINGS", PAGE, re.DOTALL | re.MULTILINE)[0]


@dataclasses.dataclass(slots=True, kw_only=True)
class NodeClusters:
    """The nodes that are in use, the coordinator first, with what they need to trust each other."""

    nodes: list[Cluster]
    certificates: Certificates
    password: str
    made: list[Cluster] = dataclasses.field(default_factory=list)  # whether they are in use or not

    @property
    def coordinator(self) -> Cluster:
        """The node that the service is told of."""
        return self.nodes[0]

    @property
    def url(self) -> str:
        """The URL of the database, as the documentation has it where nodes have certificates."""
        return self.at(self.coordinator)

    def at(self, *nodes: Cluster) -> str:
        """The URL that leads to the first of some nodes that takes writes."""
        hosts = ",".join(f"127.0.0.1:{port(one)}" for one in nodes)
        tls = f"sslmode=verify-full&sslrootcert={self.certificates.authority.certificate}"
        return f"postgresql://{DATABASE}:{self.password}@{hosts}/{DATABASE}?target_session_attrs=read-write&{tls}"

    def elsewhere(self, node: Cluster, name: str) -> Cluster:
        """A node with the backups of another one, whose data folder and port are its own; it is not there yet."""
        variables = {**node.variables, "PGDATA": str(node.folder / name), "PGPORT": str(processes.free_port())}
        found = dataclasses.replace(node, variables=variables)
        self.made.append(found)
        return found

    def move(self, moved: list[tuple[Cluster, Cluster]]) -> None:
        """Tells the coordinator that nodes are at other addresses, and waits until all of them know it."""
        for old, new in moved:
            self.nodes[self.nodes.index(old)] = new
            places = {"HOST": "127.0.0.1", "PORT": port(new), "OLD": f"127.0.0.1:{port(old)}"}
            self.coordinator.shell(MOVED, DATABASE=DATABASE, **places)
        self.coordinator.shell(KNOWN, DATABASE=DATABASE)

    def identify(self, node: Cluster, pair: Pair) -> None:
        """Gives a node a certificate."""
        for source, name in ((pair.certificate, "node.pem"), (pair.key, "node.key")):
            path = node.folder / name
            path.unlink(missing_ok=True)
            shutil.copy(source, path)
            path.chmod(0o600)
            node.owner.give(path)

    def end(self) -> None:
        """Leaves nothing behind, whatever became of the test."""
        for node in self.made:
            node.end()


def port(node: Cluster) -> str:
    """The port of a node."""
    return node.variables["PGPORT"]


def make(folder: pathlib.Path) -> NodeClusters:
    """Makes a coordinator and two workers that archive, trust the certificates of one authority alone and let nobody in
    without TLS and a password; they do not run yet.
    """
    folder.chmod(0o755)
    found = NodeClusters(nodes=[], certificates=certificates.make(folder), password=secrets.token_hex(8))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(POSTGRES_VARIABLE, os.environ[citus.VARIABLE])
        for name in ("coordinator", "worker1", "worker2"):
            (folder / name).mkdir()
            found.nodes.append(_node(found, folder / name))
    return found


def _node(cluster: NodeClusters, folder: pathlib.Path) -> Cluster:
    settings = "".join(line for line in _SETTINGS.splitlines(keepends=True) if "$" not in line)
    # How slow the machine is shall not decide what is archived.
    settings += _ARCHIVING.replace("archive_timeout = 60", "archive_timeout = 0")
    settings += _TLS.replace(f"{_FILES}/authority", str(folder.parent / "authority"))
    node = clusters.make(folder, settings.replace(_FILES, str(folder / "cluster")), cluster.password)
    cluster.made.append(node)
    cluster.identify(node, cluster.certificates.server)
    (node.data / "pg_hba.conf").write_text(_RULES.replace(_NETWORK, "127.0.0.1/32"))
    passwords = node.folder / "pgpass"
    passwords.write_text(f"*:*:*:postgres:{cluster.password}\n*:*:*:{DATABASE}:{cluster.password}\n")
    passwords.chmod(0o600)
    node.owner.give(passwords)
    del node.variables["PGPASSWORD"]  # which the nodes themselves would take for every role's
    node.variables["PGPASSFILE"] = str(passwords)
    return node


def start(cluster: NodeClusters) -> None:
    """Starts the nodes, and makes them know each other and a database of a role that is no superuser."""
    for node in cluster.nodes:
        node.start()
        node.ask(f"CREATE ROLE {DATABASE} LOGIN PASSWORD '{cluster.password}'")
        node.ask(f"CREATE DATABASE {DATABASE} OWNER {DATABASE}")
        ask(node, "CREATE EXTENSION citus")
    ask(cluster.coordinator, f"SELECT citus_set_coordinator_host('127.0.0.1', {port(cluster.coordinator)})")
    for node in cluster.nodes[1:]:
        ask(cluster.coordinator, f"SELECT citus_add_node('127.0.0.1', {port(node)})")


def ask(node: Cluster, statement: str) -> str:
    """What a statement of the superuser returns, in the database of the service."""
    return node.shell(f'psql -Atc "$STATEMENT" {DATABASE}', STATEMENT=statement)
