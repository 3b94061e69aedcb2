"""The real replays come back through the RPCs figure by figure: without a worker, with one, folded, and sent twice."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import conversation_reference
import expectations
import pytest
import reference
import tau2
from expectations import Expected

from server.catalog.families.conversations import PROJECTION
from server.local import chitchat
from server.local.chitchat import RecordedConversation
from server.projections.rebuild import rebuild
from server.rollups import audit, fold
from server.store import rollups
from server.store.database import Database
from tallywire import AsyncClient
from tallywire.errors import DeadlineExceeded
from tallywire.v1 import event_pb2, event_service_pb2
from tests.support import effort
from tests.support.waiting import PATIENCE

CHITCHAT = Path(__file__).parents[1] / "data" / "chitchat_expected.json"


async def replay(client: AsyncClient, events: Iterable[event_pb2.Event]) -> Counter[str]:
    """Sends events in batches of 500, a few at once, and returns how many had which result."""
    iterator, results = iter(events), Counter[str]()
    slots = asyncio.Semaphore(4)

    async def send(batch: list[event_pb2.Event]) -> None:
        try:
            for result in await client.track_batch(batch):
                results[event_service_pb2.EventStatus.Name(result.status)] += 1
        finally:
            slots.release()

    async with asyncio.TaskGroup() as group:
        while batch := list(islice(iterator, 500)):
            await slots.acquire()
            group.create_task(send(batch))
    return results


async def hold(
    client: AsyncClient, database: Database, organization: int, expected: Expected, events: list[event_pb2.Event]
) -> None:
    """Replays without a worker, folds, and checks every figure before and after."""
    assert await replay(client, events) == {"EVENT_STATUS_ACCEPTED": len(events)}
    await until_followed(client, expected)
    await expectations.check(client, expected)
    assert await fold.fold_all(database, organization) > 0
    await expectations.check(client, expected)


async def until_followed(client: AsyncClient, expected: Expected) -> None:
    """Asks until projections have followed, which a slow machine may need more than one call for: their steps stay."""
    async with asyncio.timeout(5 * PATIENCE):
        while True:
            with contextlib.suppress(DeadlineExceeded):
                await client.overview(expected.start, expected.end)
                return


async def send_again(client: AsyncClient, expected: Expected, events: list[event_pb2.Event]) -> None:
    """Sends what was sent, which makes no revision."""
    before = (await client.overview(expected.start, expected.end)).context.as_of_revision
    assert await replay(client, events) == {"EVENT_STATUS_DUPLICATE": len(events)}
    assert (await client.overview(expected.start, expected.end)).context.as_of_revision == before


async def audited(database: Database, organization: int) -> None:
    """Every rollup is what raw events come to."""
    report = await audit.check(database, organization)
    assert report.mismatches == 0
    assert report.cells > 0


@pytest.fixture(scope="module")
def conversations() -> list[RecordedConversation]:
    """All of Chitchat, read once."""
    return list(chitchat.conversations())


def events_of(conversations: Iterable[RecordedConversation]) -> list[event_pb2.Event]:
    return [event for one in conversations for event in chitchat.events_of(one)]


async def test_chitchat(
    client: AsyncClient, database: Database, organization: int, conversations: list[RecordedConversation]
) -> None:
    """All conversations; what the worker's replay below does with a part is done with all of them on request."""
    events, expected = events_of(conversations), Expected.read(CHITCHAT)
    assert_same(reference.figures(events), expected.figures)
    await hold(client, database, organization, expected, events)
    if effort.chosen(usual=False, thorough=True):
        await send_again(client, expected, events)
        await audited(database, organization)


def assert_same(found: Any, expected: Any) -> None:
    """The reference, by which a part of the conversations is judged, gives what was worked out without this project."""
    match expected:
        case dict():
            assert found.keys() == expected.keys()
            for name, figure in expected.items():
                assert_same(found[name], figure)
        case list():
            for one, figure in zip(found, expected, strict=True):
                assert_same(one, figure)
        case _:
            assert found == (pytest.approx(expected, rel=1e-12) if isinstance(expected, float) else expected)


async def hold_tables(client: AsyncClient, expected: Expected, events: list[event_pb2.Event]) -> None:
    """Cost and tokens by the model that answered, and calls by the tool that was called, are those of the events."""
    metrics = ("messages_sent", "prompt_tokens", "completion_tokens", "cost_micros")
    told: dict[str, Counter[str]] = {}
    tools = Counter[str]()
    for event in events:
        of_agent = told.setdefault(event.agent_id, Counter())
        if event.event_type == "message.sent":
            of_agent["messages_sent"] += 1
            of_agent.update({name: getattr(event.message, name) for name in metrics[1:]})
        tools[event.api.endpoint] += event.event_type == "api.called"
    by_agent = await client.query_metrics(expected.start, expected.end, metrics, group_by="agent")
    assert {
        row.values[0]: {name: one.integer for name, one in zip(metrics, row.figures, strict=True)}
        for row in by_agent.rows
    } == {agent: {name: counts[name] for name in metrics} for agent, counts in told.items()}
    by_tool = await client.query_metrics(
        expected.start, expected.end, ["api_calls"], group_by="endpoint", page_size=1000
    )
    assert {row.values[0]: row.figures[0].integer for row in by_tool.rows} == {
        name: count for name, count in tools.items() if name and count
    }


@pytest.mark.skipif(
    not tau2.DATA.exists(), reason="the tau2-bench runs are not part of this repository and do not lie beside it"
)
async def test_tau2(client: AsyncClient, database: Database, organization: int) -> None:
    expected, events = Expected.read(tau2.DATA / "expected.json"), list(tau2.events())
    await hold(client, database, organization, expected, events)
    await hold_tables(client, expected, events)
    await send_again(client, expected, events)
    await audited(database, organization)
    assert (await rebuild(database, organization, PROJECTION, lambda _: None)).events > 0
    await expectations.check(client, expected)


async def test_with_a_worker_running(
    client: AsyncClient,
    database: Database,
    organization: int,
    conversations: list[RecordedConversation],
    worker_command: tuple[list[str], dict[str, str]],
) -> None:
    """A worker folds while the replay goes on, and answers are exact at the end whatever has been folded."""
    events = events_of(conversations[:: effort.chosen(4, thorough=1)])
    expected = Expected(figures=reference.figures(events))
    command, environment = worker_command
    worker = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        assert await replay(client, events) == {"EVENT_STATUS_ACCEPTED": len(events)}
        await expectations.check(client, expected)
        await _until_folded(database, organization)
        await expectations.check(client, expected)
        bounds = conversation_reference.whole_days(events)
        await conversation_reference.check(client, events, *bounds, "Asia/Kathmandu", 7)
    finally:
        worker.terminate()
        assert await asyncio.wait_for(worker.wait(), 120) == 0
    await send_again(client, expected, events)
    await audited(database, organization)


async def _until_folded(database: Database, organization: int) -> None:
    give_up = time.monotonic() + 300
    while time.monotonic() < give_up:
        async with database.transaction() as driver:
            if organization not in await rollups.unfolded(driver):
                return
        await asyncio.sleep(0.2)
    pytest.fail("the worker has not folded within five minutes")
