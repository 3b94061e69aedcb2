"""What clients say of their clock, how they end, and AsyncClient on several event loops."""

import asyncio
import dataclasses
import subprocess
import sys
import threading

import pytest
import scripted
from google.rpc import code_pb2
from scripted import Fail

import tallywire
from tallywire import requests, retries


def test_a_server_that_cancels_gets_a_new_time_of_sending(client: tallywire.Client, script: scripted.Script) -> None:
    script.play(Fail(code=code_pb2.CANCELLED, bare=True), Fail(code=code_pb2.CANCELLED, bare=True))
    client.track_batch([tallywire.event("a.b")])
    stamps = [request.sent_at.ToNanoseconds() for request in script.requests]
    assert len(set(stamps)) == 3
    assert stamps == sorted(stamps)


def test_an_event_that_waits_for_a_connection_is_stamped_again(monkeypatch: pytest.MonkeyPatch, nobody: str) -> None:
    monkeypatch.setattr(retries, "INGEST_ONE", dataclasses.replace(retries.INGEST_ONE, attempt=0.2))
    stamped: list[int] = []
    clock = requests.ClientClock(stamp=True, correct=False)
    sent_at = requests.ClientClock.sent_at
    monkeypatch.setattr(requests.ClientClock, "sent_at", lambda self: stamped.append(1) or sent_at(clock))
    with (
        tallywire.Client(nobody, api_key="k", timeout=1.0) as client,
        pytest.raises(tallywire.TallywireError),
    ):
        client.track(tallywire.event("a.b"))
    assert len(stamped) >= 3


async def test_times_are_corrected_only_if_asked_for(running: scripted.Running, script: scripted.Script) -> None:
    for asked in (False, True):
        event = tallywire.event("a.b")
        with tallywire.Client(running.address, api_key="k", correct_clock=asked) as client:
            client.track(event)
            client.track_batch([event])
            assert len(list(client.stream([[event]]))) == 1
        async with tallywire.AsyncClient(running.address, api_key="k", correct_clock=asked) as asynchronous:
            await asynchronous.track(event)
        with tallywire.Tracker(running.address, api_key="k", correct_clock=asked) as tracker:
            tracker.track(event)
    said = [request.correct_clock for request in script.requests]
    assert said == [False] * 4 + [True] * 4
    assert [batches[0].correct_clock for batches in script.streams] == [False, True]
    with pytest.raises(ValueError, match="correct_clock needs stamp_sent_at"):
        tallywire.Client(running.address, api_key="k", stamp_sent_at=False, correct_clock=True)


def test_a_client_that_is_closed_says_so(running: scripted.Running, script: scripted.Script) -> None:
    script.hold.clear()
    client = tallywire.Client(running.address, api_key="k")
    ended: list[BaseException] = []

    def call() -> None:
        try:
            client.track(tallywire.event("a.b"))
        except tallywire.Cancelled as error:
            ended.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert script.arrived.wait(30)
    client.close()
    thread.join(30)
    for later in (lambda: client.track(tallywire.event("a.b")), client.connect, client.metrics):
        with pytest.raises(tallywire.Cancelled) as caught:
            later()
        ended.append(caught.value)
    with pytest.raises(tallywire.Cancelled) as caught:
        list(client.stream([[tallywire.event("a.b")]]))
    ended.append(caught.value)
    assert [str(error) for error in ended] == ["CANCELLED: the client is closed"] * 5


async def test_an_asynchronous_client_that_is_closed_says_so(
    running: scripted.Running, script: scripted.Script
) -> None:
    script.hold.clear()
    client = tallywire.AsyncClient(running.address, api_key="k")
    call = asyncio.create_task(client.track(tallywire.event("a.b")))
    await asyncio.to_thread(script.arrived.wait, 30)
    await client.close()
    with pytest.raises(tallywire.Cancelled, match="the client is closed"):
        await call
    for later in (client.track(tallywire.event("a.b")), client.connect(), client.metrics()):
        with pytest.raises(tallywire.Cancelled, match="the client is closed"):
            await later


def test_an_asynchronous_client_outlives_its_event_loop(running: scripted.Running, script: scripted.Script) -> None:
    program = """
import tallywire, asyncio, sys, threading
client = tallywire.AsyncClient(sys.argv[1], api_key="k")
async def go():
    await client.track(tallywire.event("a.b"))
    async for _ in client.stream([[tallywire.event("a.b")]]):
        pass
asyncio.run(go())
asyncio.run(go())
async def two():
    await go()
    try:
        await asyncio.to_thread(asyncio.run, go())
    except RuntimeError as error:
        print(error)
    await go()
    await client.close()
asyncio.run(two())
"""
    command = [sys.executable, "-W", "error", "-c", program, running.address]
    end = subprocess.run(command, capture_output=True, text=True, timeout=60, env=scripted.environment())
    # gRPC's own poller may complain of a loop that has closed before it: that is no complaint of this client.
    complaints = [line for line in end.stderr.splitlines() if "tallywire" in line or "Warning" in line]
    assert (end.returncode, complaints) == (0, []), end.stderr
    assert end.stdout == "this AsyncClient is in use on another event loop: make one for each loop\n"
    assert len(script.stored) == 8
