"""Links in mails and webhooks, as pages serve them: files, and the page that ends mail."""

import dataclasses
from collections.abc import AsyncIterator

import pytest

from server.app import Running
from server.organizations.delivery import Channel
from server.settings import Settings
from server.store import destinations
from server.store.database import Database
from server.store.isolation import EVERY
from server.web.running import RunningWeb
from tests.delivery import delivering
from tests.support import browsing, worlds
from tests.support.browsing import Browser


@pytest.fixture(scope="module")
async def web(
    settings: Settings, server: Running, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningWeb]:
    """A web process without pages: links need none."""
    async with browsing.web(settings, server.address, tmp_path_factory.mktemp("static")) as running:
        yield running


@pytest.fixture
def browser(web: RunningWeb) -> Browser:
    """A browser without a session."""
    return Browser(address=web.address)


async def test_a_link_opens_a_file_without_a_session(
    browser: Browser, server: Running, database: Database, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = delivering.house(database, organization)
    monkeypatch.setattr(server.services.deliveries._history, "_files", house.files)
    content = bytes(range(256)) * 9_000  # three parts
    file = house.files.attachment("<Übersicht>.html", content, "text/html")
    await house.destination(url="https://example.org/", secret=bytes(32))
    await house.queue(["hook"], dataclasses.replace(delivering.REPORT, attachments=[file]))
    (delivery,) = await house.deliveries()
    links = house.courier.senders[Channel.MAIL].links  # type: ignore[attr-defined]
    url, _ = links.to_file(organization, delivery.message_id, 0, delivery.created_at)
    path = url.removeprefix(delivering.ORIGIN)
    found = await browser.ask("GET", path)
    assert (found.status, found.body) == (200, content)
    # Never shown as a page of ours, whatever the file says of itself.
    assert found.headers["content-disposition"] == "attachment; filename*=UTF-8''%3C%C3%9Cbersicht%3E.html"
    assert found.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in found.headers["content-security-policy"]
    assert (found.headers["cache-control"], found.headers["content-type"]) == ("private, no-store", "text/html")
    assert (await browser.ask("HEAD", path)).headers["content-length"] == str(len(content))
    assert (await browser.ask("POST", path)).status == 405
    bad = await browser.ask("GET", path[:-2] + "AA")
    assert (bad.status, b"the link is damaged" in bad.body) == (404, True)
    revoked = "UPDATE delivery_messages SET is_revoked = true WHERE organization_id = $1"
    await worlds.execute(database, revoked, organization)
    gone = await browser.ask("GET", path)
    assert (gone.status, b"was deleted" in gone.body) == (404, True)


async def test_looking_at_the_page_of_a_mail_changes_nothing_and_its_button_does(
    browser: Browser, database: Database, organization: int
) -> None:
    house = delivering.house(database, organization)
    links = house.courier.senders[Channel.MAIL].links  # type: ignore[attr-defined]
    path = links.to_refusal(organization, "ada@example.org").removeprefix(delivering.ORIGIN)
    digest = delivering.HASHES.address_digest(organization, "ada@example.org")

    async def is_refused() -> bool:
        async with database.transaction(of=EVERY) as driver:
            return bool(await destinations.refusals(driver, organization, [digest]))

    page = await browser.ask("GET", path)
    assert (page.status, b'<form method="post">' in page.body) == (200, True)
    assert not await is_refused()
    # As mail programs do (RFC 8058): from nowhere, without a session.
    done = await browser.ask("POST", path, b"List-Unsubscribe=One-Click")
    assert (done.status, b"ada@example.org" in done.body) == (200, True)
    assert await is_refused()
    assert (await browser.ask("POST", f"{path}/again")).status == 200
    assert not await is_refused()
    assert (await browser.ask("POST", "/mail/nothing")).status == 404
