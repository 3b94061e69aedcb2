"""RealtimeService: what is happening now, and every update."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias

import grpc

from agentmetrics.v1 import realtime_service_pb2, realtime_service_pb2_grpc
from server import errors, resume
from server.accounts import Principal, Secrets
from server.errors import Reason, Refused
from server.hub import Batch, Hub
from server.hubs import Hubs
from server.resume import Subscription
from server.rpc import gate, realtime_conversion

HEARTBEAT_SECONDS = 15.0
# Between two looks at the key of a caller that nothing is sent to: what is revoked ends within 10 seconds.
_CHECK_SECONDS = 3.0
# While the database is away, the last answer about a key is believed for that long, and asked for again that often.
_GRACE_SECONDS, _ASK_AGAIN_SECONDS = 300.0, 2.0
_UPDATES_AT_ONCE = 50
_RESUME_TOKEN = "resume-token"  # noqa: S105 - the name of a trailer
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class RealtimeService(realtime_service_pb2_grpc.RealtimeServiceServicer):
    """Tells what is happening in the caller's organization."""

    def __init__(self, hubs: Hubs, secrets: Secrets, *, write_seconds: float = 60) -> None:
        self._hubs = hubs
        self._secrets = secrets
        self._write_seconds = write_seconds
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """Ends every subscription."""
        self._draining.set()
        self._hubs.wake()

    async def GetRealtimeMetrics(  # noqa: N802 - the name in the contract
        self, request: realtime_service_pb2.GetRealtimeMetricsRequest, context: _Context
    ) -> realtime_service_pb2.GetRealtimeMetricsResponse:
        """The figures of now."""
        principal, part = gate.caller().principal, realtime_conversion.part(request.filter)
        encoded = await self._hubs.state(principal.organization_id, principal.settings.time_zone, part)
        return realtime_service_pb2.GetRealtimeMetricsResponse(
            state=realtime_service_pb2.RealtimeState.FromString(encoded)
        )

    # Both streams write to the context and do not yield, so that a reader that has stopped can be told so.
    async def WatchMetrics(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: realtime_service_pb2.WatchMetricsRequest, context: _Context
    ) -> None:
        """The newest state, whenever it has changed."""
        part, interval = realtime_conversion.part(request.filter), realtime_conversion.interval(request)
        principal = gate.caller().principal
        subscription = Subscription(organization_id=principal.organization_id, part=part, include_events=False)
        async with self._subscribed(principal) as hub, hub.watching(part, interval):
            guard, version, revision, loop = _Guard(), 0, 0, asyncio.get_running_loop()
            heartbeat_at = loop.time() + HEARTBEAT_SECONDS
            while True:
                published = hub.published(part)
                if published.version != version or loop.time() >= heartbeat_at:
                    changed = published.version != version
                    version, revision = published.version, max(revision, published.revision)
                    self._set_trailer(context, subscription, revision)
                    response = realtime_service_pb2.WatchMetricsResponse(revision=revision)
                    if changed:
                        response.state.MergeFromString(published.encoded)
                    await self._write(context, response)
                    heartbeat_at = loop.time() + HEARTBEAT_SECONDS
                    await self._pause(interval)
                else:
                    await hub.news(min(_CHECK_SECONDS, max(heartbeat_at - loop.time(), 0.01)))
                await self._check(guard)

    async def WatchUpdates(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: realtime_service_pb2.WatchUpdatesRequest, context: _Context
    ) -> None:
        """Every update, once and in order."""
        principal, part = gate.caller().principal, realtime_conversion.part(request.filter)
        subscription = Subscription(
            organization_id=principal.organization_id, part=part, include_events=request.include_events
        )
        resumed = resume.revision(self._secrets, subscription, request.resume_after) if request.resume_after else None
        async with self._subscribed(principal) as hub:
            with hub.reading(include_events=request.include_events):
                start = await hub.position(resumed)
                await self._send_updates(context, hub, subscription, start)

    async def _send_updates(self, context: _Context, hub: Hub, subscription: Subscription, revision: int) -> None:
        """Sends whatever comes. The first message is a bookmark: from there on nothing is missed."""
        guard, loop, part = _Guard(), asyncio.get_running_loop(), subscription.part
        undecided = await hub.undecided(part, part.values)
        bookmark_at = loop.time()
        while True:
            batches = await self._next(hub, subscription, revision)
            if undecided and realtime_conversion.has_overflow(batches, part):
                undecided = await hub.undecided(part, undecided)
            self._set_trailer(context, subscription, revision)
            if loop.time() >= bookmark_at:
                token = resume.token(self._secrets, subscription, revision)
                bookmark = realtime_service_pb2.WatchUpdatesResponse(
                    resume_token=token, revision=revision, bookmark=True
                )
                await self._write(context, bookmark)
                bookmark_at = loop.time() + HEARTBEAT_SECONDS
            elif not batches:
                await hub.news(_CHECK_SECONDS)
                await self._check(guard)
            for batch in batches:
                token = resume.token(self._secrets, subscription, batch.update.revision)
                for message in realtime_conversion.update(
                    batch, subscription.part, include_events=subscription.include_events, token=token
                ):
                    await self._check(guard)
                    await self._write(context, message)
                revision = batch.update.revision
                self._set_trailer(context, subscription, revision)
                bookmark_at = loop.time() + HEARTBEAT_SECONDS

    async def _next(self, hub: Hub, subscription: Subscription, revision: int) -> Sequence[Batch]:
        """The next updates, none while the database is away; a refusal for those that are gone names a token to go on
        with.
        """
        try:
            return await hub.updates_after(revision, _UPDATES_AT_ONCE, include_events=subscription.include_events)
        except errors.StorageUnavailable:
            return ()
        except Refused as refusal:
            oldest = int(refusal.metadata.get("oldest_revision", 0))
            token = resume.token(self._secrets, subscription, max(oldest - 1, 0))
            raise Refused(
                refusal.reason,
                refusal.message,
                field=refusal.field,
                metadata={**refusal.metadata, "oldest_token": token},
            ) from None

    @contextlib.asynccontextmanager
    async def _subscribed(self, principal: Principal) -> AsyncIterator[Hub]:
        if self._draining.is_set():
            raise _draining()
        async with self._hubs.subscribed(principal.organization_id, principal.settings.time_zone) as hub:
            yield hub

    async def _check(self, guard: "_Guard") -> None:
        """Ends the subscription where the server drains or the key may not be used any more."""
        if self._draining.is_set():
            raise _draining()
        await guard.check()

    async def _pause(self, seconds: float) -> None:
        """Waits between two messages, but not longer than the server does."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._draining.wait()

    async def _write(self, context: _Context, message: object) -> None:
        """Sends a message, however long the client takes to read. It is never cut short: gRPC sends no status past a
        message that it has begun. While it waits nothing else is sent, and the subscription counts against the limits.
        """
        begun = time.monotonic()
        await context.write(message)
        if time.monotonic() - begun > self._write_seconds:
            raise Refused(Reason.SLOW_CONSUMER, "the messages are not being read")

    def _set_trailer(self, context: _Context, subscription: Subscription, revision: int) -> None:
        context.set_trailing_metadata(((_RESUME_TOKEN, resume.token(self._secrets, subscription, revision)),))


def _draining() -> Refused:
    return Refused(Reason.DRAINING, "the server is about to stop; connect again", retry_after=0.5)


class _Guard:
    """Asks again and again whether a caller may go on. The last answer stands for a time with the database away."""

    def __init__(self) -> None:
        self._answered_at = time.monotonic()
        self._ask_at = 0.0

    async def check(self) -> None:
        """Refuses a caller who may not go on."""
        if time.monotonic() < self._ask_at:
            return
        try:
            await gate.caller().authenticate()
        except errors.StorageUnavailable:
            now = time.monotonic()
            if now > self._answered_at + _GRACE_SECONDS:
                raise
            self._ask_at = now + _ASK_AGAIN_SECONDS
        else:
            self._answered_at = time.monotonic()
