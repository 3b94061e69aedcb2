"""Plans of what is read and changed of leads: ranges of indexes, whatever the statistics say."""

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from server.store import campaigns, leads
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.store.projections import Rows
from tests.store.test_query_plans import Explaining, check
from tests.support import citus, worlds

pytestmark = citus.one_node

NOW = datetime.now(UTC)
FILLED = (
    """
    INSERT INTO leads
    SELECT number % 3 + 1, 1, 'lead-' || number, at, at, at, NULL, NULL, NULL, NULL, at, NULL, NULL, NULL,
        true, ARRAY[1, 2], ARRAY['created', '=offer'], '', '', '', '', '', '', '', '', NULL, '', '', '', '', '', ''
    FROM generate_series(1, 9000) AS number, LATERAL (SELECT now() - number * interval '1 minute') AS t(at)
    """,
    """
    INSERT INTO campaigns
    SELECT number % 3 + 1, 1, 'campaign-' || number, now(), now(), now(), now(), NULL, now(), 'Name'
    FROM generate_series(1, 9000) AS number
    """,
    "INSERT INTO projections (organization_id, name) SELECT number, 'leads' FROM generate_series(1, 3) AS number",
)
KEYS = {
    "leads": ("organization_id", "version", "lead_id"),
    "campaigns": ("organization_id", "version", "campaign_id"),
}


@pytest.mark.parametrize("analyzed", [False, True], ids=["statistics of an empty table", "analyzed"])
async def test_leads_are_found_by_ranges_of_their_keys(
    own_database: Database, own_organization: int, *, analyzed: bool
) -> None:
    await worlds.execute(own_database, "DELETE FROM projections")
    for statement in (*([] if analyzed else ["ANALYZE"]), *FILLED, *(["ANALYZE"] if analyzed else [])):
        await worlds.execute(own_database, statement)
    rows, filled, ids = Rows(own_organization, 1), Rows(own_organization, 2), ["lead-3", "lead-300", "nobody"]
    async with own_database.transaction(of=EVERY) as driver:
        known = await leads.load(driver, rows, ids)
        steps = ((1, "created"), (2, "=offer"))
        assert {one: lead.steps for one, lead in known.items()} == dict.fromkeys(ids[:2], steps)
        for generic in (False, True):
            by_key = cast("Driver", Explaining(driver, generic=generic))
            await by_key.fetch(leads._LOAD, *rows, ids)
            await leads.remove(by_key, rows, known)
            await campaigns.described(by_key, own_organization, ["campaign-3"])
            assert check(cast("Explaining", by_key).nodes, KEYS) == set(KEYS)
            by_time = Explaining(driver, generic=generic)
            start, end = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
            await by_time.fetch(leads._BETWEEN, *rows, start, end)
            assert {node.get("Index Name") for node in by_time.nodes} >= {"leads_by_beginning"}
        portions = cast("Driver", Explaining(driver, generic=False))
        await portions.fetch(leads._PORTION, *rows, filled.version, "lead-2", leads.PORTION)
        assert check(cast("Explaining", portions).nodes, KEYS) == {"leads"}
