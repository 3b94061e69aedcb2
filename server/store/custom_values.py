"""Distinct values of custom metrics, each with a dense number within its metric."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from server.catalog import custom_metrics
from server.catalog.custom_counting import ValueKey
from server.catalog.custom_metrics import MAX_DIMENSION_VALUES
from server.catalog.dimensions import Dimension
from server.store.database import Driver

# OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
_KNOWN = """
    SELECT w.number, w.is_dimension, w.value, v.place
    FROM unnest($2::integer[], $3::boolean[], $4::text[]) AS w(number, is_dimension, value)
    CROSS JOIN LATERAL (SELECT place FROM custom_values WHERE organization_id = $1 AND number = w.number
        AND is_dimension = w.is_dimension AND value = w.value OFFSET 0) AS v
"""
_ADD = """
    INSERT INTO custom_values (organization_id, number, is_dimension, value, place)
    SELECT b.organization_id, v.*
    FROM unnest($2::integer[], $3::boolean[], $4::text[], $5::integer[]) AS v, revisions AS b
    WHERE b.organization_id = $1
"""
_COUNT = """
    UPDATE custom_metrics SET distinct_values = distinct_values + $3, dimension_values = dimension_values + $4
    WHERE organization_id = $1 AND number = $2
"""


async def known(driver: Driver, organization_id: int, keys: Collection[ValueKey]) -> dict[ValueKey, int]:
    """Returns the numbers of those of the values that have one."""
    if not keys:
        return {}
    rows = await driver.fetch(_KNOWN, organization_id, *map(list, zip(*keys, strict=True)))
    return {ValueKey(row[0], row[1], row[2]): row[3] for row in rows}


async def numbers(driver: Driver, organization_id: int, keys: Collection[ValueKey]) -> Mapping[ValueKey, int]:
    """Returns the numbers of values, and gives one to those that have none, as far as the limit of a metric's own
    dimension allows. The counting must be locked.
    """
    found = await known(driver, organization_id, keys)
    new = sorted(set(keys) - found.keys())
    given: dict[ValueKey, int] = {}
    for number, distinct_values, dimension_values in await _counts(driver, organization_id, new):
        told_apart = [key for key in new if key.metric == number and not key.is_dimension]
        labels = [key for key in new if key.metric == number and key.is_dimension]
        labels = labels[: max(0, MAX_DIMENSION_VALUES - dimension_values)]
        given |= {key: place for place, key in enumerate(told_apart, distinct_values)}
        given |= {key: place for place, key in enumerate(labels, dimension_values)}
        await driver.execute(_COUNT, organization_id, number, len(told_apart), len(labels))
    if given:
        await driver.execute(_ADD, organization_id, *map(list, zip(*given, strict=True)), list(given.values()))
    return found | given


class OwnValues(NamedTuple):
    """How many values of a metric's own dimension have figures of their own, and whether a certain one has."""

    number: int
    is_known: bool


async def of_dimension(driver: Driver, organization_id: int, dimension: Dimension, value: str) -> OwnValues:
    """Returns what is known of a value of a custom metric's own dimension."""
    metric = custom_metrics.number_of(dimension)
    known_here = await known(driver, organization_id, [ValueKey(metric, True, value)])
    counts = await _counts(driver, organization_id, [ValueKey(metric, True, value)])
    return OwnValues(sum(values for _, _, values in counts), bool(known_here))


async def _counts(driver: Driver, organization_id: int, new: Collection[ValueKey]) -> list[tuple[int, int, int]]:
    """Returns how many values have numbers of the metrics that have new ones."""
    if not new:
        return []
    rows = await driver.fetch(
        "SELECT number, distinct_values, dimension_values FROM custom_metrics"
        " WHERE organization_id = $1 AND number = ANY($2::integer[])",
        organization_id,
        sorted({key.metric for key in new}),
    )
    return [(row[0], row[1], row[2]) for row in rows]
