"""Projections: every event is counted once, whoever steps when; what cannot be got over stops nothing else."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.catalog.families.conversations import PROJECTION
from server.errors import Refused
from server.events.event import Event, key_of
from server.projections import projector as projectors
from server.projections.projector import Projector
from server.rollups import audit, fold
from server.store import conversations as stored
from server.store import partitions, projections
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.tasks import retention
from tallywire.v1 import event_pb2
from tests.support import serving, worlds
from tests.support.serving import Caller
from workers import projecting
from workers.projecting import Projecting


def message(conversation: str, number: int, **fields: Any) -> Event:
    one = worlds.events(1, 1)[0]
    event_id = f"{conversation}-{number}"
    told = {"event_type": "message.sent", "detail": {}, **fields}
    return one._replace(event_id=event_id, event_key=key_of(event_id), conversation_id=conversation, **told)


async def rows(database: Database, organization: int) -> dict[bytes, dict[str, Any]]:
    """The conversations of an organization as they are kept, by key."""
    async with database.snapshot(of=EVERY) as driver:
        found = await driver.fetch(
            "SELECT c.* FROM conversations c JOIN projections p USING (organization_id, version)"
            " WHERE c.organization_id = $1",
            organization,
        )
    apart = ("organization_id", "version")
    return {row["conversation_key"]: {name: one for name, one in row.items() if name not in apart} for row in found}


async def plain_figures(database: Database, organization: int) -> dict[object, object]:
    """The figures without the numbers of members, which depend on the order in which ids came."""
    figures = await worlds.figures(database, organization)
    return {key: (cell.counters, cell.bins) for key, cell in figures.items()}


async def state(database: Database, organization: int) -> dict[str, Any]:
    async with database.snapshot(of=EVERY) as driver:
        statement = "SELECT * FROM projections WHERE organization_id = $1 AND name = $2"
        row = await driver.fetchrow(statement, organization, PROJECTION)
        newest = await driver.fetchval("SELECT revision FROM revisions WHERE organization_id = $1", organization)
    return {**(row or {}), "newest": newest}


@pytest.mark.parametrize("seed", range(3))
async def test_figures_and_rows_do_not_depend_on_the_steps(
    own_database: Database, make_own: Callable[[], Awaitable[int]], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    dice = random.Random(seed)
    events = worlds.events(seed, 300)
    at_once, in_steps = await make_own(), await make_own()
    await worlds.store(own_database, at_once, events)
    await worlds.project(own_database, at_once)
    shuffled = dice.sample(events, len(events))
    for start in range(0, 300, 30):
        await worlds.store(own_database, in_steps, shuffled[start : start + 30], batch=dice.choice((1, 5, 30)))
        if dice.random() < 0.7:
            monkeypatch.setattr(projectors, "STEP_EVENTS", dice.choice((1, 3, 20, 1000)))
            await worlds.project(own_database, in_steps)
        if dice.random() < 0.3:
            await fold.fold_all(own_database, in_steps)
    await worlds.project(own_database, in_steps)
    assert await rows(own_database, at_once) == await rows(own_database, in_steps)
    assert await plain_figures(own_database, at_once) == await plain_figures(own_database, in_steps)
    for organization in (at_once, in_steps):
        assert (await audit.check(own_database, organization)).mismatches == 0


@pytest.mark.usefixtures("small_steps")
async def test_a_revision_with_more_events_than_a_step_is_one_step(
    own_database: Database, own_organization: int
) -> None:
    await worlds.store(own_database, own_organization, [message("c", number) for number in range(50)], batch=50)
    projector = Projector(own_database)
    assert await projector.follow(own_organization, PROJECTION) == 50
    assert (await audit.check(own_database, own_organization)).mismatches == 0


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("batch", [1, 3, 400])
async def test_a_step_looks_at_a_bounded_number_of_events_that_it_passes_over(
    own_database: Database, own_organization: int, batch: int
) -> None:
    calls = [message("", number, event_type="api.called") for number in range(400)]
    await worlds.store(own_database, own_organization, [*calls, message("c", 400)], batch=batch)
    projector = Projector(own_database)
    steps, end = [], (await state(own_database, own_organization))["newest"]
    while (found := await state(own_database, own_organization)).get("revision", 0) < end:
        steps.append(found.get("revision", 0))
        await projector.follow(own_organization, PROJECTION, found.get("revision", 0) + 1)
    assert len(steps) >= (5 if batch < 70 else 1), "70 events at a time, or a whole revision"
    assert [row["conversation_id"] for row in (await rows(own_database, own_organization)).values()] == ["c"]
    assert (await audit.check(own_database, own_organization)).mismatches == 0


@pytest.mark.usefixtures("small_steps")
async def test_many_that_step_at_once_count_everything_once(own_database: Database, own_organization: int) -> None:
    projectors_at_once = [Projector(own_database) for _ in range(3)]
    events = worlds.events(5, 300)

    async def follow(one: Projector) -> None:
        for _ in range(10):
            await one.follow(own_organization, PROJECTION)

    storing = worlds.store(own_database, own_organization, events, batch=10)
    await asyncio.gather(storing, *(follow(one) for one in projectors_at_once))
    await worlds.project(own_database, own_organization)
    report = await audit.check(own_database, own_organization)
    assert (report.mismatches, report.events) == (0, 300)


async def test_a_step_that_changes_no_figure_makes_no_revision(own_database: Database, own_organization: int) -> None:
    told: list[int] = []
    projector = Projector(own_database, on_revision=told.append)
    await worlds.store(own_database, own_organization, [message("c", 1)])
    await projector.follow(own_organization, PROJECTION)
    assert told == [own_organization]  # the conversation began
    found = await state(own_database, own_organization)
    assert (found["revision"], found["newest"]) == (2, 2)
    await worlds.store(own_database, own_organization, [message("c", 2, event_type="message.received")])
    await projector.follow(own_organization, PROJECTION)
    assert told == [own_organization]
    found = await state(own_database, own_organization)
    assert (found["revision"], found["newest"]) == (3, 3)
    assert await projector.follow(own_organization, PROJECTION) == 0


async def test_an_answer_holds_what_was_acknowledged_before_it_without_any_worker(caller: Caller) -> None:
    for number in range(5):
        await caller.track(serving.event("conversation.started", conversation_id=f"c{number}"))
        overview = (await caller.overview(serving.today())).overview
        assert (overview.events, overview.total_conversations) == (number + 1, number + 1)


async def test_a_worker_brings_projections_on(own_database: Database, own_organization: int) -> None:
    working = Projecting(own_database, Projector(own_database))
    await worlds.store(own_database, own_organization, worlds.events(1, 50))
    await working.organization(own_organization)
    found = await state(own_database, own_organization)
    assert found["revision"] == found["newest"]
    await worlds.store(own_database, own_organization, worlds.events(2, 50))
    await working.due()
    found = await state(own_database, own_organization)
    assert found["revision"] == found["newest"]


async def test_a_worker_takes_few_connections_however_many_organizations_wait(own_database: Database) -> None:
    held, under_way, most = asyncio.Event(), set[int](), 0

    class Slow(Projector):
        async def follow(self, organization_id: int, name: str, target: int | None = None) -> int:
            nonlocal most
            under_way.add(organization_id)
            most = max(most, len(under_way))
            await held.wait()
            under_way.discard(organization_id)
            return 0

    working = Projecting(own_database, Slow(own_database))
    woken = [asyncio.create_task(working.organization(organization)) for organization in range(32)]
    while len(under_way) < projecting.CONCURRENCY:  # noqa: ASYNC110 - it is only counted
        await asyncio.sleep(0)
    held.set()
    await asyncio.gather(*woken)
    assert most == projecting.CONCURRENCY


async def test_an_organization_that_gets_no_slot_is_left_to_the_next_sweep(
    own_database: Database, make_own: Callable[[], Awaitable[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projecting, "_SLOT_SECONDS", 0.05)
    held, organizations = asyncio.Event(), [await make_own() for _ in range(projecting.CONCURRENCY + 1)]

    class Slow(Projector):
        async def follow(self, organization_id: int, name: str, target: int | None = None) -> int:
            await held.wait()
            return await super().follow(organization_id, name, target)

    for organization in organizations:
        await worlds.store(own_database, organization, [message("c", 1)])
    working = Projecting(own_database, Slow(own_database))
    woken = [asyncio.create_task(working.organization(organization)) for organization in organizations]
    await woken[-1]
    assert not any(one.done() for one in woken[:-1])
    held.set()
    await asyncio.gather(*woken)
    assert "revision" not in await state(own_database, organizations[-1])
    await working.due()
    found = await state(own_database, organizations[-1])
    assert found["revision"] == found["newest"]


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The conversations on whose events the projection fails, as by a bug of ours."""
    poisonous = ["bad"]
    events_after = stored.EVENTS.after

    async def failing(driver: Driver, *arguments: Any) -> Any:
        found = await events_after(driver, *arguments)
        if any(event.conversation_id in poisonous for event in found.events):
            raise ValueError("a value of the tenant's")
        return found

    monkeypatch.setattr(stored.EVENTS, "after", failing)
    return poisonous


async def test_a_projection_that_fails_stops_itself_and_nothing_else(
    caller: Caller, database: Database, poison: list[str]
) -> None:
    for name in ("good", "bad", "later"):
        await caller.track(serving.event("conversation.started", conversation_id=name))
    answer = await caller.overview(serving.today())
    assert (answer.overview.events, answer.overview.total_conversations) == (3, 1)
    (lagging,) = answer.context.lagging
    assert (lagging.projection, lagging.as_of_revision) == (PROJECTION, 1)
    found = await state(database, caller.organization_id)
    assert found["failed_revision"] == 2
    assert "tenant" not in found["failure"]
    assert "ValueError" in found["failure"]
    trends = await caller.trends(serving.today(), "total_messages")
    assert not trends.context.lagging, "what does not depend on it says nothing of it"
    await caller.track(serving.event("message.sent"))
    assert (await caller.overview(serving.today())).overview.events == 4

    poison.clear()
    async with database.transaction(of=EVERY) as driver:
        assert await projections.retry(driver, PROJECTION, [caller.organization_id]) == 1
    answer = await caller.overview(serving.today())
    assert (answer.overview.total_conversations, len(answer.context.lagging)) == (3, 0)
    assert (await audit.check(database, caller.organization_id)).mismatches == 0


async def test_an_answer_that_would_take_too_long_is_refused(
    caller: Caller, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await caller.track(serving.event("message.sent", conversation_id="c"))
    async with database.transaction(of=EVERY) as driver:
        await projections.lock(driver, caller.organization_id, PROJECTION)
        with monkeypatch.context() as impatient:
            impatient.setattr(projectors, "CATCH_UP_SECONDS", 0.2)
            with pytest.raises(Refused, match="ask again"):
                await Projector(database).catch_up(caller.organization_id, [PROJECTION], 1)
    assert (await caller.overview(serving.today())).overview.total_conversations == 1


async def test_a_step_that_lasts_keeps_nobody_else_from_the_database(
    own_url: str, own_database: Database, own_organization: int
) -> None:
    """As on a server, where other connections are taken for lost once they are in use for some seconds."""
    served = Database(own_url, patience=0.3, query_patience=0.3)
    try:
        await worlds.store(served, own_organization, [message("c", 1)])
        async with served.ingest(of=EVERY) as driver:
            before = driver.identity
        async with own_database.transaction(of=EVERY) as driver:
            await projections.lock(driver, own_organization, PROJECTION)
            waiting = asyncio.create_task(Projector(served).catch_up(own_organization, [PROJECTION], 1))
            await asyncio.sleep(1)  # several times as long as others may use a connection
            assert not waiting.done()
        await waiting
        async with served.ingest(of=EVERY) as driver:
            assert driver.identity == before
    finally:
        await served.close()


async def test_a_caller_that_leaves_does_not_undo_a_step(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, save = asyncio.Event(), asyncio.Event(), stored.save

    async def slowly(*arguments: Any) -> None:
        begun.set()
        await go_on.wait()
        await save(*arguments)

    monkeypatch.setattr(stored, "save", slowly)
    await worlds.store(own_database, own_organization, [message("c", 1)])
    projector = Projector(own_database)
    leaving = asyncio.create_task(projector.follow(own_organization, PROJECTION))
    await begun.wait()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    joining = asyncio.create_task(projector.follow(own_organization, PROJECTION, 1))
    go_on.set()
    assert await joining == 1


@pytest.mark.usefixtures("small_steps")
async def test_who_comes_as_a_step_ends_takes_the_next(own_database: Database, own_organization: int) -> None:
    await worlds.store(own_database, own_organization, [message("c", number) for number in range(200)], batch=10)
    newest = (await state(own_database, own_organization))["newest"]
    coming: list[asyncio.Task[int]] = []

    def come(_: int) -> None:
        """Runs before anything that waits for the step hears of its end."""
        coming.append(asyncio.create_task(projector.follow(own_organization, PROJECTION, newest)))

    projector = Projector(own_database, on_revision=come)
    await projector.follow(own_organization, PROJECTION, 1)
    await asyncio.gather(*coming)
    assert (await state(own_database, own_organization))["revision"] >= newest


async def test_what_the_database_refuses_stops_a_projection(
    caller: Caller, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def violating(driver: Driver, *_: Any) -> None:
        await driver.execute(
            "INSERT INTO projections (organization_id, name) VALUES ($1, NULL)", caller.organization_id
        )

    monkeypatch.setattr(stored, "save", violating)
    await caller.track(serving.event("conversation.started", conversation_id="c"))
    answer = await caller.overview(serving.today())
    assert [one.projection for one in answer.context.lagging] == [PROJECTION]
    assert (await state(database, caller.organization_id))["failure"] == "database error 23502"


async def test_a_fault_that_newer_code_gets_over_stops_nothing(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a rolling upgrade another process takes the step while ours fails on it."""
    events_after = stored.EVENTS.after

    async def failing(*arguments: Any) -> Any:
        monkeypatch.setattr(stored.EVENTS, "after", events_after)
        raise ValueError("of newer code")

    await worlds.store(own_database, own_organization, [message("c", 1)])
    stop, other = projections.lock, Projector(own_database)
    locks = 0

    async def lock(driver: Driver, organization_id: int, name: str, needs: Sequence[str] = ()) -> Any:
        nonlocal locks
        locks += name == PROJECTION
        if locks == 2 and name == PROJECTION:  # between the step that fails and the one that would stop it
            await other.follow(own_organization, PROJECTION)
        return await stop(driver, organization_id, name, needs)

    monkeypatch.setattr(stored.EVENTS, "after", failing)
    monkeypatch.setattr(projections, "lock", lock)
    await Projector(own_database).follow(own_organization, PROJECTION)
    found = await state(own_database, own_organization)
    assert (found["failed_revision"], found["revision"]) == (None, found["newest"])


async def test_who_is_a_human_is_known_before_messages_are_counted(caller: Caller) -> None:
    """Whoever asks, and without any worker."""
    human = event_pb2.AgentDetail(kind=event_pb2.AGENT_KIND_HUMAN)
    await caller.track(serving.event("agent.created", agent_id="ann", agent=human))
    await caller.track(serving.event("conversation.started", conversation_id="c"))
    await caller.track(serving.event("message.sent", conversation_id="c", agent_id="ann"))
    trends = await caller.trends(serving.today(), "first_human_response_time_ms", "avg_first_human_response_time_ms")
    assert any(value.HasField("number") for value in trends.series[1].values)


async def test_raw_events_stay_until_projections_have_seen_them(own_database: Database, own_organization: int) -> None:
    await worlds.execute(own_database, "UPDATE organizations SET event_retention_days = 1")
    day = (datetime.now(UTC) - timedelta(days=5)).date()
    async with own_database.transaction(of=EVERY) as driver:
        await partitions.ensure(driver, day)
    await worlds.store(own_database, own_organization, [message("c", 1)])
    for table in ("events", "revisions"):
        column = {"events": "received_at", "revisions": "revised_at"}[table]
        await worlds.execute(own_database, f"UPDATE {table} SET {column} = {worlds.moved(column, '-5 days')}")
    await retention.event_retention(own_database, datetime.now(UTC), {})
    assert await worlds.value(own_database, "SELECT count(*) FROM events") == 1
    await worlds.project(own_database, own_organization)
    await retention.event_retention(own_database, datetime.now(UTC), {})
    assert await worlds.value(own_database, "SELECT count(*) FROM events") == 0
