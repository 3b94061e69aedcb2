"""The commands and both clients."""

import asyncio

import pytest

from server.app import Running
from server.store.database import Database
from server.tenancy.principal import Scope
from tallywire import AsyncClient, Client, FailedPrecondition, NotFound, delivery, webhooks
from tests.delivery import delivering
from tests.support import commands, receivers
from tests.support.serving import Accounts, Caller


@pytest.fixture
async def admin(accounts: Accounts) -> Caller:
    """Somebody who may do everything in an organization."""
    return await accounts.caller(scopes=(Scope.ADMIN,))


async def test_a_webhook_from_the_command_line(server: Running, admin: Caller, database: Database) -> None:
    house = delivering.house(database, admin.organization_id)

    async def run(*arguments: str) -> str:
        return await commands.output(server.address, admin, *arguments)

    async with receivers.hook() as hook:
        made = (await run("destinations", "add", "webhook", "Orders", hook.url, "--topic", "report")).split()
        destination, secret = made[0], made[-1]
        await run("destinations", "test", destination)
        await house.deliver()
        (call,) = hook.calls
        assert webhooks.verify(secret, call.headers, call.body).type == "destination.test"
        assert (await run("destinations", "rotate", destination, "--overlap-hours", "1")).startswith("whsec_")
        await run("destinations", "pause", destination)
        (delivery_id,) = await house.queue([destination])
        (row,) = await commands.csv(server.address, admin, "deliveries", "list", "--state", "held")
        assert (row["delivery_id"], row["topic"]) == (delivery_id, "report")
        await run("destinations", "resume", destination)
        await house.deliver()
    shown = await commands.shown(server.address, admin, "destinations", "list")
    assert destination in shown
    document = await commands.document(server.address, admin, "deliveries", "show", delivery_id)
    assert [one["status"] for one in document["attempts"]] == [200]
    assert delivery_id in await commands.shown(server.address, admin, "deliveries", "list")
    assert "thanks" in await commands.shown(server.address, admin, "deliveries", "show", delivery_id)
    assert f"{delivery_id}-2" in await run("deliveries", "resend", delivery_id)
    await run("destinations", "delete", destination)
    assert await run("destinations", "list") == "There is no destination.\n"
    assert "DESTINATION_NOT_FOUND" in await commands.refused(server.address, admin, "destinations", "test", destination)


async def test_mail_and_stores_from_the_command_line(server: Running, admin: Caller) -> None:
    for arguments in (("mail", "Staff", "ada@example.org", "bob@example.org"), ("store", "Archive", "archive")):
        made = await commands.document(server.address, admin, "destinations", "add", *arguments)
        assert made["secret"] == ""
    shown = await commands.output(server.address, admin, "destinations", "list", "--json")
    assert "bob@example.org" in shown
    chat = ("webhook", "Team", "https://example.org/", "--format", "slack", "--topic", "threshold")
    made = await commands.document(server.address, admin, "destinations", "add", *chat)
    assert (made["destination"]["webhook"]["format"], made["destination"]["topics"]) == (
        "WEBHOOK_FORMAT_SLACK",
        ["DELIVERY_TOPIC_THRESHOLD"],
    )
    bad = await commands.run(server.address, admin, "destinations", "add", "webhook", "x", "https://a", "--format", "y")
    assert (bad.exit_code, "--format is one of standard, slack" in bad.stderr) == (2, True)
    bad = await commands.run(server.address, admin, "destinations", "add", "mail", "x", "a@example.org", "--topic", "y")
    assert (bad.exit_code, "--topic is one of report, alert, erasure, task, threshold" in bad.stderr) == (2, True)


async def test_the_asyncio_client(server: Running, admin: Caller, database: Database) -> None:
    house = delivering.house(database, admin.organization_id)
    async with AsyncClient(server.address, api_key=admin.key.secret) as client:
        made = await client.delivery.create(delivery.webhook("Orders", "https://example.org/", topics=["alert"]))
        own = made.destination
        for number in range(3):
            await house.queue([own.destination_id], key=str(number))
        assert len([one async for one in client.delivery.list(topic="report", state="queued", page_size=2)]) == 3
        own.name = "All orders"
        changed = await client.delivery.update(own)
        with pytest.raises(FailedPrecondition):
            await client.delivery.update(own)
        assert [one.name for one in await client.delivery.destinations()] == ["All orders"]
        await client.delivery.delete(own.destination_id, etag=changed.etag)
        with pytest.raises(NotFound):
            await client.delivery.destination(own.destination_id)
        found = await client.delivery.get((await house.deliveries())[0].delivery_id)
        assert found.delivery.error == "its destination was deleted"


async def test_the_blocking_client(server: Running, admin: Caller) -> None:
    def ask() -> list[str]:
        with Client(server.address, api_key=admin.key.secret) as client:
            client.delivery.create(delivery.store("Archive", "archive", folder="a/b"))
            return [one.store.folder for one in client.delivery.destinations()]

    assert await asyncio.to_thread(ask) == ["a/b"]
