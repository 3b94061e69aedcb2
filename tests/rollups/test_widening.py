"""Widening changes no figure, whenever it happens and whatever is folded around it."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from server import timerange
from server.catalog import cells, dimensions, registry
from server.catalog.cells import Cell
from server.catalog.selections import Selection, Wanted
from server.quarters import Width
from server.rollups import audit, fold, sweep, widen
from server.store import reading, widths
from server.store.database import Database
from server.store.isolation import EVERY
from server.timerange import Span
from tests.support import effort, worlds
from workers.folding import Folding

END = datetime(2026, 3, 11, 7, 40, tzinfo=UTC)
DAYS = 17
FIRST = timerange.floor_bucket(END - timedelta(days=DAYS)) // 4 * 4
LAST = timerange.floor_bucket(END)
BACK = "UPDATE folds SET widened_until = $1 WHERE organization_id = $2"
WIDEST = max(Width)
MEASURES = [one.number for one in registry.MEASURES.values()]
EVENTS = cells.count_key(registry.MEASURES["events"].number)


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How far everything can be widened, in place of what the clock says."""
    limit = [FIRST]

    async def due_until(_: object) -> int:
        return limit[0]

    monkeypatch.setattr(widths, "due_until", due_until)
    return limit


async def check_answers(database: Database, organization: int, dice: random.Random) -> None:
    """Holds what questions read, over spans that begin and end anywhere, against quarter hours and deltas added up."""
    cuts = [sorted(dice.sample(range(FIRST - 9, LAST + 9), 2)) for _ in range(40)]
    selections = [
        Selection(dimension=dimension, value=value, span=Span(start=start, end=end))
        for start, end in [*cuts, [WIDEST.floor(FIRST), WIDEST.floor(LAST) + WIDEST]]
        for dimension, value in [dice.choice(((dimensions.TOTAL, ""), (dimensions.AGENT, "ada")))]
    ]
    figures = await worlds.figures(database, organization)
    others = sorted({key for cell in figures.values() for key in cell.counters} - {EVENTS})
    counters = [EVENTS, *dice.sample(others, dice.randrange(len(others)))]
    wanted = Wanted(counters=counters, histograms=MEASURES, sets=MEASURES)
    async with database.query(of=EVERY) as driver:
        found = (await reading.read(driver, organization, selections, wanted)).cells
    for one in selections:
        expected = Cell()
        for (granularity, key), cell in figures.items():
            mine = (granularity, *key[:2]) == (Width.QUARTER, one.dimension.number, one.value)
            if mine and one.span.start <= key.bucket < one.span.end:
                expected.add(cell)
        expected.counters = {key: value for key, value in expected.counters.items() if key in counters}
        assert worlds.without_zeros(found[one]) == worlds.without_zeros(expected)
    assert found[selections[-1]].bins
    assert found[selections[-1]].sets


@pytest.mark.parametrize("seed", range(effort.chosen(2, thorough=10)))
async def test_no_figure_depends_on_how_far_rollups_are_widened(
    database: Database, organization: int, due: list[int], seed: int
) -> None:
    dice = random.Random(seed)
    events = worlds.events(seed, 400, end=END, days=DAYS)
    if seed:  # wide rollups that were left by an earlier version, and are not kept any more
        await worlds.keep_every_width(database, organization)
        await worlds.store(database, organization, events[:100])
        await fold.fold_all(database, organization)
        await worlds.execute(database, BACK, FIRST, organization)
    else:
        await worlds.keep_every_width(database, organization, FIRST)
        await worlds.store(database, organization, events[:100])
    await worlds.store(database, organization, events[100:250])
    for late in range(250, 400, 50):
        await fold.fold(database, organization, limit=dice.randrange(1, 1500))
        before = await worlds.figures(database, organization)
        due[0] = dice.randrange(due[0], LAST + WIDEST) // 4 * 4
        while await widen.widen(database, organization):
            if dice.random() < effort.chosen(0.2, thorough=1):
                assert await worlds.figures(database, organization) == before
        assert await worlds.figures(database, organization) == before
        await check_answers(database, organization, dice)
        await worlds.store(database, organization, events[late : late + 50])
    await fold.fold_all(database, organization)
    await check_answers(database, organization, dice)
    report = await audit.check(database, organization, window_events=100)
    assert (report.mismatches, report.events) == (0, 400)


async def test_wide_rollups_are_made_once_their_time_is_over(
    database: Database, organization: int, due: list[int]
) -> None:
    await worlds.keep_every_width(database, organization, FIRST)
    await worlds.store(database, organization, worlds.events(7, 300, end=END, days=DAYS))
    await fold.fold_all(database, organization)
    assert await rows(database, organization) == {Width.QUARTER}
    due[0] = Width.DAY.floor(LAST)
    while await widen.widen(database, organization):
        pass
    assert await rows(database, organization) == set(Width)
    narrow = (
        "SELECT min(bucket) FROM rollups WHERE organization_id = $1 AND granularity > 1 AND bucket + granularity > $2"
    )
    assert await worlds.value(database, narrow, organization, due[0]) is None
    # What is late goes into all of them at once.
    late = worlds.events(8, 50, end=END - timedelta(days=9), days=1)
    await worlds.store(database, organization, late)
    await fold.fold_all(database, organization)
    assert (await audit.check(database, organization)).mismatches == 0


async def rows(database: Database, organization: int) -> set[Width]:
    """The widths that an organization has rollups of."""
    found = "SELECT array_agg(DISTINCT granularity) FROM rollups WHERE organization_id = $1"
    return {Width(one) for one in await worlds.value(database, found, organization)}


async def test_a_worker_folds_and_widens_whatever_else_does(own_database: Database, own_organization: int) -> None:
    await worlds.keep_every_width(own_database, own_organization, FIRST)
    await worlds.store(own_database, own_organization, worlds.events(9, 400, end=END, days=DAYS))
    others = [Folding(own_database) for _ in range(3)]
    for _ in range(3):
        await asyncio.gather(*(one.due() for one in others), *(sweep.sweep(own_database) for _ in others))
    until = await worlds.value(
        own_database, "SELECT widened_until FROM folds WHERE organization_id = $1", own_organization
    )
    assert timerange.instant(int(str(until))) > datetime.now(UTC) - timedelta(hours=2)
    assert await worlds.unfolded(own_database, own_organization) == 0
    assert await rows(own_database, own_organization) == set(Width)
    assert (await audit.check(own_database, own_organization, window_events=50)).mismatches == 0
