"""Streams: acknowledgements in order, bounded windows, reconnects with the same ids."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import scripted
from google.rpc import code_pb2
from scripted import EndAfter, Fail

import tallywire
from tallywire.v1 import event_pb2, event_service_pb2
from tests.support import waiting
from tests.support.waiting import PATIENCE


def batches(count: int, each: int = 3) -> Iterator[list[event_pb2.Event]]:
    for _ in range(count):
        yield [tallywire.event("a.b") for _ in range(each)]


def everything(script: scripted.Script) -> list[str]:
    return [event.event_id for stream in script.streams for batch in stream for event in batch.events]


BREAKS = [
    (),
    (EndAfter(acks=4, failure=Fail(reason="DRAINING", retry_after=0.01)),),
    (EndAfter(acks=1), EndAfter(acks=0, failure=Fail()), EndAfter(acks=5, failure=Fail())),
    (Fail(code=code_pb2.RESOURCE_EXHAUSTED, reason="STREAM_LIMIT", retry_after=0.05),),
]


@pytest.mark.parametrize("steps", BREAKS)
def test_every_batch_is_acknowledged_in_order(
    client: tallywire.Client, script: scripted.Script, steps: tuple[EndAfter | Fail, ...]
) -> None:
    script.play(*steps)
    sent = list(batches(20))
    acks = list(client.stream(sent, max_unacked=4))
    assert [ack.sequence for ack in acks] == list(range(1, 21))
    assert [result.event_id for ack in acks for result in ack.results] == [e.event_id for batch in sent for e in batch]
    assert len(script.stored) == 60


@pytest.mark.parametrize("steps", BREAKS)
async def test_the_async_stream_does_the_same(
    running: scripted.Running, script: scripted.Script, steps: tuple[EndAfter | Fail, ...]
) -> None:
    script.play(*steps)

    async def source() -> AsyncIterator[list[event_pb2.Event]]:
        for batch in batches(20):
            await asyncio.sleep(0)
            yield batch

    async with tallywire.AsyncClient(running.address, api_key="k") as client:
        acks = [ack async for ack in client.stream(source(), max_unacked=4)]
    assert [ack.sequence for ack in acks] == list(range(1, 21))
    assert len(script.stored) == 60


async def test_acknowledgements_come_while_the_source_waits(running: scripted.Running) -> None:
    more = asyncio.Event()

    async def source() -> AsyncIterator[list[event_pb2.Event]]:
        yield [tallywire.event("a.b")]
        await more.wait()
        yield [tallywire.event("a.b")]

    async with tallywire.AsyncClient(running.address, api_key="k") as client:
        stream = client.stream(source())
        assert (await asyncio.wait_for(anext(stream), PATIENCE)).sequence == 1
        more.set()
        assert [ack.sequence async for ack in stream] == [2]


async def test_leaving_early_stops_the_tasks(running: scripted.Running) -> None:
    before = len(asyncio.all_tasks())
    async with tallywire.AsyncClient(running.address, api_key="k") as client:
        async with contextlib.aclosing(client.stream(batches(1_000), max_unacked=2)) as stream:
            async for _ in stream:
                break
        await waiting.until(lambda: len(asyncio.all_tasks()) <= before + 1)


def test_leaving_early_stops_the_sync_stream(client: tallywire.Client, script: scripted.Script) -> None:
    stream = client.stream(batches(1_000), max_unacked=2)
    assert next(stream).sequence == 1
    stream.close()  # type: ignore[attr-defined]
    assert client.track(tallywire.event("a.b")).status == event_service_pb2.EVENT_STATUS_ACCEPTED
    assert not [thread for thread in threading.enumerate() if "consum" in thread.name and thread.is_alive()]


def test_the_window_is_bounded(client: tallywire.Client) -> None:
    taken = 0

    def source() -> Iterator[list[event_pb2.Event]]:
        nonlocal taken
        for batch in batches(50):
            taken += 1
            yield batch

    for got, _ in enumerate(client.stream(source(), max_unacked=4), start=1):
        assert taken - got <= 4


def test_final_errors_and_lack_of_progress_end_a_stream(client: tallywire.Client, script: scripted.Script) -> None:
    script.play(Fail(code=code_pb2.PERMISSION_DENIED, reason="SCOPE_MISSING"))
    with pytest.raises(tallywire.PermissionDenied):
        list(client.stream(batches(3)))
    script.play(*[Fail()] * 100)
    with pytest.raises(tallywire.Unavailable):
        list(client.stream(batches(3), retry_for=0.5))


async def test_final_errors_end_the_async_stream(running: scripted.Running, script: scripted.Script) -> None:
    # More than once: a write that meets the refusal can hide it from the first connection.
    script.play(*[Fail(code=code_pb2.PERMISSION_DENIED, reason="SCOPE_MISSING")] * 3)
    async with tallywire.AsyncClient(running.address, api_key="k") as client:
        with pytest.raises(tallywire.PermissionDenied):
            [ack async for ack in client.stream(batches(3))]


async def test_errors_of_the_source_are_its_own(running: scripted.Running, client: tallywire.Client) -> None:
    def source() -> Iterator[list[event_pb2.Event]]:
        yield from batches(2)
        raise LookupError("no more")

    with pytest.raises(LookupError):
        await asyncio.to_thread(list, client.stream(source()))
    async with tallywire.AsyncClient(running.address, api_key="k") as aclient:
        stream = aclient.stream(source())
        assert [(await anext(stream)).sequence, (await anext(stream)).sequence] == [1, 2]
        with pytest.raises(LookupError):
            await anext(stream)


async def test_no_batches_no_acknowledgements(running: scripted.Running, client: tallywire.Client) -> None:
    assert await asyncio.to_thread(list, client.stream([])) == []
    async with tallywire.AsyncClient(running.address, api_key="k") as aclient:
        assert [ack async for ack in aclient.stream([])] == []


def test_limits_of_a_stream(client: tallywire.Client) -> None:
    with pytest.raises(ValueError, match="from 1 to 32"):
        list(client.stream([], max_unacked=33))
    with pytest.raises(ValueError, match="at most 1000 events"):
        list(client.stream(batches(1, each=1_001)))
