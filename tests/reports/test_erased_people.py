"""People who are erased stand in no file of a report any more, nor in a page that was mailed."""

import json
from datetime import timedelta
from typing import Any

from server.privacy.erasing import Erasing
from server.reports.housekeeping import ReportRetention
from server.tenancy.principal import Scope
from tallywire.v1 import report_service_pb2 as pb
from tests.support import serving, worlds
from tests.support.reporting import ReportWorker, call, created, downloaded, why
from tests.support.rpcs import answers
from tests.support.serving import Accounts

ALL = (Scope.ADMIN, Scope.INGEST, Scope.BACKFILL, Scope.READ, Scope.EDIT)
ANN = 'ann "canary" ü'


def by_user(metric: str) -> dict[str, Any]:
    return {"kind": "table", "title": "Users", "query": {"metrics": [metric], "group_by": ["user"]}}


async def test_files_that_name_an_erased_person_are_given_up(accounts: Accounts, maker: ReportWorker) -> None:
    caller = await accounts.caller(scopes=ALL)
    at = serving.now() - timedelta(days=2)
    of = {"conversation_id": "c", "user_id": ANN}
    await caller.track_all([serving.event("message.received", at=at, **of)])
    hook = {"destination": {"name": "Hook", "webhook": {"url": "https://example.org/hook"}}}
    (target,) = await answers(caller, "DeliveryService/CreateDestination", hook)
    period = {"range": "last_7_days", "comparison": "none"}
    report = await created(caller, blocks=[by_user("messages_received")], period=period)
    schedule = {
        "report_id": report.report_id,
        "when": "daily at 07:00",
        "destination_ids": [target.destination.destination_id],
    }
    kept = (await call(caller, "CreateReportSchedule", {"schedule": schedule})).schedule
    sent = (await call(caller, "RunReportSchedule", {"schedule_id": kept.schedule_id})).run
    run = await maker.made(caller, sent.run_id)
    assert ANN in json.loads(await downloaded(caller, run))["blocks"][0]["tables"][0]["rows"][0]
    before = {"range": "2020-01-01..2020-01-07", "comparison": "none"}
    without = await maker.run(caller, {"report_id": report.report_id, "period": before})
    other = await maker.run(caller, {"report_id": (await created(caller)).report_id})
    (erasure,) = await answers(caller, "PrivacyService/EraseUser", {"user_id": ANN})
    erasing = Erasing(read_file=maker.making.store.read)
    work = maker.work(caller, payload={"erasure_id": erasure.erasure.erasure_id})
    await erasing.erase(work)
    await ReportRetention(store=maker.making.store, stray_after=timedelta(minutes=-5)).remove(maker.work(caller))
    assert await why(caller, "DownloadReport", {"run_id": run.run_id}) == "REPORT_FILE_NOT_FOUND"
    assert {key.split("/")[2] for key in await maker.files(caller)} == {without.run_id, other.run_id}
    pages = "SELECT string_agg(html, '') FROM delivery_messages WHERE organization_id = $1"
    assert await worlds.value(maker.database, pages, caller.organization_id) == ""
    (receipt,) = await answers(caller, "PrivacyService/GetErasure", {"erasure_id": erasure.erasure.erasure_id})
    assert {one.table: one.rows for one in receipt.erasure.receipt.rows}["report_runs"] == 1
    again = await maker.run(caller, {"again_of": run.run_id})
    assert again.state == pb.REPORT_RUN_STATE_SUCCEEDED
    assert b"canary" not in await downloaded(caller, again)
