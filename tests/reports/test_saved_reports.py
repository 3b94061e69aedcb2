"""Reports: who sees, changes and runs which, versions and etags, and what a block may be."""

from typing import Any

import pytest

from server.tenancy.principal import Scope
from tallywire.v1 import report_service_pb2 as pb
from tests.support.reporting import FIGURES, ReportWorker, call, created, downloaded, why
from tests.support.rpcs import answers
from tests.support.serving import Accounts

READER = (Scope.READ,)
EDITOR = (Scope.READ, Scope.EDIT)


async def test_a_personal_report_with_all_that_comes_of_it_is_its_owners(
    accounts: Accounts, maker: ReportWorker
) -> None:
    ada = await accounts.caller(scopes=READER)
    bob = await accounts.another(ada, scopes=(Scope.ADMIN,))
    own = await created(ada)
    assert (own.version, own.owner, own.may_edit, own.blocks[0].kind) == (1, f"key:{ada.key.key_id}", True, "figures")
    run = await maker.run(ada, {"report_id": own.report_id})
    when = {"report_id": own.report_id, "when": "daily at 07:00"}
    schedule = (await call(ada, "CreateReportSchedule", {"schedule": when})).schedule
    named, of_run, of_schedule = (
        {"report_id": own.report_id},
        {"run_id": run.run_id},
        {"schedule_id": schedule.schedule_id},
    )
    for rpc, fields, reason in (
        ("GetReport", named, "REPORT_NOT_FOUND"),
        ("ListReportVersions", named, "REPORT_NOT_FOUND"),
        ("DeleteReport", named, "REPORT_NOT_FOUND"),
        ("UpdateReport", {"report": {**named, "title": "Mine", "blocks": [FIGURES]}}, "REPORT_NOT_FOUND"),
        ("RunReport", named, "REPORT_NOT_FOUND"),
        ("RunReport", {"again_of": run.run_id}, "REPORT_RUN_NOT_FOUND"),
        ("GetReportRun", of_run, "REPORT_RUN_NOT_FOUND"),
        ("CancelReportRun", of_run, "REPORT_RUN_NOT_FOUND"),
        ("DownloadReport", of_run, "REPORT_RUN_NOT_FOUND"),
        ("CreateReportSchedule", {"schedule": when}, "REPORT_NOT_FOUND"),
        ("ListReportSchedules", named, "REPORT_NOT_FOUND"),
        ("UpdateReportSchedule", {"schedule": {**when, **of_schedule}}, "REPORT_SCHEDULE_NOT_FOUND"),
        ("DeleteReportSchedule", of_schedule, "REPORT_SCHEDULE_NOT_FOUND"),
        ("PauseReportSchedule", of_schedule, "REPORT_SCHEDULE_NOT_FOUND"),
        ("ResumeReportSchedule", of_schedule, "REPORT_SCHEDULE_NOT_FOUND"),
        ("RunReportSchedule", of_schedule, "REPORT_SCHEDULE_NOT_FOUND"),
    ):
        assert await why(bob, rpc, fields) == reason, rpc
    assert not (await call(bob, "ListReports")).reports
    assert not (await call(bob, "ListReportRuns")).runs
    assert not (await call(bob, "ListReportSchedules")).schedules
    (listed,) = (await call(ada, "ListReports")).reports
    assert (listed.title, len(listed.blocks)) == ("Weekly", 0)


async def test_people_who_are_named_see_a_report_and_some_may_edit_it(accounts: Accounts, maker: ReportWorker) -> None:
    ada = await accounts.caller(scopes=READER)
    bob, eve = [await accounts.another(ada, scopes=READER) for _ in range(2)]
    people = [{"subject": f"key:{bob.key.key_id}"}, {"subject": f"key:{eve.key.key_id}", "may_edit": True}]
    own = await created(ada, visibility=pb.REPORT_VISIBILITY_PEOPLE, people=people)
    assert [one.subject for one in own.people] == [one["subject"] for one in people]
    change: dict[str, Any] = {"report_id": own.report_id, "title": "Ours", "blocks": [FIGURES], "visibility": 3}
    seen = (await call(bob, "GetReport", {"report_id": own.report_id})).report
    assert (seen.may_edit, len(seen.people)) == (False, 0)
    run = await maker.run(bob, {"report_id": own.report_id})
    assert await downloaded(bob, run, "pdf")
    assert await why(bob, "UpdateReport", {"report": {**change, "people": people}}) == "REPORT_OWNER"
    changed = (await call(eve, "UpdateReport", {"report": {**change, "people": people}})).report
    assert (changed.title, changed.version, changed.updated_by) == ("Ours", 2, f"key:{eve.key.key_id}")
    assert await why(eve, "UpdateReport", {"report": change}) == "REPORT_OWNER"
    alone = (await call(ada, "UpdateReport", {"report": {**change, "visibility": 1}})).report
    assert alone.visibility == pb.REPORT_VISIBILITY_PERSONAL
    assert await why(eve, "GetReport", {"report_id": own.report_id}) == "REPORT_NOT_FOUND"


async def test_a_report_of_the_organization_is_changed_with_the_scope_edit(accounts: Accounts) -> None:
    editor = await accounts.caller(scopes=EDITOR)
    reader = await accounts.another(editor, scopes=READER)
    report = {"title": "Ours", "blocks": [FIGURES], "visibility": pb.REPORT_VISIBILITY_ORGANIZATION}
    assert await why(reader, "CreateReport", {"report": report}) == "SCOPE_MISSING"
    ours = await created(editor, "Draft")
    shared = (await call(editor, "UpdateReport", {"report": {**report, "report_id": ours.report_id}})).report
    assert (await call(reader, "GetReport", {"report_id": ours.report_id})).report.title == "Ours"
    # What it was before it was shared is still its owner's alone.
    old = {"report_id": ours.report_id, "version": 1}
    assert await why(reader, "GetReport", old) == "REPORT_NOT_FOUND"
    assert (await call(editor, "GetReport", old)).report.title == "Draft"
    named = {"report_id": ours.report_id}
    assert [one.version for one in (await call(reader, "ListReportVersions", named)).versions] == [2]
    for rpc, fields in (
        ("DeleteReport", named),
        ("UpdateReport", {"report": {**report, **named}}),
        ("CreateReportSchedule", {"schedule": {**named, "when": "daily at 07:00"}}),
    ):
        assert await why(reader, rpc, fields) == "SCOPE_MISSING"
    stale = {"report": {**report, **named, "etag": ours.etag}}
    assert await why(editor, "UpdateReport", stale) == "ETAG_MISMATCH"
    await call(editor, "DeleteReport", {**named, "etag": shared.etag})
    admin = await accounts.another(editor, scopes=(Scope.ADMIN,))
    (trail,) = await answers(admin, "AuditService/ListAuditEntries", {"action_prefix": "report."})
    assert [one.action for one in trail.entries] == ["report.deleted", "report.updated"]


TEXT = {"kind": "text", "note": "Nothing."}


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ({"title": " "}, "REQUIRED_FIELD"),
        ({"blocks": []}, "REQUIRED_FIELD"),
        ({"blocks": [TEXT] * 41}, "TOO_MANY_VALUES"),
        ({"title": "x" * 201}, "FIELD_TOO_LONG"),
        ({"title": "a\x00b"}, "NUL_CHARACTER"),
        ({"blocks": [{"kind": "hologram", "query": {}}]}, "INVALID_VALUE"),
        ({"blocks": [{"kind": "table"}]}, "REQUIRED_FIELD"),
        ({"blocks": [{"kind": "text", "query": {}}]}, "INVALID_VALUE"),
        ({"blocks": [{"kind": "series", "query": {"metrics": ["events"]}}]}, "INVALID_VALUE"),
        ({"blocks": [{"kind": "table", "query": {"page_token": "x"}}]}, "INVALID_VALUE"),
        ({"blocks": [{"kind": "table", "overview": {"comparison": {"mode": 1}}}]}, "INVALID_VALUE"),
        ({"period": {"range": "last_full_moon"}}, "INVALID_VALUE"),
        ({"period": {"range": "2026-02-01..2026-01-01"}}, "INVALID_VALUE"),
        ({"period": {"comparison": "never"}}, "INVALID_VALUE"),
        ({"period": {"time_zone": "Europe/Atlantis"}}, "INVALID_TIME_ZONE"),
        ({"formats": [99]}, "INVALID_ENUM"),
        ({"visibility": 99}, "INVALID_ENUM"),
        ({"locale": "tlh"}, "INVALID_VALUE"),
        ({"people": [{"subject": "ada"}]}, "INVALID_VALUE"),
        ({"people": [{}], "visibility": 3}, "REQUIRED_FIELD"),
    ],
)
async def test_what_cannot_be_a_report_is_refused(accounts: Accounts, report: dict[str, Any], reason: str) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    assert await why(caller, "CreateReport", {"report": {"title": "Weekly", "blocks": [TEXT], **report}}) == reason
