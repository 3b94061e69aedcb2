"""A run again as of then: the same period, the newest data, and what differs."""

import json
from datetime import timedelta

from server.tenancy.principal import Scope
from tallywire.v1 import report_service_pb2 as pb
from tests.support import serving
from tests.support.reporting import ReportWorker, call, created, downloaded, why
from tests.support.serving import Accounts

ALL = (Scope.ADMIN, Scope.INGEST, Scope.BACKFILL, Scope.READ)


async def test_a_run_again_tells_what_differs(accounts: Accounts, maker: ReportWorker) -> None:
    caller = await accounts.caller(scopes=ALL)
    at = serving.now() - timedelta(days=3)
    await caller.track_all([serving.event("message.sent", at=at, agent_id="bot-1")])
    blocks = [
        {"kind": "figures", "title": "Key figures", "query": {"metrics": ["events", "messages_received"]}},
        {"kind": "table", "title": "Agents", "query": {"metrics": ["events"], "group_by": ["agent"]}},
    ]
    report = await created(caller, blocks=blocks, period={"range": "last_7_days", "comparison": "none"})
    first = await maker.run(caller, {"report_id": report.report_id})
    assert not first.HasField("changed_figures")
    same = await maker.run(caller, {"again_of": first.run_id})
    assert (same.changed_figures, same.again_of, same.start, same.end) == (0, first.run_id, first.start, first.end)
    # The report is changed, and an event comes in late: the run of then is asked again as it was.
    changed = {"report_id": report.report_id, "title": "Other", "blocks": [{"kind": "text", "note": "x"}]}
    await call(caller, "UpdateReport", {"report": changed})
    await caller.track_all([serving.event("message.sent", at=at, agent_id="bot-2")])
    again = await maker.run(caller, {"again_of": first.run_id, "formats": [pb.REPORT_FORMAT_HTML]})
    assert (again.title, again.report_version, again.last_revision > first.last_revision) == ("Weekly", 1, True)
    told = json.loads(await downloaded(caller, again))
    assert again.changed_figures == len(told["differences"])
    found = {(one["block"], one["row"], one["column"]): (one["before"], one["now"]) for one in told["differences"]}
    assert found == {
        ("Key figures", "", "events"): (1, 2),
        ("Agents", "bot-2", "events"): (None, 1),
        ("Agents", "total", "events"): (1, 2),
    }
    page = (await downloaded(caller, again, "html")).decode()
    assert f"3 figures differ from those of run {first.run_id}" in page
    period = {"again_of": first.run_id, "period": {"range": "today"}}
    assert await why(caller, "RunReport", period) == "INVALID_VALUE"


async def test_a_request_makes_one_run(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=ALL)
    report = await created(caller)
    asked = {"report_id": report.report_id, "request_id": "monday"}
    runs = [(await call(caller, "RunReport", asked)).run.run_id for _ in range(3)]
    assert len(set(runs)) == 1
    other = (await call(caller, "RunReport", {**asked, "request_id": "tuesday"})).run.run_id
    page = await call(caller, "ListReportRuns", {"page_size": 1})
    last = await call(caller, "ListReportRuns", {"page_size": 1, "page_token": page.next_page_token})
    assert [one.run_id for one in (*page.runs, *last.runs)] == [other, runs[0]]
    assert not last.next_page_token
    wrong = {"page_token": page.next_page_token, "report_id": report.report_id}
    assert await why(caller, "ListReportRuns", wrong) == "PAGE_TOKEN_MISMATCH"


async def test_a_block_that_is_refused_leaves_the_others_alone(accounts: Accounts, maker: ReportWorker) -> None:
    caller = await accounts.caller(scopes=ALL)
    good = {"kind": "figures", "query": {"metrics": ["events"]}}
    bad = {"kind": "table", "title": "Old", "query": {"metrics": ["custom.gone"]}}
    wrong = {"kind": "figures", "title": "Wrong", "overview": {}, "options": {"metrics": ["no_such_figure"]}}
    report = await created(caller, blocks=[good, bad, wrong])
    run = await maker.run(caller, {"report_id": report.report_id})
    assert (run.state, run.failed_blocks) == (pb.REPORT_RUN_STATE_SUCCEEDED, 2)
    refusals = [one["refusal"] for one in json.loads(await downloaded(caller, run))["blocks"]]
    assert refusals[0] == ""
    assert refusals[1].startswith("UNKNOWN_METRIC: ")
    assert "no_such_figure" in refusals[2]
    nothing = await created(caller, blocks=[bad])
    run = await maker.run(caller, {"report_id": nothing.report_id})
    assert run.state == pb.REPORT_RUN_STATE_FAILED
    assert run.error.startswith("UNKNOWN_METRIC: ")
    assert await why(caller, "DownloadReport", {"run_id": run.run_id}) == "REPORT_FILE_NOT_FOUND"
