"""What happens in the service and is told to destinations that ask for it."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from server.delivery import failed_tasks
from server.organizations.delivery import Topic
from server.store import claims, tasks
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.tasks import FailedTask, TaskState
from server.tasks.kinds import Kind, Kinds, Result, TaskError, Work
from server.tasks.runner import Runner
from tests.delivery import delivering
from tests.privacy import erasures
from tests.support import receivers, waiting, worlds
from tests.support.own_tasks import OwnTasks, kind

SECRET = bytes(range(32))


async def test_an_erasure_is_told_once_and_never_who_it_was(database: Database, organization: int) -> None:
    house = delivering.house(database, organization)
    async with receivers.hook() as hook:
        await house.destination(url=hook.url, secret=SECRET, topics=(Topic.ERASURE,))
        await house.destination("other", url=hook.url, secret=SECRET, topics=(Topic.REPORT,))
        erasure = await erasures.begin(database, organization)
        done = [await erasures.run(database, erasure) for _ in range(2)]
        await house.deliver()
    (call,) = hook.calls
    told = json.loads(call.body)
    assert (told["type"], told["data"]["erasure_id"]) == ("user.erased", str(erasure.erasure_id))
    assert told["data"]["rows"] == done[0].touched
    assert told["data"]["exports_to_delete"] == []
    assert erasures.ANN not in call.body


async def _organizations(database: Database, *names: str) -> list[Any]:
    add = "INSERT INTO organizations (name, time_zone) VALUES ($1, 'UTC') RETURNING organization_id"
    return [await worlds.value(database, add, name) for name in names]


async def _breaks(work: Work) -> Result:
    raise TaskError("no luck")


async def test_a_task_that_fails_for_good_is_told_with_the_failure_and_once_each_time(own_database: Database) -> None:
    organization, other = await _organizations(own_database, "a", "b")
    house = delivering.house(own_database, organization)
    failing, deliver = kind("report_run", run=_breaks, tries=2), kind("deliver_mail", run=_breaks, tries=1)
    own = OwnTasks(own_database)
    runner = Runner(own_database, Kinds((failing, deliver), on_failed=failed_tasks.tell), "worker")
    await runner.introduce()

    async def fail(one: Kind, organization_id: int) -> int:
        task_id = await own.queue(one, organization_id=organization_id)
        for _ in range(one.tries):
            await worlds.execute(own_database, "UPDATE tasks SET run_at = now() WHERE task_id = $1", task_id)
            await runner.look()
            await waiting.until(lambda: not runner.executions.count(is_long=False))
        assert (await own.get(task_id)).state is TaskState.DEAD
        return task_id

    async with receivers.hook() as hook:
        await house.destination(url=hook.url, secret=SECRET, topics=(Topic.TASK,))
        task_id = await fail(failing, organization)
        await fail(failing, other)
        await fail(deliver, organization)
        (one,) = await house.deliveries()
        assert (one.kind, one.subject_id) == ("task.failed", str(task_id))
        # Somebody asks for it again, and its workers are gone each time.
        async with own_database.transaction(of=EVERY) as driver:
            assert await tasks.retry(driver, task_id)
        for _ in range(failing.tries):
            await worlds.execute(own_database, "UPDATE tasks SET run_at = now() WHERE task_id = $1", task_id)
            assert len(await own.claim(failing)) == 1
            await own.pass_time(timedelta(hours=1))
            await Runner(own_database, Kinds((), on_failed=failed_tasks.tell), "another").look()
        assert (await own.get(task_id)).state is TaskState.DEAD
        await house.deliver()
    told = [json.loads(call.body) for call in hook.calls]
    assert [one["type"] for one in told] == ["task.failed", "task.failed"]
    assert {(one["data"]["task_kind"], one["data"]["task_id"]) for one in told} == {("report_run", task_id)}
    assert {one["data"]["error"] for one in told} == {"no luck", "its worker was gone: the lease ran out"}
    await runner.stop()


async def test_a_failure_is_not_recorded_without_what_is_told_of_it(own_database: Database) -> None:
    (organization,) = await _organizations(own_database, "a")
    own, failing = OwnTasks(own_database), kind("report_run", tries=1)
    await own.queue(failing, organization_id=organization)
    (claim,) = await own.claim(failing)
    house = delivering.house(own_database, organization)
    await house.destination(url="https://example.org/", topics=(Topic.TASK,))
    failed = FailedTask(
        task_id=claim.task_id, epoch=claim.epoch, kind=claim.kind, organization_id=organization, attempts=1, error="x"
    )

    async def record(and_then: Callable[[], object]) -> None:
        async with own_database.transaction(of=EVERY) as driver:
            assert await claims.fail(driver, claim, "x", timedelta(0)) is TaskState.DEAD
            await failed_tasks.tell(driver, [failed])
            and_then()

    with pytest.raises(IndexError):
        await record([].pop)
    assert await house.deliveries() == []
    for _ in range(2):  # the answer to the first one may have been lost
        await record(list)
    assert len(await house.deliveries()) == 1
