"""A real server for contract cases: for each an organization of its own, with keys by the names of clients."""

import contextlib
import pathlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from server.settings import Settings
from server.store.database import Database
from server.tenancy import api_keys
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope
from tests import conftest
from tests.conformance.cases import Server

# The client without a name may do everything.
SCOPES = {"": (Scope.ADMIN,), "read": (Scope.READ,), "ingest": (Scope.INGEST,)}
# Of the right form, and unknown.
WRONG_KEY = f"tw_{'a' * 16}_{'A' * 43}"

MakeServer = Callable[[dict[str, Any]], Awaitable[Server]]


def servers(address: str, database: Database, make_tenant: Any, pepper: str) -> MakeServer:
    """Returns what makes an organization with its keys: the settings of the organization are its argument."""

    async def make(settings: dict[str, Any]) -> Server:
        tenant = await make_tenant(**settings)
        keys = {"": tenant.key, "wrong": WRONG_KEY}
        for name in ("read", "ingest"):
            made = await api_keys.create_key(database, KeyedHashes(pepper), tenant.name, name=name, scopes=SCOPES[name])
            keys[name] = made.secret
        return Server(address=address, keys=keys)

    return make


@dataclass(frozen=True, kw_only=True)
class Alone:
    """Engines and a server of the command's own."""

    settings: Settings
    address: str
    make_tenant: Any
    make_server: MakeServer


@contextlib.asynccontextmanager
async def alone() -> AsyncIterator[Alone]:
    """Starts engines and a server for the command; the tests have theirs, made by the same code."""
    async with contextlib.AsyncExitStack() as stack:
        engines = stack.enter_context(contextlib.contextmanager(_made(conftest.engines))())
        database = await stack.enter_async_context(contextlib.asynccontextmanager(_made(conftest.database))(engines))
        reports = stack.enter_context(tempfile.TemporaryDirectory(prefix="tallywire-reports-"))
        settings = conftest.server_settings(engines, pathlib.Path(reports))
        server = await stack.enter_async_context(
            contextlib.asynccontextmanager(_made(conftest.server))(settings, database)
        )
        make_tenant = _made(conftest.make_tenant)(database)
        yield Alone(
            settings=settings,
            address=server.address,
            make_tenant=make_tenant,
            make_server=servers(server.address, database, make_tenant, conftest.PEPPER),
        )


def _made(fixture: Any) -> Any:
    """Returns the function under a fixture."""
    return fixture.__wrapped__
