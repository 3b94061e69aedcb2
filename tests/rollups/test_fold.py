"""Folding moves figures from deltas to rollups and changes none."""

import asyncio
import contextlib
import functools
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from server.rollups import audit, fold
from server.store import rollups
from server.store.database import Database
from server.store.isolation import EVERY
from tests.support import citus, effort, worlds
from workers import folding
from workers.folding import Folding


@pytest.mark.parametrize("seed", range(effort.chosen(2, thorough=20)))
async def test_a_fold_changes_no_figure(database: Database, organization: int, seed: int) -> None:
    dice = random.Random(seed)
    events = worlds.events(seed, 600)
    for start in range(0, 600, 200):
        await worlds.store(database, organization, events[start : start + 200], batch=dice.randrange(1, 60))
        before = await worlds.figures(database, organization)
        # Part of the deltas, so that figures are in both places.
        assert await fold.fold(database, organization, limit=dice.randrange(1, 300)) > 0
        assert await worlds.figures(database, organization) == before
    before = await worlds.figures(database, organization)
    await fold.fold_all(database, organization)
    assert await worlds.figures(database, organization) == before
    assert await worlds.unfolded(database, organization) == 0
    report = await audit.check(database, organization)
    assert (report.mismatches, report.events) == (0, 600)


async def test_the_order_of_arrival_changes_no_figure(own_database: Database, own_organization: int) -> None:
    events = worlds.events(77, 500)
    await worlds.store(own_database, own_organization, events)
    before = await worlds.figures(own_database, own_organization)
    for table in ("events", "event_keys", "deltas", "rollups", "conversations", "conversation_closings"):
        await worlds.execute(own_database, f"DELETE FROM {table}")
    random.Random(1).shuffle(events)
    await worlds.store(own_database, own_organization, events, batch=7)
    await fold.fold_all(own_database, own_organization)
    assert await worlds.figures(own_database, own_organization) == before
    assert (await audit.check(own_database, own_organization)).mismatches == 0


async def test_folding_everything_ends_however_much_comes_in(
    database: Database, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worlds.store(database, organization, worlds.events(8, 20))
    take, attempts = rollups.take_deltas, 0

    async def and_more(*about: Any) -> rollups.Taken:
        nonlocal attempts
        attempts += 1
        assert attempts < 5, "it goes on and on"
        taken = await take(*about)
        await worlds.store(database, organization, [worlds.events(8, 30)[20 + attempts]])
        return taken

    monkeypatch.setattr(rollups, "take_deltas", and_more)
    assert await fold.fold_all(database, organization) > 0
    assert attempts == 1


async def test_folds_at_once_never_count_twice(database: Database, organization: int) -> None:
    await worlds.store(database, organization, worlds.events(3, 1500), batch=50)
    before = await worlds.figures(database, organization)
    deltas = await worlds.unfolded(database, organization)

    async def work() -> int:
        total = 0
        while await worlds.unfolded(database, organization):
            total += await fold.fold(database, organization, limit=100)
        return total

    assert sum(await asyncio.gather(*(work() for _ in range(3)))) == deltas
    assert await worlds.figures(database, organization) == before


async def test_a_fold_that_is_given_up_leaves_everything_as_it_was(
    database: Database, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worlds.store(database, organization, worlds.events(4, 200))
    before = await worlds.figures(database, organization)
    deltas = await worlds.unfolded(database, organization)

    async def fail(*_: object) -> None:
        raise OSError("the end")

    with monkeypatch.context() as patch:
        patch.setattr(rollups, "note_fold", fail)
        assert await Folding(database).organization(organization) == 0
    assert await worlds.unfolded(database, organization) == deltas
    assert await worlds.figures(database, organization) == before


@citus.one_node
async def test_a_fold_alone_does_not_wait_for_the_disk(database: Database, organization: int) -> None:
    await worlds.store(database, organization, worlds.events(6, 10))
    await fold.fold_all(database, organization)
    for locks, waits in ((False, "on"), (True, "off"), (False, "on")):
        async with database.transaction(of=EVERY) as driver:
            if locks:
                await rollups.lock_fold(driver, organization)
            assert await driver.fetchval("SHOW synchronous_commit") == waits


async def test_what_is_due_is_found_without_a_wakeup(own_database: Database, own_organization: int) -> None:
    await worlds.store(own_database, own_organization, worlds.events(5, 300))
    deltas = await worlds.unfolded(own_database, own_organization)
    folds = Folding(own_database)
    assert sum(await asyncio.gather(folds.due(), folds.due())) == deltas
    assert await folds.due() == 0


@contextlib.asynccontextmanager
async def _held(database: Database) -> AsyncIterator[None]:
    """No fold gets on in the block, which must not take long."""
    async with asyncio.timeout(20), database.transaction(of=EVERY) as driver:
        await driver.execute("LOCK TABLE folds IN EXCLUSIVE MODE")
        yield


async def test_an_audit_waits_for_folds_and_not_for_ever(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worlds.store(own_database, own_organization, worlds.events(8, 300))
    monkeypatch.setattr(folding, "_LONGEST_WAIT_SECONDS", 60.0)
    folds = Folding(own_database)
    run = functools.partial(audit.run, own_database, give_way=folds.wait_until_idle)
    async with _held(own_database):
        folding_it = asyncio.create_task(folds.organization(own_organization))
        await asyncio.sleep(0)
        auditing = asyncio.create_task(run(datetime.now(UTC), {}))
        done, _ = await asyncio.wait((auditing,), timeout=0.5)
        assert not done
    async with asyncio.timeout(20):
        assert (await auditing)["organizations"] == 1
        assert await folding_it > 0

    monkeypatch.setattr(folding, "_LONGEST_WAIT_SECONDS", 0.1)
    await worlds.store(own_database, own_organization, worlds.events(9, 10))
    async with _held(own_database):
        folding_it = asyncio.create_task(folds.organization(own_organization))
        await asyncio.sleep(0)
        assert (await run(datetime.now(UTC), {}))["organizations"] == 1
        assert not folding_it.done()
    assert await folding_it > 0


async def test_who_waits_too_long_for_a_slot_is_left_to_the_next_sweep(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worlds.store(own_database, own_organization, worlds.events(10, 20))
    monkeypatch.setattr(folding, "_SLOT_SECONDS", 0.1)
    folds = Folding(own_database)
    async with _held(own_database):
        in_the_slots = [asyncio.create_task(folds.organization(own_organization)) for _ in range(folding.CONCURRENCY)]
        await asyncio.sleep(0)
        assert await folds.organization(own_organization) == 0
        assert not any(one.done() for one in in_the_slots)
    assert sum(await asyncio.gather(*in_the_slots)) + await folds.due() > 0
    assert await worlds.unfolded(own_database, own_organization) == 0


async def test_a_column_of_the_next_release_is_filled_by_its_default(
    own_database: Database, own_organization: int, own_url: str
) -> None:
    """In a session that has folded before the release came, and in one that begins after it."""
    later = Database(own_url, ingest_connections=1, other_connections=2)
    for number, database in enumerate((own_database, own_database, later)):
        await worlds.store(own_database, own_organization, worlds.events(number, 30))
        assert await fold.fold(database, own_organization) > 0
        column = "ADD COLUMN IF NOT EXISTS of_the_next_release integer NOT NULL DEFAULT 7"
        await worlds.execute(own_database, f"ALTER TABLE rollups {column}")
    await later.close()
