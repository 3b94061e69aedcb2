"""Subscriptions: states that never go back, updates without a gap, whatever becomes of the connection."""

import asyncio
import contextlib
import gc
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
import scripted
import subscription_log
from google.rpc import code_pb2
from scripted import Fail
from subscription_log import Cut, Say

import tallywire
from tallywire import progress
from tests.support.waiting import PATIENCE

DRAINING = Fail(reason="DRAINING", retry_after=0.01)
LIMIT = Fail(code=code_pb2.RESOURCE_EXHAUSTED, reason="SUBSCRIPTION_LIMIT", retry_after=0.01)
BREAKS = [
    (),
    (Cut(after=4, failure=DRAINING),),
    (Cut(after=1), Fail(bare=True), Cut(after=0, failure=DRAINING), Cut(after=7)),
    (Cut(after=3, failure=Fail(code=code_pb2.INTERNAL, bare=True)), LIMIT),
    (Cut(after=2, failure=Fail(code=code_pb2.RESOURCE_EXHAUSTED, reason="SLOW_CONSUMER")),),
    (Cut(after=5, failure=Fail(code=code_pb2.CANCELLED, bare=True)), Cut(after=2, failure=Fail(bare=True))),
]
FINAL = [
    (Fail(code=code_pb2.OUT_OF_RANGE, reason="COMPACTED"), tallywire.OutOfRange),
    (Fail(code=code_pb2.OUT_OF_RANGE, reason="FUTURE_REVISION"), tallywire.OutOfRange),
    (Fail(code=code_pb2.OUT_OF_RANGE, reason="RESTORED"), tallywire.Restored),
    (Fail(code=code_pb2.INVALID_ARGUMENT, reason="RESUME_TOKEN_INVALID"), tallywire.InvalidArgument),
    (Fail(code=code_pb2.UNAUTHENTICATED, reason="CREDENTIALS_INVALID"), tallywire.Unauthenticated),
    (Fail(code=code_pb2.INTERNAL, reason="INTERNAL"), tallywire.Internal),
    (LIMIT, tallywire.ResourceExhausted),
]


@pytest.fixture
def live(script: scripted.Script) -> subscription_log.Live:
    """The subscriptions of the server."""
    return script.live


@pytest.fixture
async def aclient(running: scripted.Running) -> Any:
    """An asyncio client of the server."""
    async with tallywire.AsyncClient(running.address, api_key=scripted.KEY) as client:
        yield client


def taken(stream: Any, count: int) -> list[Any]:
    return [next(stream) for _ in range(count)]


async def ataken(stream: Any, count: int) -> list[Any]:
    async with asyncio.timeout(PATIENCE):
        return [await anext(stream) for _ in range(count)]


@contextlib.contextmanager
def committing(live: subscription_log.Live, count: int) -> Iterator[None]:
    """Commits revisions one after the other, meanwhile."""

    def commit() -> None:
        live.wait_until(lambda: live.open_calls > 0)
        for _ in range(count):
            time.sleep(0.005)
            live.commit()

    thread = threading.Thread(target=commit)
    thread.start()
    yield
    thread.join(PATIENCE)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("steps", BREAKS)
def test_every_revision_comes_once_and_whole(
    client: tallywire.Client, live: subscription_log.Live, steps: tuple[Any, ...], parts: int
) -> None:
    live.steps.extend(steps)
    live.parts, live.revision = parts, 7
    with committing(live, 20), client.updates(resume_after="t7", include_events=True) as stream:
        updates = taken(stream, 20)
        assert stream.resume_token == "t27"
    assert [update.revision for update in updates] == list(range(8, 28))
    for update in updates:
        assert [event.event_id for event in update.events] == [f"e{update.revision}-{n}" for n in range(parts)]
        assert ([change.count for change in update.changes], update.more) == ([update.revision], False)
        assert update.resume_token == f"t{update.revision}"
    assert len(live.requests) == len(steps) + 1
    assert all(request.include_events for request in live.requests)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("steps", BREAKS)
async def test_every_revision_comes_once_and_whole_to_asyncio(
    aclient: tallywire.AsyncClient, live: subscription_log.Live, steps: tuple[Any, ...], parts: int
) -> None:
    live.steps.extend(steps)
    live.parts, live.revision = parts, 7
    with committing(live, 20):
        async with aclient.updates(resume_after="t7", channel="web") as stream:
            updates = await ataken(stream, 20)
            assert stream.resume_token == "t27"
    assert [update.revision for update in updates] == list(range(8, 28))
    assert {request.filter.channel for request in live.requests} == {"web"}
    assert len(live.requests) == len(steps) + 1


@pytest.mark.parametrize(("step", "kind"), FINAL)
async def test_final_errors_end_a_subscription(
    client: tallywire.Client,
    aclient: tallywire.AsyncClient,
    live: subscription_log.Live,
    step: Fail,
    kind: type[Exception],
) -> None:
    live.steps.extend([step, step])
    stream = client.updates(resume_after="t1")
    with pytest.raises(kind) as caught:
        await asyncio.to_thread(next, stream)
    assert caught.value.reason == step.reason  # type: ignore[attr-defined]
    assert list(stream) == []
    async with aclient.updates(resume_after="t1") as astream:
        with pytest.raises(kind):
            await anext(astream)
        assert [update async for update in astream] == []


WRONG = [
    [*subscription_log.update(2), *subscription_log.update(4)],
    [*subscription_log.update(2), *subscription_log.update(2)],
    [*subscription_log.update(2), *subscription_log.update(1)],
    [*subscription_log.update(2), subscription_log.bookmark(3)],
    [subscription_log.bookmark(2), *subscription_log.update(2)],
    [subscription_log.update(2, 2)[0], *subscription_log.update(3)],
    [subscription_log.update(2, 2)[0], subscription_log.bookmark(2)],
    [subscription_log.Update(revision=2)],
]


@pytest.mark.parametrize("messages", WRONG)
async def test_what_does_not_follow_is_an_error(
    client: tallywire.Client, aclient: tallywire.AsyncClient, live: subscription_log.Live, messages: list[Any]
) -> None:
    live.steps.extend([Say(messages=messages)] * 2)
    with pytest.raises(tallywire.OutOfSequence) as caught:
        await asyncio.to_thread(list, client.updates())
    assert caught.value.code is grpc.StatusCode.DATA_LOSS
    assert caught.value.metadata["revision"] == str(messages[-1].revision)
    with pytest.raises(tallywire.OutOfSequence):
        [update async for update in aclient.updates()]


def test_bookmarks_move_the_token_and_come_only_if_asked_for(
    client: tallywire.Client, live: subscription_log.Live
) -> None:
    said = [
        subscription_log.bookmark(5),
        subscription_log.bookmark(5),
        *subscription_log.update(6),
        subscription_log.bookmark(6),
    ]
    live.steps.append(Say(messages=said, then=Cut(after=0, failure=FINAL[0][0])))
    stream = client.updates()
    assert (next(stream).revision, stream.resume_token) == (6, "t6")
    live.steps.append(Say(messages=said))
    stream = client.updates(bookmarks=True)
    assert [one.bookmark for one in taken(stream, 4)] == [True, True, False, True]
    stream.close()


def test_a_bookmark_is_where_a_quiet_reader_goes_on(client: tallywire.Client, live: subscription_log.Live) -> None:
    live.steps.append(Say(messages=[subscription_log.bookmark(5)]))
    live.revision = 9
    assert [update.revision for update in taken(client.updates(), 4)] == [6, 7, 8, 9]
    assert [request.resume_after for request in live.requests] == ["", "t5"]


def test_states_never_go_back(client: tallywire.Client, live: subscription_log.Live) -> None:
    live.steps.append(
        Say(messages=[subscription_log.state(5), subscription_log.heartbeat(8), subscription_log.state(8)])
    )
    live.steps.append(
        Say(
            messages=[
                subscription_log.state(6),
                subscription_log.heartbeat(7),
                subscription_log.state(7),
                subscription_log.state(8),
                subscription_log.state(9),
            ]
        )
    )
    live.steps.append(
        Say(messages=[subscription_log.heartbeat(4), subscription_log.heartbeat(9), subscription_log.state(11)])
    )
    assert [response.revision for response in taken(client.watch(min_interval=0.25), 5)] == [5, 8, 8, 9, 11]
    assert live.requests[0].min_interval.ToTimedelta().total_seconds() == 0.25
    live.steps.append(Say(messages=[subscription_log.state(5), subscription_log.heartbeat(8)]))
    stream = client.watch(agent_ids=["a", "b"], heartbeats=True)
    assert [response.HasField("state") for response in taken(stream, 2)] == [True, False]
    assert list(live.requests[-1].filter.agent_ids) == ["a", "b"]


def test_revisions_that_stay_behind_are_an_error() -> None:
    now = 0.0
    ledger = progress.StateProgress({}, 1.0, heartbeats=True, clock=lambda: now)
    assert ledger.take(subscription_log.heartbeat(5)) is not None
    for now in (1.0, 60.0):  # noqa: B007 - the clock reads it
        assert ledger.take(subscription_log.heartbeat(4)) is None
    now = 62.0
    with pytest.raises(tallywire.OutOfSequence):
        ledger.take(subscription_log.heartbeat(4))


@pytest.mark.parametrize("steps", BREAKS)
async def test_watching_goes_on(
    aclient: tallywire.AsyncClient, live: subscription_log.Live, steps: tuple[Any, ...]
) -> None:
    live.steps.extend(steps)
    seen: list[int] = []
    stream = aclient.watch(channel="web")
    async with asyncio.timeout(PATIENCE), stream:
        for revision in range(1, 21):
            live.commit()
            while revision not in seen:
                response = await anext(stream)
                assert response.HasField("state")
                seen.append(response.revision)
    assert seen == sorted(seen), "it never goes back"
    assert len(live.requests) == len(steps) + 1, "each connection that was lost is replaced, once"
    assert all(seen.count(revision) <= len(live.requests) for revision in seen), "each connection tells of it once"
    assert {request.filter.channel for request in live.requests} == {"web"}


def test_a_server_that_comes_back_is_found(live: subscription_log.Live, script: scripted.Script) -> None:
    first = scripted.start(script=script)
    reported_: list[tuple[str, float]] = []
    with tallywire.Client(first.address, api_key="k") as client:
        stream = client.updates(on_retry=lambda error, wait: reported_.append((error.code.name, wait)))
        live.steps.append(Cut(after=99))
        threading.Timer(0.2, live.commit).start()
        assert next(stream).revision == 1
        first.server.stop(None).wait(5)
        live.commit(2)
        again = threading.Timer(
            1.0, lambda: found.append(scripted.start(int(first.address.rpartition(":")[2]), script))
        )
        found: list[scripted.Running] = []
        again.start()
        assert [update.revision for update in taken(stream, 2)] == [2, 3]
        assert {name for name, _ in reported_} == {"UNAVAILABLE"}
        assert all(0 < wait <= 5 for _, wait in reported_)
        stream.close()
        found[0].server.stop(None).wait(5)


def test_patience_has_an_end_if_it_is_given_one(nobody: str) -> None:
    with tallywire.Client(nobody, api_key="k") as client, pytest.raises(tallywire.Unavailable):
        next(client.watch(retry_for=0.5))


async def test_a_step_that_is_cancelled_loses_nothing(
    aclient: tallywire.AsyncClient, live: subscription_log.Live
) -> None:
    stream = aclient.updates()
    seen: list[int] = []
    with committing(live, 30):
        while len(seen) < 30:
            with contextlib.suppress(TimeoutError):
                seen.append((await asyncio.wait_for(anext(stream), 0.02 if len(seen) % 3 else PATIENCE)).revision)
    assert seen == list(range(1, 31))
    await stream.close()


async def test_what_is_left_behind_ends_its_call(
    client: tallywire.Client, aclient: tallywire.AsyncClient, live: subscription_log.Live
) -> None:
    async for _ in aclient.watch():
        break
    await asyncio.to_thread(live.wait_until, lambda: live.ended_calls == 1)
    for _ in client.watch():
        break
    await asyncio.to_thread(live.wait_until, lambda: live.ended_calls == 2)
    async with contextlib.aclosing(aclient.watch()) as stream:
        await anext(stream)
    await asyncio.to_thread(live.wait_until, lambda: live.ended_calls == 3)
    gc.collect()
    await asyncio.sleep(0.05)
    assert not [one for one in threading.enumerate() if one.name == "tallywire-silence"]


async def test_closing_ends_a_loop_that_waits(
    client: tallywire.Client, aclient: tallywire.AsyncClient, live: subscription_log.Live
) -> None:
    astream, stream = aclient.updates(), client.updates()
    waiting = asyncio.create_task(ataken(astream, 1))
    blocked = asyncio.create_task(asyncio.to_thread(list, stream))
    await asyncio.to_thread(live.wait_until, lambda: live.open_calls == 2)
    await astream.close()
    stream.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert await asyncio.wait_for(blocked, PATIENCE) == []
    await asyncio.to_thread(live.wait_until, lambda: live.ended_calls == 2)


async def test_closing_the_client_ends_its_subscriptions(
    running: scripted.Running, live: subscription_log.Live
) -> None:
    client, aclient = (kind(running.address, api_key="k") for kind in (tallywire.Client, tallywire.AsyncClient))
    blocked = asyncio.create_task(asyncio.to_thread(next, client.updates()))
    waiting = asyncio.create_task(ataken(aclient.updates(), 1))
    await asyncio.to_thread(live.wait_until, lambda: live.open_calls == 2)
    client.close()
    await aclient.close()
    for task in (blocked, waiting):
        with pytest.raises(tallywire.Cancelled):
            await asyncio.wait_for(task, PATIENCE)


async def test_a_silent_connection_is_replaced(
    client: tallywire.Client,
    aclient: tallywire.AsyncClient,
    live: subscription_log.Live,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "SILENCE", 0.3)
    problems: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def report(error: tallywire.TallywireError, _: float) -> None:
        loop.call_soon_threadsafe(problems.put_nowait, error.message)

    stream, astream = client.updates(on_retry=report), aclient.updates(on_retry=report)
    for step in (lambda: asyncio.to_thread(next, stream), lambda: ataken(astream, 1)):
        blocked = asyncio.create_task(step())
        assert "nothing was heard" in await asyncio.wait_for(problems.get(), PATIENCE)
        live.commit()
        await asyncio.wait_for(blocked, PATIENCE)
    stream.close()
    await astream.close()


async def test_realtime(client: tallywire.Client, aclient: tallywire.AsyncClient, live: subscription_log.Live) -> None:
    live.revision = 3
    assert (await asyncio.to_thread(client.realtime, channel="web")).as_of_revision == 3
    assert (await aclient.realtime(agent_ids=["a"])).metrics.messages_last_minute == 148
    assert [request.filter.channel for request in live.requests] == ["web", ""]
    with pytest.raises(TypeError, match="not one text"):
        client.watch(agent_ids="a")


async def test_an_argument_that_is_unknown_is_refused_at_once(
    client: tallywire.Client, aclient: tallywire.AsyncClient
) -> None:
    unknown: dict[str, Any] = {"agent": "a"}
    now = datetime.now(UTC)
    for one in (client, aclient):
        for subscribe in (one.watch, one.updates):
            with pytest.raises(TypeError, match="agent"):
                subscribe(**unknown)
    with pytest.raises(TypeError, match="agent"):
        client.overview(now, now, **unknown)
    with pytest.raises(TypeError, match="agent"):
        await aclient.overview(now, now, **unknown)
    for make in (tallywire.Client, tallywire.AsyncClient, tallywire.Tracker):
        with pytest.raises(TypeError, match="agent"):
            make("127.0.0.1:1", api_key="k", **unknown)
