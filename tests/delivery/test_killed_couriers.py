"""Workers that are killed while they deliver: nothing is lost, and only what nobody could know is sent again."""

import pathlib

import pytest

from server import failpoints
from server.organizations.delivery import DeliveryState
from server.store.database import Database
from tests.delivery import delivering
from tests.support import receivers, worker_processes, worlds
from tests.support.worker_processes import Workers, until

ENDED = "SELECT count(*) FROM tasks WHERE state = 'done'"
SECRET = bytes(range(32))
# How often the receiver is called where a worker dies there and another one goes on.
CALLS = {"delivery_before_send": 1, "delivery_after_send": 2, "delivery_after_record": 1}


@pytest.fixture
def variables(own_url: str) -> dict[str, str]:
    return worker_processes.mortal(own_url, TALLYWIRE_WEBHOOK_ALLOW="127.0.0.1")


async def test_what_is_sent_twice_has_one_id_and_was_sent_before_it_was_on_record(
    own_database: Database, variables: dict[str, str], tmp_path: pathlib.Path
) -> None:
    made = "INSERT INTO organizations (name, time_zone) VALUES ('a', 'UTC') RETURNING organization_id"
    house = delivering.house(own_database, await worlds.value(own_database, made))
    workers = Workers(tmp_path, variables)
    async with receivers.hook() as hook:
        await house.destination(url=hook.url, secret=SECRET)
        assert CALLS.keys() == {name for name in failpoints.NAMES if name.startswith("delivery_")}
        for name, expected in CALLS.items():
            (delivery_id,) = await house.queue(["hook"], key=name)
            dying = await workers.start("--kinds", "deliver_webhook", FAILPOINT=f"{name}:1")
            assert await dying.ended() == failpoints.EXIT_CODE, dying.log
            await worlds.execute(
                own_database, "UPDATE tasks SET lease_until = now() - interval '1 second' WHERE state = 'running'"
            )
            other = await workers.start("--kinds", "deliver_webhook")
            await until(lambda: worlds.value(own_database, ENDED), lambda found: found == len(workers.started) // 2)
            assert await other.end() == 0
            assert [call.headers["webhook-id"] for call in hook.calls] == [delivery_id] * expected, name
            hook.calls.clear()
    assert {one.state for one in await house.deliveries()} == {DeliveryState.DELIVERED}
