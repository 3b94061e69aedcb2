"""A run ends once, whichever worker dies: one outcome, one message, and no file besides."""

from datetime import timedelta
from typing import Any

import pytest

from server import failpoints
from server.errors import Reason, Refused
from server.reports import extras, housekeeping, making
from server.reports.housekeeping import ReportRetention
from server.tenancy.principal import Scope
from tallywire.v1 import report_service_pb2 as pb
from tests.support import worlds
from tests.support.reporting import ReportWorker, call, created, downloaded, why
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller

EDITOR = (Scope.ADMIN, Scope.READ, Scope.EDIT)
POINTS = ("report_before_upload", "report_after_upload", "report_before_commit", "report_after_commit")


class KilledHere(BaseException):
    """What no function of the service catches, as nothing can be caught of a kill -9."""


def arm(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    def reach(name: str) -> None:
        if name == point:
            raise KilledHere

    monkeypatch.setattr(failpoints, "reach", reach)


async def scheduled(caller: Caller) -> pb.ReportRun:
    """A run of a schedule that sends its files to a webhook."""
    hook = {"destination": {"name": "Hook", "webhook": {"url": "https://example.org/hook"}}}
    (made,) = await answers(caller, "DeliveryService/CreateDestination", hook)
    report = await created(caller)
    destinations = [made.destination.destination_id]
    schedule = {"report_id": report.report_id, "when": "daily at 07:00", "destination_ids": destinations}
    kept = (await call(caller, "CreateReportSchedule", {"schedule": schedule})).schedule
    run: pb.ReportRun = (await call(caller, "RunReportSchedule", {"schedule_id": kept.schedule_id})).run
    return run


async def messages(maker: ReportWorker, caller: Caller) -> int:
    counted = "SELECT count(*) FROM delivery_messages WHERE organization_id = $1"
    return int(str(await worlds.value(maker.database, counted, caller.organization_id)))


@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_that_dies_leaves_one_outcome(
    accounts: Accounts, maker: ReportWorker, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    run = await scheduled(caller)
    work: Any = maker.work(caller, payload={"run_id": run.run_id})
    with monkeypatch.context() as patched:
        arm(patched, point)
        with pytest.raises(KilledHere):
            await maker.making.make(work)
    await maker.making.make(work)
    await maker.making.make(work)
    ended = (await call(caller, "GetReportRun", {"run_id": run.run_id})).run
    assert ended.state == pb.REPORT_RUN_STATE_SUCCEEDED
    attempts = {key.split("/")[3] for key in await maker.files(caller)}
    assert attempts == {"1" if point == "report_after_commit" else "2"}
    assert len(await maker.files(caller)) == len(ended.files) == 2
    assert await messages(maker, caller) == 1
    assert (await downloaded(caller, ended, "pdf")).startswith(b"%PDF-1.7")


async def test_no_file_stays_that_belongs_to_nothing(
    accounts: Accounts, maker: ReportWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    kept = await maker.run(caller, {"report_id": (await created(caller)).report_id})
    report = await created(caller, "Doomed")
    doomed = (await call(caller, "RunReport", {"report_id": report.report_id})).run
    work = maker.work(caller, payload={"run_id": doomed.run_id})
    with monkeypatch.context() as patched:
        arm(patched, "report_after_upload")
        with pytest.raises(KilledHere):
            await maker.making.make(work)
    everything = await maker.files(caller)
    at_once = ReportRetention(store=maker.making.store, stray_after=timedelta(minutes=-5))
    await at_once.remove(maker.work(caller))
    assert await maker.files(caller) == everything, "a run that has not ended keeps its files"
    await call(caller, "DeleteReport", {"report_id": report.report_id})
    await ReportRetention(store=maker.making.store).remove(maker.work(caller))
    assert await maker.files(caller) == everything, "what was written a moment ago may be named in the next one"
    await at_once.remove(maker.work(caller))
    assert {key.split("/")[2] for key in await maker.files(caller)} == {kept.run_id}
    days = "UPDATE report_runs SET ended_at = ended_at - interval '91 days' WHERE organization_id = $1"
    await worlds.execute(maker.database, days, caller.organization_id)
    await at_once.remove(maker.work(caller))
    assert await maker.files(caller) == []
    assert await why(caller, "GetReportRun", {"run_id": kept.run_id}) == "REPORT_RUN_NOT_FOUND"


async def test_a_run_whose_workers_are_gone_ends(accounts: Accounts, maker: ReportWorker) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    report = await created(caller)
    run = (await call(caller, "RunReport", {"report_id": report.report_id})).run
    dead = (
        "UPDATE tasks SET state = 'dead', ended_at = now() WHERE task_id ="
        " (SELECT task_id FROM report_runs WHERE organization_id = $1 AND run_id = $2)"
    )
    await worlds.execute(maker.database, dead, caller.organization_id, int(run.run_id))
    await housekeeping.settle(maker.work(caller))
    ended = (await call(caller, "GetReportRun", {"run_id": run.run_id})).run
    assert (ended.state, bool(ended.error)) == (pb.REPORT_RUN_STATE_FAILED, True)
    cancelled = (await call(caller, "RunReport", {"report_id": report.report_id})).run
    gone = (await call(caller, "CancelReportRun", {"run_id": cancelled.run_id})).run
    assert gone.state == pb.REPORT_RUN_STATE_CANCELLED
    await maker.making.make(maker.work(caller, payload={"run_id": cancelled.run_id}))
    assert (await call(caller, "GetReportRun", {"run_id": cancelled.run_id})).run == gone
    assert await maker.files(caller) == []


async def test_a_failure_is_told_in_plain_words_once_no_try_is_left(
    accounts: Accounts, maker: ReportWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    report = await created(caller)
    run = (await call(caller, "RunReport", {"report_id": report.report_id})).run

    def broken(document: object) -> bytes:
        raise ValueError("a secret of the tenant")

    monkeypatch.setitem(making._WRITERS, "pdf", broken)  # type: ignore[arg-type]
    for is_last in (False, True):
        with pytest.raises(ValueError, match="secret"):
            await maker.making.make(maker.work(caller, payload={"run_id": run.run_id}, is_last_try=is_last))
        ended = (await call(caller, "GetReportRun", {"run_id": run.run_id})).run
        assert ended.state == (pb.REPORT_RUN_STATE_FAILED if is_last else pb.REPORT_RUN_STATE_RUNNING)
    assert ended.error == "the report could not be made, by a fault of the service"


def test_what_is_not_installed_is_refused_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "typst" else object())
    extras.check(("html", "json"))
    with pytest.raises(Refused, match="typst") as refused:
        extras.check(("pdf",))
    assert refused.value.reason is Reason.FORMAT_NOT_INSTALLED
    assert "tallywire-server[reports]" in refused.value.metadata["command"]
