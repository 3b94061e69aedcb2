"""Plans of lists of users: ranges of indexes, whatever the statistics say."""

from typing import cast

import pytest

from server.catalog.user_lists import UserFilter, UserList, UserListOrder, UserPlace
from server.store import user_lists
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from tests.store.test_query_plans import Explaining, check
from tests.support import citus, worlds

pytestmark = citus.one_node

FILLED = (
    """
    INSERT INTO users
    SELECT number % 3 + 1, 1, 'user-' || number, now() - number * interval '1 minute', now(), NULL,
        CASE WHEN number % 2 = 0 THEN 'Name ' || number ELSE '' END
    FROM generate_series(1, 9000) AS number
    """,
    """
    INSERT INTO user_days SELECT number % 3 + 1, 1, 'user-' || number, current_date - day, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM generate_series(1, 9000) AS number, generate_series(1, 3) AS day
    """,
    "INSERT INTO projections (organization_id, name) SELECT number, 'users' FROM generate_series(1, 3) AS number",
)
DAYS = ("organization_id", "version", "user_id")


@pytest.mark.parametrize("analyzed", [False, True], ids=["statistics of an empty table", "analyzed"])
async def test_users_are_found_by_ranges_of_indexes(
    own_database: Database, own_organization: int, *, analyzed: bool
) -> None:
    await worlds.execute(own_database, "DELETE FROM projections")
    for statement in (*([] if analyzed else ["ANALYZE"]), *FILLED, *(["ANALYZE"] if analyzed else [])):
        await worlds.execute(own_database, statement)
    async with own_database.snapshot(of=EVERY) as driver:
        for generic in (False, True):
            for descending in (False, True):
                by_id = Explaining(driver, generic=generic)
                asked = UserList(order=UserListOrder.USER_ID, descending=descending)
                place = UserPlace(value="user-3", user_id="user-3")
                await user_lists.page(cast("Driver", by_id), own_organization, asked, None, place, 100)
                assert "users" in check(by_id.nodes, {"users": DAYS, "user_days": DAYS})
                by_time = Explaining(driver, generic=generic)
                asked = UserList(order=UserListOrder.FIRST_SEEN, descending=descending)
                place = UserPlace(value="1700000000000000", user_id="user-3")
                await user_lists.page(cast("Driver", by_time), own_organization, asked, None, place, 100)
                indexes = {node.get("Index Name") for node in by_time.nodes}
                # Where nothing is known of the table, the key and a filter seem to cost as much.
                assert indexes & ({"users_by_first_seen"} if analyzed else {"users_by_first_seen", "users_pkey"})
            beginning = Explaining(driver, generic=generic)
            asked = UserList(filter=UserFilter(prefix="name 44", by_name=True))
            await user_lists.page(cast("Driver", beginning), own_organization, asked, None, None, 100)
            indexes = {node.get("Index Name") for node in beginning.nodes}
            assert {"users_pkey", *(["users_by_name"] if analyzed else [])} <= indexes
