"""AdminService: tasks and schedules, of an organization and of the service."""

import pytest

from tallywire.v1 import admin_service_pb2 as pb
from tests.support import administering
from tests.support.administering import admin, asked, operator, reason, refusal
from tests.support.serving import Accounts

WRONG_STATE = ("FAILED_PRECONDITION", "TASK_STATE", "task_id")


async def test_tasks_are_listed_in_pages_and_by_what_they_are(accounts: Accounts) -> None:
    owner, database = await admin(accounts), accounts.database
    states = ("queued", "running", "done", "dead", "cancelled")
    made = [await administering.task(database, owner.organization_id, state=one) for one in states]
    made.append(await administering.task(database, owner.organization_id, kind="erase_user"))
    found, token = [], ""
    while True:
        page = await asked(owner, "ListTasks", page_size=4, page_token=token)
        found += page.tasks
        token = page.next_page_token
        if not token:
            break
    assert [one.task_id for one in found] == made[::-1]
    assert {one.organization for one in found} == {owner.name}
    assert [one.state for one in found] == [1, 5, 4, 3, 2, 1]
    only = await asked(owner, "ListTasks", kind="erase_user")
    assert [one.task_id for one in only.tasks] == made[-1:]
    dead = await asked(owner, "ListTasks", state=pb.WORK_TASK_STATE_DEAD)
    assert [one.task_id for one in dead.tasks] == [made[3]]
    above = await operator(accounts)
    everybodys = await asked(above, "ListTasks", page_size=1_000)
    assert set(made) <= {one.task_id for one in everybodys.tasks}
    named = await asked(above, "ListTasks", organization=owner.name)
    assert [one.task_id for one in named.tasks] == made[::-1]


async def test_tasks_are_retried_and_cancelled_by_their_state(accounts: Accounts) -> None:
    owner, database = await admin(accounts), accounts.database
    states = ("queued", "running", "done", "dead", "cancelled")
    made = {one: await administering.task(database, owner.organization_id, state=one) for one in states}
    for state in ("queued", "running", "done"):
        assert await refusal(owner, "RetryTask", task_id=made[state]) == WRONG_STATE
    for state in ("done", "dead"):
        assert await refusal(owner, "CancelTask", task_id=made[state]) == WRONG_STATE
    for state in ("dead", "cancelled"):
        retried = (await asked(owner, "RetryTask", task_id=made[state])).task
        assert (retried.state, retried.attempts) == (pb.WORK_TASK_STATE_QUEUED, 0)
        for _ in range(2):  # again changes nothing
            cancelled = (await asked(owner, "CancelTask", task_id=made[state])).task
            assert cancelled.state == pb.WORK_TASK_STATE_CANCELLED
    running = (await asked(owner, "CancelTask", task_id=made["running"])).task
    assert (running.state, running.cancel_requested) == (pb.WORK_TASK_STATE_RUNNING, True)
    for task_id in ("0", "none", "9" * 30):
        for rpc in ("RetryTask", "CancelTask"):
            assert await refusal(owner, rpc, task_id=task_id) == ("NOT_FOUND", "TASK_NOT_FOUND", "task_id")
    acts = [one[2:] for one in await administering.trail(owner) if one[2].startswith("task.")]
    assert acts == [
        *((f"task.{act}", made[state]) for state in ("dead", "cancelled") for act in ("retried", "cancelled")),
        ("task.cancelled", made["running"]),
    ]


async def test_tasks_of_the_service_are_operators(accounts: Accounts) -> None:
    owner, above = await admin(accounts), await operator(accounts)
    task = await administering.task(accounts.database, 0, state="dead")
    assert await reason(owner, "RetryTask", task_id=task) == "TASK_NOT_FOUND"
    assert await reason(above, "RetryTask", organization=owner.name, task_id=task) == "TASK_NOT_FOUND"
    assert (await asked(above, "RetryTask", task_id=task)).task.organization == ""
    assert (await asked(above, "CancelTask", task_id=task)).task.state == pb.WORK_TASK_STATE_CANCELLED


async def test_a_schedule_is_run_once_until_that_has_ended(accounts: Accounts) -> None:
    owner, database = await admin(accounts), accounts.database
    await administering.schedule(database, "nightly", owner.organization_id)
    first = (await asked(owner, "RunSchedule", schedule="nightly")).task
    assert (first.kind, first.schedule, first.organization) == ("daily_rollups", "nightly", owner.name)
    assert (await asked(owner, "RunSchedule", schedule="nightly")).task.task_id == first.task_id
    await asked(owner, "CancelTask", task_id=first.task_id)
    assert (await asked(owner, "RunSchedule", schedule="nightly")).task.task_id != first.task_id
    acts = [one[2:] for one in await administering.trail(owner) if one[2].startswith("schedule.")]
    assert acts == [("schedule.run", "nightly")] * 2
    assert await refusal(owner, "RunSchedule", schedule="weekly") == ("NOT_FOUND", "SCHEDULE_NOT_FOUND", "schedule")
    report = "scheduled_report 1f2e"
    await administering.schedule(database, report, owner.organization_id, kind="scheduled_report")
    assert await reason(owner, "RunSchedule", schedule=report) == "INVALID_VALUE"


async def test_what_operators_pause_organizations_do_not_resume(accounts: Accounts) -> None:
    owner, above = await admin(accounts), await operator(accounts)
    await administering.schedule(accounts.database, "nightly", owner.organization_id)
    theirs = {"organization": owner.name, "schedule": "nightly"}
    paused = (await asked(owner, "PauseSchedule", schedule="nightly")).schedule
    assert (paused.paused, paused.paused_by_operator, paused.HasField("next_run_at")) == (True, False, False)
    assert (await asked(above, "ResumeSchedule", **theirs)).schedule.paused, "its people have paused it"
    assert not (await asked(owner, "ResumeSchedule", schedule="nightly")).schedule.paused
    assert (await asked(above, "PauseSchedule", **theirs)).schedule.paused_by_operator
    assert (await asked(owner, "ResumeSchedule", schedule="nightly")).schedule.paused
    resumed = (await asked(above, "ResumeSchedule", **theirs)).schedule
    assert (resumed.paused, resumed.HasField("next_run_at")) == (False, True)
    acts = [(one[0], one[2]) for one in await administering.trail(owner) if one[2].startswith("schedule.")]
    assert acts == [
        ("key", "schedule.paused"),
        ("key", "schedule.resumed"),
        ("operator", "schedule.paused"),
        ("operator", "schedule.resumed"),
    ]


@pytest.mark.parametrize("size", [1, 2, 1_000])
async def test_pages_of_schedules(accounts: Accounts, size: int) -> None:
    owner, other, above = await admin(accounts), await admin(accounts), await operator(accounts)
    for organization_id in (owner.organization_id, other.organization_id):
        for name in ("b", "a"):
            await administering.schedule(accounts.database, name, organization_id)
    for caller, fields in ((owner, {}), (above, {"organization": owner.name})):
        found, token = [], ""
        while True:
            page = await asked(caller, "ListSchedules", page_size=size, page_token=token, **fields)
            found += [(one.organization, one.name) for one in page.schedules]
            token = page.next_page_token
            if not token:
                break
        assert found == [(owner.name, "a"), (owner.name, "b")]
    everybodys, token = [], ""
    while True:
        page = await asked(above, "ListSchedules", page_size=1_000, page_token=token)
        everybodys += [(one.organization, one.name) for one in page.schedules]
        token = page.next_page_token
        if not token:
            break
    mine = [one for one in everybodys if one[0] in (owner.name, other.name)]
    assert mine == [(one.name, name) for one in (owner, other) for name in ("a", "b")]
