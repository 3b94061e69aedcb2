"""Schedules: calendar words and cron, changes of clocks, pauses and etags."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from server.errors import Refused
from server.reports import calendar_words
from server.tasks import schedules
from server.tenancy.principal import Scope
from server.timerange import zone
from tallywire.v1 import report_service_pb2 as pb
from tests.support import waiting, worlds
from tests.support.reporting import ReportWorker, call, created, why
from tests.support.serving import Accounts, Caller

EDITOR = (Scope.READ, Scope.EDIT)
NEVER = "no such words"


@pytest.mark.parametrize(
    ("said", "cron"),
    [
        ("daily at 07:00", "0 7 * * *"),
        ("Weekdays at 7:30", "30 7 * * 1-5"),
        ("mondays and thursdays at 07:00", "0 7 * * 1,4"),
        ("every monday, tuesday and friday at 23:59", "59 23 * * 1,2,5"),
        ("monthly on day 28 at 06:15", "15 6 28 * *"),
        ("quarterly on day 1 at 00:00", "0 0 1 1,4,7,10 *"),
        ("hourly at :05", "5 * * * *"),
        ("0 8 * * 1-5", "0 8 * * 1-5"),
        ("*/10 9-17 * * *", "*/10 9-17 * * *"),
        ("monthly on day 31 at 07:00", NEVER),
        ("mondaies at 07:00", NEVER),
        ("daily at 25:00", NEVER),
        ("* * * * *", NEVER),
        ("0,1 * * * *", NEVER),
        ("0 0 31 2 *", NEVER),
    ],
)
def test_calendar_words(said: str, cron: str) -> None:
    if cron is NEVER:
        with pytest.raises(Refused):
            calendar_words.expression(said, "when")
    else:
        assert calendar_words.expression(said, "when") == cron


async def made(caller: Caller, **fields: object) -> pb.ReportSchedule:
    report = await created(caller)
    schedule = {"report_id": report.report_id, "when": "daily at 02:30", **fields}
    found: pb.ReportSchedule = (await call(caller, "CreateReportSchedule", {"schedule": schedule})).schedule
    return found


async def test_next_runs_are_shown_over_a_change_of_the_clocks(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    schedule = await made(caller, time_zone="Europe/Berlin", when="30 2 29,30 3 *")
    shown = [at.ToDatetime(tzinfo=UTC).astimezone(zone("Europe/Berlin")) for at in schedule.next_runs]
    assert len(shown) == 5
    # In 2027 the clocks skip 02:30 on 28 March, in 2026 they did on the 29th.
    assert {at.month for at in shown} == {3}
    assert all(later > earlier for earlier, later in itertools.pairwise(shown))
    words = await made(caller, time_zone="Europe/Berlin", when="daily at 07:00")
    assert {at.ToDatetime(tzinfo=UTC).astimezone(zone("Europe/Berlin")).hour for at in words.next_runs} == {7}


async def test_a_due_schedule_runs_once_and_waits_while_it_is_paused(accounts: Accounts, maker: ReportWorker) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    schedule = await made(caller, when="hourly at :05")
    of = {"schedule_id": schedule.schedule_id}
    paused = (await call(caller, "PauseReportSchedule", of)).schedule
    assert paused.paused
    overdue = "UPDATE schedules SET next_run_at = next_run_at - interval '3 hours' WHERE organization_id = $1"
    await worlds.execute(maker.database, overdue, caller.organization_id)
    await schedules.run_due(maker.database, maker.runner._kinds)
    assert not (await call(caller, "ListReportRuns", of)).runs
    resumed = (await call(caller, "ResumeReportSchedule", of)).schedule
    assert not resumed.paused
    for _ in range(2):
        await schedules.run_due(maker.database, maker.runner._kinds)

    async def is_queued() -> bool:
        await maker.runner.look()
        return bool((await call(caller, "ListReportRuns", of)).runs)

    await waiting.until(is_queued)
    (run,) = (await call(caller, "ListReportRuns", of)).runs
    ended = await maker.made(caller, run.run_id)
    assert (ended.state, ended.requested_by) == (pb.REPORT_RUN_STATE_SUCCEEDED, f"key:{caller.key.key_id}")
    at = ended.scheduled_at.ToDatetime(tzinfo=UTC)
    assert at.minute == 5
    assert timedelta() <= datetime.now(UTC) - at < timedelta(hours=1, minutes=5), "the latest of three"
    (again,) = (await call(caller, "ListReportSchedules", {})).schedules
    assert again.next_runs[0].ToDatetime(tzinfo=UTC) > at


async def test_a_schedule_is_changed_against_its_etag(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=EDITOR)
    schedule = await made(caller)
    change = {"schedule_id": schedule.schedule_id, "when": "weekdays at 09:00", "etag": schedule.etag}
    changed = (await call(caller, "UpdateReportSchedule", {"schedule": change})).schedule
    assert (changed.cron, changed.report_id, changed.etag != schedule.etag) == (
        "0 9 * * 1-5",
        schedule.report_id,
        True,
    )
    assert await why(caller, "UpdateReportSchedule", {"schedule": change}) == "ETAG_MISMATCH"
    for wrong, reason in (
        ({"when": "sometimes"}, "INVALID_VALUE"),
        ({"when": ""}, "REQUIRED_FIELD"),
        ({"when": "daily at 07:00", "time_zone": "Moon/Tycho"}, "INVALID_TIME_ZONE"),
        ({"when": "daily at 07:00", "catch_up": 9}, "INVALID_ENUM"),
        ({"when": "daily at 07:00", "destination_ids": ["x"] * 21}, "TOO_MANY_VALUES"),
    ):
        given = {"schedule_id": schedule.schedule_id, **wrong}
        assert await why(caller, "UpdateReportSchedule", {"schedule": given}) == reason
    await call(caller, "DeleteReportSchedule", {"schedule_id": schedule.schedule_id})
    assert not (await call(caller, "ListReportSchedules", {})).schedules
