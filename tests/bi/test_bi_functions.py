"""What the views of the schema bi compute with, beside the service's own ways to the same figures."""

import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
from pyroaring import BitMap

from server import histogram
from server.catalog import cells
from server.store import address, packed_histograms
from server.store.bi import schema
from server.store.database import Database
from server.store.isolation import EVERY
from tests.support import citus

pytestmark = citus.one_node

MEASURE = 8


@pytest.fixture(scope="module")
async def driver(database: Database) -> AsyncIterator[Any]:
    """A connection to a database that has the schema."""
    async with database.transaction(of=EVERY) as one:
        await schema.make(one)
    connection = await asyncpg.connect(address.dsn(database.url))
    yield connection
    await connection.close()


def bitmaps() -> list[list[BitMap]]:
    """Sets of every kind of container, and of several together."""
    dice = random.Random(7)
    few = [BitMap(dice.sample(range(300_000), 500)) for _ in range(6)]
    many = [BitMap(dice.sample(range(200_000), 60_000)) for _ in range(3)]
    run = BitMap(range(1_000, 90_000))
    run.run_optimize()
    runs = BitMap([*range(10, 40), *range(70_000, 70_100), *range(140_000, 140_010), *range(210_000, 290_000), 400_000])
    runs.run_optimize()
    return [
        [],
        [BitMap()],
        [BitMap([0])],
        [BitMap([0, 65_535, 65_536, 2**31 - 1])],
        few,
        many,
        [run],
        [runs],
        [run, runs, *few, *many],
        [BitMap(range(0, 8_194, 2)), BitMap(range(1, 9_000, 2))],
        [BitMap(range(4_096)), BitMap(range(4_097))],
        [BitMap(dice.sample(range(65_536), 4_096)) for _ in range(8)],
    ]


@pytest.mark.parametrize("some", bitmaps())
async def test_distinct_ids_are_counted_as_by_the_service(driver: Any, some: Sequence[BitMap]) -> None:
    packed: list[bytes | None] = [one.serialize() for one in some]
    expected = len(BitMap.union(*some)) if some else 0
    assert await driver.fetchval("SELECT bi.distinct_count($1)", [*packed, None]) == expected


def values() -> list[list[list[int]]]:
    """Values of rollups and deltas."""
    dice = random.Random(11)
    return [
        [[0]],
        [[histogram.MAXIMUM]],
        [[1, 2], [3]],
        [[5] * 7, [9_000]],
        [[dice.randrange(90_000) for _ in range(400)] for _ in range(5)],
        [[int(dice.lognormvariate(8, 3)) for _ in range(60)] for _ in range(12)],
        [[dice.randrange(histogram.MAXIMUM) for _ in range(20)]],
    ]


@pytest.mark.parametrize("groups", values())
@pytest.mark.parametrize("deltas", [0, 1, 100])
async def test_percentiles_are_those_of_the_service(driver: Any, groups: list[list[int]], deltas: int) -> None:
    together: dict[int, int] = {}
    packed: list[bytes | None] = [None]
    for number, some in enumerate(groups):
        mine: dict[int, int] = {}
        histogram.count(some, mine, cells.first_bin_key(MEASURE))
        cells.add_into(together, mine.items())
        beside = {cells.first_bin_key(MEASURE + 1): 3, cells.first_bin_key(MEASURE - 1) + histogram.KEY_COUNT - 1: 5}
        if number < deltas:
            all_bins = {**mine, **beside}
            keys = sorted(all_bins)
            counts = [all_bins[key] for key in keys]
            packed.append(await driver.fetchval("SELECT bi.bins_of_delta($1, $2)", keys, counts))
        else:
            keys = sorted(mine)
            _, strings = packed_histograms.pack(keys, [mine[key] for key in keys])
            packed += strings
    wanted = [0.0, 0.5, 0.9, 0.95, 0.99, 1.0]
    expected = [histogram.quantile(together, q, cells.first_bin_key(MEASURE)) for q in wanted]
    assert await driver.fetchval("SELECT bi.percentiles($1, $2, $3)", packed, MEASURE, wanted) == expected


async def test_taken_back_and_large_amounts(driver: Any) -> None:
    first = cells.first_bin_key(MEASURE)
    strings = []
    for bins in ({first + 3: 2**50, first + 4: 1}, {first + 3: -5, first + 4: -1, first + 900: 7}):
        strings += packed_histograms.pack(sorted(bins), [bins[key] for key in sorted(bins)])[1]
    together = {first + 3: 2**50 - 5, first + 900: 7}
    expected = [histogram.quantile(together, q, first) for q in (0.5, 1.0)]
    assert await driver.fetchval("SELECT bi.percentiles($1, $2, '{0.5,1}')", strings, MEASURE) == expected
    assert await driver.fetchval("SELECT bi.percentiles('{NULL}', 8, '{0.5}')") is None
