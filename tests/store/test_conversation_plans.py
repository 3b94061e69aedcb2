"""Plans of what is read and removed of projections' versions: ranges of indexes, whatever the statistics say."""

import dataclasses
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from server import timerange
from server.catalog import dimensions
from server.catalog.conversation_lists import (
    TIME_ORDERS,
    ConversationFilter,
    ConversationList,
    ConversationOrder,
    ConversationPlace,
    ConversationTime,
)
from server.catalog.filters import Filter
from server.catalog.follow_ups import FollowUps
from server.projections.registry import NOT_REBUILT, PROJECTIONS
from server.store import conversation_lists, conversation_versions, conversations, follow_ups, projections
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.timerange import Interval, Span
from tests.store.test_query_plans import Explaining, check
from tests.support import citus, worlds

pytestmark = citus.one_node

NOW = datetime.now(UTC)
CONVERSATIONS = (
    """
    INSERT INTO projections (organization_id, name, version)
    SELECT organization, 'conversations', 1 FROM generate_series(1, 3) AS organization
    """,
    """
    INSERT INTO conversations
    SELECT (jsonb_populate_record(c, jsonb_build_object('organization_id', number % 3 + 1, 'conversation_key',
        '\\x' || md5(number::text), 'began_at', now() - number * interval '1 minute', 'closed_at',
        now() - number * interval '1 minute' + interval '30 seconds'))).*
    FROM conversations AS c, generate_series(1, 9000) AS number WHERE c.ctid = (SELECT min(ctid) FROM conversations)
    """,
    """
    INSERT INTO conversation_closings
    SELECT organization_id, version, closed_at, 3, '', '', '', '', conversation_key, conversation_key FROM conversations
    WHERE organization_id > 0
    """,
)


@pytest.fixture(params=[False, True], ids=["statistics of an empty table", "analyzed"])
async def conversing(own_database: Database, own_organization: int, request: pytest.FixtureRequest) -> None:
    """Three organizations with many conversations."""
    await worlds.store(own_database, own_organization, worlds.events(1, 50))
    await worlds.project(own_database, own_organization)
    await worlds.execute(own_database, "UPDATE conversations SET organization_id = 0")
    await worlds.execute(own_database, "DELETE FROM projections")
    tables = "conversations, conversation_closings, projections"
    if not request.param:
        await worlds.execute(own_database, f"ANALYZE {tables}")
    for statement in CONVERSATIONS:
        await worlds.execute(own_database, statement)
    if request.param:
        await worlds.execute(own_database, f"ANALYZE {tables}")


@pytest.mark.usefixtures("conversing")
async def test_versions_of_conversations_are_compared_by_ranges_of_their_keys(own_database: Database) -> None:
    """Those of organization 2 with none of a version that is not filled."""
    valid, filled = projections.Rows(2, 1), projections.Rows(2, 2)
    async with own_database.transaction(of=EVERY) as driver:
        explaining = cast("Driver", Explaining(driver, generic=False))
        after = b""
        for _ in range(3):
            portion = await conversation_versions.portion(driver, valid, filled, after)
            assert portion is not None
            await conversation_versions.portion(explaining, valid, filled, after)
            await conversation_versions.different(explaining, valid, filled, portion, None)
            after = portion.last
    key = ("organization_id", "version", "conversation_key")
    by_key = {"conversations": key, "conversation_closings": key}
    assert check(cast("Explaining", explaining).nodes, by_key) == set(by_key)


@pytest.mark.usefixtures("conversing")
async def test_rows_that_a_rebuild_has_replaced_are_found_without_a_look_at_valid_ones(own_database: Database) -> None:
    """Nothing but the organization and the version decides which rows are read."""
    for name, projection in PROJECTIONS.items():
        if name in NOT_REBUILT:
            continue
        for generic in (False, True):
            async with own_database.projecting(of=EVERY) as driver, driver.transaction():
                explaining = Explaining(driver, generic=generic)
                await projection.remove_others(cast("Driver", explaining), projections.Rows(2, 2), 3, 5_000)
            tables = {node["Relation Name"] for node in explaining.nodes if node["Node Type"] == "ModifyTable"}
            assert tables, name
            assert check(explaining.nodes, dict.fromkeys(tables, ("organization_id", "version"))) == tables
            assert not [node for node in explaining.nodes if "Filter" in node], name


@pytest.mark.usefixtures("conversing")
async def test_an_hour_is_verified_by_ranges_of_times(own_database: Database) -> None:
    for generic in (False, True):
        async with own_database.transaction(of=EVERY) as driver:
            counted, closed = (Explaining(driver, generic=generic) for _ in range(2))
            await conversations.between(cast("Driver", counted), 2, NOW - timedelta(hours=2), NOW - timedelta(hours=1))
            await conversations.closings_between(
                cast("Driver", closed), 2, NOW - timedelta(hours=2), NOW - timedelta(hours=1)
            )
        assert _indexes(counted) == {
            "conversations_by_beginning",
            "conversations_by_closing",
            "conversations_by_human_resolution",
        }
        assert _indexes(closed) == {"conversation_closings_by_time"}


class _Counting(Explaining):
    """As for a statement that counts nothing."""

    async def fetchrow(self, text: str, *arguments: object) -> Any:
        """Returns zeros."""
        await super().fetchrow(text, *arguments)
        return {one.name: 0 for one in dataclasses.fields(FollowUps)}


@pytest.mark.usefixtures("conversing")
async def test_what_came_after_conversations_is_read_by_ranges(own_database: Database) -> None:
    """Those of an hour, who came back to them, and what was reopened since: nothing else is looked at."""
    span = Span(start=timerange.floor_bucket(NOW - timedelta(hours=2)), end=timerange.floor_bucket(NOW))
    days = timedelta(days=7)
    for part in (Filter(), Filter(dimension=dimensions.AGENT, value="ada")):
        for generic, of_started in itertools.product((False, True), repeat=2):
            async with own_database.transaction(of=EVERY) as driver:
                explaining = _Counting(driver, generic=generic)
                await follow_ups.read(
                    cast("Driver", explaining),
                    2,
                    part,
                    span.interval,
                    NOW,
                    of_started=of_started,
                    durable=days,
                    repeat=days,
                )
            by_time = "conversations_by_beginning" if of_started else "conversations_by_closing"
            assert _indexes(explaining) == {
                *(by_time, "conversations_by_user", "conversation_reopenings"),
                *("conversations_pkey", "conversation_closings_pkey"),
            }


def _indexes(explaining: Explaining) -> set[str]:
    found = {node["Index Name"] for node in explaining.nodes if "Index Name" in node}
    return {name for name in found if name.startswith("conversation")}


INDEXES = {
    ConversationTime.CLOSED: "conversations_by_closing",
    ConversationTime.BEGAN: "conversations_by_beginning",
    ConversationTime.ACTIVE: "conversations_by_minute",
    ConversationTime.HUMAN_RESOLVED: "conversations_by_human_resolution",
}


@pytest.mark.usefixtures("conversing")
async def test_lists_go_by_the_index_of_their_time_or_of_ids(own_database: Database) -> None:
    bounds = Interval(start=NOW - timedelta(hours=2), end=NOW - timedelta(hours=1))
    place = ConversationPlace(
        value=str((NOW - timedelta(minutes=90) - timerange.EPOCH) // timedelta(microseconds=1)), key=b"k"
    )
    for descending in (False, True):
        for time, index in INDEXES.items():
            asked = ConversationList(
                time=time,
                bounds=bounds,
                filter=ConversationFilter(),
                order=TIME_ORDERS[time],
                descending=descending,
            )
            assert index in await indexes(own_database, asked, place), time
            assert index in await indexes(own_database, dataclasses.replace(asked, order=ConversationOrder.COST), None)
        by_id = ConversationList(
            time=ConversationTime.CLOSED,
            bounds=None,
            filter=ConversationFilter(prefix="conversation-1"),
            order=ConversationOrder.CONVERSATION_ID,
            descending=descending,
        )
        place_of_id = ConversationPlace(value="conversation-11", key=b"k")
        assert "conversations_by_id" in await indexes(own_database, by_id, place_of_id)


async def indexes(database: Database, asked: ConversationList, place: ConversationPlace | None) -> set[str]:
    """The indexes that a page of a list reads."""
    async with database.snapshot(of=EVERY) as driver:
        explaining = Explaining(driver, generic=False)
        await conversation_lists.page(cast("Driver", explaining), 2, asked, place, {}, 100)
    return {node.get("Index Name", "") for node in explaining.nodes}
