"""Pages show what is expected: a band with its error, and when the quota is reached."""

import os
import random
from datetime import timedelta

import pytest

from server.app import Running
from server.organizations.settings import OrganizationSettings
from server.settings import Settings
from server.web import pages
from tallywire.v1 import event_pb2
from tests.harness.pages import chromium
from tests.support import browsing, serving
from tests.support.serving import Accounts, Caller

HELD = "The band holds 80 of 100 points; on the past it held "
DAYS = 90


def _needs_chromium() -> None:
    if missing := chromium.missing():
        if os.environ.get("TALLYWIRE_ALL_CLIENTS") and "chromium" not in missing:
            pytest.fail(missing)
        pytest.skip(missing)


async def _spent(accounts: Accounts, *, five_days_ago: int = 1) -> Caller:
    """An organization that has spent about as much each day, but for one day on which it was so many times that."""
    caller = await accounts.caller(settings=OrganizationSettings(time_zone="UTC", monthly_events=1_000_000))
    chance, today = random.Random(1), serving.now().replace(hour=0, minute=0, second=0, microsecond=0)
    costs = [chance.randrange(900_000, 1_100_000) * (five_days_ago if day == 5 else 1) for day in range(DAYS)]
    await caller.track_all(
        serving.event(
            "message.sent",
            agent_id="bot",
            at=today - timedelta(days=day),
            message=event_pb2.MessageDetail(cost_micros=cost),
        )
        for day, cost in enumerate(costs)
    )
    return caller


async def test_a_band_beyond_the_running_point(settings: Settings, server: Running, accounts: Accounts) -> None:
    _needs_chromium()
    caller = await _spent(accounts)
    async with browsing.web(settings, server.address, pages.FOLDER) as web:
        report = await chromium.report("forecasts", await browsing.link(caller, web))
    assert (report["problems"], report["violations"], report["overflow"]) == ([], [], 0)
    assert (report["outlines"], report["hollow"]) == (1, 1)
    assert report["caption"].startswith(HELD)
    assert "Expected" in report["reading"]
    assert "Forecast: not reached this month." in report["quota"]


async def test_a_band_of_the_overview(settings: Settings, server: Running, accounts: Accounts) -> None:
    _needs_chromium()
    caller = await _spent(accounts, five_days_ago=10)
    async with browsing.web(settings, server.address, pages.FOLDER) as web:
        report = await chromium.report("ahead", await browsing.link(caller, web))
    assert (report["problems"], report["violations"], report["overflow"]) == ([], [], 0)
    for seen in (report["whole"], report["part"]):
        assert (seen["bands"], seen["hollow"]) == (1, 1)
        assert seen["caption"].startswith(HELD)
    assert report["rings"] == 1
    assert "Expected" in report["reading"]
    assert "Expected" in report["tooltip"]
    assert "open" not in report["tooltip"]
    assert report["shift"] < 0.05
    assert report["over"] == 0
