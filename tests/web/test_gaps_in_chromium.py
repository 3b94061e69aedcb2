"""Whoever may do so merges content gaps on their page, and undoes that."""

import os

import pytest

from server.app import Running
from server.settings import Settings
from server.tenancy.principal import Scope
from server.web import pages
from tests.harness.pages import chromium
from tests.support import browsing
from tests.support.serving import Accounts, event


async def test_a_merge_and_its_undo(settings: Settings, server: Running, accounts: Accounts) -> None:
    if missing := chromium.missing():
        if os.environ.get("TALLYWIRE_ALL_CLIENTS") and "chromium" not in missing:
            pytest.fail(missing)
        pytest.skip(missing)
    caller = await accounts.caller(scopes=(Scope.ADMIN,))
    topics = ("Delivery", "Delivery", "Parcels", "Warranty")
    await caller.track_all(
        event("content_gap.found", agent_id="bot", content_gap={"topic": topic, "question": f"{topic}?"})
        for topic in topics
    )
    async with browsing.web(settings, server.address, pages.FOLDER) as web:
        report = await chromium.report("gaps", await browsing.link(caller, web))
    assert (report["problems"], report["violations"], report["overflow"]) == ([], [], 0)
    apart = {"Delivery": "2", "Parcels": "1", "Warranty": "1"}
    assert report["before"] == report["after"] == apart
    assert (report["title"], report["merged"]) == ("Delivery", {"Delivery": "3", "Warranty": "1"})
