"""The commands for tasks and schedules, as an operator types them."""

import asyncio
import json
import pathlib
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from server import kinds
from server.store import schedules as stored
from server.store import tasks
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.tasks import TaskState
from server.tasks import schedules
from server.tasks.runner import Runner
from tests.support import processes, worlds

KINDS = kinds.known()
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(own_url: str, tmp_path: pathlib.Path) -> Command:
    """Runs a command on the test's own database; Redis is away."""
    environment = processes.environment(tmp_path, DATABASE_URL=own_url, REDIS_URL="redis://127.0.0.1:1/0")

    def run(*arguments: str) -> tuple[int, str, str]:
        done = processes.invoke(*arguments, environment=environment)
        return done.returncode, done.stdout, done.stderr

    return run


async def _cancelled_meanwhile(database: Database, waiting: Awaitable[tuple[int, str, str]]) -> tuple[int, str, str]:
    """Cancels the task of a command that waits, once it has failed for the first time, and returns what it says."""
    command = asyncio.ensure_future(waiting)
    async with asyncio.timeout(30):
        while not await worlds.value(database, "SELECT count(*) FROM tasks WHERE state = 'queued' AND attempts = 1"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    async with database.transaction(of=EVERY) as driver:
        await tasks.cancel(driver, 2)
    return await command


async def state(database: Database, task_id: int) -> TaskState:
    async with database.transaction(of=EVERY) as driver:
        found = await tasks.by_id(driver, task_id)
    assert found is not None
    return found.state


async def test_a_task_from_its_beginning_to_its_end(
    own_database: Database, own_organization: int, command: Command
) -> None:
    code, output, _ = command("tasks", "run", "hourly_rollups", "--organization", "acme", "--payload", '{"a": 1}')
    assert (code, output) == (0, "task 1 is queued\n")
    code, output, _ = command("tasks", "list")
    heading, row = output.splitlines()
    assert heading.split() == ["TASK", "KIND", "ORGANIZATION", "STATE", "TRIES", "DUE", "PROGRESS", "WHAT"]
    assert re.match(r"1 +hourly_rollups +acme +queued +0/3 +\d{4}-\d\d-\d\d \d\d:\d\d +0% +-$", row)
    assert command("tasks", "cancel", "1")[:2] == (0, "task 1 is cancelled\n")
    assert await state(own_database, 1) is TaskState.CANCELLED
    assert command("tasks", "retry", "1")[:2] == (0, "task 1 is queued again\n")
    code, _, complaint = command("tasks", "retry", "1")
    assert (code, complaint) == (1, "error: task 1 is queued; only dead and cancelled tasks can be retried\n")
    await worlds.execute(own_database, "UPDATE tasks SET state = 'dead', ended_at = now(), error = 'too bad'")
    shown = json.loads(command("tasks", "show", "1", "--json")[1])
    assert (shown["state"], shown["error"], shown["payload"], shown["organization"]) == (
        "dead",
        "too bad",
        {"a": 1},
        "acme",
    )
    code, output, _ = command("tasks", "show", "1")
    assert re.search(r"^error +too bad$", output, re.MULTILINE)
    assert command("tasks", "cancel", "1")[2] == "error: task 1 is dead and cannot be cancelled\n"
    found = json.loads(command("tasks", "list", "--state", "dead", "--kind", "hourly_rollups", "--json")[1])
    assert [one["task_id"] for one in found] == [1]
    assert json.loads(command("tasks", "list", "--state", "done", "--json")[1]) == []
    assert command("tasks", "clear", "--kind", "audit")[:2] == (0, "0 dead tasks are removed\n")
    assert command("tasks", "clear")[:2] == (0, "1 dead tasks are removed\n")
    assert command("tasks", "show", "1")[2].startswith("error: there is no task 1 (any more)")


async def test_what_is_asked_for_must_exist(own_database: Database, command: Command) -> None:
    for arguments, complaint in (
        (("tasks", "run", "nonsense"), "there is no kind 'nonsense'; there are partitions, event_retention,"),
        (("tasks", "run", "audit", "--organization", "nobody"), "`organizations list` shows those there are"),
        (("tasks", "show", "77"), "there is no task 77 (any more); `tasks list` shows those there are"),
        (("tasks", "retry", "77"), "there is no task 77"),
        (("tasks", "cancel", "77"), "there is no task 77"),
        (("schedules", "pause", "nonsense"), "there is no schedule 'nonsense'; `schedules list` shows those there are"),
        (("schedules", "run", "hourly_rollups"), "there is no schedule 'hourly_rollups' of the service"),
    ):
        code, output, error = command(*arguments)
        assert (code, output) == (1, ""), arguments
        assert complaint in error
        assert len(error.splitlines()) == 1
    for arguments in (
        ("tasks", "run", "audit", "--payload", "[]"),
        ("tasks", "run", "audit", "--payload", "{"),
        ("tasks", "clear", "--state", "queued"),
        ("tasks", "list", "--state", "nonsense"),
    ):
        assert command(*arguments)[0] == 2, arguments


async def test_a_task_that_is_waited_for(own_database: Database, command: Command) -> None:
    runner = Runner(own_database, KINDS, "me")
    working = asyncio.create_task(runner.run_tasks())
    code, output, _ = await asyncio.to_thread(command, "tasks", "run", "partitions", "--wait")
    assert (code, output) == (0, 'task 1 is queued\ntask 1 is done: {"made": 0}\n')
    waiting = asyncio.to_thread(command, "tasks", "run", "hourly_rollups", "--wait")
    code, _, complaint = await _cancelled_meanwhile(own_database, waiting)
    assert (code, complaint.splitlines()[-1]) == (1, "error: task 2 is cancelled: there is no organization 0")
    working.cancel()
    await runner.stop()


async def test_schedules_are_listed_paused_and_run(
    own_database: Database, own_organization: int, command: Command
) -> None:
    assert "there are no schedules yet" in command("schedules", "list")[2]
    await schedules.refresh(own_database, KINDS)
    code, output, _ = command("schedules", "list")
    lines = output.splitlines()
    assert code == 0
    assert len(lines) == 1 + len(KINDS.schedules)
    assert re.search(r"^daily_rollups +0 1 \* \* \* +of 1 organizations ", output, re.MULTILINE)
    assert re.search(r"^audit +\*/10 \* \* \* \* +UTC +\d{4}-\d\d-\d\d \d\d:\d0 +never +0 +0 +-$", output, re.MULTILINE)
    assert command("schedules", "pause", "audit")[:2] == (0, "schedule audit is paused\n")
    assert command("schedules", "pause", "daily_rollups", "--organization", "acme")[0] == 0
    found = {one["name"]: one for one in json.loads(command("schedules", "list", "--json")[1])}
    assert [found[name]["paused"] for name in ("audit", "daily_rollups", "partitions")] == [1, 1, 0]
    assert re.search(r"^audit .* paused$", command("schedules", "list")[1], re.MULTILINE)
    assert command("schedules", "resume", "audit")[:2] == (0, "schedule audit goes on\n")
    assert command("schedules", "run", "audit")[:2] == (0, "task 1 is queued\n")
    assert command("schedules", "run", "daily_rollups", "--organization", "acme")[:2] == (0, "task 2 is queued\n")
    async with own_database.transaction(of=EVERY) as driver:
        run = await tasks.by_id(driver, 2)
    assert run is not None
    assert (run.kind, run.schedule, run.organization, run.period) == ("daily_rollups", "daily_rollups", "acme", None)


async def test_schedules_that_people_have_made_are_paused_by_their_common_name(
    own_database: Database, own_organization: int, command: Command
) -> None:
    keys = [stored.ScheduleKey(name=f"scheduled_report {name}", organization_id=own_organization) for name in "ab"]
    async with own_database.transaction(of=EVERY) as driver:
        for one in keys:
            await stored.put(
                driver,
                one,
                kind="scheduled_report",
                cron="0 7 * * *",
                time_zone="UTC",
                catch_up=stored.CatchUp.LATEST,
                next_run_at=datetime(2026, 1, 1, tzinfo=UTC),
                payload={"schedule_id": one.name[-1]},
            )
        await stored.set_paused(driver, keys[0], paused=True)

    def paused() -> int:
        return int(json.loads(command("schedules", "list", "--json")[1])[0]["paused"])

    assert paused() == 1
    assert command("schedules", "pause", "scheduled_report")[:2] == (0, "schedule scheduled_report is paused\n")
    assert paused() == 2
    assert await schedules.run_due(own_database, KINDS) == 0
    async with own_database.transaction(of=EVERY) as driver:
        assert not await stored.set_paused(driver, keys[1], paused=False), "people cannot resume it"
    assert command("schedules", "resume", "scheduled_report", "--organization", "acme")[0] == 0
    assert paused() == 1, "what people have paused stays so"
    assert command("schedules", "pause", "scheduled_report b")[0] == 0
    assert paused() == 2
    assert command("schedules", "resume", "scheduled_report b")[0] == 0
    code, _, complaint = command("schedules", "run", "scheduled_report b", "--organization", "acme")
    assert (code, complaint) == (
        1,
        "error: scheduled_report b is a schedule that people have made, and they run it: see tallywire reports\n",
    )
    assert await schedules.run_due(own_database, KINDS) == 1
