"""What the load's process does: makes requests beforehand, sends them, and looks at the answers after the clock has
stopped.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import grpc

from tallywire.v1 import event_service_pb2 as messages
from tests.harness.bench import echo
from tests.harness.bench.made import Recipe, logins, made_up

BATCH = 500
IN_FLIGHT = 16  # batches
CONNECTIONS = 8
TRACK_EVENT = "/tallywire.v1.EventService/TrackEvent"
ECHO = f"/{echo.SERVICE}/{echo.METHOD}"
ACCEPTED, DUPLICATE = messages.EVENT_STATUS_ACCEPTED, messages.EVENT_STATUS_DUPLICATE
_TRACK_EVENTS = "/tallywire.v1.EventService/TrackEvents"
_STREAM_EVENTS = "/tallywire.v1.EventService/StreamEvents"
_TIMEOUT = 120.0
_Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests in the order in which they are sent: the number of the sender, and the bytes."""

    keys: Sequence[str]
    requests: Sequence[tuple[int, bytes]]
    events: int

    def metadata(self, sender: int) -> _Metadata:
        return (("authorization", f"Bearer {self.keys[sender]}"),)


_loads: dict[str, Load] = {}


async def make_batches(
    name: str, recipe: Recipe, keys: Sequence[str], *, size: int = BATCH, with_logins: bool = False
) -> None:
    """Keeps batches for TrackEvents under a name, one organization after the other."""
    made = [*(logins(recipe) if with_logins else ()), *made_up(recipe)]
    batches = [made[at : at + size] for at in range(0, len(made), size)]
    requests = [messages.TrackEventsRequest(events=batch).SerializeToString() for batch in batches]
    _keep(name, keys, requests, len(made))


async def make_stream_batches(name: str, recipe: Recipe, keys: Sequence[str]) -> None:
    """Keeps batches for StreamEvents under a name, one organization after the other."""
    made = list(made_up(recipe))
    requests = []
    for number, at in enumerate(range(0, len(made), BATCH)):
        batch = messages.StreamBatch(sequence=number // len(keys) + 1, events=made[at : at + BATCH])
        requests.append(messages.StreamEventsRequest(batch=batch).SerializeToString())
    _keep(name, keys, requests, len(made))


async def make_single(name: str, recipe: Recipe, keys: Sequence[str]) -> None:
    """Keeps single events for TrackEvent under a name, one organization after the other."""
    requests = [messages.TrackEventRequest(event=event).SerializeToString() for event in made_up(recipe)]
    _keep(name, keys, requests, len(requests))


def _keep(name: str, keys: Sequence[str], requests: Sequence[bytes], events: int) -> None:
    numbered = [(number % len(keys), request) for number, request in enumerate(requests)]
    _loads[name] = Load(keys=keys, requests=numbered, events=events)


async def forget(name: str) -> None:
    """Drops what is kept under a name."""
    del _loads[name]


async def send_batches(address: str, name: str, expected: int = ACCEPTED) -> float:
    """Sends the batches with IN_FLIGHT on their way; returns events/s until the last one is acknowledged."""
    load = _loads[name]
    async with _channels(address, CONNECTIONS) as channels:
        started = time.perf_counter()
        responses, _ = await _closed_loop(channels, _TRACK_EVENTS, load, IN_FLIGHT)
        elapsed = time.perf_counter() - started
    for response in responses:
        _check(messages.TrackEventsResponse.FromString(response).results, expected)
    return load.events / elapsed


async def send_streams(address: str, name: str) -> float:
    """Sends the batches on a stream per organization, with IN_FLIGHT on their way in all; returns events/s."""
    load = _loads[name]
    slots = asyncio.Semaphore(IN_FLIGHT)
    async with _channels(address, CONNECTIONS) as channels:
        started = time.perf_counter()
        streams = [
            _stream(channels[sender % CONNECTIONS], load, sender, slots)
            for sender in {sender for sender, _ in load.requests}
        ]
        responses = await asyncio.gather(*streams)
        elapsed = time.perf_counter() - started
    acks = [ack for each in responses for one in each for ack in messages.StreamEventsResponse.FromString(one).acks]
    assert len(acks) == len(load.requests)
    for ack in acks:
        _check(ack.results, ACCEPTED)
    return load.events / elapsed


async def _stream(channel: grpc.aio.Channel, load: Load, sender: int, slots: asyncio.Semaphore) -> list[bytes]:
    async def requests() -> AsyncIterator[bytes]:
        for owner, request in load.requests:
            if owner == sender:
                await slots.acquire()
                yield request

    call = channel.stream_stream(_STREAM_EVENTS)(requests(), metadata=load.metadata(sender), timeout=_TIMEOUT)
    responses = []
    async for response in call:
        slots.release()  # an acknowledgement each
        responses.append(response)
    return responses


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a number of calls went. Latencies are in milliseconds."""

    rate: float  # calls/s
    latencies: Sequence[float]


async def call_closed(address: str, method: str, name: str, in_flight: int, connections: int) -> Pace:
    """Calls with each request, always with that many on their way."""
    load = _loads[name]
    async with _channels(address, connections) as channels:
        started = time.perf_counter()
        responses, latencies = await _closed_loop(channels, method, load, in_flight)
        elapsed = time.perf_counter() - started
    _check_calls(method, load, responses)
    return Pace(rate=len(responses) / elapsed, latencies=latencies)


async def call_open(address: str, method: str, name: str, rate: float, connections: int) -> Pace:
    """Calls with each request at the time that a schedule of even steps fixed for it, whatever became of the others.

    A latency counts from that time, so that a call that is sent late is a slow one.
    """
    load = _loads[name]
    async with _channels(address, connections) as channels:
        calls = [channel.unary_unary(method) for channel in channels]
        started = time.perf_counter() + 0.05

        async def call(number: int, sender: int, request: bytes) -> tuple[bytes, float]:
            response = await calls[number % connections](request, metadata=load.metadata(sender), timeout=_TIMEOUT)
            return response, (time.perf_counter() - started - number / rate) * 1000

        tasks = []
        for number, (sender, request) in enumerate(load.requests):
            ahead = started + number / rate - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
            tasks.append(asyncio.create_task(call(number, sender, request)))
        results = await asyncio.gather(*tasks)
        elapsed = time.perf_counter() - started
    _check_calls(method, load, [response for response, _ in results])
    return Pace(rate=len(results) / elapsed, latencies=[latency for _, latency in results])


async def ask(address: str, method: str, key: str, requests: Sequence[bytes]) -> list[float]:
    """Asks one question after the other and returns how long each took, in milliseconds."""
    async with _channels(address, 1) as (channel,):
        call = channel.unary_unary(method)
        latencies = []
        for request in requests:
            started = time.perf_counter()
            await call(request, metadata=(("authorization", f"Bearer {key}"),), timeout=_TIMEOUT)
            latencies.append((time.perf_counter() - started) * 1000)
    return latencies


async def _closed_loop(
    channels: Sequence[grpc.aio.Channel], method: str, load: Load, in_flight: int
) -> tuple[list[bytes], list[float]]:
    waiting: Iterator[tuple[int, bytes]] = iter(load.requests)
    responses, latencies = [], []

    async def work(call: grpc.aio.UnaryUnaryMultiCallable) -> None:
        for sender, request in waiting:  # shared: each request is taken by one of us
            begun = time.perf_counter()
            responses.append(await _until_taken(call, request, load.metadata(sender)))
            latencies.append((time.perf_counter() - begun) * 1000)

    calls = itertools.cycle([channel.unary_unary(method) for channel in channels])
    await asyncio.gather(*(work(next(calls)) for _ in range(in_flight)))
    return responses, latencies


async def _until_taken(call: grpc.aio.UnaryUnaryMultiCallable, request: bytes, metadata: _Metadata) -> bytes:
    """The answer to a request that is sent again, as often and as late as a server that has too much to do asks for."""
    while True:
        try:
            response: bytes = await call(request, metadata=metadata, timeout=_TIMEOUT)
        except grpc.aio.AioRpcError as error:
            pushback = dict(error.trailing_metadata() or ()).get("grpc-retry-pushback-ms")
            if pushback is None:
                raise
            await asyncio.sleep(int(pushback) / 1000)
        else:
            return response


def _check_calls(method: str, load: Load, responses: Sequence[bytes]) -> None:
    if method == ECHO:
        assert sorted(map(len, responses)) == sorted(len(request) for _, request in load.requests)
    else:
        _check([messages.TrackEventResponse.FromString(response).result for response in responses], ACCEPTED)


def _check(results: Sequence[messages.EventResult], expected: int) -> None:
    wrong = [one for one in results if one.status != expected]
    assert not wrong, f"{len(wrong)} of {len(results)} events: {wrong[0]}"


@contextlib.asynccontextmanager
async def _channels(address: str, count: int) -> AsyncIterator[list[grpc.aio.Channel]]:
    """Connections, each one of its own and ready for use."""
    channels = [
        grpc.aio.insecure_channel(address, options=(("grpc.use_local_subchannel_pool", 1),)) for _ in range(count)
    ]
    try:
        await asyncio.gather(*(channel.channel_ready() for channel in channels))
        yield channels
    finally:
        for channel in channels:
            await channel.close()
