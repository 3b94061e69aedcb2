"""Looks at all organizations: one statement while every node answers, and node by node while one fails."""

import functools
from collections.abc import Sequence
from typing import Any

import pytest

from server import errors
from server.organizations.settings import OrganizationSettings
from server.store import looks
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.store.looks import Looks
from server.store.nodes import NodeMap
from server.tenancy import administration

_FAILING, _ANSWERING = 1, 2


class Cluster:
    """Looks at organizations that are on two nodes, as the coordinator of a cluster would say, and what they ask for.

    failing: the nodes that fail.
    """

    def __init__(self, database: Database) -> None:
        self.failing = {_FAILING}
        self.asked: list[Sequence[int] | None] = []
        self._nodes = NodeMap(self._say)
        self.looks = Looks(functools.partial(database.transaction, of=EVERY), lambda: self._nodes)

    async def _say(self, _: str, *given: Any) -> list[Any]:
        """An organization's number, if it is even or odd, is that of its shard and its node."""
        return [(one, one % 2 + 1) for one in given[0]] if given else [(1, 1), (2, 2)]

    def of(self, organization_id: int) -> int:
        """The node of an organization."""
        return organization_id % 2 + 1

    async def read(self, driver: Driver, only: Sequence[int] | None) -> list[int]:
        """Returns organizations; fails where a node is asked that fails."""
        self.asked.append(only)
        rows = await driver.fetch(
            "SELECT organization_id FROM organizations WHERE $1::integer[] IS NULL OR organization_id = ANY($1)", only
        )
        found = [row[0] for row in rows]
        if self.failing.intersection(map(self.of, found)):
            raise errors.StorageUnavailable("a node is away")
        return found

    async def seen(self) -> set[int]:
        """The organizations that a look finds."""
        self.asked.clear()
        return {one for some in await self.looks.over_all(self.read) for one in some}


@pytest.fixture
async def organizations(own_database: Database) -> list[int]:
    """Some on each node."""
    return [
        await administration.create_organization(own_database, f"organization {number}", OrganizationSettings())
        for number in range(5)
    ]


@pytest.fixture
def cluster(own_database: Database, organizations: list[int]) -> Cluster:
    return Cluster(own_database)


async def test_one_statement_is_for_all_organizations_while_it_succeeds(
    cluster: Cluster, organizations: list[int]
) -> None:
    cluster.failing = set()
    for _ in range(2):
        assert await cluster.seen() == set(organizations)
        assert cluster.asked == [None]
    assert not any(map(cluster.looks.leaves_out, organizations))


async def test_a_failure_where_nothing_is_distributed_is_the_callers(own_database: Database) -> None:
    async def fail(_: Driver, only: Sequence[int] | None) -> None:
        asked.append(only)
        raise errors.StorageUnavailable("the database is away")

    asked: list[Sequence[int] | None] = []
    here = Looks(functools.partial(own_database.transaction, of=EVERY), lambda: None)
    for _ in range(2):
        with pytest.raises(errors.StorageUnavailable, match="the database is away"):
            await here.over_all(fail)
    assert asked == [None, None]


async def test_organizations_of_other_nodes_are_found_while_one_fails(
    cluster: Cluster, organizations: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked once, and then left out; when it is tried again and answers, everything is as before."""
    monkeypatch.setattr(looks, "_PORTION", 2)
    monkeypatch.setattr(looks, "_LEFT_OUT_SECONDS", 3_600.0)
    there = {one for one in organizations if cluster.of(one) == _ANSWERING}
    assert await cluster.seen() == there
    assert [one for one in organizations if cluster.looks.leaves_out(one)] == sorted(set(organizations) - there)
    assert await cluster.seen() == there
    assert {one for some in cluster.asked for one in some or ()} == there
    assert all(some is not None and len(some) <= 2 for some in cluster.asked)
    monkeypatch.setattr(looks, "_LEFT_OUT_SECONDS", 0.0)
    monkeypatch.setattr(looks, "_LEFT_OUT_TIMES", 0)
    cluster.looks._away = dict.fromkeys(cluster.looks._away, 0.0)
    assert await cluster.seen() == there, "it is tried again, and fails"
    assert {cluster.of(one) for some in cluster.asked for one in some or ()} == {_FAILING, _ANSWERING}
    cluster.failing = set()
    assert await cluster.seen() == set(organizations)
    assert not any(map(cluster.looks.leaves_out, organizations))
    cluster.looks._apart_until = 0.0
    assert await cluster.seen() == set(organizations)
    assert cluster.asked == [None]


async def test_where_no_node_answers_it_is_no_matter_of_a_node(cluster: Cluster, organizations: list[int]) -> None:
    cluster.failing = {_FAILING, _ANSWERING}
    with pytest.raises(errors.StorageUnavailable, match="a node is away"):
        await cluster.seen()
    assert not any(map(cluster.looks.leaves_out, organizations))


async def test_a_process_without_a_free_connection_says_nothing_of_nodes(
    cluster: Cluster, organizations: list[int]
) -> None:
    async def busy(_: Driver, only: Sequence[int] | None) -> None:
        raise errors.StorageBusy("no database connection is free")

    with pytest.raises(errors.StorageBusy):
        await cluster.looks.over_all(busy)
    assert await cluster.seen() == {one for one in organizations if cluster.of(one) == _ANSWERING}
    with pytest.raises(errors.StorageBusy):
        await cluster.looks.over_all(busy)
    assert not any(cluster.looks.leaves_out(one) for one in organizations if cluster.of(one) == _ANSWERING)
