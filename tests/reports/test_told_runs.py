"""What destinations that ask for reports are told of runs: of reports for everybody, once, and how they ended."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from server.errors import Reason, Refused
from server.organizations.delivery import Topic
from server.reports import housekeeping
from server.tenancy.principal import Scope
from tallywire.v1 import delivery_service_pb2 as delivery_pb
from tallywire.v1 import report_service_pb2 as pb
from tests.delivery import delivering
from tests.support import receivers, worlds
from tests.support.reporting import ReportWorker, call, created
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller

EDITOR = (Scope.ADMIN, Scope.READ, Scope.EDIT)
FOR_ALL: dict[str, Any] = {"visibility": pb.REPORT_VISIBILITY_ORGANIZATION}
SECRET = bytes(range(32))


async def _told(caller: Caller) -> Sequence[delivery_pb.Delivery]:
    (found,) = await answers(caller, "DeliveryService/ListDeliveries", {})
    return list(found.deliveries)


async def _subscribed(maker: ReportWorker, caller: Caller, url: str = "https://example.org/") -> delivering.House:
    house = delivering.house(maker.database, caller.organization_id)
    await house.destination(url=url, secret=SECRET, topics=(Topic.REPORT,))
    return house


async def test_a_run_of_a_report_for_everybody_is_told_and_that_of_a_personal_one_is_not(
    accounts: Accounts, maker: ReportWorker
) -> None:
    caller, other = [await accounts.caller(scopes=EDITOR) for _ in range(2)]
    async with receivers.hook() as hook:
        house = await _subscribed(maker, caller, hook.url)
        shared, personal = await created(caller, "For all", **FOR_ALL), await created(caller, "Mine")
        run = await maker.run(caller, {"report_id": shared.report_id})
        await maker.run(caller, {"report_id": personal.report_id})
        await maker.run(other, {"report_id": (await created(other, "Theirs", **FOR_ALL)).report_id})
        await house.deliver()
    (posted,) = hook.calls
    told = json.loads(posted.body)
    assert (told["type"], told["data"]["run_id"]) == ("report.finished", run.run_id)
    assert [one["name"].rpartition(".")[2] for one in told["data"]["files"]] == ["pdf"]
    assert await _told(other) == []


async def test_a_version_from_before_a_report_was_shared_stays_its_owners(
    accounts: Accounts, maker: ReportWorker
) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    await _subscribed(maker, caller)
    report = await created(caller)
    run = (await call(caller, "RunReport", {"report_id": report.report_id})).run
    report.visibility = pb.REPORT_VISIBILITY_ORGANIZATION
    await call(caller, "UpdateReport", {"report": report})
    await maker.made(caller, run.run_id)
    assert await _told(caller) == []


async def test_whom_a_schedule_names_and_who_asks_for_reports_gets_one_message(
    accounts: Accounts, maker: ReportWorker
) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    house = await _subscribed(maker, caller)
    await house.destination("named", url="https://example.org/named", secret=SECRET)
    report = await created(caller, **FOR_ALL)
    schedule = {
        "report_id": report.report_id,
        "when": "daily at 07:00",
        "destination_ids": ["hook", "named"],
        "formats": [pb.REPORT_FORMAT_JSON],
    }
    kept = (await call(caller, "CreateReportSchedule", {"schedule": schedule})).schedule
    run = (await call(caller, "RunReportSchedule", {"schedule_id": kept.schedule_id})).run
    await maker.made(caller, run.run_id)
    told = await _told(caller)
    assert sorted(one.destination_id for one in told) == ["hook", "named"]
    (full,) = await answers(caller, "DeliveryService/GetDelivery", {"delivery_id": told[0].delivery_id})
    assert [one.name.rpartition(".")[2] for one in full.files] == ["json"]


async def _refuse(*given: Any) -> None:
    raise Refused(Reason.INVALID_VALUE, "the metric is gone")


async def test_a_run_that_fails_is_told_with_the_reason(
    accounts: Accounts, maker: ReportWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    async with receivers.hook() as hook:
        house = await _subscribed(maker, caller, hook.url)
        report = await created(caller, "For all", **FOR_ALL)
        with monkeypatch.context() as patched:
            patched.setattr(type(maker.making.questions), "answer", _refuse)
            refused = await maker.run(caller, {"report_id": report.report_id})
        stuck = (await call(caller, "RunReport", {"report_id": report.report_id})).run
        dead = (
            "UPDATE tasks SET state = 'dead', ended_at = now() WHERE task_id ="
            " (SELECT task_id FROM report_runs WHERE organization_id = $1 AND run_id = $2)"
        )
        await worlds.execute(maker.database, dead, caller.organization_id, int(stuck.run_id))
        for _ in range(2):
            await housekeeping.settle(maker.work(caller))
        await house.deliver()
    told = [json.loads(one.body) for one in hook.calls]
    assert {one["type"] for one in told} == {"report.failed"}
    why = {one["data"]["run_id"]: one["data"]["error"] for one in told}
    assert why == {
        refused.run_id: "the metric is gone",
        stuck.run_id: "the workers that made it were gone before it was done",
    }
    assert len(told) == 2
