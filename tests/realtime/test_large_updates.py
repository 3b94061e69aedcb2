"""Updates of any size: read, decoded and sent in portions, once and in order, by whoever resumes wherever."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import pytest

from server.app import Running
from server.catalog import cells, dimensions, registry
from server.catalog.cells import Cell, CellKey, Cells
from server.realtime import hub as hub_module
from server.store import changes, updates
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.updates import PORTION_COUNTERS, Update
from tallywire import AsyncClient, event
from tallywire.v1 import realtime_service_pb2 as messages
from tallywire.v1 import realtime_service_pb2_grpc
from tests.support import subscribing, worlds
from tests.support.subscribing import Reader, authorization

Stubs = list[realtime_service_pb2_grpc.RealtimeServiceStub]
MEASURE = "messages_sent"
PATIENCE = 60.0


def spread(count: int) -> Cells:
    """Changes of one counter in so many cells, for an agent each."""
    counter, agent = cells.count_key(registry.MEASURES[MEASURE].number), dimensions.AGENT.number
    return {CellKey(agent, f"agent {number}", 2_000_000): Cell(counters={counter: 1}) for number in range(count)}


async def change(database: Database, organization: int, *counts: int) -> None:
    """Makes revisions that bring no event, as a projection does, each with so many changed counters."""
    for count in counts:
        async with database.transaction(of=EVERY) as driver:
            assert await changes.append(driver, organization, spread(count))


async def read(database: Database, organization: int, *place: int, counters: int, limit: int = 100) -> list[Update]:
    async with database.snapshot(of=EVERY) as driver:
        return await updates.after(driver, organization, *place, limit=limit, events=9, counters=counters)


def places(found: Sequence[Update]) -> list[tuple[int, int]]:
    return [(one.revision, one.portion) for one in found]


async def test_pages_are_bounded_by_the_counters_that_they_hold(database: Database, organization: int) -> None:
    await change(database, organization, 10, PORTION_COUNTERS, PORTION_COUNTERS + 1, 10)
    everything = [(1, 0), (2, 0), (3, 0), (3, 1), (4, 0)]
    for most, expected in ((1, 1), (10, 1), (11, 2), (PORTION_COUNTERS + 11, 3), (2 * PORTION_COUNTERS + 11, 4)):
        assert places(await read(database, organization, 0, counters=most)) == everything[:expected]
    found = await read(database, organization, 0, counters=1_000_000)
    assert places(found) == everything
    assert [(len(one.changes), one.more) for one in found[2:4]] == [(PORTION_COUNTERS, True), (1, False)]
    assert places(await read(database, organization, 2, 1, counters=1_000_000)) == everything[3:]
    assert places(await read(database, organization, 0, limit=3, counters=1_000_000)) == everything[:3]


async def test_updates_are_joined_of_all_their_portions(database: Database, organization: int) -> None:
    await change(database, organization, 10, 2 * PORTION_COUNTERS + 1, 10)
    found = await read(database, organization, 0, counters=1_000_000)
    assert [one.revision for one in updates.joined(found[:-2])] == [1]
    whole = updates.joined(found)
    assert [(one.revision, one.portion, one.more) for one in whole] == [(1, 0, False), (2, 0, False), (3, 0, False)]
    assert [set(one.changes) for one in whole] == [set(spread(count)) for count in (10, 2 * PORTION_COUNTERS + 1, 10)]


async def test_the_event_loop_is_free_between_portions(
    database: Database, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await change(database, organization, 9 * PORTION_COUNTERS)
    turns, decoded, decode = itertools.count(), list[int](), updates._changes

    def counted(content: bytes) -> Any:
        decoded.append(next(turns))
        return decode(content)

    async def somebody_else() -> None:
        while True:
            next(turns)
            await asyncio.sleep(0)

    monkeypatch.setattr(updates, "_changes", counted)
    others = asyncio.create_task(somebody_else())
    await read(database, organization, 0, counters=1_000_000)
    others.cancel()
    assert len(decoded) == 9
    assert all(later - earlier > 1 for earlier, later in itertools.pairwise(decoded)), "nobody else had a turn"


@pytest.fixture
def pages(organization: int, monkeypatch: pytest.MonkeyPatch) -> list[list[Update]]:
    """What servers have read of the organization's log of updates."""
    found: list[list[Update]] = []
    after = updates.after

    async def noted(driver: Any, of: int, *place: int, **bounds: int) -> list[Update]:
        page = await after(driver, of, *place, **bounds)
        if of == organization:
            found.append(page)
        return page

    monkeypatch.setattr(updates, "after", noted)
    return found


async def test_every_revision_comes_once_whatever_its_size(
    client: AsyncClient,
    tenant: Any,
    organization: int,
    database: Database,
    server: Running,
    second_server: Running,
    stubs: Stubs,
    pages: list[list[Update]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A subscriber that watches and one that resumes later get the same, with bookmarks wherever one may be."""
    for running in (server, second_server):
        monkeypatch.setattr(running.services.realtime, "heartbeat_seconds", 0.001)
    live, later = [await subscribing.begin(stub, tenant.key, include_events=True) for stub in stubs]
    reading = asyncio.create_task(live.read(stubs[0], tenant.key, until=5, seconds=PATIENCE, include_events=True))
    await client.track(event("message.sent", agent_id="ann"))
    await change(database, organization, 10, 60_000, 10)
    await client.track(event("message.sent", agent_id="ann"))
    assert await reading
    request = messages.WatchUpdatesRequest(resume_after=later.token, include_events=True)
    call = stubs[1].WatchUpdates(request, metadata=authorization(tenant.key), timeout=PATIENCE)
    sent = [message async for message in until_revision(call, 5)]
    for message in sent:
        later.take(message)
    assert all(
        then.revision == one.revision and not then.bookmark for one, then in itertools.pairwise(sent) if one.more
    )
    for reader in (live, later):
        subscribing.reliable(reader, 5)
        assert added(reader.updates) == {1: 1, 2: 10, 3: 60_000, 4: 10, 5: 1}
        assert Counter(one.revision for one in reader.updates if one.resume_token) == dict.fromkeys(range(1, 6), 1)
        assert [len(one.events) for one in reader.updates if one.revision in (1, 5)] == [1, 1]
    largest = max(sum(len(one.changes) for one in page) for page in pages)
    assert largest < hub_module._PAGE_COUNTERS + PORTION_COUNTERS


async def until_revision(call: Any, revision: int) -> AsyncIterator[messages.WatchUpdatesResponse]:
    """Yields the messages of a stream up to a revision."""
    async for message in call:
        yield message
        if message.revision == revision:
            break
    call.cancel()


def added(sent: Sequence[messages.WatchUpdatesResponse]) -> dict[int, int]:
    """Returns by revision what was added to the measure, over all agents."""
    found: Counter[int] = Counter()
    for one in sent:
        for change in one.changes:
            if change.measure == MEASURE and change.dimension == messages.CHANGE_DIMENSION_AGENT:
                found[one.revision] += change.count
    return dict(found)


async def test_a_reader_that_leaves_within_an_update_gets_it_from_its_beginning(
    tenant: Any, organization: int, database: Database, stubs: Stubs
) -> None:
    reader = await subscribing.begin(stubs[0], tenant.key)
    await change(database, organization, 10, 30_000, 10)
    request = messages.WatchUpdatesRequest(resume_after=reader.token)
    call = stubs[0].WatchUpdates(request, metadata=authorization(tenant.key), timeout=PATIENCE)
    async for message in call:
        reader.take(message)
        if message.more:
            break
    call.cancel()
    seen = len(reader.updates)
    assert await reader.read(stubs[1], tenant.key, until=3, seconds=PATIENCE)
    subscribing.reliable(reader, 3)
    assert added(reader.updates[seen:]) == {2: 30_000, 3: 10}


async def test_a_filter_gets_its_part_of_a_large_update_in_one_message(
    tenant: Any, organization: int, database: Database, stubs: Stubs
) -> None:
    chosen = messages.RealtimeFilter(agent_ids=["agent 25000"])
    reader = await subscribing.begin(stubs[0], tenant.key, filter=chosen)
    await change(database, organization, 30_000, 10)
    request = messages.WatchUpdatesRequest(resume_after=reader.token, filter=chosen)
    call = stubs[1].WatchUpdates(request, metadata=authorization(tenant.key), timeout=PATIENCE)
    sent = [message async for message in until_revision(call, 2) if not message.bookmark]
    assert added(sent) == {1: 1}
    assert Counter(one.revision for one in sent if one.resume_token) == {1: 1, 2: 1}
    assert len(sent) == 3, "with what is in the middle of the update, its end and the next one"


async def test_a_reader_whose_update_is_removed_within_it_is_told_where_to_go_on(
    tenant: Any, organization: int, database: Database, stubs: Stubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = await subscribing.begin(stubs[0], tenant.key)
    await change(database, organization, 30_000, 10)
    after = updates.after

    async def removed_meanwhile(driver: Any, of: int, *place: int, **bounds: int) -> list[Update]:
        if of == organization and place[1:] > (0,):  # within an update
            await worlds.execute(database, "DELETE FROM updates WHERE organization_id = $1 AND revision = 1", of)
        return await after(driver, of, *place, **bounds)

    monkeypatch.setattr(updates, "after", removed_meanwhile)
    request = messages.WatchUpdatesRequest(resume_after=reader.token)
    call = stubs[1].WatchUpdates(request, metadata=authorization(tenant.key), timeout=PATIENCE)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await reader.drain(call)
    code, why, metadata = subscribing.reason(caught.value)
    assert (code, why, metadata["oldest_revision"]) == (grpc.StatusCode.OUT_OF_RANGE, "COMPACTED", "2")
    assert all(one.more for one in reader.updates)
    again = Reader(token=metadata["oldest_token"])
    assert await again.read(stubs[1], tenant.key, until=2, seconds=PATIENCE)
    assert added(again.updates) == {2: 10}
