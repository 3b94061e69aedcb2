"""What middleware costs the service that it is in, while the metrics service is there and while it is away."""

import asyncio
import contextlib
import logging
import socket
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tallywire
from tallywire.middleware import AsgiMiddleware
from tests.harness.bench.report import Figure, at_most, of_rounds, percentile
from tests.harness.bench.suite import Bench

_RATE = 500  # requests a second
_MAX_EVENTS = 1_000  # so that the buffer is full, too, for most of the time without the service
_BODY = b'{"order": 7, "state": "paid"}'
_HOST = f"an ASGI application behind AsgiMiddleware, {_RATE} requests/s, open loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """The latencies of some requests in milliseconds, the process's time for them, and what became of their events."""

    latencies: Sequence[float]
    cpu_seconds: float  # of all threads: the tracker's, too
    sent: int
    dropped: int


async def _application(scope: Any, receive: Any, send: Any) -> None:
    """Routes as frameworks do, works for a moment and answers."""
    scope["tallywire.route"] = "/orders/{id}"
    await receive()
    await asyncio.sleep(0)
    sum(range(2_000))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": _BODY})


async def answer(requests: int, address: str | None, key: str) -> Leg:
    """Answers requests that come at fixed times, and counts their latencies from these; without middleware for None."""
    logging.getLogger("tallywire").setLevel(logging.ERROR)  # that events are lost is what the leg is about
    tracker = None
    with contextlib.ExitStack() as stack:
        app: Any = _application
        if address is not None:
            tracker = tallywire.Tracker(address, api_key=key, max_events=_MAX_EVENTS, shutdown_timeout=0.1)
            stack.callback(tracker.close)
            app = AsgiMiddleware(app, tracker=tracker)
            await _asked(app, _RATE)  # the thread, and the connection
        before = time.process_time()
        latencies = await _asked(app, requests)
        cpu_seconds = time.process_time() - before
        stats = None if tracker is None else tracker.stats()
    sent, dropped = (stats.sent, stats.dropped) if stats else (0, 0)
    return Leg(latencies=latencies, cpu_seconds=cpu_seconds, sent=sent, dropped=dropped)


async def _asked(app: Any, requests: int) -> list[float]:
    latencies: list[float] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        return

    async def request(number: int, due: float) -> None:
        scope = {"type": "http", "method": "GET", "path": f"/orders/{number}", "root_path": "", "headers": []}
        await app(scope, receive, send)
        latencies.append((time.perf_counter() - due) * 1000)

    start = time.perf_counter() + 0.01
    async with asyncio.TaskGroup() as group:
        for number in range(requests):
            due = start + number / _RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(request(number, due))
    return latencies


def _nobody() -> str:
    """An address on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


async def host(bench: Bench) -> Sequence[Figure]:
    """How long requests take with the metrics service there, with it away, and without middleware."""
    requests = bench.of(5_000, 250)
    legs: dict[str, list[Leg]] = {"there": [], "away": [], "bare": []}
    async with bench.world("host") as world, world.server() as served:
        key = (await bench.senders(world, served))[0]
        for _ in bench.rounds:
            for name, address in (("bare", None), ("there", served.address), ("away", _nobody())):
                legs[name].append(await bench.load.run(answer, requests, address, key))
    p99 = {name: [percentile(one.latencies, 0.99) for one in found] for name, found in legs.items()}
    details = {
        f"{name} {what}": value
        for name, found in legs.items()
        for what, value in (
            ("p50 ms", statistics.median(latency for one in found for latency in one.latencies)),
            ("CPU µs a request", statistics.median(one.cpu_seconds for one in found) / requests * 1e6),
        )
    }
    lost = {"dropped while away": sum(one.dropped for one in legs["away"])}
    return [
        Figure(
            name="host",
            what=f"{_HOST}, while no metrics service answers, p99 in ms",
            against="the same while it answers, p99 in ms",
            unit="ms",
            measured=p99["away"],
            yardstick=p99["there"],
            result=of_rounds(p99["away"], p99["there"]),
            must=at_most(1.2),
            aim=at_most(1),
            details={**details, **lost},
        ),
        Figure(
            name="host",
            what=f"{_HOST}, while the metrics service answers, p99 in ms",
            against="the same application without middleware, p99 in ms",
            unit="ms",
            measured=p99["there"],
            yardstick=p99["bare"],
            result=of_rounds(p99["there"], p99["bare"]),
            note="Service and database share the cores of the application, which they do not without middleware.",
            details=details,
        ),
    ]
