"""The overview rings what is unusual and says why; what changed adds up."""

import os

import pytest

from server.app import Running
from server.settings import Settings
from server.web import pages
from tests.anomalies import spike
from tests.harness.pages import chromium
from tests.support import browsing
from tests.support.serving import Accounts


async def test_what_is_unusual_and_what_changed(settings: Settings, server: Running, accounts: Accounts) -> None:
    if missing := chromium.missing():
        if os.environ.get("TALLYWIRE_ALL_CLIENTS") and "chromium" not in missing:
            pytest.fail(missing)
        pytest.skip(missing)
    caller = await accounts.caller()
    await spike.fill(caller)
    async with browsing.web(settings, server.address, pages.FOLDER) as web:
        report = await chromium.report("anomalies", await browsing.link(caller, web))
    assert (report["problems"], report["violations"], report["overflow"]) == ([], [], 0)
    assert report["rings"] == 1
    assert "σ above the usual" in report["tooltip"]
    assert report["tooltip"].endswith("for Tuesdays 12:00")
    assert report["remark"] == report["tooltip"]
    by_name = {one["name"]: dict(one["rows"]) for one in report["accounts"]}
    assert list(by_name) == ["Agent", "Channel", "Topic"]
    agents = {name: int(change.replace("−", "-")) for name, change in by_name["Agent"].items()}
    together = agents.pop("together")
    assert sum(agents.values()) == together
    assert max(agents, key=lambda name: agents[name]) == "a"
