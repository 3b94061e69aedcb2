"""Plans of statements about content gaps: ranges of indexes, whatever the statistics say."""

from typing import cast

import pytest

from server.store import content_gaps
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.store.projections import Rows
from server.timerange import Span
from tests.store.test_query_plans import Explaining, check
from tests.support import citus, worlds

pytestmark = citus.one_node

FILLED = (
    """
    INSERT INTO content_gaps
    SELECT number % 3 + 1, 1, 'topic ' || number, 1, 0, 0, now(), now(), now(), 'Topic', '[]', ''
    FROM generate_series(1, 9000) AS number
    """,
    """
    INSERT INTO content_gap_quarters
    SELECT number % 3 + 1, 1, 'topic ' || number % 900, 1900000 + number, 1, 0, 0, now(), now()
    FROM generate_series(1, 9000) AS number
    """,
    """
    INSERT INTO projections (organization_id, name)
    SELECT number, 'content_gaps' FROM generate_series(1, 3) AS number
    """,
)
OF_TOPIC = ("organization_id", "version", "topic")


@pytest.mark.parametrize("analyzed", [False, True], ids=["statistics of an empty table", "analyzed"])
async def test_content_gaps_are_found_by_ranges_of_indexes(
    own_database: Database, own_organization: int, *, analyzed: bool
) -> None:
    await worlds.execute(own_database, "DELETE FROM projections")
    for statement in (*([] if analyzed else ["ANALYZE"]), *FILLED, *(["ANALYZE"] if analyzed else [])):
        await worlds.execute(own_database, statement)
    span = Span(start=1_900_100, end=1_900_200)
    window = (0, "topic 3", span.start * 900_000_000, span.end * 900_000_000)
    async with own_database.snapshot(of=EVERY) as driver:
        for generic in (False, True):
            loaded = Explaining(driver, generic=generic)
            await content_gaps.load(cast("Driver", loaded), Rows(own_organization, 1), ["topic 3", "topic 6"])
            assert check(loaded.nodes, {"content_gaps": OF_TOPIC}) == {"content_gaps"}
            asked = Explaining(driver, generic=generic)
            await content_gaps.series(cast("Driver", asked), own_organization, ["topic 3"], span)
            assert check(asked.nodes, {"content_gap_quarters": (*OF_TOPIC, "bucket")}) == {"content_gap_quarters"}
            first = Explaining(driver, generic=generic)
            await content_gaps.first_within(cast("Driver", first), own_organization, [window])
            assert check(first.nodes, {"content_gap_quarters": (*OF_TOPIC, "bucket")}) == {"content_gap_quarters"}
            found = Explaining(driver, generic=generic)
            await content_gaps.frequencies(cast("Driver", found), own_organization, ["topic 7", "topic 8"], span)
            assert check(found.nodes, {"content_gap_quarters": ("organization_id", "version", "bucket")})
