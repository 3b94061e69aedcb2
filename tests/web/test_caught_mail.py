"""Mail that was caught: shown to whoever may see its delivery, and to nobody else."""

import json
from pathlib import Path

from server.app import Running
from server.local import mail_catcher
from server.process import port
from server.settings import Settings
from server.store.database import Database
from server.tenancy.principal import Scope
from tests.delivery import delivering
from tests.support import browsing
from tests.support.browsing import Browser
from tests.support.serving import Accounts


async def test_a_caught_mail_is_shown_to_who_may_see_its_delivery(
    settings: Settings, server: Running, database: Database, accounts: Accounts, tmp_path: Path
) -> None:
    owner = await accounts.caller(scopes=(Scope.READ, Scope.EDIT))
    reader = await accounts.another(owner, scopes=(Scope.READ,))
    stranger = await accounts.caller(scopes=(Scope.ADMIN,))
    listen = port.free_address("127.0.0.1:0", "TALLYWIRE_SMTP")
    house = delivering.house(database, owner.organization_id, smtp_port=int(listen.rpartition(":")[2]))
    async with mail_catcher.running(tmp_path, listen):
        to = await house.destination("staff", addresses=("ada@example.org",))
        [delivery] = await house.queue([to])
        await house.deliver()
    path = f"/caught-mail/{delivery}"
    folder = tmp_path / mail_catcher.FOLDER
    async with browsing.web(settings, server.address, tmp_path, web_caught_mail=folder) as web:
        statuses = {}
        for caller in (reader, stranger, owner):
            browser = Browser(address=web.address)
            assert (await browser.ask("GET", path)).status == 401
            await browser.sign_in(caller.key.secret)
            statuses[caller.key.key_id] = (await browser.ask("GET", path)).status
        told = json.loads((await browser.ask("GET", path)).body)["mail"]
        shown = await browser.ask("GET", f"{path}/html")
    assert [statuses[one.key.key_id] for one in (reader, stranger, owner)] == [403, 404, 200]
    assert dict(told["headers"])["To"] == "ada@example.org"
    assert ("All is well." in told["text"], told["has_html"], told["files"]) == (True, True, [])
    assert b"<p>All is well.</p>" in shown.body
    assert shown.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


async def test_nothing_was_caught_where_mail_is_sent(
    settings: Settings, server: Running, database: Database, accounts: Accounts, tmp_path: Path
) -> None:
    owner = await accounts.caller(scopes=(Scope.EDIT, Scope.READ))
    house = delivering.house(database, owner.organization_id)
    [delivery] = await house.queue([await house.destination("staff", addresses=("ada@example.org",))])
    async with browsing.web(settings, server.address, tmp_path) as web:
        browser = Browser(address=web.address)
        await browser.sign_in(owner.key.secret)
        assert (await browser.ask("GET", f"/caught-mail/{delivery}")).body == b'{"mail": null}'
