"""Rebuilding: rows are filled again beside those that are valid, and figures change by what differs alone."""

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from server.catalog.families.conversations import PROJECTION
from server.events.conversation import Conversation
from server.events.outcomes import ClosingKind
from server.projections import rebuild as rebuilding
from server.projections.projector import Projector
from server.projections.rebuild import RebuildProgress, rebuild
from server.rollups import audit, fold
from server.store import changes, conversation_versions, projections
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.tasks import retention
from tests.projections.test_projections import message, plain_figures, rows, state
from tests.support import worlds


def ignore(_: object) -> None:
    """Tells nobody."""


@pytest.mark.usefixtures("small_steps")
async def test_a_rebuild_changes_nothing_where_all_is_right(own_database: Database, own_organization: int) -> None:
    await worlds.store(own_database, own_organization, worlds.events(3, 200))
    before = await worlds.figures(own_database, own_organization), await rows(own_database, own_organization)
    revision = (await state(own_database, own_organization))["newest"]
    done = await rebuild(own_database, own_organization, PROJECTION, ignore)
    found = await state(own_database, own_organization)
    assert done.revision == found["revision"] == found["newest"] == revision
    assert (found["version"], found["rebuilt_revision"]) == (1, None)
    assert done.differing == 0
    assert (await worlds.figures(own_database, own_organization), await rows(own_database, own_organization)) == before
    assert await worlds.value(own_database, "SELECT count(*) FROM conversations WHERE version <> 1") == 0
    assert await worlds.value(own_database, "SELECT count(*) FROM conversation_closings WHERE version <> 1") == 0


async def test_a_rebuild_mends_what_a_fault_of_ours_has_done(
    own_database: Database, make_own: Callable[[], Awaitable[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = await make_own(), await make_own()
    events = worlds.events(3, 200)
    for one in (right, wrong):
        await worlds.store(own_database, one, events)
    with monkeypatch.context() as patch:
        patch.setattr(Conversation, "close", lambda *_: None)
        await worlds.project(own_database, wrong)
    assert (await audit.check(own_database, wrong)).mismatches > 0
    assert await plain_figures(own_database, wrong) != await plain_figures(own_database, right)
    await rebuild(own_database, wrong, PROJECTION, ignore)
    assert await plain_figures(own_database, wrong) == await plain_figures(own_database, right)
    assert (await audit.check(own_database, wrong)).mismatches == 0


@pytest.mark.usefixtures("small_steps")
async def test_a_rebuild_goes_on_while_events_come_in(own_database: Database, own_organization: int) -> None:
    events = worlds.events(4, 400)
    await worlds.store(own_database, own_organization, events[:200])
    await worlds.project(own_database, own_organization)

    async def more() -> None:
        for start in range(200, 400, 20):
            await worlds.store(own_database, own_organization, events[start : start + 20])
            await worlds.project(own_database, own_organization)

    await asyncio.gather(more(), rebuild(own_database, own_organization, PROJECTION, ignore))
    await worlds.project(own_database, own_organization)
    report = await audit.check(own_database, own_organization)
    assert (report.mismatches, report.events) == (0, 400)


@pytest.mark.usefixtures("small_steps")
async def test_a_rebuild_that_was_ended_goes_on(own_database: Database, own_organization: int) -> None:
    await worlds.store(own_database, own_organization, worlds.events(3, 200), batch=5)
    before = await worlds.figures(own_database, own_organization), await rows(own_database, own_organization)

    def end(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rebuild(own_database, own_organization, PROJECTION, end)
    assert (await state(own_database, own_organization))["rebuilt_version"] == 2
    done = await rebuild(own_database, own_organization, PROJECTION, ignore)
    assert 0 < done.events < 200
    assert (await worlds.figures(own_database, own_organization), await rows(own_database, own_organization)) == before


async def test_a_rebuild_keeps_what_is_known_of_times_without_raw_events(
    own_database: Database, own_organization: int
) -> None:
    events = worlds.events(3, 200)
    await worlds.store(own_database, own_organization, events)
    before = await worlds.figures(own_database, own_organization), await rows(own_database, own_organization)
    middle = sorted(event.occurred_at for event in events)[100] // 900_000_000
    await worlds.execute(
        own_database,
        "DELETE FROM events WHERE occurred_at < to_timestamp($1)",
        middle * 900,
    )
    await worlds.execute(own_database, "UPDATE organizations SET raw_from_bucket = $1", middle)
    await rebuild(own_database, own_organization, PROJECTION, ignore)
    assert (await worlds.figures(own_database, own_organization), await rows(own_database, own_organization)) == before


@pytest.mark.parametrize("is_stopped", [False, True])
async def test_a_rebuild_loses_nothing_that_the_valid_rows_have_not_seen(
    own_database: Database, own_organization: int, is_stopped: bool
) -> None:
    """Of a conversation whose first events are gone, and which is closed while the rebuild is under way."""
    old = [message("c", number, occurred_at=message("c", 0).occurred_at - 10**9) for number in range(3)]
    await worlds.store(own_database, own_organization, old)
    await worlds.project(own_database, own_organization)
    bucket = old[0].occurred_at // 900_000_000 + 1
    await worlds.execute(own_database, "DELETE FROM events")
    await worlds.execute(own_database, "UPDATE organizations SET raw_from_bucket = $1", bucket)
    await worlds.store(own_database, own_organization, [message("c", 9, event_type="conversation.resolved")])
    if is_stopped:
        async with own_database.transaction(of=EVERY) as driver:
            await projections.stop(driver, own_organization, PROJECTION, 3, "a fault")
    await rebuild(own_database, own_organization, PROJECTION, ignore)
    (row,) = (await rows(own_database, own_organization)).values()
    assert (row["messages"], row["outcome"], row["is_open"]) == (3, ClosingKind.RESOLVED, False)
    found = await state(own_database, own_organization)
    assert (found["revision"], found["failed_revision"]) == (found["newest"], None)
    assert (await audit.check(own_database, own_organization)).mismatches == 0


@pytest.mark.usefixtures("small_steps")
async def test_a_rebuild_can_begin_anew_and_leaves_no_rows_of_others(
    own_database: Database, own_organization: int
) -> None:
    await worlds.store(own_database, own_organization, worlds.events(3, 100), batch=5)
    before = await worlds.figures(own_database, own_organization), await rows(own_database, own_organization)

    def end(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rebuild(own_database, own_organization, PROJECTION, end)
    done = await rebuild(own_database, own_organization, PROJECTION, ignore, anew=True)
    assert done.events > 50
    found = await state(own_database, own_organization)
    assert (found["version"], found["rebuilt_version"]) == (1, 3)
    assert (await worlds.figures(own_database, own_organization), await rows(own_database, own_organization)) == before
    assert await worlds.value(own_database, "SELECT count(*) FROM conversations WHERE version <> 1") == 0


async def test_organizations_are_rebuilt_one_by_one(
    own_database: Database, make_own: Callable[[], Awaitable[int]]
) -> None:
    organizations: Sequence[int] = [await make_own() for _ in range(2)]
    for one in organizations:
        await worlds.store(own_database, one, worlds.events(one, 100))
        await worlds.project(own_database, one)
    other = await rows(own_database, organizations[1])
    await rebuild(own_database, organizations[0], PROJECTION, ignore)
    assert [(await state(own_database, one))["rebuilt_version"] for one in organizations] == [2, None]
    assert await rows(own_database, organizations[1]) == other
    for one in organizations:
        assert (await audit.check(own_database, one)).mismatches == 0


# Portions


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A portion has few conversations."""
    monkeypatch.setattr(conversation_versions, "PORTION", 4)


async def project_without_answers(database: Database, organization: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Projects with a fault by which nobody answers: figures agree with conversations, and both are wrong."""
    with monkeypatch.context() as patch:
        patch.setattr(Conversation, "_take_sent", lambda *_: None)
        await worlds.project(database, organization)


@pytest.mark.usefixtures("small_portions")
async def test_figures_agree_with_conversations_after_each_portion(
    own_database: Database, make_own: Callable[[], Awaitable[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While events come in, are projected and folded."""
    right, wrong = await make_own(), await make_own()
    events = worlds.events(4, 400)
    for one in (right, wrong):
        await worlds.store(own_database, one, events[:300])
    await project_without_answers(own_database, wrong, monkeypatch)
    follow, looks, coming = Projector.follow, 0, deque(events[300:])

    async def look(self: Projector, organization_id: int, name: str, target: int | None = None) -> int:
        nonlocal looks
        if looks >= 0 and coming:  # not from within
            so_far, looks = looks, -1
            assert (await audit.check(own_database, wrong)).mismatches == 0
            await worlds.store(own_database, wrong, [coming.popleft() for _ in range(10)])
            await worlds.project(own_database, wrong)
            await fold.fold(own_database, wrong, limit=100)
            looks = so_far + 1
        return await follow(self, organization_id, name, target)

    portions: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(Projector, "follow", look)
        await rebuild(own_database, wrong, PROJECTION, lambda progress: portions.append(progress.differing))
    assert looks > 5
    assert all(0 <= after - before <= 4 for before, after in itertools.pairwise(portions))
    assert portions[-1] > 20
    await worlds.store(own_database, wrong, [*coming])
    await worlds.store(own_database, right, events[300:])
    assert await plain_figures(own_database, wrong) == await plain_figures(own_database, right)
    assert await rows(own_database, wrong) == await rows(own_database, right)
    assert (await audit.check(own_database, wrong)).mismatches == 0


@pytest.mark.usefixtures("small_portions")
async def test_a_rebuild_that_was_ended_between_portions_goes_on(
    own_database: Database, make_own: Callable[[], Awaitable[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = await make_own(), await make_own()
    events, later = worlds.events(3, 200), worlds.events(5, 50)
    for one in (right, wrong):
        await worlds.store(own_database, one, events)
    await project_without_answers(own_database, wrong, monkeypatch)

    def end(progress: RebuildProgress) -> None:
        if progress.differing:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rebuild(own_database, wrong, PROJECTION, end)
    assert (await state(own_database, wrong))["rebuilt_after"]
    for one in (right, wrong):
        await worlds.store(own_database, one, later)
        await worlds.project(own_database, one)
    assert (await audit.check(own_database, wrong)).mismatches == 0
    done = await rebuild(own_database, wrong, PROJECTION, ignore)
    assert 0 < done.events <= 50
    assert await plain_figures(own_database, wrong) == await plain_figures(own_database, right)
    assert await rows(own_database, wrong) == await rows(own_database, right)


@pytest.mark.usefixtures("small_portions")
async def test_a_rebuild_mends_closings_that_decide_nothing(own_database: Database, own_organization: int) -> None:
    await worlds.store(own_database, own_organization, worlds.events(3, 200))
    before = await worlds.figures(own_database, own_organization), await rows(own_database, own_organization)
    invented = (
        "INSERT INTO conversation_closings SELECT organization_id, version, occurred_at + interval '1 second', kind,"
        " agent_id, channel, team_id, '', conversation_key, 'x' FROM conversation_closings"
        " WHERE organization_id = $1 AND kind = 1 LIMIT 1"
    )
    assert (await worlds.execute(own_database, invented, own_organization)).endswith(" 1")
    assert (await audit.check(own_database, own_organization)).mismatches > 0
    done = await rebuild(own_database, own_organization, PROJECTION, ignore)
    assert done.differing == 1
    assert (await audit.check(own_database, own_organization)).mismatches == 0
    assert (await worlds.figures(own_database, own_organization), await rows(own_database, own_organization)) == before


@pytest.mark.usefixtures("small_portions")
async def test_a_rebuild_takes_back_conversations_that_no_event_tells_of(
    own_database: Database, make_own: Callable[[], Awaitable[int]]
) -> None:
    right, wrong = await make_own(), await make_own()
    events = worlds.events(3, 200)
    invented = [message(f"invented {number}", 1, event_type="conversation.resolved") for number in range(9)]
    for organization, some in ((right, events), (wrong, [*events, *invented])):
        await worlds.store(own_database, organization, some)
        await worlds.project(own_database, organization)
    await worlds.execute(own_database, "DELETE FROM events WHERE conversation_id LIKE 'invented %'")
    done = await rebuild(own_database, wrong, PROJECTION, ignore)
    assert done.differing == 9
    assert await rows(own_database, wrong) == await rows(own_database, right)
    left = "SELECT count(*) FROM conversation_closings WHERE organization_id = $1"
    assert await worlds.value(own_database, left, wrong) == await worlds.value(own_database, left, right)


async def test_a_rebuild_loses_nothing_that_comes_in_while_it_swaps(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has something to mend, and so a revision of its own, before which others come."""
    append, stored = changes.append, 0

    async def late(driver: Driver, *arguments: Any) -> Any:
        nonlocal stored
        stored += 1
        await worlds.store(own_database, own_organization, [message("late", stored)])
        return await append(driver, *arguments)

    await worlds.store(own_database, own_organization, worlds.events(3, 200))
    with monkeypatch.context() as patch:
        patch.setattr(Conversation, "close", lambda *_: None)
        await worlds.project(own_database, own_organization)
    with monkeypatch.context() as patch:
        patch.setattr(changes, "append", late)
        await rebuild(own_database, own_organization, PROJECTION, ignore)
    found = await state(own_database, own_organization)
    assert (stored, found["revision"]) == (1, found["newest"] - 2)
    await worlds.project(own_database, own_organization)
    kept = {row["conversation_id"]: row["messages"] for row in (await rows(own_database, own_organization)).values()}
    assert kept["late"] == 1
    assert (await audit.check(own_database, own_organization)).mismatches == 0


@pytest.fixture
def locked_out(monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Counts who was refused the lock of a projection, which is waited for only shortly."""
    monkeypatch.setattr(projections, "LOCK_SECONDS", 0.1)
    lock, refusals = projections.lock, asyncio.Semaphore(0)

    async def counted(*arguments: Any) -> Any:
        try:
            return await lock(*arguments)
        except Exception:
            refusals.release()
            raise

    monkeypatch.setattr(projections, "lock", counted)
    return refusals


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("held", [PROJECTION, "agents"])
async def test_a_rebuild_waits_for_as_long_as_others_hold_what_it_needs(
    own_database: Database, own_organization: int, locked_out: asyncio.Semaphore, held: str
) -> None:
    await worlds.store(own_database, own_organization, worlds.events(3, 50))
    async with own_database.transaction(of=EVERY) as driver:
        await projections.lock(driver, own_organization, held)
        rebuilding = asyncio.create_task(rebuild(own_database, own_organization, PROJECTION, ignore))
        for _ in range(3):
            refused = asyncio.create_task(locked_out.acquire())
            await asyncio.wait((refused, rebuilding), return_when=asyncio.FIRST_COMPLETED)
            assert not rebuilding.done()
    done = await rebuilding
    assert done.revision == done.newest
    assert (await audit.check(own_database, own_organization)).mismatches == 0


async def unfinished(database: Database, organization: int) -> None:
    """Begins a rebuild that does not end."""

    def end(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rebuild(database, organization, PROJECTION, end)


@pytest.mark.usefixtures("small_steps")
async def test_a_rebuild_begins_anew_also_where_it_had_to_wait(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worlds.store(own_database, own_organization, worlds.events(3, 100), batch=5)
    await unfinished(own_database, own_organization)
    move, waited = projections.move_rebuilt, False

    async def lately(driver: Driver, *arguments: Any) -> None:
        """Meets a row that somebody holds, at the end of the first transaction."""
        nonlocal waited
        if not waited:
            waited = True
            await driver.execute("SET LOCAL lock_timeout = '50ms'")
            async with own_database.transaction(of=EVERY) as other:
                await other.execute(HOLD, own_organization)
                await driver.execute(HOLD, own_organization)
        await move(driver, *arguments)

    monkeypatch.setattr(projections, "move_rebuilt", lately)
    first: list[RebuildProgress] = []
    await rebuild(own_database, own_organization, PROJECTION, first.append, anew=True)
    assert waited
    again: list[RebuildProgress] = []
    await rebuild(own_database, own_organization, PROJECTION, again.append)
    assert first[0].revision == again[0].revision


HOLD = "SELECT FROM organizations WHERE organization_id = $1 FOR UPDATE"


def between(monkeypatch: pytest.MonkeyPatch, number: int, do: Callable[[], Any]) -> None:
    """Does something before the conversations are locked for that time."""
    lock, locks = projections.lock, 0

    async def counted(driver: Driver, organization_id: int, name: str, *rest: Any) -> Any:
        nonlocal locks
        locks += name == PROJECTION
        if name == PROJECTION and locks == number:
            await do()
        return await lock(driver, organization_id, name, *rest)

    monkeypatch.setattr(projections, "lock", counted)


@pytest.mark.usefixtures("small_steps")
async def test_a_rebuild_that_another_one_has_finished_is_not_begun_again(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worlds.store(own_database, own_organization, worlds.events(3, 200), batch=5)
    alone = await rebuild(own_database, own_organization, PROJECTION, ignore)
    others: list[RebuildProgress] = []

    async def finish() -> None:
        others.append(await rebuild(own_database, own_organization, PROJECTION, ignore))

    with monkeypatch.context() as patch:
        between(patch, 2, finish)
        done = await rebuild(own_database, own_organization, PROJECTION, ignore)
    assert done.events > 0
    assert done.events + others[0].events == alone.events
    assert (await state(own_database, own_organization))["rebuilt_revision"] is None
    assert (await audit.check(own_database, own_organization)).mismatches == 0


async def other_rows(database: Database, organization: int) -> object:
    """How many conversations of an organization there are that nobody reads."""
    return await worlds.value(
        database,
        "SELECT count(*) FROM conversations c JOIN projections p USING (organization_id)"
        " WHERE p.name = 'conversations' AND c.organization_id = $1 AND c.version <> p.version",
        organization,
    )


async def test_what_a_rebuild_could_not_remove_any_more_is_removed_by_a_task(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION_ROWS", 10)
    await worlds.store(own_database, own_organization, worlds.events(3, 200))
    await worlds.project(own_database, own_organization)
    before = await rows(own_database, own_organization)

    async def end(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rebuilding, "_remove_others", end)
        with pytest.raises(KeyboardInterrupt):
            await rebuild(own_database, own_organization, PROJECTION, ignore)
    assert await other_rows(own_database, own_organization)
    done = await retention.projection_retention(own_database, datetime.now(UTC), {})
    assert not await other_rows(own_database, own_organization)
    assert done["removed"] >= len(before)
    assert await rows(own_database, own_organization) == before


@pytest.mark.usefixtures("small_steps")
async def test_what_is_being_filled_is_shown_and_not_removed(own_database: Database, own_organization: int) -> None:
    await worlds.store(own_database, own_organization, worlds.events(3, 200), batch=5)
    await rebuild(own_database, own_organization, PROJECTION, ignore)
    await unfinished(own_database, own_organization)
    filled = await other_rows(own_database, own_organization)
    assert filled
    await retention.projection_retention(own_database, datetime.now(UTC), {})
    assert await other_rows(own_database, own_organization) == filled
    async with own_database.snapshot(of=EVERY) as driver:
        (one,) = await projections.unfinished(driver, 10)
    found = await state(own_database, own_organization)
    assert (one.name, one.organization_id, one.newest) == (PROJECTION, own_organization, found["newest"])
    assert 0 < one.revision < one.newest
    await rebuild(own_database, own_organization, PROJECTION, ignore)
    async with own_database.snapshot(of=EVERY) as driver:
        assert await projections.unfinished(driver, 10) == []
