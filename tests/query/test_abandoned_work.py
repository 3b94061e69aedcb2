"""Work that several callers share goes on when they have gone, and then nobody needs to hear that it failed."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest

from server.clock import Clock
from server.errors import StorageBusy
from server.rpc import answering
from server.store.database import Database
from server.tenancy import api_keys
from server.tenancy.authentication import Authenticator
from server.tenancy.keyed_hashes import KeyedHashes

KEY = f"{api_keys.KEY_PREFIX}_{'a' * 16}_{'b' * 43}"


@pytest.fixture
async def nowhere() -> AsyncIterator[Database]:
    """A database that is not there."""
    database = Database("postgresql://nobody@127.0.0.1:1/nothing?sslmode=disable")
    yield database
    await database.close()


@pytest.fixture
async def complaints() -> AsyncIterator[list[dict[str, Any]]]:
    """What the event loop complains of."""
    loop = asyncio.get_running_loop()
    before, heard = loop.get_exception_handler(), []
    loop.set_exception_handler(lambda _, context: heard.append(context))
    yield heard
    loop.set_exception_handler(before)


async def test_a_look_up_of_a_key_fails_quietly(nowhere: Database, complaints: list[dict[str, Any]]) -> None:
    authenticator = Authenticator(nowhere, KeyedHashes("p" * 32), Clock())
    before = asyncio.all_tasks()
    caller = asyncio.create_task(authenticator.authenticate(KEY))
    await asyncio.sleep(0)
    (look_up,) = asyncio.all_tasks() - before - {caller}
    caller.cancel()
    await asyncio.wait({look_up}, timeout=10)
    assert look_up.done()
    del look_up
    assert caller.cancelled()
    del caller  # which holds on to the look-up
    gc.collect()
    assert not complaints


async def test_a_refusal_of_a_caller_that_has_just_gone_is_no_fault() -> None:
    class Gone:
        """A call whose caller has gone, of which gRPC has not heard when it sends the status."""

        def trailing_metadata(self) -> None:
            pass

        async def abort(self, *_: object) -> None:
            raise grpc.aio.InternalError

    async with answering.CallEnd("/tallywire.v1.EventService/TrackEvent", Gone()):  # type: ignore[arg-type]
        raise StorageBusy("no connection is free")
    # No exception has come out, which gRPC would log as a fault.
