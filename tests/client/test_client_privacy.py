"""Erasing and exporting people by the clients and the command line."""

import asyncio
import json
import pathlib

import grpc
import pytest

from server.app import Running
from server.store import erased_users
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy.principal import Scope
from tallywire import AsyncClient, Client, NotFound, errors
from tallywire.privacy import LineCheck, is_done
from tests.privacy import erasures as own
from tests.support import commands, serving
from tests.support.serving import Accounts, Caller


async def finish(database: Database, caller: Caller, erasure_id: str) -> None:
    """Does the task of an erasure, as a worker does it."""
    async with database.transaction(of=EVERY) as driver:
        found = await erased_users.by_id(driver, caller.organization_id, own.uuid.UUID(erasure_id))
    assert found is not None
    await own.run(database, found)


async def test_both_clients_erase_and_export(accounts: Accounts, database: Database, server: Running) -> None:
    caller = await accounts.caller(scopes=(Scope.ADMIN,))
    await caller.track_all([serving.event(user_id="ann") for _ in range(700)])

    def blocking() -> list[str]:
        with Client(server.address, api_key=caller.key.secret) as client:
            return list(client.export_user("ann"))

    async with AsyncClient(server.address, api_key=caller.key.secret) as client:
        lines = [line async for line in client.export_user("ann")]
        # Within a kind the order may differ.
        assert sorted(lines) == sorted(await asyncio.to_thread(blocking))
        assert json.loads(lines[-1])["activity"] == 700
        begun = await client.erase_user("ann", request_id="ticket")
        assert not is_done(begun)
        await finish(database, caller, begun.erasure_id)
        done = await client.get_erasure(begun.erasure_id)
        assert is_done(done)
        assert done.receipt.signature
        with pytest.raises(NotFound):
            await client.get_erasure(own.new_id())


async def test_commands(accounts: Accounts, database: Database, server: Running, tmp_path: pathlib.Path) -> None:
    caller = await accounts.caller(scopes=(Scope.ADMIN,))
    await caller.track(serving.event(user_id="ann"))
    file = tmp_path / "ann.jsonl"
    assert await commands.output(server.address, caller, "export-user", "ann", "--output", str(file)) == ""
    kinds = [json.loads(line)["kind"] for line in file.read_text().splitlines()]
    assert kinds == ["profile", "day", "activity", "counts"]
    assert file.stat().st_mode & 0o077 == 0
    unasked = await commands.run(server.address, caller, "erase", "ann")
    assert (unasked.exit_code, unasked.stdout) == (2, "")
    assert "--yes" in unasked.stderr
    begun = await commands.document(server.address, caller, "erase", "ann", "--yes", "--wait", "0")
    assert begun["state"] == "ERASURE_STATE_RUNNING"
    await finish(database, caller, begun["erasureId"] if "erasureId" in begun else begun["erasure_id"])
    text = await commands.output(server.address, caller, "erase", "ann", "--yes")
    assert text.startswith("erased; erasure ")
    assert "events 1" in text
    rows = await commands.csv(server.address, caller, "erase", "ann", "--yes")
    assert {(one["state"], one["table"]) for one in rows} >= {("done", "events"), ("done", "members")}


def test_an_export_that_is_cut_is_noticed() -> None:
    for lines in (['{"kind":"day"}'], ['{"kind":"day"}', '{"kind":"counts","day":2}']):
        check = LineCheck()
        check.take(lines)
        with pytest.raises(errors.Internal) as failure:
            check.end()
        assert failure.value.code is grpc.StatusCode.INTERNAL
