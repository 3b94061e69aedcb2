"""A task that is run has one outcome, whatever happens to its worker, its lease and the database."""

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from server import errors
from server.store import claims, tasks
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.store.tasks import TaskState
from server.tasks import execution, retention
from server.tasks.kinds import UNFINISHED, Result, TaskError, Work
from server.tasks.runner import Runner, owner
from tests.support import waiting, worlds
from tests.support.own_tasks import OwnTasks, kind
from tests.support.waiting import PATIENCE

HOUR = timedelta(hours=1)


class Gate:
    """A function of a kind that goes on when the test says so."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.open = asyncio.Event()
        self.ended = asyncio.Event()
        self.runs = 0
        self.work: Work | None = None

    async def run(self, work: Work) -> Result:
        self.runs += 1
        self.work = work
        self.began.set()
        try:
            await self.open.wait()
        finally:
            self.ended.set()
        return {"by": self.runs}


def ended(task: tasks.TaskRecord) -> bool:
    return task.state in tasks.ENDED


async def test_a_task_is_done_once_and_keeps_its_result(own_tasks: OwnTasks) -> None:
    seen: list[Work] = []

    async def run(work: Work) -> Result:
        seen.append(work)
        return {"sum": 3}

    adding = kind("adding", run=run)
    task_id = await own_tasks.queue(adding, organization_id=5, payload={"a": [1, 2]})
    runners = [own_tasks.runner(adding) for _ in range(3)]
    assert sum(await asyncio.gather(*(own_tasks.look(one, adding) for one in runners))) == 1
    found = await own_tasks.until(task_id, ended)
    assert (found.state, found.result, found.progress, found.attempts) == (TaskState.DONE, {"sum": 3}, 1, 1)
    (work,) = seen
    assert (work.organization_id, work.payload, work.last, work.period) == (5, {"a": [1, 2]}, {}, None)
    assert [await own_tasks.look(one, adding) for one in runners] == [0, 0, 0]


async def test_a_failure_is_tried_again_later_and_later_and_then_dead(own_tasks: OwnTasks) -> None:
    async def run(work: Work) -> Result:
        raise ValueError("a secret")

    bad = kind("bad", run=run, rate=1000)
    task_id = await own_tasks.queue(bad)
    runner = own_tasks.runner(bad)
    for attempt in (1, 2):
        assert await own_tasks.look(runner, bad) == 1
        found = await own_tasks.until(task_id, lambda one: one.state is TaskState.QUEUED)
        assert (found.attempts, found.error and found.error.partition(",")[0]) == (attempt, "ValueError in run")
        assert found.run_at > found.created_at
        assert await own_tasks.look(runner, bad) == 0, "it waits"
        await own_tasks.pass_time(HOUR)
    assert await own_tasks.look(runner, bad) == 1
    found = await own_tasks.until(task_id, ended)
    assert (found.state, found.attempts) == (TaskState.DEAD, 3)
    assert "secret" not in str(found)
    await own_tasks.pass_time(HOUR)
    assert await own_tasks.look(runner, bad) == 0


async def test_a_dead_task_can_be_retried_with_all_its_tries(own_tasks: OwnTasks, own_database: Database) -> None:
    answers = iter([TaskError("the answer is not there yet"), None])

    async def run(work: Work) -> Result:
        if (error := next(answers)) is not None:
            raise error
        return {}

    once = kind("once", run=run, tries=1)
    task_id = await own_tasks.queue(once)
    runner = own_tasks.runner(once)
    await own_tasks.look(runner, once)
    found = await own_tasks.until(task_id, ended)
    assert (found.state, found.error) == (TaskState.DEAD, "the answer is not there yet")
    async with own_database.transaction(of=EVERY) as driver:
        assert await tasks.retry(driver, task_id)
        assert not await tasks.retry(driver, task_id)
    await own_tasks.look(runner, once)
    found = await own_tasks.until(task_id, ended)
    assert (found.state, found.attempts, found.error) == (TaskState.DONE, 1, None)


@pytest.mark.parametrize(
    ("attempts", "least", "most"), [(1, 2.5, 7.5), (2, 5, 15), (3, 10, 30), (11, 1800, 5400), (1000, 1800, 5400)]
)
def test_pauses_double_within_bounds_and_differ(attempts: int, least: float, most: float) -> None:
    assert execution.retry_in(attempts, lambda: 0.0) == timedelta(seconds=least)
    assert execution.retry_in(attempts, lambda: 1.0) == timedelta(seconds=most)
    assert len({execution.retry_in(attempts) for _ in range(20)}) > 1


async def test_what_is_unfinished_goes_on_behind_the_others(own_tasks: OwnTasks) -> None:
    order: list[object] = []

    async def run(work: Work) -> Result:
        order.append(work.payload["name"])
        step = int(str(work.last.get("step", 0))) + 1
        return {"step": step, UNFINISHED: step < 3 and work.payload["name"] == "long"}

    steps = kind("steps", run=run, concurrency=1, rate=1000)
    task_id = await own_tasks.queue(steps, payload={"name": "long"})
    other = await own_tasks.queue(steps, payload={"name": "other"})
    runner = own_tasks.runner(steps, short_slots=1)
    async with asyncio.timeout(PATIENCE):
        while len(order) < 4:
            await own_tasks.look(runner, steps)
            await asyncio.sleep(0.01)
    assert order == ["long", "other", "long", "long"]
    found = await own_tasks.until(task_id, ended)
    assert found.result == {"step": 3, UNFINISHED: False}
    assert (await own_tasks.get(other)).state is TaskState.DONE


async def test_progress_is_seen_while_a_task_runs(own_tasks: OwnTasks) -> None:
    gate = Gate()
    slow = kind("slow", run=gate.run)
    task_id = await own_tasks.queue(slow)
    runner = own_tasks.runner(slow)
    await own_tasks.look(runner, slow)
    await gate.began.wait()
    assert gate.work is not None
    for share, shown in ((0.25, 0.25), (7, 1), (-1, 0)):
        gate.work.report(share, f"{share} of it")
        await runner.executions.renew()
        found = await own_tasks.get(task_id)
        assert (found.progress, found.progress_line) == (shown, f"{share} of it")
    gate.open.set()
    assert (await own_tasks.until(task_id, ended)).state is TaskState.DONE


async def test_a_task_that_is_cancelled_while_it_runs_ends(own_tasks: OwnTasks, own_database: Database) -> None:
    gate = Gate()
    slow = kind("slow", run=gate.run)
    task_id = await own_tasks.queue(slow)
    runner = own_tasks.runner(slow)
    await own_tasks.look(runner, slow)
    await gate.began.wait()
    async with own_database.transaction(of=EVERY) as driver:
        assert await tasks.cancel(driver, task_id) is TaskState.RUNNING
    await runner.executions.renew()
    assert (await own_tasks.until(task_id, ended)).state is TaskState.CANCELLED
    assert gate.ended.is_set()
    async with own_database.transaction(of=EVERY) as driver:
        assert await tasks.cancel(driver, task_id) is TaskState.CANCELLED
        assert await tasks.cancel(driver, task_id + 1000) is None


async def test_a_task_that_is_cancelled_in_the_queue_never_runs(own_tasks: OwnTasks, own_database: Database) -> None:
    task_id = await own_tasks.queue(kind())
    async with own_database.transaction(of=EVERY) as driver:
        assert await tasks.cancel(driver, task_id) is TaskState.CANCELLED
    assert await own_tasks.look(own_tasks.runner(kind()), kind()) == 0


async def test_what_was_cancelled_is_not_tried_again(own_tasks: OwnTasks, own_database: Database) -> None:
    gate = Gate()

    async def run(work: Work) -> Result:
        await gate.run(work)
        raise TaskError("too late")

    bad = kind("bad", run=run)
    task_id = await own_tasks.queue(bad)
    runner = own_tasks.runner(bad)
    await own_tasks.look(runner, bad)
    await gate.began.wait()
    async with own_database.transaction(of=EVERY) as driver:
        await tasks.cancel(driver, task_id)
    gate.open.set()  # it fails before its worker hears of it
    assert (await own_tasks.until(task_id, ended)).state is TaskState.CANCELLED


async def test_a_worker_that_lost_its_lease_ends_and_the_outcome_is_recorded_once(own_tasks: OwnTasks) -> None:
    slow_gate, fast_gate = Gate(), Gate()
    slow, fast = kind("job", run=slow_gate.run, rate=1000), kind("job", run=fast_gate.run, rate=1000)
    task_id = await own_tasks.queue(slow)
    first, second = own_tasks.runner(slow), own_tasks.runner(fast)
    await own_tasks.look(first, slow)
    await slow_gate.began.wait()
    await own_tasks.pass_time(HOUR)  # as if the first worker had been gone for an hour
    assert await own_tasks.look(second, fast) == 1
    await fast_gate.began.wait()
    fast_gate.runs = 100
    await first.executions.renew()
    await slow_gate.ended.wait()
    fast_gate.open.set()
    found = await own_tasks.until(task_id, ended)
    assert (found.state, found.result, found.attempts) == (TaskState.DONE, {"by": 100}, 2)


async def test_a_worker_that_takes_its_own_task_over_ends_the_first_try(own_tasks: OwnTasks) -> None:
    """A worker that was stopped for longer than a lease looks for tasks before it hears that its claim is lost."""
    gates = [Gate(), Gate()]
    begun = iter(gates)

    async def run(work: Work) -> Result:
        return await next(begun).run(work)

    slow = kind("slow", run=run, concurrency=1, rate=1000)
    task_id = await own_tasks.queue(slow)
    runner = own_tasks.runner(slow)
    await own_tasks.look(runner, slow)
    await gates[0].began.wait()
    await own_tasks.pass_time(HOUR)
    assert await own_tasks.look(runner, slow) == 1
    await gates[1].began.wait()
    await runner.executions.renew()
    async with asyncio.timeout(PATIENCE):
        await gates[0].ended.wait()
    assert not gates[1].ended.is_set()
    gates[1].runs = 100
    gates[1].open.set()
    found = await own_tasks.until(task_id, ended)
    assert (found.state, found.result, found.attempts) == (TaskState.DONE, {"by": 100}, 2)


async def test_a_worker_that_ends_its_work_after_its_lease_records_nothing(own_tasks: OwnTasks) -> None:
    slow_gate, fast_gate = Gate(), Gate()
    slow, fast = kind("job", run=slow_gate.run, rate=1000), kind("job", run=fast_gate.run, rate=1000)
    task_id = await own_tasks.queue(slow)
    first, second = own_tasks.runner(slow), own_tasks.runner(fast)
    before = runs("job", "lost")
    await own_tasks.look(first, slow)
    await slow_gate.began.wait()
    await own_tasks.pass_time(HOUR)
    await own_tasks.look(second, fast)
    await fast_gate.began.wait()
    slow_gate.runs = 50
    slow_gate.open.set()  # it comes back before it hears that the lease is lost
    async with asyncio.timeout(PATIENCE):
        while runs("job", "lost") == before:  # noqa: ASYNC110 - it is only counted
            await asyncio.sleep(0.01)
    found = await own_tasks.get(task_id)
    assert (found.state, found.owner) == (TaskState.RUNNING, "worker 1")
    fast_gate.open.set()
    assert (await own_tasks.until(task_id, ended)).result == {"by": 1}


def runs(name: str, outcome: str) -> float:
    """Returns how many tries of a kind had an outcome."""
    return REGISTRY.get_sample_value("tallywire_task_runs_total", {"kind": name, "outcome": outcome}) or 0


async def test_a_worker_without_a_database_ends_its_work_when_its_lease_must_be_over(
    own_tasks: OwnTasks, own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise errors.StorageUnavailable("it is away")

    gate = Gate()
    slow = kind("slow", run=gate.run)
    task_id = await own_tasks.queue(slow)
    runner = own_tasks.runner(slow, lease=timedelta(seconds=0.3))
    await own_tasks.look(runner, slow)
    await gate.began.wait()
    monkeypatch.setattr(claims, "renew", away)
    keeping = asyncio.create_task(runner.executions.keep_leases())
    await asyncio.wait_for(gate.ended.wait(), PATIENCE)
    keeping.cancel()
    monkeypatch.undo()
    assert (await own_tasks.get(task_id)).state is TaskState.RUNNING
    assert await own_tasks.look(runner, slow) == 1, "it was taken from itself"


async def test_a_renewal_that_gets_no_answer_is_given_up_and_tried_again(
    own_tasks: OwnTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, calls = claims.renew, 0

    async def silent_at_first(*about: object) -> object:
        nonlocal calls
        calls += 1
        if calls < 3:
            await asyncio.Event().wait()
        return await renew(*about)  # type: ignore[arg-type]

    gate = Gate()
    slow = kind("slow", run=gate.run)
    task_id = await own_tasks.queue(slow)
    # Longer than a busy machine takes to come back to this test: a lease that is over would end the task.
    runner = own_tasks.runner(slow, lease=timedelta(seconds=12))
    await own_tasks.look(runner, slow)
    await gate.began.wait()
    lease = "SELECT lease_until FROM tasks"
    before = await worlds.value(own_tasks.database, lease)
    monkeypatch.setattr(claims, "renew", silent_at_first)
    monkeypatch.setattr(runner.executions, "_beat", 0.2)
    for _ in range(2):
        await runner.executions.renew()
    monkeypatch.setattr(runner.executions, "_beat", PATIENCE)
    await runner.executions.renew()
    assert await worlds.value(own_tasks.database, lease) > before
    gate.open.set()
    assert (await own_tasks.until(task_id, ended)).attempts == 1


def test_no_two_processes_hold_tasks_under_the_same_name() -> None:
    assert len({owner() for _ in range(100)}) == 100


async def test_a_long_task_keeps_its_lease(own_tasks: OwnTasks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than the lease, so that another worker would take it if it was not renewed."""
    gate = Gate()
    slow = kind("slow", run=gate.run)
    task_id = await own_tasks.queue(slow)
    runner, other = own_tasks.runner(slow, lease=timedelta(seconds=60)), own_tasks.runner(slow)
    await own_tasks.look(runner, slow)
    monkeypatch.setattr(runner.executions, "_beat", 1.0)
    keeping = asyncio.create_task(runner.executions.keep_leases())
    renewed = "SELECT lease_until > now() + interval '40 seconds' FROM tasks"
    for _ in range(3):
        await own_tasks.pass_time(timedelta(seconds=30))
        await waiting.until(lambda: worlds.value(own_tasks.database, renewed))
        assert await own_tasks.look(other, slow) == 0
    keeping.cancel()
    gate.open.set()
    assert (await own_tasks.until(task_id, ended)).attempts == 1


async def test_a_task_that_takes_too_long_fails(own_tasks: OwnTasks) -> None:
    gate = Gate()
    slow = kind("slow", run=gate.run, tries=1, longest=timedelta(seconds=0.2))
    task_id = await own_tasks.queue(slow)
    runner = own_tasks.runner(slow)
    await own_tasks.look(runner, slow)
    found = await own_tasks.until(task_id, ended)
    assert (found.state, found.error) == (TaskState.DEAD, "took longer than 0.2 s")
    assert gate.ended.is_set()


async def test_a_worker_that_stops_waits_a_moment_and_hands_the_rest_back(
    own_tasks: OwnTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick, slow = Gate(), Gate()
    kinds = kind("quick", run=quick.run), kind("slow", run=slow.run)
    ids = [await own_tasks.queue(one) for one in kinds]
    first, second = own_tasks.runner(*kinds), own_tasks.runner(*kinds)
    await own_tasks.look(first, *kinds)
    await asyncio.gather(quick.began.wait(), slow.began.wait())
    quick.open.set()
    monkeypatch.setattr(execution, "_STOP_SECONDS", 0.5)
    await first.stop()
    done, handed_back = [await own_tasks.get(one) for one in ids]
    assert done.state is TaskState.DONE
    assert (handed_back.state, handed_back.attempts, handed_back.owner) == (TaskState.QUEUED, 0, None)
    assert slow.ended.is_set()
    assert await own_tasks.look(second, *kinds) == 1
    slow.open.set()
    assert (await own_tasks.until(ids[1], ended)).attempts == 1


async def test_long_tasks_never_delay_short_ones(own_tasks: OwnTasks) -> None:
    gate = Gate()
    long, short = kind("long", run=gate.run, is_long=True, concurrency=50), kind("short")
    for _ in range(5):
        await own_tasks.queue(long)
    runner = own_tasks.runner(long, short, short_slots=1, long_slots=2)
    assert await own_tasks.look(runner, long, short) == 2
    task_id = await own_tasks.queue(short)
    assert await own_tasks.look(runner, long, short) == 1
    assert (await own_tasks.until(task_id, ended)).state is TaskState.DONE
    gate.open.set()


async def test_what_waits_for_others_has_slots_of_its_own(own_tasks: OwnTasks) -> None:
    gate = Gate()
    waiting, short = kind("waiting", run=gate.run, own_slots=3, concurrency=50, rate=1000), kind("short")
    for _ in range(5):
        await own_tasks.queue(waiting)
    runner = own_tasks.runner(waiting, short, short_slots=1, long_slots=1)
    assert await own_tasks.look(runner, waiting, short) == 3
    task_id = await own_tasks.queue(short)
    assert await own_tasks.look(runner, waiting, short) == 1
    assert (await own_tasks.until(task_id, ended)).state is TaskState.DONE
    gate.open.set()


async def test_a_result_that_cannot_be_stored_is_a_failure(own_tasks: OwnTasks) -> None:
    def deep() -> list[object]:
        found: list[object] = []
        for _ in range(100_000):
            found = [found]
        return found

    results = iter([lambda: {"no json": object()}, lambda: {"nul": "\0"}, lambda: {"deep": deep()}])

    async def run(work: Work) -> Result:
        return next(results)()

    odd = kind("odd", run=run, tries=1, rate=1000)
    runner = own_tasks.runner(odd)
    for _ in range(3):
        task_id = await own_tasks.queue(odd)
        await own_tasks.look(runner, odd)
        found = await own_tasks.until(task_id, ended)
        assert (found.state, found.error) == (TaskState.DEAD, "its result cannot be stored")


async def test_an_outcome_waits_until_the_database_is_back(
    own_tasks: OwnTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, refused = claims.finish, 0

    async def away_at_first(*about: object, **more: object) -> bool:
        nonlocal refused
        refused += 1
        if refused < 3:
            raise errors.StorageUnavailable("it is away")
        return await finish(*about, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(execution, "_RECORD_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(claims, "finish", away_at_first)
    task_id = await own_tasks.queue(kind())
    await own_tasks.look(own_tasks.runner(kind()), kind())
    assert (await own_tasks.until(task_id, ended)).state is TaskState.DONE
    assert refused == 3


@pytest.mark.parametrize(
    ("function", "outcome", "state"),
    [
        ("finish", "done", TaskState.DONE),
        ("finish", "unfinished", TaskState.QUEUED),
        ("fail", "failed", TaskState.QUEUED),
        ("fail", "dead", TaskState.DEAD),
        ("cancelled", "cancelled", TaskState.CANCELLED),
    ],
)
async def test_an_outcome_whose_commit_had_no_answer_is_not_taken_for_lost(
    function: str, outcome: str, state: TaskState, own_tasks: OwnTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, calls = getattr(claims, function), 0

    async def without_an_answer(driver: Driver, *about: object, **more: object) -> object:
        nonlocal calls
        calls += 1
        if calls > 1:
            return await record(driver, *about, **more)
        async with own_tasks.database.transaction(of=EVERY) as other:
            await record(other, *about, **more)
        raise errors.StorageUnavailable("the connection is lost")

    async def run(work: Work) -> Result:
        if function == "fail":
            raise TaskError("it failed")
        if function == "cancelled":
            began.set()
            await asyncio.Event().wait()
        return {UNFINISHED: outcome == "unfinished"}

    began = asyncio.Event()
    odd = kind("odd", run=run, tries=1 if outcome == "dead" else 3)
    monkeypatch.setattr(execution, "_RECORD_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(claims, function, without_an_answer)
    task_id, runner = await own_tasks.queue(odd), own_tasks.runner(odd)
    lost, before = runs("odd", "lost"), runs("odd", outcome)
    await own_tasks.look(runner, odd)
    if function == "cancelled":
        await began.wait()
        async with own_tasks.database.transaction(of=EVERY) as driver:
            await tasks.cancel(driver, task_id)
        await runner.executions.renew()
    await until_nothing_runs(runner)
    assert (runs("odd", "lost"), runs("odd", outcome), calls) == (lost, before + 1, 2)
    assert (await own_tasks.get(task_id)).state is state


async def until_nothing_runs(runner: Runner) -> None:
    """Waits until every task of a runner is over, and what became of it was counted."""
    async with asyncio.timeout(PATIENCE):
        while runner.executions.count(is_long=False):  # noqa: ASYNC110 - it is only counted
            await asyncio.sleep(0.01)


async def test_an_error_that_cannot_be_stored_is_a_failure(own_tasks: OwnTasks) -> None:
    async def run(work: Work) -> Result:
        raise TaskError("with a NUL: \0")

    odd = kind("odd", run=run, tries=1)
    task_id, runner = await own_tasks.queue(odd), own_tasks.runner(odd)
    await own_tasks.look(runner, odd)
    found = await own_tasks.until(task_id, ended)
    assert (found.state, found.error) == (TaskState.DEAD, "its error cannot be stored")


async def test_a_failure_that_is_rejected_again_and_again_is_left_to_the_next_claim(
    own_tasks: OwnTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[object] = []

    async def rejected(driver: Driver, claim: object, error: str, pause: timedelta) -> TaskState:
        recorded.append(error)
        raise errors.StorageRejected("database error 23514")

    async def run(work: Work) -> Result:
        raise TaskError("it failed")

    monkeypatch.setattr(claims, "fail", rejected)
    odd = kind("odd", run=run)
    task_id, runner = await own_tasks.queue(odd), own_tasks.runner(odd)
    before = runs("odd", "unrecorded")
    await own_tasks.look(runner, odd)
    await until_nothing_runs(runner)
    assert recorded == ["it failed", "its error cannot be stored"]
    assert runs("odd", "unrecorded") == before + 1
    assert (await own_tasks.get(task_id)).state is TaskState.RUNNING


async def test_an_outcome_that_is_not_recorded_is_logged(own_tasks: OwnTasks, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> bool:
        raise RuntimeError("a secret")

    monkeypatch.setattr(claims, "finish", broken)
    task_id, runner = await own_tasks.queue(kind()), own_tasks.runner(kind())
    before = runs("nothing", "unrecorded")
    with capture_logs() as logged:
        await own_tasks.look(runner, kind())
        await until_nothing_runs(runner)
    assert runs("nothing", "unrecorded") == before + 1
    (entry,) = logged
    assert (entry["task_id"], entry["error"].partition(",")[0]) == (task_id, "RuntimeError in broken")


async def test_a_task_is_done_even_if_its_result_cannot_be_published(own_tasks: OwnTasks) -> None:
    def publish(result: Result) -> None:
        raise ValueError("a secret")

    shown = kind("shown", publish=publish)
    task_id, runner = await own_tasks.queue(shown), own_tasks.runner(shown)
    before = runs("shown", "done")
    with capture_logs() as logged:
        await own_tasks.look(runner, shown)
        await until_nothing_runs(runner)
    assert runs("shown", "done") == before + 1
    assert (await own_tasks.get(task_id)).state is TaskState.DONE
    assert [(entry["kind"], entry["error"].partition(",")[0]) for entry in logged] == [
        ("shown", "ValueError in publish")
    ]


async def test_ended_tasks_are_kept_for_a_while(own_tasks: OwnTasks, own_database: Database) -> None:
    now = (await own_database.condition()).now
    for state in tasks.ENDED:
        task_id = await own_tasks.queue(kind())
        await worlds.execute(
            own_database, "UPDATE tasks SET state = $2, ended_at = now() WHERE task_id = $1", task_id, state
        )
    await own_tasks.queue(kind(), run_in=timedelta(days=100))
    kept = []
    for hours in (23, 2, 24 * 6 - 2, 2):
        await own_tasks.pass_time(timedelta(hours=hours))
        await retention.task_retention(own_database, now, {})
        kept.append(await own_tasks.states())
    everything = [*tasks.ENDED, TaskState.QUEUED]
    dead = [TaskState.DEAD, TaskState.QUEUED]
    assert kept == [everything, dead, dead, [TaskState.QUEUED]]
