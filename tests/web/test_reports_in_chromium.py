"""The pages of reports in a browser, against the real service and a worker: from a template to files and schedules."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from server.app import Running
from server.settings import Settings
from server.store.database import Database
from server.tenancy.principal import Scope
from server.web import pages
from server.web.running import RunningWeb
from tallywire.v1 import report_service_pb2 as pb
from tests.harness.pages import chromium
from tests.support import browsing, company, reporting
from tests.support.reporting import ReportWorker
from tests.support.rpcs import answers
from tests.support.serving import Accounts, now

_LOOK_SECONDS = 0.2  # between looks of a worker that nobody wakes up


@pytest.fixture
async def web(settings: Settings, server: Running) -> AsyncIterator[RunningWeb]:
    """A web process with the pages as they are committed."""
    if missing := chromium.missing():
        if os.environ.get("TALLYWIRE_ALL_CLIENTS") and "chromium" not in missing:
            pytest.fail(missing)
        pytest.skip(missing)
    async with browsing.web(settings, server.address, pages.FOLDER) as running:
        yield running


def _days_of(run: pb.ReportRun) -> dict[str, Any]:
    return {"start": run.start, "end": run.end, "time_zone": run.time_zone}


async def _working(worker: ReportWorker) -> None:
    while True:
        await worker.runner.look()
        await asyncio.sleep(_LOOK_SECONDS)


async def _in_browser(settings: Settings, database: Database, *links: str) -> Any:
    """What the browser found, while a worker made its runs."""
    async with reporting.worker(settings, database) as worker:
        working = asyncio.create_task(_working(worker))
        try:
            return await chromium.report("reports", *links)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def test_a_report_from_a_template_to_its_file_and_schedule(
    settings: Settings, database: Database, web: RunningWeb, accounts: Accounts
) -> None:
    caller = await accounts.caller(scopes=(Scope.READ, Scope.EDIT, Scope.INGEST, Scope.BACKFILL))
    events = list(company.events(now(), days=15, a_day=4))  # more or less than fit into a call
    for part in (events[::2], events[1::2]):
        await caller.track_all(part)
    reader = await accounts.another(caller, scopes=(Scope.READ,))

    links = [await browsing.link(one, web) for one in (caller, reader)]
    report = await _in_browser(settings, database, *links)

    assert (report["problems"], report["violations"], report["overflow"]) == ([], [], [])
    assert report["order"][-3:] == ["Text", "Topics", "Cost"]
    assert report["about"].startswith("Last 7 days: ")
    # The files have the preview's figures, and these are the service's.
    assert (report["state"], report["again"], report["head"]) == ("3", "3", "%PDF-")
    assert report["file"].startswith("numbers-of-the-week-")
    assert report["runs"] == 2
    run = (await reporting.call(caller, "GetReportRun", {"run_id": report["run"]})).run
    told = json.loads(await reporting.downloaded(caller, run))
    [table] = told["blocks"][0]["tables"]
    place = [one["name"] for one in table["columns"]].index("events")
    total = await answers(caller, "MetricsService/QueryMetrics", {"metrics": ["events"], "time_range": _days_of(run)})
    figure = total[0].total.figures[0].integer
    assert (report["preview"], table["rows"][0][place]) == (f"{figure:,}", figure)
    # The times that were shown while somebody typed are those of the schedule.
    [schedule] = (await reporting.call(caller, "ListReportSchedules", {"report_id": run.report_id})).schedules
    assert len(report["typed"]) == 5
    assert report["typed"] == report["stored"]
    assert (schedule.paused, schedule.cron, schedule.time_zone) == (True, "15 7 * * 1-5", "Europe/Berlin")
    assert {datetime.fromisoformat(one).weekday() for one in report["typed"]} <= {0, 1, 2, 3, 4}
    # A conflict says what differs, and was solved.
    assert report["differences"] == ["Title", "Description"]
    assert report["title"] == "Mine"
    found: pb.Report = (await reporting.call(caller, "GetReport", {"report_id": run.report_id})).report
    assert (found.title, found.version) == ("Mine", 4)
    assert not {"Edit", "Pause", "Resume", "Delete", "Add a schedule"} & set(report["readersButtons"])
    assert {"Run now", "Preview"} <= set(report["readersButtons"])
