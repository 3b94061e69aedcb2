"""What happens in the service and is told to destinations that ask for it."""

import json

from server.delivery import courier as couriers
from server.organizations.delivery import Topic
from server.store.database import Database
from tests.delivery import delivering
from tests.privacy import erasures
from tests.support import receivers, worlds

SECRET = bytes(range(32))


async def test_an_erasure_is_told_once_and_never_who_it_was(database: Database, organization: int) -> None:
    house = delivering.house(database, organization)
    async with receivers.hook() as hook:
        await house.destination(url=hook.url, secret=SECRET, topics=(Topic.ERASURE,))
        await house.destination("other", url=hook.url, secret=SECRET, topics=(Topic.REPORT,))
        erasure = await erasures.begin(database, organization)
        await erasures.run(database, erasure)
        await erasures.run(database, erasure)
        await house.deliver()
    (call,) = hook.calls
    told = json.loads(call.body)
    assert (told["type"], told["data"]["erasure_id"]) == ("user.erased", str(erasure.erasure_id))
    assert erasures.ANN not in call.body


async def test_tasks_that_have_failed_are_told_once_each_time(own_database: Database) -> None:
    organization, other = [
        await worlds.value(
            own_database,
            "INSERT INTO organizations (name, time_zone) VALUES ($1, 'UTC') RETURNING organization_id",
            name,
        )
        for name in ("a", "b")
    ]
    house = delivering.house(own_database, organization)
    failed = (
        "INSERT INTO tasks (kind, organization_id, payload, state, priority, run_at, attempts, tries, error, ended_at)"
        " VALUES ($1, $2, '{}', 'dead', 0, now(), 3, 3, 'no luck', now())"
    )
    async with receivers.hook() as hook:
        await house.destination(url=hook.url, secret=SECRET, topics=(Topic.TASK,))
        await house.queue([])
        for kind, whose in (("run_report", organization), ("run_report", other), ("deliver_mail", organization)):
            await worlds.execute(own_database, failed, kind, whose)
        sweep = couriers.kinds(house.courier)[-2]
        work = erasures.work(own_database, 0, {})
        assert [await sweep.run(work) for _ in range(2)] == [{"queued": 0, "told": 1}, {"queued": 0, "told": 0}]
        await house.deliver()
    (call,) = hook.calls
    told = json.loads(call.body)
    assert (told["type"], told["data"]["task_kind"], told["data"]["error"]) == ("task.failed", "run_report", "no luck")
