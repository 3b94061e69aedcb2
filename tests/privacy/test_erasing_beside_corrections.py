"""Erasing a person while events are corrected and custom metrics are defined: nothing of the person comes back."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from server import errors
from server.catalog.metrics import Aggregation
from server.clock import Clock
from server.events.event import Event, key_of
from server.ingest import corrections
from server.ingest.corrections import Corrected, Correction, CorrectionStatus, Corrector
from server.organizations.audit_trail import UNNAMED_OPERATOR
from server.privacy import erasing, raw_events
from server.projections.rebuild import rebuild
from server.rollups import audit
from server.rollups.member_numbers import NumberCache
from server.store import replaced_events, rows_of_users
from server.store.database import Database, is_locked_out
from server.store.isolation import EVERY
from server.tasks import custom_metric_history
from tests.ingest import test_erased_users
from tests.privacy import erasures as own
from tests.privacy.erasures import ANN, CANARIES
from tests.support import citus, waiting, worlds


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a small world take several portions."""
    monkeypatch.setattr(raw_events, "PORTION", 20)


async def fill(database: Database, organization: int, seed: int) -> list[Event]:
    """Stores a world, of which projections have seen all, and returns Ann's events in the order of time."""
    some = own.world(seed, 100)
    await worlds.store(database, organization, some)
    await worlds.project(database, organization)
    return sorted((one for one in some if one.user_id == ANN), key=lambda one: one.occurred_at)


async def correct(database: Database, organization: int, wanted: Mapping[str, Event | None]) -> Corrected:
    """Makes events, by their ids, what they should be, as a server does that knows of nobody who was erased."""
    corrector = Corrector(database, Clock(), on_commit=lambda _: None, digest=own.HASHES.erased_user)
    some = [
        Correction(event_id=event_id, event_key=key_of(event_id), event=event) for event_id, event in wanted.items()
    ]
    return await corrector.correct(own.principal(organization), some, "late", UNNAMED_OPERATOR)


async def check_nothing_is_left(database: Database, organization: int) -> None:
    """Holds that no table names Ann, and that figures agree with raw events."""
    assert await own.tables_with(database, CANARIES) == []
    assert (await audit.check(database, organization)).mismatches == 0


async def test_a_correction_that_waited_enrols_nobody_who_was_erased_meanwhile(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, *_) = await fill(own_database, own_organization, 1)
    of_all = NumberCache.of_all
    done: list[int] = []

    async def held(self: NumberCache, driver: Any, events: Mapping[int, Sequence[Event]], *more: Any) -> Any:
        if not done and any(one.user_id == ANN for some in events.values() for one in some):
            done.append(1)  # what the event was has been read
            await own.run(own_database, await own.begin(own_database, own_organization))
        return await of_all(self, driver, events, *more)

    monkeypatch.setattr(NumberCache, "of_all", held)
    (result,) = (await correct(own_database, own_organization, {first.event_id: None})).results
    assert (done, result.status) == ([1], CorrectionStatus.RETRACTED)
    await worlds.project(own_database, own_organization)
    await check_nothing_is_left(own_database, own_organization)


async def test_an_id_that_is_enrolled_before_the_end_goes_with_it(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, *_) = await fill(own_database, own_organization, 2)
    renew = erasing._renew_statistics

    async def late(*given: Any) -> None:
        await renew(*given)
        server = test_erased_users.numbers()  # of which a correction has read the event before it was swept
        async with own_database.ingest(of=EVERY) as driver:
            await server.learn_erasures(driver, own_organization)
            await server.of_all(driver, {own_organization: [first]})
        assert ANN in await test_erased_users.known_users(own_database, own_organization)

    monkeypatch.setattr(erasing, "_renew_statistics", late)
    await own.run(own_database, await own.begin(own_database, own_organization))
    await check_nothing_is_left(own_database, own_organization)


async def rows(database: Database, table: str) -> list[str]:
    """The rows of a projection, whichever version is valid."""
    async with database.transaction(of=EVERY) as driver:
        found = await driver.fetch(f"SELECT (to_jsonb(t) - 'version')::text FROM {table} AS t ORDER BY 1")
    return [row[0] for row in found]


@pytest.mark.parametrize("becomes", ["nothing", "another message"])
async def test_what_is_known_of_the_alias_is_what_its_events_say(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch, becomes: str
) -> None:
    """Also where the first and the last of them, and one of each day, are corrected once they are swept."""
    hers = await fill(own_database, own_organization, 3)
    sweep, done = raw_events.sweep_replaced, list[int]()

    async def later(*given: Any) -> Any:
        if not done:
            chosen = {one.event_id: None if becomes == "nothing" else _other(one) for one in [hers[0], *hers[-9:]]}
            await correct(own_database, own_organization, chosen)
            await worlds.project(own_database, own_organization)
            done.append(1)
        return await sweep(*given)

    monkeypatch.setattr(raw_events, "sweep_replaced", later)
    await own.run(own_database, await own.begin(own_database, own_organization))
    assert done
    tables = ("users", "user_days", "user_conversations")
    found = [await rows(own_database, table) for table in tables]
    await rebuild(own_database, own_organization, "users", lambda _: None)
    assert found == [await rows(own_database, table) for table in tables]
    await check_nothing_is_left(own_database, own_organization)


def _other(one: Event) -> Event:
    event_type = "message.sent" if one.event_type == "message.received" else "message.received"
    return one._replace(event_type=event_type, occurred_at=one.occurred_at - 3_600_000_000, detail={}, properties="")


async def test_a_custom_metric_that_is_defined_meanwhile_keeps_nothing_of_the_person(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its history is counted in the middle of the sweep, whose portions come before that, and after it."""
    await fill(own_database, own_organization, 4)
    vouchers = own._metric("vouchers", Aggregation.UNIQUE, "properties.voucher", dimension=own._path("properties.plan"))
    monkeypatch.setattr(raw_events, "PORTION", 9)
    sweep, calls = raw_events.sweep, list[int]()

    async def count() -> None:
        has_more = True
        while has_more:
            async with own_database.transaction(of=EVERY) as driver:
                has_more = await custom_metric_history._count_window(driver, own_organization) is not None

    async def later(*given: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            await own.define(own_database, own_organization, [vouchers])
        if len(calls) == 3:
            await count()
        return await sweep(*given)

    monkeypatch.setattr(raw_events, "sweep", later)
    await own.run(own_database, await own.begin(own_database, own_organization))
    await check_nothing_is_left(own_database, own_organization)
    await count()
    assert await worlds.value(own_database, "SELECT count(*) FROM custom_metrics WHERE history_until IS NOT NULL") == 0
    await check_nothing_is_left(own_database, own_organization)


async def test_a_correction_and_a_sweep_that_wait_for_each_other_are_both_done(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hers = {one.event_key: one for one in await fill(own_database, own_organization, 5)}
    rewrite, replace = rows_of_users.rewrite, replaced_events.replace
    correcting: list[asyncio.Task[Corrected]] = []
    both, states = list[Event](), list[str]()
    has_one = asyncio.Event()

    async def one_by_one(driver: Any, organization: int, some: Any, *bounds: Any) -> None:
        if correcting:
            await rewrite(driver, organization, some, *bounds)
            return
        await rewrite(driver, organization, some[:1], *bounds)
        both.extend(hers[one.event.event_key] for one in some[:2])
        chosen = {one.event_id: _other(one) for one in both}
        correcting.append(asyncio.create_task(correct(own_database, own_organization, chosen)))
        await has_one.wait()
        await rewrite(driver, organization, some[1:], *bounds)

    async def the_other_way_round(driver: Any, organization: int, revision: Any, old: Any, new: Any, note: Any) -> None:
        if has_one.is_set():
            await replace(driver, organization, revision, old, new, note)
            return
        for which in reversed(both):
            was = [one for one in old if one.event.event_key == which.event_key]
            now = [one for one in new if one.event_key == which.event_key]
            await replace(driver, organization, revision, was, now, note)
            has_one.set()

    def noted(error: errors.StorageUnavailable) -> bool:
        states.append(str(error))
        return is_locked_out(error)

    monkeypatch.setattr(rows_of_users, "rewrite", one_by_one)
    monkeypatch.setattr(replaced_events, "replace", the_other_way_round)
    for module in (corrections, erasing):
        monkeypatch.setattr(module, "is_locked_out", noted)
    await own.run(own_database, await own.begin(own_database, own_organization))
    done = await correcting[0]
    assert {one.status for one in done.results} == {CorrectionStatus.CORRECTED}
    assert "database error 40P01" in states
    await worlds.project(own_database, own_organization)
    await check_nothing_is_left(own_database, own_organization)


@citus.one_node
async def test_what_is_kept_of_a_replaced_event_is_as_a_sweep_beside_it_leaves_it(
    own_database: Database, own_organization: int
) -> None:
    """The sweep has renamed the row and not committed: the correction waits for it before it keeps what was."""
    one = (await fill(own_database, own_organization, 5))[0]
    async with own_database.transaction(of=own_organization) as sweep:
        await sweep.execute("UPDATE events SET user_id = 'renamed' WHERE event_key = $1", one.event_key)
        correcting = asyncio.create_task(correct(own_database, own_organization, {str(one.event_id): None}))
        is_waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        await waiting.until(lambda: sweep.fetchval(is_waiting))
    assert [row.status for row in (await correcting).results] == [CorrectionStatus.RETRACTED]
    kept = "SELECT user_id FROM replaced_events WHERE event_key = $1"
    assert await worlds.value(own_database, kept, one.event_key) == "renamed"
