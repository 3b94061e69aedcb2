"""Many embedded panels in front of one process: what they take of it, and what they leave for others."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from tallywire import AsyncClient, event
from tallywire.v1 import account_service_pb2, realtime_service_pb2
from tests.harness.bench.report import percentile
from tests.harness.pages.site import Organization, Site
from tests.support.browsing import Browser, Stream

_WATCH = "RealtimeService/WatchMetrics"
_SESSION = "AccountService/GetSession"
_SECONDS = 20.0
_ASK_EVERY = 0.1
_EVENTS_EVERY = 0.25
_NEVER_READS = 20  # one panel in so many, where some never read


@dataclass(slots=True, kw_only=True)
class Found:
    """What many panels have come to. Times are in seconds, memory in MiB."""

    upstreams: int = 0
    first: float = 0.0  # until the slowest panel that reads had its first state
    states: float = 0.0  # a second, of the panel that got fewest
    others: float = 0.0  # 95th percentile of calls that somebody else makes meanwhile
    share: float = 0.0  # of a core, by the process that serves pages
    memory: float = 0.0
    _times: list[float] = field(default_factory=list)


async def measure(site: Site, organizations: Sequence[Organization], count: int, *, some_never_read: bool) -> Found:
    """Opens that many panels, evenly over the organizations, and follows them for a while."""
    found = Found()
    tokens = [await site.token(one) for one in organizations]
    browser = Browser(address=site.web.address)
    await browser.sign_in(organizations[0].key)
    async with events(site, organizations), contextlib.AsyncExitStack() as stack:
        began = time.perf_counter()
        streams = await asyncio.gather(*(_open(site, tokens[n % len(tokens)]) for n in range(count)))
        for one in streams:
            stack.callback(one.close)
        reading = [one for n, one in enumerate(streams) if not (some_never_read and n % _NEVER_READS == 0)]
        firsts = await asyncio.gather(*(_first(one, began) for one in reading))
        found.first = max(firsts)
        cpu, wall = site.web.cpu_seconds(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            counts = [group.create_task(_count(one)) for one in reading]
            group.create_task(_ask(browser, found))
        found.share = (site.web.cpu_seconds() - cpu) / (time.perf_counter() - wall)
        found.states = min(one.result() for one in counts) / _SECONDS
        found.others = percentile(found._times, 0.95)
        found.memory = site.web.resident_mib()
        found.upstreams = await _upstreams(site)
    return found


async def _open(site: Site, token: str) -> Stream:
    request = realtime_service_pb2.WatchMetricsRequest()
    headers = {"authorization": f"Bearer {token}", "origin": f"http://{site.web.address}"}
    stream = await Browser(address=site.web.address).watch(_WATCH, request, headers)
    assert stream.status == 200, stream.status
    return stream


async def _first(stream: Stream, began: float) -> float:
    await _state(stream)
    return time.perf_counter() - began


async def _state(stream: Stream) -> None:
    """Returns when a state has come; heartbeats have none."""
    while True:
        message = await stream.next()
        assert isinstance(message, bytes), message
        if realtime_service_pb2.WatchMetricsResponse.FromString(message).HasField("state"):
            return


async def _count(stream: Stream) -> int:
    number = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SECONDS):
            while True:
                await _state(stream)
                number += 1
    return number


async def _ask(browser: Browser, found: Found) -> None:
    """What somebody else asks meanwhile: small calls, one after the other."""
    end = time.perf_counter() + _SECONDS
    while time.perf_counter() < end:
        began = time.perf_counter()
        answer = await browser.call(_SESSION, account_service_pb2.GetSessionRequest())
        assert answer.status == 200, answer.body
        found._times.append(time.perf_counter() - began)
        await asyncio.sleep(_ASK_EVERY)


@contextlib.asynccontextmanager
async def events(site: Site, organizations: Sequence[Organization]) -> AsyncIterator[None]:
    """Messages that come in all the time, so that states change."""

    async def send(organization: Organization) -> None:
        async with AsyncClient(site.service, api_key=organization.key) as client:
            while True:
                await client.track_batch(
                    [event("message.sent", agent_id="live", user_id="somebody", conversation_id="live")]
                )
                await asyncio.sleep(_EVENTS_EVERY)

    tasks = [asyncio.create_task(send(one)) for one in organizations]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _upstreams(site: Site) -> int:
    host, _, port = site.metrics.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
    said = re.search(rb"^tallywire_web_upstreams ([\d.]+)$", await reader.read(), re.MULTILINE)
    writer.close()
    assert said is not None
    return int(float(said[1]))
