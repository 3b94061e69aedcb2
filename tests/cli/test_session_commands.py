"""The commands for sessions."""

import asyncio
import json
import pathlib
import re
import uuid

import pytest

from server.clock import Clock
from server.local import embedded
from server.organizations.audit_trail import UNNAMED_OPERATOR
from server.store import diagnosis
from server.tenancy.authentication import Authenticator
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.sign_ins import SignIns
from tests.support import processes

PEPPER = "p" * 32


@pytest.fixture(scope="module")
def migrated(engines: embedded.Engines, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of an operator with a migrated database."""
    url, home = engines.create_database(f"cli_{uuid.uuid4().hex[:8]}"), tmp_path_factory.mktemp("home")
    variables = {"DATABASE_URL": url, "REDIS_URL": engines.redis_url, "TALLYWIRE_KEY_PEPPER": PEPPER}
    environment = processes.environment(pathlib.Path(home), **variables)
    assert processes.invoke("migrate", environment=environment).returncode == 0
    return environment


def test_sessions(migrated: dict[str, str]) -> None:
    assert processes.invoke("organizations", "create", "Sessions", environment=migrated).returncode == 0
    assert json.loads(processes.invoke("sessions", "list", "Sessions", "--json", environment=migrated).stdout) == []
    key = json.loads(
        processes.invoke(
            "keys", "create", "Sessions", "--scope", "read", "--name", "shop", "--json", environment=migrated
        ).stdout
    )
    session_id = asyncio.run(_sign_in(migrated["DATABASE_URL"], key["secret"]))
    (told,) = json.loads(processes.invoke("sessions", "list", "Sessions", "--json", environment=migrated).stdout)
    assert (told["session_id"], told["key_id"], told["key_name"]) == (session_id, key["key_id"], "shop")
    subject = f"key:{key['key_id']}"
    table = processes.invoke("sessions", "list", "Sessions", "--subject", subject, environment=migrated).stdout
    assert re.search(rf"{session_id} +{subject} +shop +read +\d", table)
    for _ in range(2):
        done = processes.invoke("sessions", "revoke", session_id, environment=migrated)
        assert done.stdout == f"session {session_id} is revoked\n"
    assert json.loads(processes.invoke("sessions", "list", "Sessions", "--json", environment=migrated).stdout) == []
    trail = processes.invoke("audit-trail", "list", "Sessions", environment=migrated).stdout
    assert trail.count("session.revoked") == 1
    for nothing in ("nothing", key["key_id"]):
        unknown = processes.invoke("sessions", "revoke", nothing, environment=migrated)
        assert processes.error(unknown) == f"there is no session with the id {nothing!r}, or it ended long ago"


async def _sign_in(url: str, secret: str) -> str:
    """Signs in with a key and returns the id of the session."""
    async with diagnosis.database(url) as database:
        hashes = KeyedHashes(PEPPER)
        authenticator = Authenticator(database, hashes, Clock())
        holder = await authenticator.exchanged(secret)
        assert holder is not None
        made = await SignIns(database, hashes).sign_in(holder, (), UNNAMED_OPERATOR)
        assert made is not None
        return made.principal.key_id
