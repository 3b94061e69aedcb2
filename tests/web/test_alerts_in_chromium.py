"""The pages of alerts in a browser: a rule that is tried on the past and stored, and an incident that is worked on."""

import os
from datetime import timedelta

import pytest

from server.app import Running
from server.settings import Settings
from server.store.database import Database
from server.tenancy.principal import Scope
from server.web import pages
from tests.harness.pages import chromium
from tests.support import alerting, browsing, serving
from tests.support.serving import Accounts, event


def _needs_chromium() -> None:
    if missing := chromium.missing():
        if os.environ.get("TALLYWIRE_ALL_CLIENTS") and "chromium" not in missing:
            pytest.fail(missing)
        pytest.skip(missing)


async def test_a_rule_and_an_incident(
    settings: Settings, server: Running, database: Database, accounts: Accounts
) -> None:
    _needs_chromium()
    editor = await accounts.caller(scopes=(Scope.READ, Scope.EDIT, Scope.INGEST))
    at = serving.now() - timedelta(hours=3)
    await editor.track_all([event("message.sent", agent_id="bot", at=at) for _ in range(5)])
    rule = await alerting.made(editor)
    incident = await alerting.happen(database, editor.organization_id, rule.rule_id, at)
    async with browsing.web(settings, server.address, pages.FOLDER) as web:
        report = await chromium.report("alerts", await browsing.link(editor, web), incident)

    assert (report["problems"], report["violations"], report["overflow"]) == ([], [], [])
    assert report["badge"].startswith("1 ")
    assert report["moved"] == "3"
    assert "once in 90 days" in report["backtest"]
    assert report["timeline"] == ["Began", "Comment", "Acknowledged"]


async def test_all_that_a_rule_can_say(settings: Settings, server: Running, accounts: Accounts) -> None:
    _needs_chromium()
    editor = await accounts.caller(scopes=(Scope.READ, Scope.EDIT, Scope.INGEST))
    await editor.track_all([event("message.sent", agent_id="bot")])
    async with browsing.web(settings, server.address, pages.FOLDER) as web:
        report = await chromium.report("alertForm", await browsing.link(editor, web))

    assert (report["problems"], report["violations"], report["overflow"]) == ([], [], 0)
    assert report["closed"]
    assert report["refused"] == "begins at most once an hour: name one minute"
    assert report["mended"] == 0
    assert report["shown"] == ["0.05", "20", "60", "240", "1", "Asia/Tokyo"]
    assert report["mutes"] == ["0 22 * * 1-5", ""]
    (rule,) = (await alerting.one(editor, "ListAlertRules")).rules
    (mute,) = rule.rule.mute_windows
    assert (mute.cron, mute.duration.seconds, rule.rule.remind_after.seconds) == ("0 22 * * 1-5", 8 * 3600, 4 * 3600)
