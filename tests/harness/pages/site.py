"""The service with pages in front of it and with data in it, as an operator runs it: processes of their own."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from server.local import chitchat
from tallywire import AsyncClient
from tallywire.v1 import account_service_pb2, account_service_pb2_grpc, event_pb2
from tests.harness.bench import sending
from tests.harness.bench.made import Recipe
from tests.harness.bench.processes import Aside
from tests.harness.bench.world import Served, World
from tests.support.replaying import replay

PANEL_HOST = "http://127.0.0.1:1"
_DAYS = 90
_AGENTS, _USERS = 48, 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """One whose pages are looked at."""

    name: str
    key: str
    events: int


@dataclass(slots=True, kw_only=True)
class Site:
    """A service and its pages. The service can be stopped and started again on the same address."""

    world: World
    service: str
    web: Served
    metrics: str  # where the pages' process answers Prometheus
    _running: contextlib.AsyncExitStack

    @property
    def origin(self) -> str:
        """What people type."""
        return f"http://{self.web.address}"

    async def restart(self) -> None:
        """Stops the service, and starts it again. The pages' process goes on."""
        await self._running.aclose()
        await self._running.enter_async_context(_service(self.world, self.service))

    async def link(self, organization: Organization) -> str:
        """A link that signs in once."""
        async with grpc.aio.insecure_channel(self.service) as channel:
            stub: Any = account_service_pb2_grpc.AccountServiceStub(channel)
            made = await stub.CreateSignInCode(
                account_service_pb2.CreateSignInCodeRequest(),
                metadata=(("authorization", f"Bearer {organization.key}"),),
                timeout=20,
            )
        return f"{self.origin}/#code={made.code}"

    async def token(self, organization: Organization) -> str:
        """A token of an embedded panel."""
        async with grpc.aio.insecure_channel(self.service) as channel:
            stub: Any = account_service_pb2_grpc.AccountServiceStub(channel)
            made = await stub.CreateEmbedToken(
                account_service_pb2.CreateEmbedTokenRequest(
                    rpcs=["WatchMetrics", "GetRealtimeMetrics", "QueryMetrics"], origins=[PANEL_HOST]
                ),
                metadata=(("authorization", f"Bearer {organization.key}"),),
                timeout=20,
            )
        return str(made.token)


@contextlib.asynccontextmanager
async def site(world: World) -> AsyncIterator[Site]:
    """The service, a worker and the pages, until the block ends."""
    service, listen, metrics = _free(), _free(), _free()
    async with contextlib.AsyncExitStack() as stack:
        running = await stack.enter_async_context(contextlib.AsyncExitStack())
        await running.enter_async_context(_service(world, service))
        await stack.enter_async_context(world.worker())
        web = await stack.enter_async_context(
            world.web(
                listen,
                TALLYWIRE_WEB_SERVICE=service,
                TALLYWIRE_WEB_EMBED_ORIGINS=PANEL_HOST,
                TALLYWIRE_METRICS_PORT=metrics.rpartition(":")[2],
            )
        )
        yield Site(world=world, service=service, web=web, metrics=metrics, _running=running)


async def demo(site: Site) -> Organization:
    """An organization with the demo's conversations, moved so that the last of them ends now."""
    _, key = await site.world.tenant("demo")
    events = list(chitchat.events())
    last = max(event.occurred_at.seconds for event in events)
    end = datetime.now(UTC) - timedelta(minutes=1)
    async with AsyncClient(site.service, api_key=key) as client:
        await replay(client, _moved(events, int(end.timestamp()) - last))
    return Organization(name="demo", key=key, events=len(events))


async def made(site: Site, events: int) -> Organization:
    """An organization with made-up events of the last 90 days."""
    _, key = await site.world.tenant("made")
    span = timedelta(days=_DAYS)
    start = datetime.now(UTC) - span
    recipe = Recipe(events=events, start=start, span=span, users=_USERS, agents=_AGENTS, seed=1)
    with Aside() as aside:
        await aside.run(sending.make_batches, "made", recipe, [key])
        await aside.run(sending.send_batches, site.service, "made")
    return Organization(name="made", key=key, events=events)


async def small(site: Site, number: int) -> Organization:
    """An organization with nothing in it yet."""
    _, key = await site.world.tenant(f"small {number}")
    return Organization(name=f"small {number}", key=key, events=0)


async def settled(site: Site) -> None:
    """Returns when workers have nothing left to do, so that they take no time from what is measured."""
    await site.world.until_folded()
    await site.world.until_projected()


def _moved(events: list[event_pb2.Event], seconds: int) -> Iterator[event_pb2.Event]:
    for event in events:
        event.occurred_at.seconds += seconds
        yield event


@contextlib.asynccontextmanager
async def _service(world: World, address: str) -> AsyncIterator[Served]:
    async with world.server(address=address, TALLYWIRE_MAX_SUBSCRIPTIONS_PER_ORGANIZATION="1000") as served:
        yield served


def _free() -> str:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"
