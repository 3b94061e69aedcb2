"""A backlogged organization lets others go first, but goes on; nobody else waits."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import pytest

from server.admission.event_loop import Arrivals
from server.catalog.counting import NO_OVERFLOW
from server.clock import Clock
from server.events.event import Event
from server.ingest import write
from server.ingest.pipeline import Ingest
from server.ingest.write import Committed, OrganizationEvents

BACKLOGGED, PROMPT, OTHER_BACKLOGGED = 1, 2, 3
_ENOUGH = 60  # seconds: a test that takes as long has failed


class Store:
    """Stands for the write path: transactions of held organizations wait, all others take a moment."""

    def __init__(self) -> None:
        self.held: set[int] = set()
        self.transactions = Counter[int]()
        self._released = asyncio.Event()

    async def __call__(self, _: Any, __: Any, parts: list[OrganizationEvents], *___: Any, **____: Any) -> Any:
        await asyncio.sleep(0.002)
        for part in parts:
            self.transactions[part.organization_id] += 1
        if any(part.organization_id in self.held for part in parts):
            await self._released.wait()
        return {
            part.organization_id: Committed(
                revision=1, new={event.event_key for event in part.events}, stored={}, overflow=NO_OVERFLOW
            )
            for part in parts
        }

    def release(self) -> None:
        """Lets all transactions go on."""
        self.held.clear()
        self._released.set()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    found = Store()
    monkeypatch.setattr(write, "store", found)
    return found


@pytest.fixture
def tasks() -> Iterator[list["asyncio.Task[Any]"]]:
    """Calls under way; none may fail."""
    found: list[asyncio.Task[Any]] = []
    yield found
    assert all(task.done() and task.exception() is None for task in found)


def made(concurrency: int) -> Ingest:
    return Ingest(cast("Any", None), Arrivals(), Clock(), on_commit=lambda _: None, concurrency=concurrency)


_KEYS = iter(range(1 << 30))


def events(count: int) -> list[Event]:
    given: dict[str, Any] = dict.fromkeys(Event._fields, "")
    given.update(fingerprint=0, occurred_at=0, detail={}, warnings=())
    return [Event(**{**given, "event_key": next(_KEYS).to_bytes(16, "big")}) for _ in range(count)]


async def sent(ingest: Ingest, tasks: list["asyncio.Task[Any]"], organization: int, *, calls: int, size: int) -> None:
    """Sends calls that are queued, or under way, when this returns."""
    tasks += [asyncio.create_task(ingest.submit(organization, events(size))) for _ in range(calls)]
    await asyncio.sleep(0.02)


async def test_only_the_backlogged_one_waits_and_it_goes_on(store: Store, tasks: list["asyncio.Task[Any]"]) -> None:
    store.held = {BACKLOGGED, PROMPT}
    ingest = made(concurrency=9)
    await sent(ingest, tasks, BACKLOGGED, calls=60, size=100)
    alone = asyncio.ensure_future(ingest.back_off(BACKLOGGED))
    await asyncio.sleep(0)
    assert alone.done(), "alone it does not wait"
    await sent(ingest, tasks, PROMPT, calls=1, size=100)
    prompt, backlogged = (asyncio.ensure_future(ingest.back_off(one)) for one in (PROMPT, BACKLOGGED))
    await asyncio.sleep(0)
    assert prompt.done()
    assert not backlogged.done()
    async with asyncio.timeout(_ENOUGH):
        await backlogged  # though the others are never done
        store.release()
        await ingest.drain()
        await asyncio.gather(*tasks)


async def test_nobody_waits_where_no_transaction_could_begin(store: Store, tasks: list["asyncio.Task[Any]"]) -> None:
    store.held = {BACKLOGGED, PROMPT}
    ingest = made(concurrency=2)
    await sent(ingest, tasks, PROMPT, calls=1, size=100)
    await sent(ingest, tasks, BACKLOGGED, calls=60, size=100)
    backlogged = asyncio.ensure_future(ingest.back_off(BACKLOGGED))
    await asyncio.sleep(0)
    assert backlogged.done()
    store.release()
    async with asyncio.timeout(_ENOUGH):
        await ingest.drain()
        await asyncio.gather(*tasks)


async def test_others_have_most_of_the_transactions_and_all_is_stored(
    store: Store, tasks: list["asyncio.Task[Any]"]
) -> None:
    ingest = made(concurrency=9)
    await sent(ingest, tasks, BACKLOGGED, calls=600, size=100)
    before = store.transactions.copy()
    async with asyncio.timeout(_ENOUGH):
        for _ in range(40):
            await ingest.submit(PROMPT, events(1))
        meanwhile = store.transactions - before
        assert meanwhile[PROMPT] == 40
        assert meanwhile[BACKLOGGED] < 40
        await ingest.drain()
        await asyncio.gather(*tasks)


async def test_those_that_back_off_do_not_wait_for_each_other(store: Store, tasks: list["asyncio.Task[Any]"]) -> None:
    ingest = made(concurrency=20)
    store.held = set(range(10, 20))
    for organization in (BACKLOGGED, OTHER_BACKLOGGED):
        await sent(ingest, tasks, organization, calls=100, size=100)
    for organization in store.held:
        await sent(ingest, tasks, organization, calls=1, size=60)
    store.release()
    async with asyncio.timeout(_ENOUGH):
        await ingest.drain()
        await asyncio.gather(*tasks)
    assert ingest.expected_wait(BACKLOGGED) == ingest.expected_wait(OTHER_BACKLOGGED) == 0
