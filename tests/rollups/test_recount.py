"""A recount gives measures what raw events say, whatever goes on meanwhile, and leaves everything else as it is."""

import asyncio
import pathlib
import re
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import pytest

from server import errors, timerange
from server.catalog import cells, dimensions, registry
from server.catalog.cells import Cell, CellKey, Cells
from server.cli import recounting
from server.local import embedded
from server.quarters import Width
from server.rollups import audit, fold, windows
from server.rollups.member_numbers import Limits
from server.rollups.recount import Recounted, recount
from server.store import changes, organizations, updates
from server.store.database import Database, Driver, is_locked_out
from server.store.events import Revision
from server.store.isolation import EVERY
from server.tenancy import administration
from tests.support import own_databases, processes, worlds

# Of each way in which a measure is taken: counted, summed, with a histogram, distinct, and by a projection.
NAMES = ("messages_received", "storage_change_bytes", "response_time_sum_ms", "unique_users", "total_conversations")
NUMBERS = {name: registry.MEASURES[name].number for name in NAMES}
EVERY_NUMBER = [one.number for one in registry.MEASURES.values()]
_VECTORS = {
    "rollups": (("counter_keys", "counter_amounts"), ("histogram_keys", "histograms"), ("set_keys", "sets")),
    "deltas": (("counter_keys", "counter_amounts"), ("bin_keys", "bin_counts"), ("set_keys", "sets")),
}
_BY_MEASURE = ("histogram_keys", "set_keys")


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recount takes some windows."""
    monkeypatch.setattr(windows, "WINDOW_EVENTS", 100)


async def fill(database: Database, organization: int) -> None:
    """Stores events, half of whose deltas are folded into rollups of every width."""
    events = worlds.events(1, 400)
    await worlds.store(database, organization, events[:200])
    await worlds.project(database, organization)
    await worlds.keep_every_width(database, organization)
    await fold.fold_all(database, organization)
    await worlds.store(database, organization, events[200:])
    await worlds.project(database, organization)


@pytest.fixture(scope="module")
async def template(own_engines: embedded.Engines, template: str) -> str:
    """A database with an organization and its events, made once."""
    return await own_databases.filled(own_engines, template, "recounted", fill)


@pytest.fixture
async def own_organization(own_database: Database) -> int:
    """The organization."""
    return int(str(await worlds.value(own_database, "SELECT organization_id FROM organizations")))


async def forget(database: Database, *names: str) -> None:
    """Takes measures from all figures, as a release has left them that does not know these measures yet."""
    for table, vectors in _VECTORS.items():
        for keys, values in vectors:
            number = "key" if keys in _BY_MEASURE else f"key / {cells.KEY_SPAN}"
            kept = f"FROM unnest({keys}, {values}) WITH ORDINALITY AS u(key, value, place) WHERE {number} <> ALL($1)"
            await worlds.execute(
                database,
                f"UPDATE {table} SET {keys} = ARRAY(SELECT key {kept} ORDER BY place),"
                f" {values} = ARRAY(SELECT value {kept} ORDER BY place) WHERE {keys} IS NOT NULL",
                [NUMBERS[name] for name in names],
            )


async def run(
    database: Database,
    organization: int,
    *names: str,
    numbers: Collection[int] = (),
    report: Callable[[Recounted], None] = lambda _: None,
) -> Recounted:
    chosen = numbers or [NUMBERS[name] for name in names]
    return await recount(database, organization, chosen, Limits(), report)


async def differing(database: Database, organization: int) -> set[int]:
    """The numbers of the measures that the audit finds wrong."""
    report = await audit.check(database, organization, window_events=1_000_000)
    return {number for one in report.examples for number in one.measures}


async def assert_agrees(database: Database, organization: int) -> None:
    """Everything agrees with raw events, also once what a recount has appended is folded."""
    for _ in range(2):
        await worlds.project(database, organization)
        assert (await audit.check(database, organization)).mismatches == 0
        await fold.fold_all(database, organization)


@pytest.mark.parametrize("name", NAMES)
async def test_a_measure_gets_what_raw_events_say(own_database: Database, own_organization: int, name: str) -> None:
    before = await worlds.figures(own_database, own_organization)
    await forget(own_database, name)
    assert await differing(own_database, own_organization) == {NUMBERS[name]}
    reports = list[Recounted]()
    done = await run(own_database, own_organization, name, report=reports.append)
    assert reports[-1] == done
    assert len(reports) > 2
    shares = [one.covered for one in reports]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] == 1
    assert done.cells > done.corrected > 0
    assert done.unexplained == 0
    await assert_agrees(own_database, own_organization)
    assert await worlds.figures(own_database, own_organization) == before
    again = await run(own_database, own_organization, name)
    assert (again.cells, again.corrected) == (done.cells, 0)


async def test_too_much_is_taken_back_and_other_measures_stay(own_database: Database, own_organization: int) -> None:
    await forget(own_database, "storage_change_bytes")
    count = cells.count_key(NUMBERS["messages_received"])
    more = (
        "UPDATE deltas SET counter_amounts = array_append(counter_amounts, 7), counter_keys = counter_keys || $1::int"
    )
    assert await worlds.execute(own_database, f"{more} WHERE NOT $1 = ANY(counter_keys)", count) != "UPDATE 0"
    assert await differing(own_database, own_organization) == {
        NUMBERS["messages_received"],
        NUMBERS["storage_change_bytes"],
    }
    await run(own_database, own_organization, "messages_received")
    assert await differing(own_database, own_organization) == {NUMBERS["storage_change_bytes"]}
    await run(own_database, own_organization, numbers=EVERY_NUMBER)
    await assert_agrees(own_database, own_organization)


async def test_a_dimension_that_is_new_gets_cells_and_its_values_numbers(
    own_database: Database, own_organization: int
) -> None:
    for statement in (
        "DELETE FROM rollups WHERE dimension = $1",
        "DELETE FROM deltas WHERE dimension = $1",
    ):
        await worlds.execute(own_database, statement, dimensions.TEAM.number)
    await worlds.execute(own_database, "DELETE FROM members WHERE external_id = 'north'")
    await run(own_database, own_organization, numbers=EVERY_NUMBER)
    await assert_agrees(own_database, own_organization)
    assert await worlds.value(own_database, "SELECT count(*) FROM members WHERE external_id = 'north'") == 1


async def test_the_log_of_updates_tells_what_was_corrected(own_database: Database, own_organization: int) -> None:
    await administration.change_settings(own_database, "acme", {"pairs": ()})  # which are not told
    await forget(own_database, "messages_received")
    async with own_database.snapshot(of=EVERY) as driver:
        newest = (await updates.window(driver, own_organization)).newest
    done = await run(own_database, own_organization, "messages_received")
    async with own_database.snapshot(of=EVERY) as driver:
        told = await updates.after(driver, own_organization, newest, limit=100, events=100, counters=10_000)
    assert [one.revision for one in told] == list(range(newest + 1, newest + len(told) + 1))
    assert sum(len(one.changes) for one in told) == done.corrected
    key = cells.count_key(NUMBERS["messages_received"])
    assert {counter for one in told for some in one.changes.values() for counter in some} == {key}


async def test_what_happens_between_reading_and_appending_counts_once(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await forget(own_database, *NAMES)
    seeds = iter(range(10, 100))
    append = changes.append

    async def meanwhile(driver: Driver, organization: int, changed: Cells) -> Revision | None:
        monkeypatch.setattr(changes, "append", append)  # as projections use it, too
        await worlds.store(own_database, organization, worlds.events(next(seeds), 40))
        await worlds.project(own_database, organization)
        await fold.fold_all(own_database, organization)
        monkeypatch.setattr(changes, "append", meanwhile)
        return await append(driver, organization, changed)

    monkeypatch.setattr(changes, "append", meanwhile)
    assert (await run(own_database, own_organization, *NAMES)).corrected > 0
    monkeypatch.setattr(changes, "append", append)
    assert next(seeds) > 12
    await assert_agrees(own_database, own_organization)


async def test_a_recount_beside_ingest_projections_and_folds(own_database: Database, own_organization: int) -> None:
    await forget(own_database, *NAMES)

    async def repeat(work: Callable[[Database, int], Awaitable[Any]]) -> None:
        while not storing.done():
            await work(own_database, own_organization)
            await asyncio.sleep(0)

    storing = asyncio.create_task(worlds.store(own_database, own_organization, worlds.events(2, 600), batch=20))
    recounted, *_ = await asyncio.gather(
        run(own_database, own_organization, *NAMES), storing, repeat(fold.fold), repeat(worlds.project)
    )
    assert recounted.corrected > 0
    await assert_agrees(own_database, own_organization)


async def test_two_recounts_at_once_correct_once(own_database: Database, own_organization: int) -> None:
    await fold.fold_all(own_database, own_organization)
    await forget(own_database, *NAMES)
    both = await asyncio.gather(*(run(own_database, own_organization, *NAMES) for _ in range(2)))
    rows = await worlds.value(own_database, "SELECT count(*) FROM deltas")
    different = await worlds.value(own_database, "SELECT count(DISTINCT (dimension, value, bucket)) FROM deltas")
    assert rows == different == sum(one.corrected for one in both)
    await assert_agrees(own_database, own_organization)


async def test_raw_events_stay_until_a_window_is_corrected(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, attempts = changes.append, 0

    async def give_up_raw(organization: int) -> None:
        async with own_database.transaction(of=EVERY) as driver:
            await driver.execute("SET LOCAL lock_timeout = '10ms'")
            await organizations.raise_raw_from(driver, organization, 2**30)

    async def meanwhile(driver: Driver, organization: int, changed: Cells) -> Revision | None:
        nonlocal attempts
        attempts += 1
        with pytest.raises(errors.StorageUnavailable) as refused:
            await give_up_raw(organization)
        assert is_locked_out(refused.value)
        return await append(driver, organization, changed)

    monkeypatch.setattr(changes, "append", meanwhile)
    await run(own_database, own_organization, "unique_users")
    assert attempts > 2


async def test_one_that_waits_for_long_behind_another_goes_on(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await forget(own_database, "unique_users")
    hold, locked_out = organizations.hold, asyncio.Event()

    async def impatient(driver: Driver, organization: int) -> bool:
        await driver.execute("SET LOCAL lock_timeout = '10ms'")
        try:
            return await hold(driver, organization)
        except Exception:
            locked_out.set()
            raise

    async with own_database.transaction(of=EVERY) as other:
        assert await hold(other, own_organization)
        monkeypatch.setattr(organizations, "hold", impatient)
        running = asyncio.create_task(run(own_database, own_organization, "unique_users"))
        async with asyncio.timeout(30):
            await locked_out.wait()
    assert (await running).corrected > 0
    await assert_agrees(own_database, own_organization)


async def test_one_that_was_ended_in_the_middle_is_run_again(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await forget(own_database, *NAMES)
    reports = list[Recounted]()

    def end(progress: Recounted) -> None:
        reports.append(progress)
        if len(reports) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await run(own_database, own_organization, *NAMES, report=end)
    append = changes.append

    async def append_and_end(driver: Driver, organization: int, changed: Cells) -> Revision | None:
        if await append(driver, organization, changed) is not None:
            raise RuntimeError
        return None

    monkeypatch.setattr(changes, "append", append_and_end)
    with pytest.raises(RuntimeError):
        await run(own_database, own_organization, *NAMES)
    monkeypatch.setattr(changes, "append", append)
    done = await run(own_database, own_organization, *NAMES)
    assert 0 < done.corrected < done.corrected + reports[-1].corrected
    await assert_agrees(own_database, own_organization)


async def test_times_whose_raw_events_are_gone_stay(own_database: Database, own_organization: int) -> None:
    buckets = sorted(key.bucket for width, key in await worlds.figures(own_database, own_organization) if width == 1)
    raw_from = buckets[len(buckets) // 2]
    await worlds.execute(own_database, "UPDATE organizations SET raw_from_bucket = $1", raw_from)
    await worlds.execute(own_database, "DELETE FROM events WHERE occurred_at < $1", timerange.instant(raw_from))
    await forget(own_database, *NAMES)

    async def old() -> dict[CellKey, Cell]:
        figures = await worlds.figures(own_database, own_organization)
        return {key: one for (width, key), one in figures.items() if width == Width.QUARTER and key.bucket < raw_from}

    before = await old()
    assert before
    assert (await run(own_database, own_organization, numbers=EVERY_NUMBER)).corrected > 0
    assert await old() == before
    assert await differing(own_database, own_organization) == set()


async def test_members_that_no_raw_event_speaks_of_stay_and_are_told(
    own_database: Database, own_organization: int
) -> None:
    await fold.fold_all(own_database, own_organization)
    lost = "DELETE FROM events WHERE user_id = (SELECT user_id FROM events WHERE user_id <> '' LIMIT 1)"
    assert await worlds.execute(own_database, lost) != "DELETE 0"
    done = await run(own_database, own_organization, "unique_users")
    assert (done.corrected, done.unexplained > 0) == (0, True)
    assert NUMBERS["unique_users"] in await differing(own_database, own_organization)


async def test_the_command_tells_what_came_of_it(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(recounting, "_NOTE_SECONDS", 0.0)
    await forget(own_database, *NAMES)
    environment = processes.environment(tmp_path, DATABASE_URL=own_database.url)
    measures = [argument for name in NAMES for argument in ("--measure", name)]
    done = processes.invoke("recount", *measures, environment=environment)
    assert re.fullmatch(r"acme: [\d,]+ cells compared, [1-9][\d,]* corrected\n", done.stdout)
    assert re.search(r": 100% of the events, [\d,]+ cells compared, [\d,]+ corrected$", done.stderr.rstrip())
    assert done.returncode == 0
    await assert_agrees(own_database, own_organization)
    await worlds.execute(own_database, "DELETE FROM events WHERE user_id = 'user-1'")
    done = processes.invoke("recount", "--all", environment=environment)
    assert done.returncode == recounting.UNEXPLAINED
    assert "STILL DIFFER" in done.stdout
    done = processes.invoke("recount", "--all", "--organization", "nobody", environment=environment)
    assert processes.error(done).startswith("there is no organization named 'nobody'")


async def test_an_unknown_organization_is_an_error(own_database: Database) -> None:
    with pytest.raises(ValueError, match="no organization 4711"):
        await run(own_database, 4711, "unique_users")
