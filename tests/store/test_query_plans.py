"""Plans are those that the statements' comments promise: ranges of indexes, whatever the statistics say."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from server import timerange
from server.catalog import dimensions, figures, registry
from server.catalog.cells import Cell
from server.catalog.custom_counting import ValueKey
from server.catalog.filters import Filter
from server.events.event import conversation_key_of
from server.local import embedded
from server.query import agent, overview, trends
from server.query.queries import Plan
from server.query.ranking import EVENTS
from server.rollups import fold
from server.store import (
    activity,
    agents,
    conversations,
    custom_values,
    hours_of_week,
    projections,
    ranking,
    reading,
    rollups,
    slots,
    statements,
    statuses,
    updates,
    users,
    widths,
)
from server.store.database import Database, Driver
from server.store.hours_of_week import Offset
from server.store.isolation import EVERY
from server.store.ranking import Values
from server.store.rollups import RollupKey
from server.store.updates import Update
from server.timerange import Granularity, Span
from tests.support import citus, worlds

pytestmark = citus.one_node

NOW = datetime.now(UTC)
PERIOD = timerange.resolve(NOW - timedelta(days=80), NOW + timedelta(minutes=30), ZoneInfo("UTC"), NOW)
ADA = Filter(dimension=dimensions.AGENT, value="ada")
QUESTIONS: dict[str, tuple[Plan, tuple[str, ...]]] = {
    "overview": (overview.plan(Filter(), None, PERIOD), overview.FIGURES),
    "overview of an agent": (overview.plan(ADA, None, PERIOD), overview.FIGURES),
    "agent": (agent.plan(ADA, 30, Granularity.DAY, None, PERIOD), agent.FIGURES),
    "trends": (trends.plan(Filter(), Granularity.DAY, None, PERIOD), trends.DEFAULT_METRICS),
    "trends by the hour": (trends.plan(ADA, Granularity.HOUR, None, PERIOD), trends.DEFAULT_METRICS),
}
# The conditions that an index decides, at the least, so that a lookup is one range of it.
KEYS = {
    "rollups": ("organization_id", "dimension", "value", "granularity", "bucket"),
    "deltas": ("organization_id", "dimension", "value", "bucket"),
    "members": ("organization_id", "kind"),
    "folds": ("organization_id",),
    "revisions": ("organization_id",),
}
LARGE = ("rollups", "deltas", "events", "updates")

# How ranges of an index are read, and where the plan says which. A bitmap is made of the same ranges.
CONDITIONS = {"Index Scan": "Index Cond", "Index Only Scan": "Index Cond", "Bitmap Heap Scan": "Recheck Cond"}


# What policies add to whatever reads a table.
POLICY = re.compile(r"\(\((\w+\.)?organization_id = ANY \([^ ]*(InitPlan \d+)?[^ ]*\) OR [^ ]*(InitPlan \d+)?[^ ]*\)")


def nodes(plan: Any) -> Iterator[dict[str, Any]]:
    """A plan's node and all below it, without the filters that are nothing but policies."""
    if POLICY.fullmatch(plan.get("Filter", "")):
        del plan["Filter"]
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


async def explained(database: Database, text: str, arguments: list[object]) -> list[dict[str, Any]]:
    """The nodes of a statement's plan."""
    async with database.query(of=EVERY) as driver:
        (told,) = json.loads(await driver.fetchval(f"EXPLAIN (FORMAT JSON) {text}", *arguments))
    return list(nodes(told["Plan"]))


def check(found: list[dict[str, Any]], keys: Mapping[str, tuple[str, ...]] = KEYS) -> set[str]:
    """Holds every access to a table against the columns that an index must decide; returns the tables.

    Rows that are deleted by their place (Tid Scan) were found by another node.
    """
    tables = set()
    for node in found:
        table = re.sub(r"^(events|deltas)_(\d+|rows)$", r"\1", node.get("Relation Name", ""))
        assert node["Node Type"] != "Seq Scan" or table not in LARGE, node
        if table in keys and node["Node Type"] not in ("ModifyTable", "Tid Scan"):
            tables.add(table)
            assert node["Node Type"] in CONDITIONS, node
            condition = node[CONDITIONS[node["Node Type"]]]
            assert all(re.search(rf"\b{column}\b", condition) for column in keys[table]), node
    return tables


@pytest.fixture(scope="module")
async def full(database: Database, make_tenant: Callable[[], Awaitable[Any]]) -> int:
    """An organization with folded figures and with deltas, which its tests only read."""
    organization: int = (await make_tenant()).organization_id
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
            len(wanted.counters),
            len(wanted.histograms),
            len(wanted.sets),
            with_event_types=plan.event_types is not None,
        )
        given = reading.arguments(full, list(plan.selections()), wanted, plan.event_types)
        found = await explained(database, chosen.text, chosen.arguments(**given))
        expected = set(KEYS) if plan.event_types is not None else set(KEYS) - {"members"}
        assert check(found) == expected, name


async def test_the_statement_of_any_question_is_parsed_once_for_a_connection(database: Database, full: int) -> None:
    wanted = figures.wanted(registry.METRICS)
    chosen = reading.statement(len(wanted.counters), len(wanted.histograms), len(wanted.sets), with_event_types=True)
    plan, _ = QUESTIONS["overview"]
    async with database.query(of=EVERY) as driver:
        for _ in range(2):
            await reading.read(driver, full, list(plan.selections()), wanted, plan.event_types)
        kept = "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement = $1"
        assert await driver.fetchval(kept, chosen.text) >= 2


async def test_silences_of_an_agent_are_read_from_its_figures_alone(database: Database, full: int) -> None:
    await worlds.execute(database, "ANALYZE rollups, deltas")
    async with database.query(of=EVERY) as driver:
        explaining = Explaining(driver, generic=False)
        start, end = NOW - timedelta(days=30), NOW
        await statuses.silences(cast("Driver", explaining), full, "ada", start, end, timedelta(hours=12))
    assert check(explaining.nodes) == {"rollups", "deltas"}


async def test_ids_are_looked_up_by_their_keys(database: Database, full: int) -> None:
    enrol = statements.load("enrol_members", USER_KIND=dimensions.USER_KIND)
    given = enrol.arguments(
        organizations=[full, full], kinds=[2, 1], external_ids=["ada", "new"], limits=[5, None], erasures=[0, 0]
    )
    assert check(await explained(database, enrol.text, given)) == {"members", "revisions"}


# Ten organizations, each with enough rows of everything that a sequential scan could seem worth it.
FILL = (
    """
    INSERT INTO rollups (organization_id, dimension, value, granularity, bucket, counter_keys, counter_amounts)
    SELECT organization, 2, 'agent-' || agent, 1, :quarter - ago, '{1}', '{1}'
    FROM generate_series(1, 10) AS organization, generate_series(1, 10) AS agent, generate_series(1, 300) AS ago
    """,
    """
    INSERT INTO deltas (organization_id, dimension, value, bucket, slot, revision, created_at, counter_keys,
        counter_amounts)
    SELECT organization, 2, 'agent-' || agent, :quarter - ago, 1 + revision % 15, revision, now(), '{1}', '{1}'
    FROM generate_series(1, 10) AS organization, generate_series(1, 10) AS agent, generate_series(0, 9) AS ago,
        generate_series(1, 100) AS revision
    """,
    """
    INSERT INTO slot_rollups
    SELECT organization, 2, 'agent-' || agent, width, (:quarter + 1) * 900 / width - ago, 1, 1, 0, 0, 0, '{}', '{}'
    FROM generate_series(1, 10) AS organization, generate_series(1, 10) AS agent, generate_series(1, 120) AS ago,
        unnest('{5, 60}'::smallint[]) AS width
    """,
    """
    INSERT INTO updates (organization_id, revision, portion, more, created_at, events, counters, changes)
    SELECT organization, revision, 0, false, now() - (3000 - revision) * interval '10 seconds', 1, 0, ''
    FROM generate_series(1, 10) AS organization, generate_series(1, 3000) AS revision
    """,
    """
    INSERT INTO events (organization_id, revision, received_at, occurred_at, event_key, event_type)
    SELECT organization_id, revision, created_at, created_at, decode(md5(revision::text), 'hex'), 'message.sent'
    FROM updates
    """,
    """
    INSERT INTO conversations (organization_id, version, conversation_key, conversation_id, first_at, began_at,
        began_key, is_start_told, began_agent_id, began_channel, began_team_id, messages, tokens, cost_micros,
        human_messages, reopenings, agent_id, channel, team_id, handoff_reason, is_open,
        human_resolved_agent_id, human_resolved_channel, human_resolved_team_id, topic, counted_topic,
        idle_agent_id, idle_channel, idle_team_id, last_at, latest_minute, latest_at, latest_agent_id,
        latest_user_id, latest_channel, latest_team_id, events, quality_rubric, content_gaps)
    SELECT organization, 1, decode(md5(ago::text), 'hex'), ago, at, at, '', true, '', '', '', 1, 0, 0, '{}', 0,
        '', '', '', '', ago % 50 = 0, '', '', '', '', '', '', '', '', at, extract(epoch FROM at) / 60, at,
        '', '', '', '', 1, '', 0
    FROM generate_series(1, 10) AS organization, generate_series(1, 3000) AS ago,
        LATERAL (SELECT now() - ago * interval '1 minute' AS at) AS told
    """,
    "ANALYZE conversations, rollups, deltas, slot_rollups, updates, events",
)
QUARTER = timerange.floor_bucket(NOW)
MINUTE = QUARTER * 15
SLOT = ("organization_id", "dimension", "value", "seconds", "slot")
AGENTS = ("agent-3", "agent-5")
UPDATES = [
    Update(revision=revision, at=NOW - (3000 - revision) * timedelta(seconds=10), changes={})
    for revision in (2900, 2910)
]
ROLLUPS = [RollupKey(dimensions.AGENT.number, agent, 1, QUARTER - ago) for agent in AGENTS for ago in range(50)]


RANKED = Values(dimension=dimensions.CHANNEL, span=PERIOD.span)
EDGED = replace(RANKED, counted={"web": Cell(dict.fromkeys(EVENTS.above, 1))})
RANKED_PARTS = [replace(RANKED, prefix=one, suffix=one) for one in "ab"]


def slots_read(*names: str) -> Callable[[Driver], Awaitable[object]]:
    """Reads the slots of an hour of some agents."""
    return lambda driver: slots.read(driver, 3, dimensions.AGENT, names, since=MINUTE - 60, fine_since=MINUTE - 5)


# What the store does, and the tables that it reads by which columns of an index.
STATEMENTS: dict[str, tuple[Callable[[Driver], Awaitable[object]], dict[str, tuple[str, ...]]]] = {
    "slots of one": (slots_read("agent-3"), {"slot_rollups": SLOT, "deltas": KEYS["deltas"]}),
    "slots of several": (slots_read(*AGENTS), {"slot_rollups": SLOT, "deltas": KEYS["deltas"]}),
    "values that are ranked": (
        lambda driver: ranking.rank(driver, 3, RANKED, EVENTS, skip=0, most=5),
        {
            "rollups": ("organization_id", "dimension", "granularity", "bucket"),
            "deltas": ("organization_id", "dimension", "bucket"),
        },
    ),
    "values that are ranked with what was counted of edges": (
        lambda driver: ranking.rank(driver, 3, EDGED, EVENTS, skip=0, most=5),
        {
            "rollups": ("organization_id", "dimension", "granularity", "bucket"),
            "deltas": ("organization_id", "dimension", "bucket"),
        },
    ),
    "parts whose values are ranked": (
        lambda driver: ranking.rank_parts(driver, 3, RANKED_PARTS, EVENTS, most=5),
        {
            "rollups": ("organization_id", "dimension", "granularity", "bucket"),
            "deltas": ("organization_id", "dimension", "bucket"),
        },
    ),
    "hours of the week": (
        lambda driver: hours_of_week.read(
            driver,
            3,
            Filter(dimension=dimensions.AGENT, value="agent-3"),
            Span(start=QUARTER - 2_000, end=QUARTER),
            [8192],
            [Offset(first=QUARTER - 2_000, quarters=4)],
        ),
        {"rollups": KEYS["rollups"], "deltas": KEYS["deltas"]},
    ),
    "slots that are merged": (
        lambda driver: slots.merge(driver, 3, [(2, agent) for agent in AGENTS], MINUTE),
        {"slot_rollups": SLOT},
    ),
    "deltas that a fold takes in": (
        lambda driver: rollups.take_deltas(driver, 3, fold.BATCH_DELTAS),
        {"deltas": ("organization_id",)},
    ),
    "rollups that a fold adds to": (lambda driver: rollups.load(driver, 3, ROLLUPS), {"rollups": KEYS["rollups"]}),
    "updates after a revision": (
        lambda driver: updates.after(driver, 3, 2900, limit=100, events=1000, counters=10_000),
        {"updates": ("organization_id", "revision")},
    ),
    "raw events of updates": (
        lambda driver: updates.events_of(driver, 3, UPDATES[0], UPDATES[1]),
        {"events": ("organization_id", "revision")},
    ),
    "updates that are removed": (
        lambda driver: updates.remove_before(driver, 3, NOW - timedelta(hours=7), 100),
        {"updates": ("organization_id",)},
    ),
    "values of custom metrics": (
        lambda driver: custom_values.known(driver, 3, [ValueKey(1000, True, "NO"), ValueKey(1001, False, "0a1b")]),
        {"custom_values": ("organization_id", "number", "is_dimension", "value")},
    ),
    "values that are widened": (
        lambda driver: widths.values_after(driver, 3, (2, "agent-3"), 5),
        {"rollups": ("organization_id", "dimension", "value")},
    ),
}


def literal(value: object) -> str:
    """A value in SQL."""
    if value is None:
        return "NULL"
    return f"'{{{','.join(map(str, value))}}}'" if isinstance(value, list | tuple) else f"'{value}'"


class Explaining:
    """Stands for a driver: keeps the plans of statements in place of running them."""

    is_distributed, narrowed = False, ""

    def __init__(self, driver: Driver, *, generic: bool) -> None:
        self.nodes: list[dict[str, Any]] = []
        self._driver, self._generic = driver, generic

    async def fetch(self, text: str, *arguments: object) -> list[Any]:
        """Returns no rows."""
        if self._generic:  # the values decide nothing but which partitions are needed
            await self._driver.execute(f"PREPARE explained AS {text}")
            await self._driver.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            text, arguments = f"EXECUTE explained ({', '.join(map(literal, arguments))})", ()
        (told,) = json.loads(await self._driver.fetchval(f"EXPLAIN (FORMAT JSON) {text}", *arguments))
        self.nodes.extend(nodes(told["Plan"]))
        if self._generic:
            await self._driver.execute("DEALLOCATE explained")
        return []

    async def fetchrow(self, text: str, *arguments: object) -> None:
        """Returns no row."""
        await self.fetch(text, *arguments)

    async def execute(self, text: str, *arguments: object) -> str:
        """Changes no rows."""
        await self.fetch(text, *arguments)
        return "DELETE 0"


@pytest.fixture(scope="module")
async def large(own_engines: embedded.Engines, template: str) -> AsyncIterator[Database]:
    """A database with many rows, and statistics of them."""
    database = Database(own_engines.create_database("plans", template=template))
    for statement in FILL:
        await worlds.execute(database, statement.replace(":quarter", str(QUARTER)))
    yield database
    await database.close()
    own_engines.drop_database("plans")


@pytest.mark.parametrize("generic", [False, True], ids=["of these values", "of any values"])
@pytest.mark.parametrize("statement", STATEMENTS)
async def test_statements_read_ranges_of_indexes(large: Database, statement: str, generic: bool) -> None:
    run, keys = STATEMENTS[statement]
    # Unlike other sessions' planners, its may choose sequential scans.
    async with large.transaction(of=EVERY) as driver:
        explaining = Explaining(driver, generic=generic)
        await run(cast("Driver", explaining))
    assert check(explaining.nodes, keys) == set(keys)


@pytest.mark.parametrize("generic", [False, True], ids=["of these values", "of any values"])
async def test_of_a_large_backlog_a_fold_reads_what_it_takes_in(large: Database, generic: bool) -> None:
    async with large.transaction(of=EVERY) as driver:
        explaining = Explaining(driver, generic=generic)
        await rollups.take_deltas(cast("Driver", explaining), 3, 100)  # of 10,000
    assert not [node for node in explaining.nodes if "Sort" in node["Node Type"]]


@pytest.mark.parametrize("generic", [False, True], ids=["of these values", "of any values"])
async def test_of_years_of_conversations_the_open_ones_are_read(large: Database, generic: bool) -> None:
    async with large.transaction(of=EVERY) as driver:
        explaining = Explaining(driver, generic=generic)
        await activity.idle(cast("Driver", explaining), 3, NOW - timedelta(hours=1), 1_000)
    keys = {"conversations": ("organization_id", "version", "latest_minute")}
    assert check(explaining.nodes, keys) == set(keys)
    assert "conversations_open" in {node.get("Index Name") for node in explaining.nodes}


@pytest.mark.parametrize("statistics", [False, True], ids=["of an empty table", "analyzed"])
async def test_projections_find_rows_by_their_keys_and_events_by_their_revisions(
    own_database: Database, own_organization: int, statistics: bool
) -> None:
    tables = "conversations, conversation_closings, events, agents, user_conversations"
    await worlds.execute(own_database, f"ANALYZE {tables}")
    await worlds.store(own_database, own_organization, worlds.events(1, 2_000), batch=500)
    await worlds.project(own_database, own_organization)
    if statistics:
        await worlds.execute(own_database, f"ANALYZE {tables}")
    keys = [conversation_key_of(f"conversation-{number}") for number in range(20)]
    position = projections.ProjectionPosition(revision=2, revised_at=timerange.EPOCH)
    async with own_database.query(of=EVERY) as driver:
        looking, following, closing = (Explaining(driver, generic=False) for _ in range(3))
        rows = projections.Rows(own_organization, 1)
        await conversations.load(cast("Driver", looking), rows, keys)
        await conversations.deciding_closings(cast("Driver", closing), rows, keys)
        await users.beginnings(cast("Driver", looking), rows, keys)
        await agents.told_kinds(cast("Driver", looking), rows, ["ada", "eve"])
        await agents.known_kinds(cast("Driver", looking), own_organization, ["ada", "eve"], 1, 9)
        for module in (conversations, agents, users):
            await module.EVENTS.after(cast("Driver", following), own_organization, position, 4, 5_000)
    by_key = {
        "conversations": ("organization_id", "version", "conversation_key"),
        "user_conversations": ("organization_id", "version", "conversation_key"),
        "agents": ("organization_id", "version", "agent_id"),
        "agent_kinds": ("organization_id", "version", "agent_id", "revision"),
    }
    assert check(looking.nodes, by_key) == set(by_key)
    by_kind = {"conversation_closings": ("organization_id", "version", "conversation_key", "kind")}
    assert check(closing.nodes, by_kind) == set(by_kind)
    assert not [node for node in closing.nodes if "Sort" in node["Node Type"]], "ends of ranges are read, no ranges"
    by_revision = {"events": ("organization_id", "revision")}
    assert check(following.nodes, by_revision) == set(by_revision)
    assert not [node for node in following.nodes if node["Node Type"] == "Sort" and "e.revision" in node["Sort Key"]]
