"""RealtimeService: what is happening now, and every update."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from server import errors
from server.errors import Reason, Refused
from server.realtime.hub import Hub
from server.realtime.hubs import Hubs
from server.realtime.resume_tokens import SubscriptionScope, Tokens
from server.realtime.update_cache import Batch, ShownEvents
from server.realtime.view import ViewFilter
from server.rpc import gate, realtime_conversion, realtime_filters
from server.rpc.endings import Lifetime
from server.rpc.subscription import Context, Draining, Stream
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal
from tallywire.v1 import realtime_service_pb2, realtime_service_pb2_grpc

HEARTBEAT_SECONDS = 15.0
# Between two looks at the key of a caller that nothing is sent to: what is revoked ends within 10 seconds.
_CHECK_SECONDS = 3.0
_UPDATES_AT_ONCE = 200


class RealtimeService(realtime_service_pb2_grpc.RealtimeServiceServicer):
    """The service that shows what is happening in the caller's organization."""

    def __init__(
        self,
        hubs: Hubs,
        secrets: KeyedHashes,
        *,
        max_seconds: float = 0,
        write_seconds: float = 60,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._hubs = hubs
        self._secrets = secrets
        self._max_seconds = max_seconds  # of a subscription; 0: no limit
        self.write_seconds = write_seconds
        self.heartbeat_seconds = heartbeat_seconds
        self._draining = Draining()

    def drain(self) -> None:
        """Ends every subscription."""
        self._draining.begin()
        self._hubs.wake()

    async def GetRealtimeMetrics(  # noqa: N802 - the name in the contract
        self, request: realtime_service_pb2.GetRealtimeMetricsRequest, context: Context
    ) -> realtime_service_pb2.GetRealtimeMetricsResponse:
        """Returns the current figures."""
        principal, part = gate.caller().principal, realtime_filters.of_figures(request.filter)
        encoded = await self._hubs.state(principal.organization_id, principal.settings.time_zone, part)
        if principal.embed is not None:
            encoded = realtime_conversion.without_conversations(encoded)
        return realtime_service_pb2.GetRealtimeMetricsResponse.FromString(encoded)

    async def WatchMetrics(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: realtime_service_pb2.WatchMetricsRequest, context: Context
    ) -> None:
        """Sends the newest state whenever it has changed."""
        part, interval = realtime_filters.of_figures(request.filter), realtime_conversion.interval(request)
        principal = gate.caller().principal
        stream = self._stream(context, principal, part)
        async with self._subscribed(principal) as hub, hub.watching(part):
            stream.tokens.epoch = hub.epoch
            try:
                await self._send_states(stream, hub, part, interval, is_embedded=principal.embed is not None)
            finally:
                stream.leave_token()

    async def _send_states(
        self, stream: Stream, hub: Hub, part: ViewFilter, interval: float, *, is_embedded: bool
    ) -> None:
        """Sends the newest state at once and whenever it has changed, and heartbeats in between."""
        version, loop = 0, asyncio.get_running_loop()
        state_at, heartbeat_at = 0.0, loop.time() + self.heartbeat_seconds
        while True:
            hub.check()
            message, may_send = b"", loop.time() >= state_at
            if may_send and (published := hub.published(part)).version != version:
                version, message = published.version, published.encoded
                if is_embedded:
                    message = realtime_conversion.without_conversations(message)
            if message or loop.time() >= heartbeat_at:
                stream.revision = max(stream.revision, hub.published(part).revision)
                await stream.write(message + realtime_conversion.heartbeat(stream.revision))
                heartbeat_at = loop.time() + self.heartbeat_seconds
                state_at = loop.time() + interval if message else state_at
            else:
                patience = min(stream.patience(_CHECK_SECONDS), max(heartbeat_at - loop.time(), 0.01))
                if may_send:
                    await hub.news(patience)
                else:
                    await stream.pause(min(patience, max(state_at - loop.time(), 0.0)))
            await stream.check()

    async def WatchUpdates(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: realtime_service_pb2.WatchUpdatesRequest, context: Context
    ) -> None:
        """Sends every update, once and in order."""
        principal, part = gate.caller().principal, realtime_filters.of_updates(request.filter)
        stream = self._stream(context, principal, part, include_events=request.include_events)
        resumed = stream.tokens.position(request.resume_after) if request.resume_after else None
        async with self._subscribed(principal) as hub:
            with hub.reading(include_events=request.include_events):
                stream.revision = await hub.position(resumed)
                stream.tokens.epoch = hub.epoch
                try:
                    await self._send_updates(stream, hub, part, include_events=request.include_events)
                finally:
                    stream.leave_token()

    async def _send_updates(self, stream: Stream, hub: Hub, part: ViewFilter, *, include_events: bool) -> None:
        """Sends updates as they come. The first message is a bookmark: every update after it is sent."""
        loop = asyncio.get_running_loop()
        undecided = await hub.undecided(part, part.values)
        bookmark_at = loop.time()
        while True:
            hub.check()
            shown = ShownEvents.of(include_events=include_events, user_details=stream.user_details)
            batches = await _next(stream, hub, part, shown)
            if undecided and realtime_conversion.has_overflow(batches, part):
                undecided = await hub.undecided(part, undecided)
            if loop.time() >= bookmark_at:
                if not stream.portions:  # the messages of an update come one after the other
                    token = stream.tokens.after(stream.revision)
                    await stream.write(realtime_conversion.bookmark(stream.revision, token))
                bookmark_at = loop.time() + self.heartbeat_seconds
            elif not batches:
                await hub.news(min(stream.patience(_CHECK_SECONDS), max(bookmark_at - loop.time(), 0.01)))
            await stream.check()
            for batch in batches:
                encoded = await hub.encoded(batch, part, shown)
                await _send(stream, batch, encoded)
            if batches:
                bookmark_at = loop.time() + self.heartbeat_seconds

    def _stream(
        self, context: Context, principal: Principal, part: ViewFilter, *, include_events: bool = False
    ) -> Stream:
        asked = SubscriptionScope(organization_id=principal.organization_id, part=part, include_events=include_events)
        lifetime = Lifetime(context, self._max_seconds)
        return Stream(context, Tokens(self._secrets, asked), self._draining, lifetime, write_seconds=self.write_seconds)

    def _subscribed(self, principal: Principal) -> AbstractAsyncContextManager[Hub]:
        self._draining.check()
        return self._hubs.subscribed(principal.organization_id, principal.settings.time_zone)


async def _send(stream: Stream, batch: Batch, encoded: Sequence[bytes]) -> None:
    """Sends the messages of an update, or of a portion of one. The update's last message gets the resume token."""
    update = batch.update
    others, last = (encoded, b"") if update.more else (encoded[:-1], encoded[-1])
    for message in others:
        await stream.write(message)
        await stream.check()
    if update.more:
        stream.portions = update.portion + 1
        return
    await stream.write(realtime_conversion.resumable(last, stream.tokens.after(update.revision)))
    stream.revision, stream.portions = update.revision, 0
    await stream.check()


async def _next(stream: Stream, hub: Hub, part: ViewFilter, shown: ShownEvents) -> Sequence[Batch]:
    """Returns the next updates, none while the database is away. The refusal of updates that are no longer kept names a
    token to go on with.
    """
    try:
        return await hub.updates_after(stream.revision, stream.portions, _UPDATES_AT_ONCE, part, shown)
    except errors.StorageUnavailable:
        return ()
    except Refused as refusal:
        if refusal.reason is not Reason.COMPACTED:
            raise
        oldest = int(refusal.metadata.get("oldest_revision", 0))
        token = stream.tokens.after(max(oldest - 1, 0))
        raise Refused(
            refusal.reason,
            refusal.message,
            field=refusal.field,
            metadata={**refusal.metadata, "oldest_token": token},
        ) from None
