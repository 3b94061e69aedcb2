"""Webhooks of chats: what they get, and that this is signed and tried again as for every webhook."""

import dataclasses
import json

from standardwebhooks import Webhook

from server.delivery import signing
from server.organizations.delivery import DeliveryState, WebhookFormat
from server.store.database import Database
from tests.delivery import delivering
from tests.support import receivers

SECRET = bytes(range(32))


async def test_a_chat_gets_a_message_for_people(database: Database, organization: int) -> None:
    house = delivering.house(database, organization)
    files = [house.files.attachment("overview.pdf", b"%PDF-1.7")]
    report = dataclasses.replace(
        delivering.REPORT, title="Q&A <all>", text="All is <!channel> well.", attachments=files, page="/reports/r-1"
    )
    async with receivers.hook() as hook:
        await house.destination(url=hook.url, secret=SECRET, format=WebhookFormat.SLACK)
        await house.destination("program", url=hook.url, secret=SECRET)
        hook.status = 503
        await house.queue(["hook"], report)
        await house.deliver()
        hook.status = 200
        await house.deliver()
        await house.queue(["program"], report)
        await house.deliver()
    first, again, for_programs = hook.calls
    for call in hook.calls:
        Webhook(signing.shown(SECRET)).verify(call.body, dict(call.headers))
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    told = json.loads(again.body)
    assert told == json.loads(first.body)
    assert set(told) == {"text", "blocks"}
    assert told["text"].startswith("*Q&amp;A &lt;all&gt;*\nAll is &lt;!channel&gt; well.\n<https://")
    buttons = told["blocks"][-1]["elements"]
    assert buttons[0]["url"] == f"{delivering.ORIGIN}/reports/r-1"
    assert buttons[1]["url"].startswith(f"{delivering.ORIGIN}/download/")
    assert json.loads(for_programs.body)["data"]["url"] == f"{delivering.ORIGIN}/reports/r-1"
    assert {one.state for one in await house.deliveries()} == {DeliveryState.DELIVERED}


async def test_a_mail_has_a_link_to_its_page(database: Database, organization: int) -> None:
    async with receivers.mail_box() as box:
        house = delivering.house(database, organization, smtp_port=box.port)
        await house.destination("mail", addresses=("ada@example.org",))
        await house.queue(["mail"], dataclasses.replace(delivering.REPORT, page="/reports/r-1"))
        await house.deliver()
    (found,) = box.mails
    for kind in ("plain", "html"):
        body = found.get_body((kind,))
        assert body is not None
        assert f"{delivering.ORIGIN}/reports/r-1" in body.get_content()
