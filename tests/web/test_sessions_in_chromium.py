"""Where somebody is signed in, in a browser against the real service: one session is ended, and then all others."""

import os

import pytest

from server.app import Running
from server.settings import Settings
from server.tenancy.principal import Scope
from server.web import pages
from tests.harness.pages import chromium
from tests.support import browsing
from tests.support.serving import Accounts, event


async def test_people_sign_out_elsewhere(settings: Settings, server: Running, accounts: Accounts) -> None:
    if missing := chromium.missing():
        if os.environ.get("TALLYWIRE_ALL_CLIENTS") and "chromium" not in missing:
            pytest.fail(missing)
        pytest.skip(missing)
    caller = await accounts.caller(scopes=(Scope.ADMIN, Scope.INGEST))
    await caller.track(event(agent_id="bot"))
    async with browsing.web(settings, server.address, pages.FOLDER) as web:
        links = [await browsing.link(caller, web, subject="ada") for _ in range(3)]
        report = await chromium.report("sessions", *links)
    assert (report["problems"], report["violations"], report["overflow"]) == ([], [], [])
    assert report["current"] == 1
    assert "10 seconds" in report["hint"]
    assert ["This session" in one for one in report["left"]] == [True]
