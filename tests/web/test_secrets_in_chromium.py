"""A key that somebody has typed is nowhere afterwards: in a browser, in what it was told, and in the log."""

import logging
import os

import pytest

from server.app import Running
from server.settings import Settings
from server.tenancy.principal import Scope
from server.web import pages
from tests.harness.pages import chromium
from tests.support import browsing
from tests.support.serving import Accounts, event

SCOPES = (Scope.READ, Scope.EVENTS, Scope.INGEST)


async def test_a_key_is_left_nowhere(
    settings: Settings, server: Running, accounts: Accounts, caplog: pytest.LogCaptureFixture
) -> None:
    if missing := chromium.missing():
        if os.environ.get("TALLYWIRE_ALL_CLIENTS") and "chromium" not in missing:
            pytest.fail(missing)
        pytest.skip(missing)
    caplog.set_level(logging.DEBUG)
    caller = await accounts.caller(scopes=SCOPES)
    await caller.track(event(conversation_id="c", user_id="u", agent_id="a"))
    async with browsing.web(settings, server.address, pages.FOLDER) as web:
        found = await chromium.report("secrets", f"http://{web.address}", caller.key.secret)
    assert found == []
    assert caller.key.secret not in caplog.text
