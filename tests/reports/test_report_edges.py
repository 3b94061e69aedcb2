"""What happens around reports: readers that do not read, deletions beside runs, full disks, answers that are not there
yet, and who may have a schedule send.
"""

import asyncio
import dataclasses
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from server.errors import Reason, Refused
from server.organizations.delivery import DeliveryState
from server.reports import making, object_store, page, telling
from server.reports.document import ReportDocument
from server.reports.housekeeping import ReportRetention
from server.reports.object_store import ObjectStore
from server.rpc import report_service
from server.rpc.asking import Asking
from server.store import deployment
from server.store.isolation import EVERY
from server.tasks.kinds import TaskError
from server.tenancy.principal import Scope
from tallywire.v1 import report_service_pb2 as pb
from tallywire.v1 import report_service_pb2_grpc
from tests.delivery import delivering
from tests.support import full_disks, serving, waiting, worlds
from tests.support.reporting import ReportWorker, call, created, downloaded, why
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller, Running

READER = (Scope.READ,)
EDITOR = (Scope.ADMIN, Scope.READ, Scope.EDIT)
PERSONAL, SHARED = pb.REPORT_VISIBILITY_PERSONAL, pb.REPORT_VISIBILITY_ORGANIZATION


async def destination(caller: Caller) -> str:
    hook = {"destination": {"name": "Hook", "webhook": {"url": "https://example.org/hook"}}}
    (made,) = await answers(caller, "DeliveryService/CreateDestination", hook)
    return str(made.destination.destination_id)


async def test_a_download_that_is_not_read_frees_everything_and_is_told(
    server: Running, accounts: Accounts, maker: ReportWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_service, "WRITE_SECONDS", 0.05)
    monkeypatch.setattr(object_store, "_PIECE", 1024 * 1024)
    monkeypatch.setitem(making._WRITERS, "html", lambda _: b"x" * 8 * 1024 * 1024)  # type: ignore[arg-type]
    caller = await accounts.caller(scopes=EDITOR)
    report = await created(caller, formats=[pb.REPORT_FORMAT_HTML])
    run = await maker.run(caller, {"report_id": report.report_id})
    runs = server.services.reports._runs
    options = [("grpc.http2.lookahead_bytes", 65_536), ("grpc.http2.bdp_probe", 0)]
    async with grpc.aio.insecure_channel(server.address, options=options) as channel:
        reading = report_service_pb2_grpc.ReportServiceStub(channel).DownloadReport(
            pb.DownloadReportRequest(run_id=run.run_id, format=pb.REPORT_FORMAT_HTML),
            metadata=caller.metadata,
            timeout=60,
        )
        assert (await reading.read()).HasField("file")
        await waiting.until(lambda: runs._downloads.asked == 0)  # and nothing was read yet
        left = report_service_pb2_grpc.ReportServiceStub(channel).DownloadReport(
            pb.DownloadReportRequest(run_id=run.run_id), metadata=caller.metadata, timeout=60
        )
        assert (await left.read()).HasField("file")
        left.cancel()
        await waiting.until(lambda: runs._downloads.asked == 0)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await _read_rest(reading)
    assert serving.refusal(refused.value).reason == "SLOW_CONSUMER"


async def _read_rest(reading: Any) -> None:
    while await reading.read() is not grpc.aio.EOF:
        pass


async def test_what_a_run_sends_while_its_report_is_deleted_is_not_sent(
    accounts: Accounts, maker: ReportWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    report = await created(caller)
    schedule = {
        "report_id": report.report_id,
        "when": "daily at 07:00",
        "destination_ids": [await destination(caller)],
    }
    kept = (await call(caller, "CreateReportSchedule", {"schedule": schedule})).schedule
    run = (await call(caller, "RunReportSchedule", {"schedule_id": kept.schedule_id})).run
    deleting: list[asyncio.Task[Any]] = []
    send = telling.send
    waits = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        " AND query ILIKE '%report%'"
    )

    async def sent(*given: Any) -> None:
        """Queues the message, and commits only once somebody who deletes the report has begun."""
        await send(*given)
        deleting.append(asyncio.create_task(call(caller, "DeleteReport", {"report_id": report.report_id})))

        async def is_waiting() -> bool:
            return await worlds.value(maker.database, waits) != 0

        await waiting.until(is_waiting)

    monkeypatch.setattr(telling, "send", sent)
    await maker.making.make(maker.work(caller, payload={"run_id": run.run_id}))
    await asyncio.gather(*deleting)
    (found,) = await answers(caller, "DeliveryService/ListDeliveries", {})
    assert [one.error for one in found.deliveries] == ["its subject was deleted"]
    delivery_id = found.deliveries[0].delivery_id
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answers(caller, "DeliveryService/ResendDelivery", {"delivery_id": delivery_id})
    assert serving.refusal(refused.value).reason == "INVALID_VALUE"


async def test_a_page_that_is_mailed_keeps_nothing_else_in_the_worker_waiting(
    accounts: Accounts, maker: ReportWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    schedule = {
        "report_id": (await created(caller)).report_id,
        "when": "daily at 07:00",
        "destination_ids": [await destination(caller)],
    }
    kept = (await call(caller, "CreateReportSchedule", {"schedule": schedule})).schedule
    run = (await call(caller, "RunReportSchedule", {"schedule_id": kept.schedule_id})).run
    written, threads = page.written, list[threading.Thread]()

    def noted(document: ReportDocument) -> bytes:
        threads.append(threading.current_thread())
        return written(document)

    monkeypatch.setattr(page, "written", noted)
    await maker.making.make(maker.work(caller, payload={"run_id": run.run_id}))
    assert len(threads) == 1
    assert threading.main_thread() not in threads


async def test_nothing_stays_of_a_run_whose_organization_is_revoked_meanwhile(
    accounts: Accounts, maker: ReportWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    report = await created(caller)
    schedule = {
        "report_id": report.report_id,
        "when": "daily at 07:00",
        "destination_ids": [await destination(caller)],
    }
    kept = (await call(caller, "CreateReportSchedule", {"schedule": schedule})).schedule
    run = (await call(caller, "RunReportSchedule", {"schedule_id": kept.schedule_id})).run
    put = ObjectStore.put

    async def revoked(*given: Any) -> str:
        """Writes a file, and the organization is revoked before the run is recorded."""
        revoke = "UPDATE organizations SET state = 'revoked' WHERE organization_id = $1"
        await worlds.execute(maker.database, revoke, caller.organization_id)
        return await put(*given)

    monkeypatch.setattr(ObjectStore, "put", revoked)
    await maker.making.make(maker.work(caller, payload={"run_id": run.run_id}))
    await ReportRetention(store=maker.making.store, stray_after=timedelta(minutes=-5)).remove(maker.work(caller))
    assert await maker.files(caller) == []
    courier = delivering.house(maker.database, caller.organization_id)
    assert await courier.deliver() != []
    assert {(one.state, one.error) for one in await courier.deliveries()} == {
        (DeliveryState.CANCELLED, "the organization was revoked")
    }


async def test_runs_from_before_a_report_was_shared_stay_its_owners(accounts: Accounts, maker: ReportWorker) -> None:
    ada = await accounts.caller(scopes=EDITOR)
    bob = await accounts.another(ada, scopes=READER)
    report = await created(ada, "Draft")
    private = await maker.run(ada, {"report_id": report.report_id})
    shared = {"report_id": report.report_id, "title": "Ours", "blocks": report.blocks, "visibility": SHARED}
    await call(ada, "UpdateReport", {"report": shared})
    public = await maker.run(bob, {"report_id": report.report_id})
    assert await downloaded(bob, public)
    for rpc, fields in (
        ("GetReportRun", {"run_id": private.run_id}),
        ("DownloadReport", {"run_id": private.run_id}),
        ("RunReport", {"again_of": private.run_id}),
    ):
        assert await why(bob, rpc, fields) == "REPORT_RUN_NOT_FOUND"
    for caller, seen in ((ada, [public.run_id, private.run_id]), (bob, [public.run_id])):
        assert [one.run_id for one in (await call(caller, "ListReportRuns")).runs] == seen


async def test_who_may_not_see_destinations_has_nothing_sent(accounts: Accounts, maker: ReportWorker) -> None:
    ada = await accounts.caller(scopes=EDITOR)
    bob = await accounts.another(ada, scopes=READER)
    target = await destination(ada)
    own = await created(bob)
    schedule: dict[str, Any] = {"report_id": own.report_id, "when": "daily at 07:00"}
    sending = {**schedule, "destination_ids": [target]}
    assert await why(bob, "CreateReportSchedule", {"schedule": sending}) == "SCOPE_MISSING"
    kept = (await call(bob, "CreateReportSchedule", {"schedule": schedule})).schedule
    change = {**sending, "schedule_id": kept.schedule_id}
    assert await why(bob, "UpdateReportSchedule", {"schedule": change}) == "SCOPE_MISSING"
    # A run that is sent to others is for those who may change the schedule.
    ours = await created(ada, visibility=SHARED)
    sending["report_id"] = ours.report_id
    kept = (await call(ada, "CreateReportSchedule", {"schedule": sending})).schedule
    assert await why(bob, "RunReportSchedule", {"schedule_id": kept.schedule_id}) == "SCOPE_MISSING"
    assert (await call(ada, "RunReportSchedule", {"schedule_id": kept.schedule_id})).run.run_id
    nowhere = {**sending, "destination_ids": [target, "dst_nowhere"]}
    assert await why(ada, "CreateReportSchedule", {"schedule": nowhere}) == "DESTINATION_NOT_FOUND"
    # One that is deleted meanwhile is no hindrance to other changes.
    await answers(ada, "DeliveryService/DeleteDestination", {"destination_id": target})
    change = {**sending, "schedule_id": kept.schedule_id, "when": "daily at 08:00"}
    assert (await call(ada, "UpdateReportSchedule", {"schedule": change})).schedule.cron == "0 8 * * *"


async def test_an_answer_that_is_not_there_yet_is_waited_for(
    accounts: Accounts, maker: ReportWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    report = await created(caller)
    run = (await call(caller, "RunReport", {"report_id": report.report_id})).run
    work: dict[str, Any] = {"payload": {"run_id": run.run_id}}

    async def not_yet(*_: object) -> None:
        raise Refused(Reason.STORAGE_BUSY, "ask again in a moment", retry_after=2.0)

    with monkeypatch.context() as patched:
        patched.setattr(Asking, "answer", not_yet)
        with pytest.raises(TaskError, match="block 1 of 1"):
            await maker.making.make(maker.work(caller, **work))
        assert (await call(caller, "GetReportRun", {"run_id": run.run_id})).run.state == pb.REPORT_RUN_STATE_RUNNING
    await maker.making.make(maker.work(caller, **work))
    ended = (await call(caller, "GetReportRun", {"run_id": run.run_id})).run
    assert (ended.state, ended.failed_blocks) == (pb.REPORT_RUN_STATE_SUCCEEDED, 0)


async def test_a_full_disk_leaves_no_part_of_a_file(
    accounts: Accounts, maker: ReportWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than the logs of this process come to, which have to have room.
    monkeypatch.setitem(making._WRITERS, "html", lambda _: b"x" * 1_000_000)  # type: ignore[arg-type]
    caller = await accounts.caller(scopes=EDITOR)
    report = await created(caller, formats=[pb.REPORT_FORMAT_HTML])
    run = (await call(caller, "RunReport", {"report_id": report.report_id})).run
    work: dict[str, Any] = {"payload": {"run_id": run.run_id}}
    small = dataclasses.replace(maker.making, store=ObjectStore(tmp_path.as_uri()))
    for is_last in (False, True):
        with full_disks.largest_file(500_000), pytest.raises(object_store.NoRoom):
            await small.make(maker.work(caller, is_last_try=is_last, **work))
    ended = (await call(caller, "GetReportRun", {"run_id": run.run_id})).run
    assert ended.state == pb.REPORT_RUN_STATE_FAILED
    assert "no room" in ended.error
    assert _files(tmp_path) == []


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_half_a_file_of_a_worker_that_was_killed_does_not_stay(maker: ReportWorker, accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    async with maker.database.transaction(of=EVERY) as driver:
        here = await deployment.look(driver)
    assert here is not None
    folder = Path(maker.making.store._url.removeprefix("file://")) / here.deployment_id / str(caller.organization_id)
    folder.mkdir(parents=True)
    old, new = folder / "report.pdf#1", folder / "report.pdf#2"
    long_ago = (datetime.now(UTC) - timedelta(hours=3)).timestamp()
    for path in (old, new):
        path.write_bytes(b"%PDF")
    os.utime(old, (long_ago, long_ago))
    await ReportRetention(store=maker.making.store).remove(maker.work(caller))
    assert (old.exists(), new.exists()) == (False, True)


async def test_tasks_that_name_nothing_say_so(accounts: Accounts, maker: ReportWorker) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    known = maker.runner._kinds
    for kind, rpc in (("report_run", "RunReport"), ("scheduled_report", "RunReportSchedule")):
        with pytest.raises(TaskError, match=rpc):
            await known[kind].run(maker.work(caller))
