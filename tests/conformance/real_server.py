"""A real server for contract cases: for each an organization of its own, with keys by the names of clients."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from server.store.database import Database
from server.tenancy import api_keys
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope
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


@contextlib.asynccontextmanager
async def alone() -> AsyncIterator[MakeServer]:
    """Starts engines and a server for the command; the tests have theirs."""
    from tests import conftest

    async with contextlib.AsyncExitStack() as stack:
        engines = stack.enter_context(_once(conftest.engines))
        database = await stack.enter_async_context(_once_async(conftest.database, engines))
        settings = conftest.settings.__wrapped__(engines)
        server = await stack.enter_async_context(_once_async(conftest.server, settings, database))
        make_tenant = conftest.make_tenant.__wrapped__(database)
        yield servers(server.address, database, make_tenant, conftest.PEPPER)


def _once(fixture: Any, *arguments: Any) -> Any:
    return contextlib.contextmanager(fixture.__wrapped__)(*arguments)


def _once_async(fixture: Any, *arguments: Any) -> Any:
    return contextlib.asynccontextmanager(fixture.__wrapped__)(*arguments)
