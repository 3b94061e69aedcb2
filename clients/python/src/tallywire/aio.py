"""The client for asyncio code."""

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from typing import Self, TypeVar, Unpack

import grpc
import grpc.aio

from tallywire import (
    aio_accounts,
    aio_admin,
    aio_alerts,
    aio_anomalies,
    aio_audit,
    aio_content_gaps,
    aio_corrections,
    aio_custom_metrics,
    aio_dashboards,
    aio_delivery,
    aio_directory,
    aio_event_lists,
    aio_exports,
    aio_forecasts,
    aio_funnels,
    aio_privacy,
    aio_questions,
    aio_reports,
    aio_stream,
    aio_stubs,
    aio_subscription,
    call_room,
    concurrency_limit,
    connection,
    contexts,
    errors,
    ids,
    progress,
    requests,
    retries,
    stream_batches,
)
from tallywire.v1 import (
    event_pb2,
    event_service_pb2,
    realtime_service_pb2,
)

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class AsyncClient(
    aio_questions.AsyncQuestions,
    aio_directory.AsyncDirectory,
    aio_event_lists.AsyncEventLists,
    aio_privacy.AsyncPrivacyCalls,
):
    """A client for asyncio code: it tracks events and reads figures over one connection, on one event loop.

    The arguments, the errors and the retries are those of Client. It connects with the first call. Once its loop is
    closed, as after asyncio.run(), it connects anew on the next one; while that runs, another loop gets RuntimeError.
    """

    context = staticmethod(contexts.context)

    def __init__(
        self,
        target: str,
        *,
        api_key: str,
        timeout: float = 30.0,
        stamp_sent_at: bool = True,
        correct_clock: bool = False,
        **options: Unpack[connection.ConnectionOptions],
    ) -> None:
        self._connection = connection.connection(target, api_key=api_key, **options)
        self._timeout = timeout
        self._clock = requests.ClientClock(stamp=stamp_sent_at, correct=correct_clock)
        self._slots = concurrency_limit.AsyncCallSlots()
        self._room = call_room.AsyncCallRoom(self._connection.connections)
        # Opened with the first call: an asyncio channel belongs to the loop that runs when it is made.
        self._opened: aio_stubs.Stubs | None = None
        self._closed = False
        self.audit = aio_audit.AsyncAudit(self._bound, self._connection.metadata, self._call)
        self.forecasts = aio_forecasts.AsyncForecasts(self._bound, self._call)
        self.funnels = aio_funnels.AsyncFunnels(self._bound, self._call)
        self.content_gaps = aio_content_gaps.AsyncContentGaps(self._bound, self._call)
        self.custom_metrics = aio_custom_metrics.AsyncCustomMetrics(self._bound, self._call)
        self.anomalies = aio_anomalies.AsyncAnomalies(self._bound, self._call)
        self.corrections = aio_corrections.AsyncCorrections(self._bound, self._call)
        self.accounts = aio_accounts.AsyncAccounts(self._bound, self._call)
        self.admin = aio_admin.AsyncAdminCalls(self._bound, self._call)
        self.dashboards = aio_dashboards.AsyncDashboards(self._bound, self._call)
        self.delivery = aio_delivery.AsyncDeliveryCalls(self._bound, self._call)
        self.alerts = aio_alerts.AsyncAlertCalls(self._bound, self._call, self._connection.metadata)
        self.reports = aio_reports.AsyncClientReports(self._bound, self._connection.metadata, self._call)
        self.exports = aio_exports.AsyncExports(self._bound, self._connection.metadata)

    def __repr__(self) -> str:
        """Returns the class and the address; never the key."""
        return f"{type(self).__name__}({self._connection.target!r})"

    async def __aenter__(self) -> Self:
        """Returns the client itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the client."""
        await self.close()

    async def close(self) -> None:
        """Closes the connection; calls still running, and later ones, end with Cancelled."""
        self._closed = True
        if self._opened is not None and not self._opened.loop.is_closed():
            await self._opened.channel.close()

    async def connect(self, timeout: float = 5.0) -> None:
        """Opens the connection now instead of with the first call. Raises Unavailable at the first failed attempt."""
        channel = self._bound().channel
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while (state := channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
                    if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                        break
                    await channel.wait_for_state_change(state)
                else:
                    return
        raise errors.Unavailable(f"no connection to {self._connection.target}", grpc.StatusCode.UNAVAILABLE)

    async def track(
        self,
        event: event_pb2.Event,
        *,
        timeout: float | None = None,
    ) -> event_service_pb2.EventResult:
        """Stores one event and returns ACCEPTED or DUPLICATE, as Client.track() does."""
        event = ids.ensure_id(event)
        build = functools.partial(requests.track_event, event, self._clock)
        response = await self._call(self._bound().events.TrackEvent, build, retries.INGEST_ONE, timeout)
        return response.result

    async def track_batch(
        self,
        events: Iterable[event_pb2.Event],
        *,
        timeout: float | None = None,
    ) -> list[event_service_pb2.EventResult]:
        """Stores any number of events and returns a result for each, as Client.track_batch() does."""
        results: list[event_service_pb2.EventResult] = []
        with errors.carrying(results):
            for part in requests.parts(events):
                if part.refused is not None:
                    results.append(part.refused)
                    continue
                build = functools.partial(requests.track_events, part.events, self._clock)
                response = await self._call(self._bound().events.TrackEvents, build, retries.INGEST, timeout)
                results.extend(response.results)
        return results

    async def stream(
        self,
        batches: AsyncIterable[Iterable[event_pb2.Event]] | Iterable[Iterable[event_pb2.Event]],
        *,
        max_unacked: int = 16,
        retry_for: float = 60.0,
    ) -> AsyncGenerator[event_service_pb2.StreamAck, None]:
        """Sends batches over one stream and yields an acknowledgement for each, in their order, as they come.

        Up to `max_unacked` batches (1 to 32) are in flight; the next is taken from `batches` when there is room. A
        connection that breaks is replaced, and unacknowledged batches are sent again with the same ids; `retry_for`
        seconds without progress raise the error. An error of `batches` is raised after the acknowledgements of earlier
        batches. If the loop may end early, wrap the call in contextlib.aclosing.
        """
        feed = aio_stream.Feed(stream_batches.UnackedBatches(limit=max_unacked, clock=self._clock))
        feeder = asyncio.create_task(feed.take(batches))
        tries = stream_batches.attempts(retry_for)
        try:
            while not feed.window.finished:
                try:
                    async with contextlib.aclosing(self._stream_once(feed, tries.next_timeout())) as acks:
                        async for ack in acks:
                            tries.restart()
                            yield ack
                except stream_batches.StreamBroken as broken:
                    wait = stream_batches.wait_before_retry(tries, feed.window, broken.error)
                    await asyncio.sleep(wait)
            await feeder
        finally:
            await aio_stream.stop(feeder)

    async def _stream_once(
        self,
        feed: aio_stream.Feed,
        timeout: float,
    ) -> AsyncGenerator[event_service_pb2.StreamAck, None]:
        """Yields the acknowledgements of one connection until all is acknowledged. Raises Broken if it fails before."""
        # Not waiting for a connection: its failure must be noticed, to count against retry_for.
        call = self._bound().events.StreamEvents(
            timeout=timeout, metadata=self._connection.metadata, wait_for_ready=False
        )
        sender = asyncio.create_task(feed.send(call))
        try:
            async for response in call:
                for ack in await feed.acknowledged(response):
                    yield ack
        except grpc.aio.AioRpcError as error:
            raise stream_batches.StreamBroken(feed.error_of(error)) from error
        except asyncio.CancelledError:
            if self._closed and not aio_stubs.is_cancelled():
                raise errors.closed() from None
            raise
        finally:
            call.cancel()
            await aio_stream.stop(sender)
        if not feed.window.finished:
            raise stream_batches.StreamBroken(stream_batches.ended_early())

    async def realtime(
        self,
        *,
        timeout: float | None = None,
        **only: Unpack[requests.RealtimeOnly],
    ) -> realtime_service_pb2.RealtimeState:
        """Returns what is happening now, in all or for some values of one dimension."""
        request = realtime_service_pb2.GetRealtimeMetricsRequest(filter=requests.realtime_filter(**only))
        response = await self._call(self._bound().realtime.GetRealtimeMetrics, lambda: request, retries.QUERY, timeout)
        return response.state

    def watch(
        self,
        *,
        min_interval: float = 1.0,
        heartbeats: bool = False,
        **options: Unpack[progress.SubscriptionOptions],
    ) -> aio_subscription.AsyncSubscription[realtime_service_pb2.WatchMetricsResponse]:
        """Yields the newest state at once and whenever it has changed, as Client.watch() does."""
        return aio_subscription.AsyncSubscription(
            lambda request: self._bound().realtime.WatchMetrics(request, metadata=self._connection.metadata),
            progress.StateProgress(options, min_interval, heartbeats=heartbeats),
            options,
        )

    def updates(
        self,
        *,
        resume_after: str = "",
        include_events: bool = False,
        bookmarks: bool = False,
        **options: Unpack[progress.SubscriptionOptions],
    ) -> aio_subscription.AsyncSubscription[realtime_service_pb2.WatchUpdatesResponse]:
        """Yields every revision once, in order, without a gap and whole, as Client.updates() does."""
        return aio_subscription.AsyncSubscription(
            lambda request: self._bound().realtime.WatchUpdates(request, metadata=self._connection.metadata),
            progress.UpdateProgress(options, resume_after, include_events=include_events, bookmarks=bookmarks),
            options,
        )

    def _bound(self) -> aio_stubs.Stubs:
        """Returns the connection and the stubs of the running loop; those of a loop that is closed are replaced."""
        if self._closed:
            raise errors.closed()
        loop, bound = asyncio.get_running_loop(), self._opened
        if bound is None or bound.loop is not loop:
            if bound is not None and not bound.loop.is_closed():
                raise RuntimeError("this AsyncClient is in use on another event loop: make one for each loop")
            self._opened = bound = aio_stubs.bind(loop, self._connection.open_async())
            self._slots = concurrency_limit.AsyncCallSlots()
            self._room = call_room.AsyncCallRoom(self._connection.connections)
        return bound

    async def _call(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[_Request, _Response]",
        build: Callable[[], _Request],
        policy: retries.Policy,
        timeout: float | None,
    ) -> _Response:
        """Returns the answer of a method, tried again as long as that helps and time is left."""
        tries = retries.Attempts(timeout=self._timeout if timeout is None else timeout, policy=policy)
        while True:
            try:
                pacing = self._slots.slot(tries.next_timeout() / 2) if policy.sends_events else contextlib.nullcontext()
                async with pacing, self._room.place(tries.next_timeout()):
                    return await self._try(method, build(), tries.next_timeout())
            except concurrency_limit.NoSlot as none:
                raise tries.given_up(none.refusal) from None
            except errors.TallywireError as error:
                wait = tries.wait_or_raise(error, closed=self._closed)
            await asyncio.sleep(wait)

    async def _try(
        self, method: "grpc.aio.UnaryUnaryMultiCallable[_Request, _Response]", request: _Request, timeout: float
    ) -> _Response:
        """Returns the answer of a single try."""
        call, begun = method(request, timeout=timeout, metadata=self._connection.metadata), time.monotonic()
        try:
            return await call
        except grpc.aio.AioRpcError as failure:
            raise errors.from_rpc(failure, out_of_time=retries.is_over(begun, timeout)) from failure
        except asyncio.CancelledError:
            if self._closed and not aio_stubs.is_cancelled():
                raise errors.closed() from None
            raise
        finally:
            # Does nothing to a call that is done; one that was abandoned would go on otherwise.
            call.cancel()
