"""Keys belong in no address: what is in one signs nobody in, is not logged and is in no answer."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.app import Running
from server.settings import Settings
from server.tenancy.principal import Scope
from server.web.running import RunningWeb
from tests.support import browsing
from tests.support.browsing import Browser
from tests.support.serving import Accounts

SESSION = "AccountService/GetSession"
NAMES = ("key", "api_key", "token", "access_token", "authorization", "code", "credential", "__Host-tallywire")


@pytest.fixture
async def web(settings: Settings, server: Running, tmp_path: Path) -> AsyncIterator[RunningWeb]:
    """A web process with pages that say nothing."""
    (tmp_path / "assets").mkdir()
    for name in ("index", "embed"):
        (tmp_path / f"{name}.html").write_text("<!doctype html><head></head>")
    for name in ("build", "preloads"):
        (tmp_path / f"{name}.json").write_text("{}")
    async with browsing.web(settings, server.address, tmp_path) as running:
        yield running


async def test_a_key_in_an_address_is_no_credential_and_is_not_logged(
    accounts: Accounts, web: RunningWeb, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = (await accounts.caller(scopes=(Scope.READ,))).key.secret
    browser = Browser(address=web.address)
    answers = []
    for name in NAMES:
        query = f"?{name}={secret}"
        answers += [
            await browser.ask("GET", f"/{query}"),
            await browser.ask("GET", f"/overview/{secret}{query}"),
            await browser.ask("GET", browsing.RPC + SESSION + query),
            await browser.call(SESSION + query),
            await browser.call(f"{SESSION}/{secret}"),
            await browser.call(browsing.SIGN_IN + query),
        ]
        assert [one.status for one in answers[-6:-4]] == [200, 200]
        assert all(one.status >= 400 for one in answers[-4:])
    assert (await browser.call(SESSION, headers={"authorization": f"Basic {secret}"})).status == 401
    assert (await browser.call(SESSION, headers={"x-api-key": secret})).status == 401
    assert browser.cookies == {}
    printed = capfd.readouterr()
    said = [caplog.text, printed.out, printed.err]
    said += [f"{one.headers} {one.body.decode(errors='replace')}" for one in answers]
    assert not [one for one in said if secret in one or secret.rpartition("_")[2] in one]
