"""Plans are those that the statements' comments promise: ranges of primary keys, whatever the statistics say."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server import timerange
from server.catalog import figures
from server.catalog.cells import Dimension
from server.catalog.filters import Filter
from server.query import agent, overview, trends
from server.query.queries import Plan
from server.rollups import fold
from server.store import reading, statements
from server.store.database import Database
from server.timerange import Granularity
from tests.support import worlds

NOW = datetime.now(UTC)
PERIOD = timerange.resolve(NOW - timedelta(days=80), NOW + timedelta(minutes=30), ZoneInfo("UTC"), NOW)
ADA = Filter(dimension=Dimension.AGENT, value="ada")
QUESTIONS: dict[str, tuple[Plan, tuple[str, ...]]] = {
    "overview": (overview.plan(Filter(), PERIOD), overview.FIGURES),
    "overview of an agent": (overview.plan(ADA, PERIOD), overview.FIGURES),
    "agent": (agent.plan(ADA, 30, PERIOD), agent.FIGURES),
    "trends": (trends.plan(Filter(), Granularity.DAY, PERIOD), trends.DEFAULT_METRICS),
    "trends by the hour": (trends.plan(ADA, Granularity.HOUR, PERIOD), trends.DEFAULT_METRICS),
}
# The conditions that an index decides, at the least, so that a lookup is one range of it.
KEYS = {
    "rollups": ("organization_id", "dimension", "value", "granularity", "bucket"),
    "deltas": ("organization_id", "dimension", "value", "bucket"),
    "members": ("organization_id", "kind"),
    "folds": ("organization_id",),
    "revisions": ("organization_id",),
}


# How ranges of an index are read, and where the plan says which. A bitmap is made of the same ranges.
CONDITIONS = {"Index Scan": "Index Cond", "Index Only Scan": "Index Cond", "Bitmap Heap Scan": "Recheck Cond"}


def nodes(plan: Any) -> Iterator[dict[str, Any]]:
    """A plan's node and all below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


async def explained(database: Database, text: str, arguments: list[object]) -> list[dict[str, Any]]:
    """The nodes of a statement's plan."""
    async with database.query() as driver:
        (told,) = await driver.fetchval(f"EXPLAIN (FORMAT JSON) {text}", *arguments)
    return list(nodes(told["Plan"]))


def check(found: list[dict[str, Any]]) -> set[str]:
    """Holds every access to a table against KEYS; returns the tables."""
    tables = {node["Relation Name"] for node in found if node.get("Relation Name") in KEYS}
    for node in found:
        name = node.get("Relation Name")
        if name in tables and node["Node Type"] != "ModifyTable":
            assert node["Node Type"] in CONDITIONS, node
            assert all(f"{column} " in node[CONDITIONS[node["Node Type"]]] for column in KEYS[name]), node
    return tables


@pytest.fixture
async def full(database: Database, organization: int) -> int:
    """An organization with folded figures and with deltas."""
    await worlds.store(database, organization, worlds.events(1, 3_000, days=60), batch=500)
    await fold.fold_all(database, organization)
    await worlds.store(database, organization, worlds.events(2, 200, days=1))
    return organization


@pytest.mark.parametrize("statistics", [False, True], ids=["as ingest leaves it", "analyzed"])
async def test_questions_read_ranges_of_primary_keys(database: Database, full: int, statistics: bool) -> None:
    if statistics:
        await worlds.execute(database, "ANALYZE rollups, deltas, members, folds, revisions")
    for name, (plan, names) in QUESTIONS.items():
        wanted = figures.wanted(names)
        chosen = reading.statement(
            len(wanted.counters), len(wanted.sets), with_event_types=plan.event_types is not None
        )
        given = reading.arguments(full, list(plan.selections()), wanted, plan.event_types)
        found = await explained(database, chosen.text, chosen.arguments(**given))
        expected = set(KEYS) if plan.event_types is not None else set(KEYS) - {"members"}
        assert check(found) == expected, name


async def test_ids_are_looked_up_by_their_keys(database: Database, full: int) -> None:
    enrol = statements.load("enrol_members")
    given = enrol.arguments(organizations=[full, full], kinds=[2, 1], external_ids=["ada", "new"], limits=[5, None])
    assert check(await explained(database, enrol.text, given)) == {"members"}
