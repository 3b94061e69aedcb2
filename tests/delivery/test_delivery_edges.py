"""What goes wrong around deliveries: receivers that are none any more, mail servers that take nothing from us, names
whose servers do not answer, and files that cannot be read.
"""

import asyncio
import dataclasses
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server import errors
from server.delivery import http_post, mail, queueing
from server.delivery.http_post import NoAnswer
from server.delivery.sending import MailSender
from server.delivery.stores import StoredFiles
from server.organizations.delivery import Channel, DeliveryState, Outcome, Topic
from server.store import deliveries, destinations
from server.store.database import Database
from server.store.isolation import EVERY
from tests.delivery import delivering
from tests.delivery.delivering import House
from tests.support import receivers, waiting
from tests.support.receivers import MailBox

STAFF = ("ada@example.org", "bob@example.org")


@pytest.fixture
async def box() -> AsyncIterator[MailBox]:
    async with receivers.mail_box() as made:
        yield made


@pytest.fixture
async def house(database: Database, organization: int, box: MailBox) -> House:
    made = delivering.house(database, organization, smtp_port=box.port)
    await made.destination("staff", addresses=STAFF)
    return made


async def test_who_was_taken_off_a_destination_gets_nothing_that_waits(house: House, box: MailBox) -> None:
    await house.queue(["staff"])
    draft = dataclasses.replace((await house.kept("staff")).draft, addresses=("Ada@example.org",))
    async with house.database.transaction(of=EVERY) as driver:
        await destinations.update(driver, house.organization_id, "staff", draft)
    await house.deliver()
    assert [one["To"] for one in box.mails] == ["ada@example.org"]
    (bob,) = [one for one in await house.deliveries() if one.recipient == "bob@example.org"]
    assert (bob.state, bob.error) == (DeliveryState.CANCELLED, "the recipient was taken off the destination")


async def test_what_is_about_a_deleted_subject_is_not_sent_even_if_it_is_queued_again(
    house: House, box: MailBox
) -> None:
    ids = await house.queue(["staff"])
    async with house.database.transaction(of=EVERY) as driver:
        await queueing.revoke(driver, house.organization_id, Topic.REPORT, ["run-0", "run-1"])
        await deliveries.send_again(driver, house.organization_id, ids[0])
        again = await deliveries.by_id(driver, house.organization_id, ids[0])
        assert again is not None
        await queueing.queue_try(driver, house.organization_id, again, tries=0)
    await house.deliver()
    assert box.mails == []
    assert {one.state for one in await house.deliveries()} == {DeliveryState.CANCELLED}


async def test_a_server_that_takes_nothing_from_us_is_tried_again(house: House, box: MailBox) -> None:
    """The operator mends that: nothing is wrong with the recipient."""
    box.reply_to_sender = "550 5.7.1 relaying denied"
    await house.queue(["staff"])
    results = await house.deliver()
    assert [(one["outcome"], one["status"]) for one in results] == [("failed", 550)] * 2
    assert {one.state for one in await house.deliveries()} == {DeliveryState.QUEUED}
    box.reply_to_sender, box.reply_to_data = "250 OK", "451 greylisted, try later"
    assert [one["outcome"] for one in await house.deliver()] == ["failed"] * 2
    box.reply_to_data = "554 5.7.1 this is spam"
    assert [(one["outcome"], one["status"]) for one in await house.deliver()] == [("refused", 554)] * 2
    assert {one.state for one in await house.deliveries()} == {DeliveryState.DEAD}


@pytest.mark.parametrize(("greeting", "status"), [(b"554 go away\r\n", 554), (b"421 too busy\r\n", 421), (b"", 0)])
async def test_a_server_that_greets_nobody_is_tried_again(
    database: Database, organization: int, greeting: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "_SECONDS", 0.5)
    over = asyncio.Event()

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await over.wait()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        house = delivering.house(database, organization, smtp_port=server.sockets[0].getsockname()[1])
        await house.destination("staff", addresses=STAFF[:1])
        await house.queue(["staff"])
        await house.deliver()
    finally:
        over.set()
        server.close()
    delivery, (attempt,) = await house.one()
    assert (delivery.state, attempt.outcome, attempt.status) == (DeliveryState.QUEUED, Outcome.FAILED, status)


@pytest.mark.parametrize("asked", ["soon", "Mon, 01 Jan 2026 00:00:00 +99999999999999999999", "1" * 400])
async def test_a_pause_that_nobody_can_mean_is_none(database: Database, organization: int, asked: str) -> None:
    house = delivering.house(database, organization)
    async with receivers.hook() as hook:
        hook.headers = [("Retry-After", asked)]
        await house.destination(url=hook.url, secret=bytes(32))
        await house.queue(["hook"])
        assert [one["outcome"] for one in await house.deliver()] == ["delivered"]


async def test_names_whose_servers_do_not_answer_keep_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_post, "_SECONDS", 0.01)
    over = threading.Event()

    def lookup(*_: object, **__: object) -> list[object]:
        over.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    try:
        asked = [http_post.post("https://slow.example/", {}, b"", delivering.LOOPBACK) for _ in range(40)]
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(one) for one in told} == {NoAnswer}
        assert await asyncio.wait_for(asyncio.to_thread(lambda: 1), waiting.PATIENCE) == 1
    finally:
        over.set()


async def test_a_store_of_files_that_does_not_answer_is_no_fault_of_the_message(
    house: House, box: MailBox, tmp_path: Path
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    files = StoredFiles(tmp_path.as_uri())
    with pytest.raises(errors.StorageUnavailable):
        await files.read("loop", 0, 1)
    attached = dataclasses.replace(house.files.attachment("a.pdf", b"x"), key="loop")
    sender = house.courier.senders[Channel.MAIL]
    assert isinstance(sender, MailSender)
    away = dataclasses.replace(house.courier, senders={Channel.MAIL: dataclasses.replace(sender, files=files)})
    await house.queue(["staff"], dataclasses.replace(delivering.REPORT, attachments=[attached]))
    for work in await house.works():
        assert (await away.deliver(work))["outcome"] == "failed"
    assert {one.error for one in await house.deliveries()} == {"the store of files does not answer"}
    assert box.mails == []
