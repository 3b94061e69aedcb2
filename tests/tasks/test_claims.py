"""Who gets which task: once, in the order of priorities and turns, within the limits of its kind."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from server.store import claims, statements, tasks
from server.store.claims import TaskProgress
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.tasks import TaskState
from server.tasks import queue
from server.tasks.kinds import Result, Work
from tests.support import worlds
from tests.support.own_tasks import OwnTasks, kind

MINUTE = timedelta(minutes=1)
WIDE = kind(concurrency=1_000, per_organization=1_000, rate=10_000)


async def test_each_task_is_claimed_once_by_whichever_worker(own_tasks: OwnTasks) -> None:
    for number in range(60):
        await own_tasks.queue(WIDE, organization_id=number % 3)
    claimed = await asyncio.gather(*(own_tasks.claim(WIDE, f"worker {n}", room=20) for n in range(4)))
    ids = [claim.task_id for some in claimed for claim in some]
    assert len(ids) == len(set(ids)) == 60
    assert set(await own_tasks.states()) == {TaskState.RUNNING}


async def test_what_is_not_due_yet_waits(own_tasks: OwnTasks) -> None:
    task_id = await own_tasks.queue(WIDE, run_in=timedelta(hours=1))
    assert not await own_tasks.claim(WIDE)
    await own_tasks.pass_time(timedelta(hours=1))
    assert [claim.task_id for claim in await own_tasks.claim(WIDE)] == [task_id]


async def test_higher_priorities_come_first_and_then_older_tasks(own_tasks: OwnTasks) -> None:
    ids = [await own_tasks.queue(WIDE, priority=priority) for priority in (0, 5, 0, 9)]
    taken = [(await own_tasks.claim(WIDE, room=1))[0].task_id for _ in ids]
    assert taken == [ids[3], ids[1], ids[0], ids[2]]


async def test_kinds_with_a_higher_priority_come_first(own_tasks: OwnTasks) -> None:
    began: list[str] = []

    async def note(work: Work) -> Result:
        began.append(str(work.payload["name"]))
        return {}

    low, high = kind("low", run=note, rate=1000), kind("high", run=note, priority=1, rate=1000)
    for one in (low, low, high, high):
        await own_tasks.queue(one, payload={"name": one.name})
    runner = own_tasks.runner(low, high, short_slots=1)
    async with asyncio.timeout(20):
        while len(began) < 4:
            await own_tasks.look(runner, low, high)
            await asyncio.sleep(0.01)
    assert began == ["high", "high", "low", "low"]


async def test_organizations_take_turns_however_much_one_has_queued(own_tasks: OwnTasks) -> None:
    for _ in range(50):
        await own_tasks.queue(WIDE, organization_id=1)
    for organization in (2, 3):
        for _ in range(2):
            await own_tasks.queue(WIDE, organization_id=organization)
    first = [claim.organization_id for claim in await own_tasks.claim(WIDE, room=3)]
    assert sorted(first) == [1, 2, 3]
    alone = [(await own_tasks.claim(WIDE, room=1))[0].organization_id for _ in range(5)]
    assert alone == [1, 2, 3, 1, 1]


async def test_an_organization_that_has_more_running_waits_for_the_others(own_tasks: OwnTasks) -> None:
    for _ in range(4):
        await own_tasks.queue(WIDE, organization_id=1)
    await own_tasks.claim(WIDE, room=2)
    for _ in range(2):
        await own_tasks.queue(WIDE, organization_id=2)
    claimed = Counter(claim.organization_id for claim in await own_tasks.claim(WIDE, room=3))
    assert claimed == {2: 2, 1: 1}


async def test_turns_go_on_beyond_the_organizations_that_a_claim_looks_at(
    own_tasks: OwnTasks, own_database: Database
) -> None:
    many = claims.ORGANIZATIONS + 20
    async with own_database.transaction(of=EVERY) as driver:
        new = [tasks.NewTask(kind=WIDE.name, tries=1, priority=0, organization_id=1 + n) for n in range(many)]
        await tasks.enqueue(driver, new)
    taken = set[int]()
    for _ in range(12):
        taken |= {claim.organization_id for claim in await own_tasks.claim(WIDE, room=20)}
    assert taken == set(range(1, many + 1))


@pytest.mark.parametrize("walks", [1, 3, 6])
async def test_organizations_with_nothing_due_keep_no_claim_from_those_behind_them(
    own_tasks: OwnTasks, own_database: Database, monkeypatch: pytest.MonkeyPatch, walks: int
) -> None:
    monkeypatch.setattr(claims, "_CLAIM", statements.load("claim_tasks", ORGANIZATIONS=10))
    last = walks * 10 + 5
    async with own_database.transaction(of=EVERY) as driver:
        later = timedelta(hours=1)
        new = [
            tasks.NewTask(kind=WIDE.name, tries=1, priority=0, organization_id=1 + n, run_in=later) for n in range(last)
        ]
        await tasks.enqueue(driver, new)
    for due in (last, 1, last, walks * 5):
        await own_tasks.queue(WIDE, organization_id=due)
        claimed = [one.organization_id for _ in range(walks + 2) for one in await own_tasks.claim(WIDE)]
        assert claimed == [due]


async def test_organizations_that_wait_for_room_keep_their_turn(own_tasks: OwnTasks) -> None:
    narrow = kind(concurrency=1, rate=1000)
    for organization in (1, 2, 3):
        for _ in range(2):
            await own_tasks.queue(narrow, organization_id=organization)
    order = []
    for _ in range(6):
        (running,) = await own_tasks.claim(narrow)
        order.append(running.organization_id)
        assert not await own_tasks.claim(narrow), "there is no room"
        assert await own_tasks.finish(running)
    assert order == [1, 2, 3, 1, 2, 3]


async def test_a_claim_of_nothing_writes_nothing(own_tasks: OwnTasks) -> None:
    narrow = kind(concurrency=1, rate=1000)
    for _ in range(2):
        await own_tasks.queue(narrow)
    await own_tasks.claim(narrow)
    state = "SELECT (ctid, refilled_at)::text FROM task_kinds"
    before = await worlds.value(own_tasks.database, state)
    assert not await own_tasks.claim(narrow)
    assert await worlds.value(own_tasks.database, state) == before


async def test_a_kind_has_no_more_tasks_running_than_it_may(own_tasks: OwnTasks) -> None:
    narrow = kind(concurrency=3, rate=1000)
    for _ in range(10):
        await own_tasks.queue(narrow)
    claimed = await asyncio.gather(*(own_tasks.claim(narrow, f"worker {n}") for n in range(4)))
    running = [claim for some in claimed for claim in some]
    assert len(running) == 3
    assert await own_tasks.finish(running[0])
    assert len(await own_tasks.claim(narrow)) == 1


async def test_an_organization_has_no_more_tasks_running_than_it_may(own_tasks: OwnTasks) -> None:
    narrow = kind(concurrency=100, per_organization=2, rate=1000)
    for _ in range(5):
        for organization in (tasks.SERVICE, 7, 8):
            await own_tasks.queue(narrow, organization_id=organization)
    claimed = [*await own_tasks.claim(narrow), *await own_tasks.claim(narrow)]
    assert Counter(claim.organization_id for claim in claimed) == {tasks.SERVICE: 5, 7: 2, 8: 2}
    assert await own_tasks.finish(next(claim for claim in claimed if claim.organization_id == 7))
    assert [claim.organization_id for claim in await own_tasks.claim(narrow)] == [7]


async def test_no_more_tasks_start_than_the_rate_allows(own_tasks: OwnTasks) -> None:
    slow = kind(concurrency=1000, rate=10)
    for _ in range(40):
        await own_tasks.queue(slow)
    claimed = await asyncio.gather(*(own_tasks.claim(slow, f"worker {n}") for n in range(4)))
    first = sum(map(len, claimed))
    # What the claims took grows the allowance by the time that they took, a few hundredths of a second.
    assert 10 <= first <= 15
    await own_tasks.pass_time(timedelta(seconds=0.5))
    assert 5 <= len(await own_tasks.claim(slow)) <= 9
    await own_tasks.pass_time(timedelta(hours=1))
    assert 10 <= len(await own_tasks.claim(slow)) <= 11


async def test_a_clock_that_is_set_back_keeps_no_kind_waiting(own_tasks: OwnTasks) -> None:
    slow = kind(concurrency=1000, rate=10)
    for _ in range(30):
        await own_tasks.queue(slow)
    assert len(await own_tasks.claim(slow)) == 10
    await worlds.execute(
        own_tasks.database, "UPDATE task_kinds SET tokens = 0, refilled_at = now() + interval '1 hour'"
    )
    assert len(await own_tasks.claim(slow)) == 10


async def test_a_rate_below_one_a_second_lets_one_start_at_once(own_tasks: OwnTasks) -> None:
    rare = kind(concurrency=1000, rate=0.01)
    for _ in range(3):
        await own_tasks.queue(rare)
    assert [len(await own_tasks.claim(rare)) for _ in range(2)] == [1, 0]
    await own_tasks.pass_time(timedelta(seconds=50))
    assert not await own_tasks.claim(rare)
    await own_tasks.pass_time(timedelta(seconds=50))
    assert len(await own_tasks.claim(rare)) == 1


async def test_a_dedupe_key_has_one_task_at_a_time(own_tasks: OwnTasks, own_database: Database) -> None:
    first = await own_tasks.queue(WIDE, organization_id=1, dedupe_key="report")
    assert await own_tasks.queue(WIDE, organization_id=1, dedupe_key="report") == first
    assert await own_tasks.queue(WIDE, organization_id=2, dedupe_key="report") != first
    assert await own_tasks.queue(WIDE, organization_id=1, dedupe_key="other") != first
    queued = await asyncio.gather(*(own_tasks.queue(WIDE, organization_id=3, dedupe_key="report") for _ in range(5)))
    assert len(set(queued)) == 1
    (claim,) = [one for one in await own_tasks.claim(WIDE) if one.task_id == first]
    assert await own_tasks.queue(WIDE, organization_id=1, dedupe_key="report") == first, "it is running"
    assert await own_tasks.finish(claim)
    again = await own_tasks.queue(WIDE, organization_id=1, dedupe_key="report")
    assert again != first
    async with own_database.transaction(of=EVERY) as driver:
        queued_again = await queue.enqueue(driver, WIDE, organization_id=1, dedupe_key="report")
    assert queued_again == queue.Queued(task_id=again, is_new=False)


async def test_a_task_is_queued_if_its_transaction_commits(own_tasks: OwnTasks, own_database: Database) -> None:
    async def fail_behind() -> None:
        async with own_database.transaction(of=EVERY) as driver:
            await queue.enqueue(driver, WIDE)
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        await fail_behind()
    assert await own_tasks.states() == []


async def test_an_organization_cannot_fill_the_queue(
    own_tasks: OwnTasks, own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MOST_QUEUED", 3)
    for _ in range(3):
        await own_tasks.queue(WIDE, organization_id=1)
    with pytest.raises(queue.QueueFull, match="3 tasks of the kind nothing"):
        await own_tasks.queue(WIDE, organization_id=1)
    await own_tasks.queue(WIDE, organization_id=2)


async def test_a_lease_that_is_over_is_somebody_elses_and_its_holder_can_record_nothing(
    own_tasks: OwnTasks, own_database: Database
) -> None:
    task_id = await own_tasks.queue(WIDE)
    (old,) = await own_tasks.claim(WIDE, "slow")
    async with own_database.transaction(of=EVERY) as driver:
        assert (await claims.expire(driver)).tasks == 0
    await own_tasks.pass_time(2 * MINUTE)
    async with own_database.transaction(of=EVERY) as driver:
        assert (await claims.expire(driver)).tasks == 1
    assert (await own_tasks.get(task_id)).error == "its worker was gone: the lease ran out"
    await _can_record_nothing(own_database, old)
    (new,) = await own_tasks.claim(WIDE, "fast")
    assert (new.task_id, new.attempts) == (old.task_id, 2)
    assert new.epoch > old.epoch
    await _can_record_nothing(own_database, old)
    assert (await own_tasks.get(task_id)).owner == "fast"
    assert await own_tasks.finish(new, {"by": "fast"})
    assert await own_tasks.finish(new, {"by": "fast again"}), "it is recorded, once"
    await _can_record_nothing(own_database, old)
    found = await own_tasks.get(task_id)
    assert (found.state, found.result, found.owner) == (TaskState.DONE, {"by": "fast"}, None)


async def _can_record_nothing(database: Database, claim: claims.Claim) -> None:
    async with database.transaction(of=EVERY) as driver:
        assert await claims.renew(driver, [(claim, TaskProgress(share=0.9, line="slow"))], MINUTE) == []
        assert not await claims.finish(driver, claim, {"by": "slow"}, more=False)
        assert await claims.fail(driver, claim, "slow", MINUTE) is None
        assert not await claims.cancelled(driver, claim)
        assert await claims.hand_back(driver, "slow") == 0


async def test_a_task_whose_workers_die_is_dead_after_its_tries(own_tasks: OwnTasks, own_database: Database) -> None:
    task_id, failed = await own_tasks.queue(kind(tries=2)), []
    for _ in range(2):
        assert len(await own_tasks.claim(kind())) == 1
        await own_tasks.pass_time(2 * MINUTE)
        async with own_database.transaction(of=EVERY) as driver:
            expired = await claims.expire(driver)
        failed.append([(one.task_id, one.epoch, one.kind, one.attempts) for one in expired.failed])
    found = await own_tasks.get(task_id)
    assert (found.state, found.attempts) == (TaskState.DEAD, 2)
    assert failed == [[], [(task_id, 2, "nothing", 2)]]


async def test_a_task_that_was_handed_back_has_lost_no_try(own_tasks: OwnTasks, own_database: Database) -> None:
    task_id = await own_tasks.queue(WIDE)
    claimed = await own_tasks.claim(WIDE)
    async with own_database.transaction(of=EVERY) as driver:
        assert await claims.hand_back(driver, "somebody else") == 0
        assert await claims.hand_back(driver, "me") == 1
    found = await own_tasks.get(task_id)
    assert (found.state, found.attempts) == (TaskState.QUEUED, 0)
    assert [claim.task_id for claim in await own_tasks.claim(WIDE)] == [task_id]
    assert not await own_tasks.finish(claimed[0])
    async with own_database.transaction(of=EVERY) as driver:
        await tasks.cancel(driver, task_id)
        assert await claims.hand_back(driver, "me") == 1
    assert (await own_tasks.get(task_id)).state is TaskState.CANCELLED
