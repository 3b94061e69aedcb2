"""The real replays come back through the RPCs figure by figure: without a worker, with one, folded, and sent twice."""

import asyncio
import time
from collections.abc import Iterable
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
from server.store.isolation import EVERY
from tallywire import AsyncClient
from tallywire.v1 import event_pb2
from tests.support import effort
from tests.support.replaying import replay, until_followed

CHITCHAT = Path(__file__).parents[1] / "data" / "chitchat_expected.json"


async def hold(
    client: AsyncClient, database: Database, organization: int, expected: Expected, events: list[event_pb2.Event]
) -> None:
    """Replays without a worker, folds, and checks every figure before and after."""
    assert await replay(client, events) == {"EVENT_STATUS_ACCEPTED": len(events)}
    await until_followed(client, expected.start, expected.end)
    await expectations.check(client, expected)
    assert await fold.fold_all(database, organization) > 0
    await expectations.check(client, expected)


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


@pytest.mark.skipif(
    not tau2.DATA.exists(), reason="the tau2-bench runs are not part of this repository and do not lie beside it"
)
async def test_tau2(client: AsyncClient, database: Database, organization: int) -> None:
    expected, events = Expected.read(tau2.DATA / "expected.json"), list(tau2.events())
    await hold(client, database, organization, expected, events)
    await expectations.check_tables(client, expected, events)
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
    events = events_of(conversations[:: effort.chosen(16, thorough=1)])
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
        async with database.transaction(of=EVERY) as driver:
            if organization not in await rollups.unfolded(driver):
                return
        await asyncio.sleep(0.2)
    pytest.fail("the worker has not folded within five minutes")
