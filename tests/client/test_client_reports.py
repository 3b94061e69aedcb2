"""Reports from both clients and from the command line: kept, run, downloaded whole, scheduled."""

import asyncio
import inspect
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import tallywire
from server.app import Running
from server.settings import Settings
from server.store.database import Database
from server.tenancy.principal import Scope
from tallywire import aio_reports, reports
from tallywire.v1 import report_service_pb2 as pb
from tests.support import commands, reporting
from tests.support.reporting import ReportWorker
from tests.support.serving import Accounts

FIGURES = pb.ReportBlock(kind="figures", title="Key figures")
FIGURES.query.metrics.append("events")


@pytest.fixture(scope="module")
async def maker(settings: Settings, database: Database) -> AsyncIterator[ReportWorker]:
    """A worker of reports that goes on looking."""

    async def go_on(made: ReportWorker) -> None:
        while True:
            await made.runner.look()
            await asyncio.sleep(0.05)

    async with reporting.worker(settings, database) as made:
        looking = asyncio.create_task(go_on(made))
        yield made
        looking.cancel()
        await asyncio.wait([looking])


def names_in(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


async def _ordinary(client: Any, name: str, *arguments: Any, **options: Any) -> Any:
    def called() -> Any:
        found = getattr(client.reports, name)(*arguments, **options)
        return list(found) if inspect.isgenerator(found) else found

    return await asyncio.to_thread(called)


async def _on_asyncio(client: Any, name: str, *arguments: Any, **options: Any) -> Any:
    found = getattr(client.reports, name)(*arguments, **options)
    return [one async for one in found] if inspect.isasyncgen(found) else await found


@pytest.mark.parametrize("kind", [tallywire.Client, tallywire.AsyncClient])
async def test_a_report_is_kept_run_and_downloaded(
    server: Running, accounts: Accounts, maker: ReportWorker, kind: Any, tmp_path: Path
) -> None:
    caller = await accounts.caller(scopes=(Scope.ADMIN,))
    client = kind(server.address, api_key=caller.key.secret)
    use: Any = _on_asyncio if kind is tallywire.AsyncClient else _ordinary
    try:
        names = [one.report_id for one in await use(client, "templates")]
        assert len(names) == 9
        made = await use(client, "create", reports.Report(title="Weekly", blocks=[FIGURES]))
        made.title = "Changed"
        changed = await use(client, "update", made)
        with pytest.raises(tallywire.FailedPrecondition):
            await use(client, "update", made)
        assert [one.title for one in await use(client, "list")] == ["Changed"]
        assert (await use(client, "get", made.report_id, version=1)).title == "Weekly"
        asked = await use(client, "run", made.report_id, range="yesterday", formats=["html"], request_id="one")
        run = await use(client, "wait", asked.run_id, every=0.02)
        assert (run.state, run.range) == (pb.REPORT_RUN_STATE_SUCCEEDED, "yesterday")
        target = tmp_path / "report.html"
        told = await use(client, "download", run.run_id, target, kind="html")
        assert (len(target.read_bytes()), told.media_type) == (told.bytes, "text/html; charset=utf-8")
        with pytest.raises(tallywire.NotFound):
            await use(client, "download", run.run_id, tmp_path / "none.pdf", kind="pdf")
        assert names_in(tmp_path) == ["report.html"], "what is not whole is not there"
        again = await use(client, "wait", (await use(client, "run_again", run.run_id)).run_id, every=0.02)
        assert again.changed_figures == 0
        assert [one.run_id for one in await use(client, "runs", report_id=made.report_id)] == [again.run_id, run.run_id]
        assert (await use(client, "cancel", run.run_id)).state == pb.REPORT_RUN_STATE_SUCCEEDED
        when = reports.ReportSchedule(report_id=made.report_id, when="daily at 07:00")
        schedule = await use(client, "create_schedule", when)
        schedule.when = "weekdays at 07:00"
        schedule = await use(client, "update_schedule", schedule)
        assert (await use(client, "pause_schedule", schedule.schedule_id)).paused
        assert not (await use(client, "resume_schedule", schedule.schedule_id)).paused
        assert (await use(client, "run_schedule", schedule.schedule_id)).schedule_id == schedule.schedule_id
        assert len(await use(client, "schedules", report_id=made.report_id)) == 1
        await use(client, "delete_schedule", schedule.schedule_id)
        await use(client, "delete", made.report_id, etag=changed.etag)
        with pytest.raises(tallywire.NotFound):
            await use(client, "get", made.report_id)
    finally:
        closed = client.close()
        if inspect.isawaitable(closed):
            await closed


def test_both_kinds_take_the_same() -> None:
    def taken(kind: Any) -> dict[str, list[str]]:
        methods = {name: one for name, one in vars(kind).items() if not name.startswith("_") and callable(one)}
        return {name: list(inspect.signature(one).parameters) for name, one in methods.items()}

    assert taken(reports.ClientReports) == taken(aio_reports.AsyncClientReports)


async def test_the_command_line(server: Running, accounts: Accounts, maker: ReportWorker, tmp_path: Path) -> None:
    caller = await accounts.caller(scopes=(Scope.ADMIN,))

    async def shown(*arguments: str) -> str:
        return await commands.shown(server.address, caller, "reports", *arguments)

    assert "agent_performance" in await shown("templates")
    created = await shown("create", "--template", "overview", "--title", "Ours", "--format", "html", "--shared")
    assert "organization" in created
    assert "Ours" in await shown("list")
    target = tmp_path / "ours.html"
    assert "succeeded" in await shown("run", "ours", "--range", "yesterday", "-o", str(target))
    assert target.read_bytes().startswith(b"<!DOCTYPE html>")
    (run,) = await commands.document(server.address, caller, "reports", "history")
    text = await commands.output(
        server.address, caller, "reports", "download", run["run_id"], "-o", str(tmp_path / "x.json")
    )
    assert "sha256" in text
    rows = await commands.csv(server.address, caller, "reports", "history", "Ours")
    assert {row["format"] for row in rows} == {"html", "json"}
    scheduled = await shown("schedule", "Ours", "mondays at 07:00", "--tz", "Europe/Berlin")
    assert scheduled.count("Mon 20") == 5
    (schedule,) = await commands.document(server.address, caller, "reports", "schedules")
    assert "paused" in await shown("pause", schedule["schedule_id"])
    assert "Europe/Berlin" in await shown("resume", schedule["schedule_id"])
    await shown("unschedule", schedule["schedule_id"])
    report = json.dumps(await commands.document(server.address, caller, "reports", "show", "Ours"))
    (tmp_path / "report.json").write_text(report)
    assert "Copy" in await shown("create", "--file", str(tmp_path / "report.json"), "--title", "Copy")
    assert "0 figures differ" in await shown("run", "--again", run["run_id"])
    assert "deleted" in await shown("delete", "Copy")
    wrong = await commands.refused(server.address, caller, "reports", "run", "None")
    assert "there is no report" in wrong
