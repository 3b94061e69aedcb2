"""Mails: one to each recipient, refused ones never, and files that are too large as links."""

import dataclasses
import re

from server.delivery import courier as couriers
from server.organizations.delivery import DeliveryState, Outcome
from server.store import destinations
from server.store.database import Database
from server.store.isolation import EVERY
from tests.delivery import delivering
from tests.support import receivers, worlds

STAFF = ("ada@example.org", "bob@example.org")


async def test_each_recipient_gets_a_mail_of_its_own(database: Database, organization: int) -> None:
    async with receivers.mail_box() as box:
        house = delivering.house(database, organization, smtp_port=box.port)
        files = [
            house.files.attachment("overview.pdf", b"%PDF-1.7 x"),
            house.files.attachment("a.csv", b"a", "text/csv"),
        ]
        await house.destination("staff", addresses=STAFF)
        ids = await house.queue(["staff"], dataclasses.replace(delivering.REPORT, attachments=files))
        assert [one["outcome"] for one in await house.deliver()] == ["delivered"] * 2
    assert sorted(mail["To"] for mail in box.mails) == list(STAFF)
    assert {mail["Message-ID"] for mail in box.mails} == {f"<{one}@example.org>" for one in ids}
    for mail in box.mails:
        assert mail["Subject"] == "Weekly overview"
        assert [part.get_filename() for part in mail.iter_attachments()] == ["overview.pdf", "a.csv"]
    for delivery in await house.deliveries():
        assert delivery.state is DeliveryState.DELIVERED


async def test_files_that_are_too_large_are_linked(database: Database, organization: int) -> None:
    async with receivers.mail_box() as box:
        house = delivering.house(database, organization, smtp_port=box.port)
        files = [house.files.attachment("overview.pdf", b"x" * 2_000)]
        await house.destination("staff", addresses=STAFF[:1])
        await house.queue(["staff"], dataclasses.replace(delivering.REPORT, attachments=files))
        await house.deliver()
    (mail,) = box.mails
    assert not list(mail.iter_attachments())
    body = mail.get_body(("plain",))
    assert body is not None
    assert re.search(r"overview\.pdf \(2\.0 KiB\): https://metrics\.example\.org/download/\S+", body.get_content())


async def test_a_refusal_for_good_is_not_tried_again_and_another_one_is(database: Database, organization: int) -> None:
    replies = {"ada@example.org": "550 no such mailbox", "bob@example.org": "451 try later"}
    async with receivers.mail_box() as box:
        box.reply = replies.__getitem__
        house = delivering.house(database, organization, smtp_port=box.port)
        await house.destination("staff", addresses=STAFF)
        await house.queue(["staff"])
        results = {(one["outcome"], one["status"]) for one in await house.deliver()}
        assert results == {("refused", 550), ("failed", 451)}
        box.reply = lambda _: "250 OK"
        await house.deliver()
    assert [mail["To"] for mail in box.mails] == ["bob@example.org"]
    states = {one.recipient: one.state for one in await house.deliveries()}
    assert states == {"ada@example.org": DeliveryState.DEAD, "bob@example.org": DeliveryState.DELIVERED}


async def test_who_wants_no_mail_gets_none(database: Database, organization: int) -> None:
    async with receivers.mail_box() as box:
        house = delivering.house(database, organization, smtp_port=box.port)
        await house.destination("staff", addresses=STAFF)
        async with database.transaction(of=EVERY) as driver:
            digest = delivering.HASHES.address_digest(organization, "Ada@Example.org")
            await destinations.refuse_mail(driver, organization, digest)
        await house.queue(["staff"])
        await house.deliver()
    assert [mail["To"] for mail in box.mails] == ["bob@example.org"]
    (ada,) = [one for one in await house.deliveries() if one.recipient == "ada@example.org"]
    assert (ada.state, ada.error) == (DeliveryState.CANCELLED, "the recipient wants no more mail")


async def test_without_a_mail_server_mail_waits(database: Database, organization: int) -> None:
    house = delivering.house(database, organization)
    await house.destination("staff", addresses=STAFF[:1])
    await house.queue(["staff"])
    await house.deliver()
    delivery, (attempt,) = await house.one()
    assert (delivery.state, attempt.outcome) == (DeliveryState.QUEUED, Outcome.FAILED)
    assert "TALLYWIRE_SMTP" in attempt.error


async def test_a_file_that_is_gone_ends_a_delivery(database: Database, organization: int) -> None:
    async with receivers.mail_box() as box:
        house = delivering.house(database, organization, smtp_port=box.port)
        files = [house.files.attachment("overview.pdf", b"x")]
        await house.destination("staff", addresses=STAFF[:1])
        await house.queue(["staff"], dataclasses.replace(delivering.REPORT, attachments=files))
        house.files.contents.clear()
        await house.deliver()
    delivery, _ = await house.one()
    assert (delivery.state, box.mails) == (DeliveryState.DEAD, [])


async def test_what_lost_its_task_is_found_and_what_is_old_is_removed(
    own_database: Database,
) -> None:
    organization = await worlds.value(
        own_database, "INSERT INTO organizations (name, time_zone) VALUES ('a', 'UTC') RETURNING organization_id"
    )
    async with receivers.mail_box() as box:
        house = delivering.house(own_database, organization, smtp_port=box.port)
        await house.destination("staff", addresses=STAFF[:1])
        await house.queue(["staff"])
        (work,) = await house.works()
        sweep, retain = couriers.kinds(house.courier)[-2:]
        assert await sweep.run(work) == {"queued": 0}
        await worlds.execute(own_database, "UPDATE deliveries SET next_try_at = now() - interval '11 minutes'")
        assert await sweep.run(work) == {"queued": 1}
        await worlds.execute(own_database, "UPDATE delivery_messages SET created_at = now() - interval '91 days'")
        assert await retain.run(work) == {"removed": 0}, "it is still queued"
        await house.deliver()
        assert len(box.mails) == 1
        assert await retain.run(work) == {"removed": 1}
        assert await house.deliveries() == []
