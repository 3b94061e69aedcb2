"""What a tool for BI does: it reads by the login of an organization."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg

from server.store import address
from server.store.database import Database
from server.tenancy import bi_logins

Reader = Any  # a connection of the driver


@contextlib.asynccontextmanager
async def logged_in(database: Database, name: str) -> AsyncIterator[Reader]:
    """A session by a login that an organization has meanwhile."""
    login = await bi_logins.give(database, name)
    reader = await asyncpg.connect(address.of_login(database.url, login.role, login.password, login.database))
    try:
        yield reader
    finally:
        await reader.close()
        await bi_logins.take(database, name)
