"""Exports hold nothing of the database while they are sent, and erasures are begun a few at a time."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from server import errors
from server.admission import query_slots
from server.errors import Reason, Refused
from server.exports import spool
from server.organizations.audit_trail import UNNAMED_OPERATOR
from server.privacy import export
from server.privacy.export import UserExports
from server.projections.projector import Projector
from server.store import erased_users
from server.store.database import Database
from server.store.isolation import EVERY
from tests.privacy import erasures as own
from tests.privacy.erasures import ANN
from tests.support import waiting, worlds


def lines(database: Database, organization: int) -> Any:
    """All that is kept about Ann, in portions."""
    exports = UserExports(database, own.HASHES, Projector(database))
    return contextlib.aclosing(exports.lines(own.principal(organization), ANN, UNNAMED_OPERATOR))


@pytest.fixture
async def narrow(own_database: Database) -> AsyncIterator[Database]:
    """The database with one connection for questions."""
    database = Database(own_database.url, query_connections=1)
    yield database
    await database.close()


async def test_a_slow_reader_of_an_export_holds_no_connection(
    narrow: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worlds.store(narrow, own_organization, own.world(1, 60))
    async with lines(narrow, own_organization) as portions:
        whole = [line async for portion in portions for line in portion]
    monkeypatch.setattr(export, "_MOST_BYTES", 1_000)
    monkeypatch.setattr(spool, "IN_MEMORY", 2_000)  # so that most of it is in a file
    async with lines(narrow, own_organization) as portions:
        found: list[Sequence[str]] = [await anext(portions)]
        async with narrow.query(of=EVERY) as driver:  # while the reader has not taken the rest
            assert await driver.fetchval("SELECT 1") == 1
        found += [portion async for portion in portions]
    assert len(found) > 5
    assert [line for portion in found for line in portion] == whole


async def test_an_export_for_which_there_is_no_room_fails_and_leaves_nothing(
    narrow: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worlds.store(narrow, own_organization, own.world(2, 20))
    monkeypatch.setattr(spool, "IN_MEMORY", 1)
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    async with lines(narrow, own_organization) as portions:
        with pytest.raises(errors.StorageUnavailable, match="no room"):
            await anext(portions)
    async with narrow.query(of=EVERY) as driver:
        assert await driver.fetchval("SELECT 1") == 1


async def test_a_few_erasures_are_begun_at_once(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, by_digest = list[int](), asyncio.Event(), erased_users.by_digest

    async def held(*given: Any) -> Any:
        begun.append(1)
        await go_on.wait()
        return await by_digest(*given)

    monkeypatch.setattr(erased_users, "by_digest", held)
    monkeypatch.setattr(query_slots, "PATIENCE", waiting.PATIENCE)
    one, principal = own.erasures(own_database), own.principal(own_organization)
    calls = [asyncio.create_task(one.begin(principal, f"user {n}", "", UNNAMED_OPERATOR)) for n in range(10)]
    await waiting.until(lambda: len(begun) == 2)
    with pytest.raises(Refused) as refusal:
        await one.begin(principal, "one too many", "", UNNAMED_OPERATOR)
    assert refusal.value.reason is Reason.QUERY_CONCURRENCY
    assert len(begun) == 2, "the others wait for their turn"
    go_on.set()
    await asyncio.gather(*calls)
