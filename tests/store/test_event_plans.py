"""Lists of events read what they look at by the index of time, whatever the statistics say."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

import pytest

from server.local import embedded
from server.store import agents, event_conditions, event_lists
from server.store.database import Database, Driver
from server.store.event_conditions import EventCondition
from server.store.event_lists import EventPlace, EventsAsked
from server.store.isolation import EVERY
from server.store.projections import Rows
from tests.store.test_query_plans import CONDITIONS, NOW, Explaining
from tests.support import citus, worlds

pytestmark = citus.one_node

FILL = """
    INSERT INTO events (organization_id, revision, received_at, occurred_at, event_key, event_type)
    SELECT organization, number, now() - number * interval '1 second', now() - number * interval '1 second',
        decode(md5(number::text), 'hex'), 'message.sent'
    FROM generate_series(1, 5) AS organization, generate_series(1, 20000) AS number
"""


@pytest.fixture(scope="module", params=[False, True], ids=["of an empty table", "analyzed"])
async def large(
    own_engines: embedded.Engines, template: str, request: pytest.FixtureRequest
) -> AsyncIterator[Database]:
    """A database with many events, with statistics of them or of none."""
    name = f"event_plans_{int(request.param)}"
    database = Database(own_engines.create_database(name, template=template))
    await worlds.execute(database, "ANALYZE events")
    await worlds.execute(database, FILL)
    if request.param:
        await worlds.execute(database, "ANALYZE events")
    yield database
    await database.close()
    own_engines.drop_database(name)


def asked(*conditions: EventCondition, is_sparse: bool = False) -> EventsAsked:
    return EventsAsked(
        start=NOW - timedelta(hours=20),
        end=NOW + timedelta(minutes=1),
        revision=10**9,
        received_since=None,
        conditions=conditions,
        newest_first=True,
        is_sparse=is_sparse,
    )


class ExplainingPages(Explaining):
    """Explains the statements of a page, of which the last events that were looked at are found, and no others."""

    async def execute(self, text: str, *arguments: object) -> str:
        """Sets what plans are made with."""
        return await self._driver.execute(text, *arguments)

    async def fetchval(self, text: str, *arguments: object) -> bool:
        """Returns that no event was replaced."""
        await self.fetch(text, *arguments)
        self.nodes.clear()
        return False

    async def fetchrow(self, text: str, *arguments: object) -> EventPlace:  # type: ignore[override]
        """Returns the place up to which events were looked at."""
        await self.fetch(text, *arguments)
        return EventPlace(NOW - timedelta(hours=1), b"0" * 16)


async def test_a_page_is_read_in_the_order_of_time(large: Database) -> None:
    async with large.snapshot(of=EVERY) as driver:
        explaining = ExplainingPages(driver, generic=False)
        of_type = event_conditions.of_types(["message.sent"])
        await event_lists.page(cast("Driver", explaining), 3, asked(of_type), None, 100)
    scans = [node for node in explaining.nodes if "Relation Name" in node]
    assert scans
    assert {node["Node Type"] for node in scans} <= {"Index Scan", "Index Only Scan"}
    assert all("organization_id" in node[CONDITIONS[node["Node Type"]]] for node in scans)
    assert all("occurred_at" in node[CONDITIONS[node["Node Type"]]] for node in scans)
    assert not [node for node in explaining.nodes if node["Node Type"] == "Sort"]


async def test_the_first_and_the_last_event_of_an_agent_are_looked_for_from_the_ends_of_time(large: Database) -> None:
    async with large.snapshot(of=EVERY) as driver:
        for generic in (False, True):
            explaining = Explaining(driver, generic=generic)
            await agents.see_again(cast("Driver", explaining), Rows(3, 1), ["ada", "bob"], 10**9, NOW)
            scans = [node for node in explaining.nodes if node.get("Relation Name", "").startswith("events_")]
            assert scans
            for node in scans:
                assert node["Node Type"] == "Index Scan", node
                assert {"organization_id", "occurred_at"} <= set(re.findall(r"\w+", node["Index Cond"])), node
            assert not [node for node in explaining.nodes if node["Node Type"] == "Sort"]
