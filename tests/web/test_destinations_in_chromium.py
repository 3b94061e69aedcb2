"""The pages of destinations in a browser: a mail that is caught, a secret that is shown once, and who may do what."""

import asyncio
import os
from pathlib import Path

import pytest

from server.app import Running
from server.local import mail_catcher
from server.process import port
from server.settings import Settings
from server.store.database import Database
from server.tenancy.principal import Scope
from server.web import pages
from tests.delivery import delivering
from tests.delivery.delivering import House
from tests.harness.pages import chromium
from tests.support import browsing
from tests.support.serving import Accounts, event

_LOOK_SECONDS = 0.2  # between looks of a courier that nobody wakes up


async def _delivering(house: House) -> None:
    while True:
        await house.deliver()
        await asyncio.sleep(_LOOK_SECONDS)


async def test_destinations_and_the_mail_that_was_caught(
    settings: Settings, server: Running, database: Database, accounts: Accounts, tmp_path: Path
) -> None:
    if missing := chromium.missing():
        if os.environ.get("TALLYWIRE_ALL_CLIENTS") and "chromium" not in missing:
            pytest.fail(missing)
        pytest.skip(missing)
    admin = await accounts.caller(scopes=(Scope.ADMIN, Scope.INGEST))
    await admin.track_all([event("message.sent", agent_id="bot", user_id="ada")])
    editor = await accounts.another(admin, scopes=(Scope.READ, Scope.EDIT))
    listen = port.free_address("127.0.0.1:0", "TALLYWIRE_SMTP")
    house = delivering.house(database, admin.organization_id, smtp_port=int(listen.rpartition(":")[2]))
    mail = tmp_path / mail_catcher.FOLDER
    async with (
        mail_catcher.running(tmp_path, listen),
        browsing.web(settings, server.address, pages.FOLDER, web_caught_mail=mail) as web,
    ):
        courier = asyncio.create_task(_delivering(house))
        try:
            report = await chromium.report("destinations", *[await browsing.link(one, web) for one in (admin, editor)])
        finally:
            courier.cancel()
            await asyncio.gather(courier, return_exceptions=True)

    assert (report["problems"], report["violations"], report["overflow"]) == ([], [], [])
    assert "ada@example.org" in report["headers"]
    assert report["tries"] == 1
    assert report["text"].strip()
    assert "https" in report["refusal"]
    assert report["secret"].startswith("whsec_")
    chat = "A message for a chat (Slack, Mattermost, Rocket.Chat, Discord)"
    assert {"Use of the quota", chat} <= set(report["facts"])
    assert report["rotated"].startswith("whsec_")
    assert report["rotated"] != report["secret"]
    assert "Add a destination" not in report["editorsList"]
    assert report["editorsButtons"] == ["Send a test"]
