"""Workers that are killed while they look at rules, and have no Redis: each transition is told once all the same."""

import pathlib
from datetime import UTC, datetime, timedelta

import pytest

from server import failpoints
from server.alerts import evaluating
from server.organizations.alerts import CloseReason, RuleDraft, State
from server.store.database import Database
from tests.alerts.looking import MINUTE, above, event, looking
from tests.support import citus, simulated_clock, worker_processes, worlds
from tests.support.worker_processes import Workers, until

RULES = 3
_BUSY = 12  # minutes with events: more than a slow machine takes
KIND = "update_retention"  # workers run tasks of this kind alone: nothing is sent


@pytest.fixture
def variables(own_url: str) -> dict[str, str]:
    return worker_processes.mortal(own_url)


@citus.one_node
async def test_a_worker_that_dies_has_told_nothing_or_all_of_it(
    own_url: str, own_database: Database, own_organization: int, variables: dict[str, str], tmp_path: pathlib.Path
) -> None:
    await simulated_clock.install(own_url)
    here = looking(own_database, own_organization)
    await here.destination()
    start = datetime.now(UTC).replace(second=0, microsecond=0) + MINUTE
    rules = [
        await here.rule(RuleDraft(name=name, metric="messages_sent", window=MINUTE, condition=above(3)), since=start)
        for name in "abc"[:RULES]
    ]
    workers = Workers(tmp_path, variables)
    now = start
    expected: list[str] = []
    names = [name for name in failpoints.NAMES if name.startswith("alert_")]
    assert names == ["alert_before_commit", "alert_after_commit"]

    async def told() -> list[str]:
        return sorted(kind for kind, _ in await here.told())

    async def look(failpoint: str = "") -> None:
        """Starts a worker at an instant, which dies or has looked at all rules."""
        await simulated_clock.move(own_database, now)
        worker = await workers.start("--kinds", KIND, **({"FAILPOINT": f"{failpoint}:1"} if failpoint else {}))
        if failpoint:
            assert await worker.ended() == failpoints.EXIT_CODE, worker.log
            return

        async def looked() -> bool:
            kept = [await here.kept(one.rule_id) for one in rules]
            return all(one.evaluated_until > now - MINUTE - one.draft.delay for one in kept)

        await until(looked, bool)
        assert await worker.end() == 0, worker.log

    busy = [now + minute * MINUTE + timedelta(seconds=1) for minute in range(_BUSY)]
    await worlds.store(own_database, own_organization, [event(at) for at in busy for _ in range(4)])
    phases = ("alert.opened", MINUTE), ("alert.closed", _BUSY * MINUTE)
    for name, (kind, later) in zip(names, phases, strict=True):
        now += later + timedelta(seconds=20)
        await look(name)
        now += evaluating.LEASE
        expected += RULES * [kind]
        await look()
        assert await told() == sorted(expected), name
    for rule in rules:
        found = await here.incidents(rule)
        assert [(one.state, one.close_reason) for one in found] == [(State.OK, CloseReason.RECOVERED)]
