"""The client for ordinary, blocking code."""

import contextlib
import functools
import queue
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Self, TypeVar, Unpack

import grpc

from tallywire import (
    accounts,
    admin,
    alerts,
    anomalies,
    audit,
    call_room,
    concurrency_limit,
    connection,
    content_gaps,
    contexts,
    corrections,
    custom_metrics,
    dashboards,
    delivery,
    directory,
    errors,
    event_lists,
    exports,
    forecasts,
    funnels,
    green_threads,
    ids,
    privacy,
    progress,
    questions,
    reports,
    requests,
    retries,
    stream_batches,
    subscription,
)
from tallywire.v1 import (
    campaign_service_pb2_grpc,
    directory_service_pb2_grpc,
    event_pb2,
    event_service_pb2,
    event_service_pb2_grpc,
    leaderboard_service_pb2_grpc,
    metrics_service_pb2_grpc,
    privacy_service_pb2_grpc,
    realtime_service_pb2,
    realtime_service_pb2_grpc,
)

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class Client(questions.Questions, directory.Directory, event_lists.EventLists, privacy.PrivacyCalls):
    """A client that tracks events and reads figures over one connection, which threads may share.

    `timeout` is the total of one call in seconds, with all its tries, unless the call is given its own. `stamp_sent_at`
    sends this machine's clock along with events, read again for each try, so that the server can warn of a clock that
    is more than 5 minutes off; pass False to import events that were recorded elsewhere. `correct_clock` asks the
    server to move the times of events by that difference: for devices whose clocks are known to be wrong, and never for
    events that are old or whose times come from elsewhere.

    Certificates are PEM: root_certificates, certificate_chain and private_key. Without any, a connection to a loopback
    address is plaintext, and every other one is TLS with the system's root certificates; `insecure=True` asks for
    plaintext everywhere.

    Calls raise subclasses of TallywireError. A call that sends events is tried again with the same ids until the
    timeout when its outcome is unknown; a question is tried again when the server says when.
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
        green_threads.warn_of_eventlet("Client")
        self._timeout = timeout
        self._clock = requests.ClientClock(stamp=stamp_sent_at, correct=correct_clock)
        self._slots = concurrency_limit.CallSlots()
        self._room = call_room.CallRoom(self._connection.connections)
        self._closed = False
        self._channel = self._connection.open()
        self._events = event_service_pb2_grpc.EventServiceStub(self._channel)
        self._metrics = metrics_service_pb2_grpc.MetricsServiceStub(self._channel)
        self._campaigns = campaign_service_pb2_grpc.CampaignServiceStub(self._channel)
        self._directory = directory_service_pb2_grpc.DirectoryServiceStub(self._channel)
        self._leaderboards = leaderboard_service_pb2_grpc.LeaderboardServiceStub(self._channel)
        self._realtime = realtime_service_pb2_grpc.RealtimeServiceStub(self._channel)
        self.audit = audit.Audit(self._channel, self._connection.metadata, self._call)
        self.funnels = funnels.Funnels(self._channel, self._call)
        self._privacy = privacy_service_pb2_grpc.PrivacyServiceStub(self._channel)
        self.content_gaps = content_gaps.ContentGaps(self._channel, self._call)
        self.custom_metrics = custom_metrics.CustomMetrics(self._channel, self._call)
        self.anomalies = anomalies.Anomalies(self._channel, self._call)
        self.corrections = corrections.Corrections(self._channel, self._call)
        self.accounts = accounts.Accounts(self._channel, self._call)
        self.admin = admin.AdminCalls(self._channel, self._call)
        self.dashboards = dashboards.Dashboards(self._channel, self._call)
        self.delivery = delivery.DeliveryCalls(self._channel, self._call)
        self.forecasts = forecasts.ClientForecasts(self._channel, self._call)
        self.alerts = alerts.AlertCalls(self._channel, self._call, self._connection.metadata)
        self.reports = reports.ClientReports(self._channel, self._connection.metadata, self._call)
        self.exports = exports.Exports(self._channel, self._connection)

    def __repr__(self) -> str:
        """Returns the class and the address; never the key."""
        return f"{type(self).__name__}({self._connection.target!r})"

    def __enter__(self) -> Self:
        """Returns the client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the client."""
        self.close()

    def close(self) -> None:
        """Closes the connection; calls still running, and later ones, end with Cancelled."""
        self._closed = True
        self._channel.close()

    def connect(self, timeout: float = 5.0) -> None:
        """Opens the connection now instead of with the first call. Raises Unavailable at the first failed attempt."""
        if self._closed:
            raise errors.closed()
        states: queue.SimpleQueue[grpc.ChannelConnectivity] = queue.SimpleQueue()
        report = states.put
        self._channel.subscribe(report, try_to_connect=True)
        deadline = time.monotonic() + timeout
        try:
            while True:
                state = states.get(timeout=max(0.0, deadline - time.monotonic()))
                if state is grpc.ChannelConnectivity.READY:
                    return
                if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                    break
        except queue.Empty:
            pass
        finally:
            self._channel.unsubscribe(report)
        raise errors.Unavailable(f"no connection to {self._connection.target}", grpc.StatusCode.UNAVAILABLE)

    def track(self, event: event_pb2.Event, *, timeout: float | None = None) -> event_service_pb2.EventResult:
        """Stores one event and returns ACCEPTED or DUPLICATE; a rejected event raises the error of its reason.

        An event without an event_id gets one for this call; to send it again later, build it with event().
        """
        event = ids.ensure_id(event)
        build = functools.partial(requests.track_event, event, self._clock)
        return self._call(self._events.TrackEvent, build, retries.INGEST_ONE, timeout).result

    def track_batch(
        self, events: Iterable[event_pb2.Event], *, timeout: float | None = None
    ) -> list[event_service_pb2.EventResult]:
        """Stores any number of events and returns a result for each, in their order; read them, some may be REJECTED.

        Over 1,000 events or 3.5 MiB they go as several requests, each with the whole timeout. If one fails for good,
        the error's `results` hold those of the events before it.
        """
        results: list[event_service_pb2.EventResult] = []
        with errors.carrying(results):
            for part in requests.parts(events):
                if part.refused is not None:
                    results.append(part.refused)
                    continue
                build = functools.partial(requests.track_events, part.events, self._clock)
                response = self._call(self._events.TrackEvents, build, retries.INGEST, timeout)
                results.extend(response.results)
        return results

    def stream(
        self,
        batches: Iterable[Iterable[event_pb2.Event]],
        *,
        max_unacked: int = 16,
        retry_for: float = 60.0,
    ) -> Iterator[event_service_pb2.StreamAck]:
        """Sends batches over one stream and yields an acknowledgement for each, in their order.

        Up to `max_unacked` batches (1 to 32) are in flight; the next is taken from `batches` when there is room, in the
        caller's thread. A connection that breaks is replaced, and unacknowledged batches are sent again with the same
        ids; `retry_for` seconds without progress raise the error. An error of `batches`, and the ValueError for a batch
        over 1,000 events or 3.5 MiB, is raised after the acknowledgements of earlier batches.
        """
        window = stream_batches.UnackedBatches(limit=max_unacked, clock=self._clock)
        tries = stream_batches.attempts(retry_for)
        source = _Source(iter(batches))
        while True:
            if self._closed:
                raise errors.closed()
            try:
                for ack in self._stream_once(source, window, tries.next_timeout()):
                    tries.restart()
                    yield ack
                source.raise_its_error()
                return
            except stream_batches.StreamBroken as broken:
                if self._closed:
                    raise errors.closed() from broken
                wait = stream_batches.wait_before_retry(tries, window, broken.error)
            time.sleep(wait)

    def _stream_once(
        self, source: "_Source", window: stream_batches.UnackedBatches, timeout: float
    ) -> Iterator[event_service_pb2.StreamAck]:
        """Yields the acknowledgements of one connection until all is acknowledged. Raises Broken if it fails before."""
        outbox: queue.SimpleQueue[event_service_pb2.StreamEventsRequest | None] = queue.SimpleQueue()
        # Not waiting for a connection: its failure must be noticed, to count against retry_for.
        call = self._events.StreamEvents(
            iter(outbox.get, None), timeout=timeout, metadata=self._connection.metadata, wait_for_ready=False
        )
        try:
            while True:
                _send(source, window, outbox)
                if window.finished:
                    return
                try:
                    response = next(call)
                except StopIteration:
                    raise stream_batches.StreamBroken(stream_batches.ended_early()) from None
                except grpc.RpcError as error:
                    raise stream_batches.StreamBroken(errors.from_rpc(error)) from error
                yield from window.acknowledged(response)
        finally:
            outbox.put(None)
            call.cancel()

    def realtime(
        self,
        *,
        timeout: float | None = None,
        **only: Unpack[requests.RealtimeOnly],
    ) -> realtime_service_pb2.RealtimeState:
        """Returns what is happening now, in all or for some values of one dimension."""
        request = realtime_service_pb2.GetRealtimeMetricsRequest(filter=requests.realtime_filter(**only))
        response = self._call(self._realtime.GetRealtimeMetrics, lambda: request, retries.QUERY, timeout)
        return response.state

    def watch(
        self,
        *,
        min_interval: float = 1.0,
        heartbeats: bool = False,
        **options: Unpack[progress.SubscriptionOptions],
    ) -> subscription.Subscription[realtime_service_pb2.WatchMetricsResponse]:
        """Yields the newest state at once and whenever it has changed, every `min_interval` seconds at most.

        The subscription outlasts servers: a connection that is lost is replaced after a jittered wait, of which
        `on_retry` gets the error and the seconds; `retry_for` seconds in a row without a connection raise the error
        (None: never). A connection that ends by its age, every few minutes, is replaced silently. Revisions never go
        back. `agent_ids`, `channel` or `dimensions` narrow it to some values of one dimension. A heartbeat has a
        revision and no state; heartbeats come every 15 seconds while nothing changes, and only if asked for.
        """
        return subscription.Subscription(
            lambda request: self._realtime.WatchMetrics(request, metadata=self._connection.metadata),
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
    ) -> subscription.Subscription[realtime_service_pb2.WatchUpdatesResponse]:
        """Yields every revision once, in order, without a gap and whole, from now on or after a token.

        Connections are replaced as in watch(). To go on in another process, keep the iterator's `resume_token` once an
        update is dealt with, and pass it as `resume_after` with the same filter. Bookmarks move the token while nothing
        happens; they come only if asked for, and the first one says that nothing is missed from then on. include_events
        needs a key with the scope events, too.

        Raises Restored when the service was restored from a backup, also during the subscription: begin anew. Raises
        OutOfRange with the reason COMPACTED when the token is older than what is kept, or FUTURE_REVISION;
        InvalidArgument with RESUME_TOKEN_INVALID; OutOfSequence for a revision that does not follow the last one.
        """
        return subscription.Subscription(
            lambda request: self._realtime.WatchUpdates(request, metadata=self._connection.metadata),
            progress.UpdateProgress(options, resume_after, include_events=include_events, bookmarks=bookmarks),
            options,
        )

    def _call(
        self,
        method: "grpc.UnaryUnaryMultiCallable[_Request, _Response]",
        build: Callable[[], _Request],
        policy: retries.Policy,
        timeout: float | None,
    ) -> _Response:
        """Returns the answer of a method, tried again as long as that helps and time is left."""
        tries = retries.Attempts(timeout=self._timeout if timeout is None else timeout, policy=policy)
        while True:
            try:
                pacing = self._slots.slot(tries.next_timeout() / 2) if policy.sends_events else contextlib.nullcontext()
                with pacing, self._room.place(tries.next_timeout()):
                    return self._try(method, build(), tries.next_timeout())
            except concurrency_limit.NoSlot as none:
                raise tries.given_up(none.refusal) from None
            except errors.TallywireError as error:
                wait = tries.wait_or_raise(error, closed=self._closed)
            time.sleep(wait)

    def _try(
        self, method: "grpc.UnaryUnaryMultiCallable[_Request, _Response]", request: _Request, timeout: float
    ) -> _Response:
        """Returns the answer of a single try."""
        begun = time.monotonic()
        try:
            return method(request, timeout=timeout, metadata=self._connection.metadata)
        except grpc.RpcError as failure:
            raise errors.from_rpc(failure, out_of_time=retries.is_over(begun, timeout)) from failure
        except ValueError:
            if self._closed:
                raise errors.closed() from None
            raise


class _Source:
    """The batches that a caller gives; an error of theirs waits until what came before is acknowledged."""

    def __init__(self, batches: Iterator[Iterable[event_pb2.Event]]) -> None:
        self._batches = batches
        self._error: Exception | None = None

    def fill(self, window: stream_batches.UnackedBatches) -> None:
        """Adds the next batch, or closes the window at the end."""
        try:
            window.add(next(self._batches))
        except StopIteration:
            window.closed = True
        except Exception as error:  # noqa: BLE001 - the caller's own, raised once it is due
            window.closed = True
            self._error = error

    def raise_its_error(self) -> None:
        """Raises the error that has ended the batches, if there is one."""
        if self._error is not None:
            raise self._error


def _send(
    source: _Source,
    window: stream_batches.UnackedBatches,
    outbox: "queue.SimpleQueue[event_service_pb2.StreamEventsRequest | None]",
) -> None:
    """Sends what was not sent on this connection yet, then new batches while there is room."""
    while True:
        while window.has_unsent:
            outbox.put(window.next_request())
        if window.closed or window.full:
            return
        source.fill(window)
