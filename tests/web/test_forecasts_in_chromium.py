"""The page of usage shows what is expected: a band with its error, and when the quota is reached."""

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
from tests.support.serving import Accounts


async def test_a_band_beyond_the_running_point(settings: Settings, server: Running, accounts: Accounts) -> None:
    if missing := chromium.missing():
        if os.environ.get("TALLYWIRE_ALL_CLIENTS") and "chromium" not in missing:
            pytest.fail(missing)
        pytest.skip(missing)
    caller = await accounts.caller(settings=OrganizationSettings(time_zone="UTC", monthly_events=1_000_000))
    chance, today = random.Random(1), serving.now().replace(hour=0, minute=0, second=0, microsecond=0)
    await caller.track_all(
        serving.event(
            "message.sent",
            at=today - timedelta(days=day),
            message=event_pb2.MessageDetail(cost_micros=chance.randrange(900_000, 1_100_000)),
        )
        for day in range(90)
    )
    async with browsing.web(settings, server.address, pages.FOLDER) as web:
        report = await chromium.report("forecasts", await browsing.link(caller, web))
    assert (report["problems"], report["violations"], report["overflow"]) == ([], [], 0)
    assert (report["outlines"], report["hollow"]) == (1, 1)
    assert report["caption"].startswith("The band holds 80 of 100 points; on the past it held ")
    assert "Expected" in report["reading"]
    assert "Forecast: not reached this month." in report["quota"]
