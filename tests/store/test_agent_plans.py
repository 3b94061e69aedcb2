"""Plans of lists of agents: ranges of indexes, whatever the statistics say."""

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from server.catalog.agent_lists import AgentFilter, AgentList, AgentOrder, AgentPlace
from server.store import agent_directory
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from tests.store.test_query_plans import Explaining, check
from tests.support import citus, worlds

pytestmark = citus.one_node

NOW = datetime.now(UTC)
FILLED = (
    """
    INSERT INTO agents
    SELECT number % 3 + 1, 1, 'agent-' || number, now(), now(), NULL, NULL, NULL, NULL, NULL, NULL, 0,
        CASE WHEN number % 2 = 0 THEN 'Name ' || number ELSE '' END, '', ''
    FROM generate_series(1, 9000) AS number
    """,
    """
    INSERT INTO agent_statuses SELECT number % 3 + 1, 'agent-' || number, now(), int4send(number), 1
    FROM generate_series(1, 9000) AS number
    """,
    "INSERT INTO projections (organization_id, name) SELECT number, 'agents' FROM generate_series(1, 3) AS number",
)
KEYS = {"agents": ("organization_id", "version"), "agent_statuses": ("organization_id", "agent_id")}


@pytest.mark.parametrize("analyzed", [False, True], ids=["statistics of an empty table", "analyzed"])
async def test_agents_are_found_by_ranges_of_indexes(
    own_database: Database, own_organization: int, *, analyzed: bool
) -> None:
    await worlds.execute(own_database, "DELETE FROM projections")
    for statement in (*([] if analyzed else ["ANALYZE"]), *FILLED, *(["ANALYZE"] if analyzed else [])):
        await worlds.execute(own_database, statement)
    place = AgentPlace(value="agent-3", agent_id="agent-3")
    async with own_database.snapshot(of=EVERY) as driver:
        for generic in (False, True):
            for descending in (False, True):
                by_id = Explaining(driver, generic=generic)
                asked = AgentList(descending=descending)
                await agent_directory.page(cast("Driver", by_id), own_organization, asked, place, NOW, 100)
                assert check(by_id.nodes, {**KEYS, "agents": (*KEYS["agents"], "agent_id")}) == set(KEYS)
            beginning = Explaining(driver, generic=generic)
            asked = AgentList(filter=AgentFilter(prefix="name 4"), order=AgentOrder.NAME)
            await agent_directory.page(cast("Driver", beginning), own_organization, asked, None, NOW, 100)
            indexes = {node.get("Index Name") for node in beginning.nodes}
            # Where nothing is known of the table, the key and a filter seem to cost as much.
            assert {"agents_pkey", "agent_statuses_pkey", *(["agents_by_name"] if analyzed else [])} <= indexes
            heard = Explaining(driver, generic=generic)
            since = {"agent-3": NOW - timedelta(days=30)}
            await agent_directory.last_heard(cast("Driver", heard), own_organization, since, NOW, timedelta(hours=12))
            keys = ("organization_id", "dimension", "value", "bucket")
            assert check(heard.nodes, {"rollups": (*keys, "granularity"), "deltas": keys}) == {"rollups", "deltas"}
