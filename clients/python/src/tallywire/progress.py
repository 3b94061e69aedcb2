"""The progress of subscriptions, for both clients: what has come, what may come next, and when to reconnect."""

import math
import time
from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar

import grpc
from google.protobuf import duration_pb2

from tallywire import errors, requests, retries
from tallywire.v1 import realtime_service_pb2

# Messages come every 15 seconds at least: a connection that is silent for longer has died without telling.
SILENCE: Final = 45.0
_BEHIND: Final = 60.0  # seconds for a server that lags behind another one to catch up
_ROUTINE: Final = frozenset({"STREAM_AGE"})  # connections end by their age every few minutes

OnRetry = Callable[[errors.TallywireError, float], None]
_RequestOut = TypeVar("_RequestOut", covariant=True)
_Response = TypeVar("_Response")


class SubscriptionOptions(requests.RealtimeOnly, total=False):
    """The arguments that all subscriptions have.

    A connection that is lost is replaced after a jittered wait; `on_retry` is called with the error and the seconds of
    that wait. `retry_for` seconds in a row without a connection raise the error; None waits for ever.
    """

    retry_for: float | None
    on_retry: OnRetry | None


class SubscriptionProgress(Protocol[_RequestOut, _Response]):
    """The progress that both kinds of subscription keep."""

    @property
    def resume_token(self) -> str:
        """Returns the token to go on after."""

    def request(self) -> _RequestOut:
        """Returns the request of a new connection."""

    def take(self, response: _Response) -> _Response | None:
        """Enters a message and returns what there is to yield. Raises OutOfSequence."""


class StateProgress:
    """The progress of WatchMetrics: revisions never go back, whichever server the stream reconnects to."""

    resume_token: Final = ""

    def __init__(
        self,
        options: SubscriptionOptions,
        min_interval: float,
        *,
        heartbeats: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        interval = duration_pb2.Duration()
        interval.FromNanoseconds(round(min_interval * 1e9))
        self._request = realtime_service_pb2.WatchMetricsRequest(filter=_filter(options), min_interval=interval)
        self._heartbeats = heartbeats
        self._clock = clock
        self._revision = 0
        self._behind_since: float | None = None

    def request(self) -> realtime_service_pb2.WatchMetricsRequest:
        """Returns the request, which is always the same."""
        return self._request

    def take(
        self, response: realtime_service_pb2.WatchMetricsResponse
    ) -> realtime_service_pb2.WatchMetricsResponse | None:
        """Returns a state, or a heartbeat if the caller wants them. Skips messages older than the last one."""
        if response.revision < self._revision:
            self._wait(response.revision)
            return None
        self._revision = response.revision
        self._behind_since = None
        return response if self._heartbeats or response.HasField("state") else None

    def _wait(self, revision: int) -> None:
        """Waits for a server that lags behind to catch up."""
        now = self._clock()
        if self._behind_since is None:
            self._behind_since = now
        elif now - self._behind_since > _BEHIND:
            raise _out_of_sequence("revisions have gone back and stay there", self._revision, revision)


class UpdateProgress:
    """The progress of WatchUpdates: every revision once, in order, without a gap, whole."""

    def __init__(
        self,
        options: SubscriptionOptions,
        resume_after: str,
        *,
        include_events: bool,
        bookmarks: bool,
    ) -> None:
        self._request = realtime_service_pb2.WatchUpdatesRequest(filter=_filter(options), include_events=include_events)
        self._bookmarks = bookmarks
        self._revision: int | None = None  # unknown until the first message after a caller's token
        self._begun: realtime_service_pb2.WatchUpdatesResponse | None = None
        self.resume_token = resume_after

    def request(self) -> realtime_service_pb2.WatchUpdatesRequest:
        """Returns the request that goes on after the last whole revision; one that was cut off comes again."""
        self._begun = None
        request = realtime_service_pb2.WatchUpdatesRequest(resume_after=self.resume_token)
        request.MergeFrom(self._request)
        return request

    def take(
        self, response: realtime_service_pb2.WatchUpdatesResponse
    ) -> realtime_service_pb2.WatchUpdatesResponse | None:
        """Returns a revision once it is whole, or a bookmark if the caller wants them."""
        self._check(response)
        if self._begun is not None:
            # Appended: merging would have to take the first message's fields from the last one.
            self._begun.changes.extend(response.changes)
            self._begun.events.extend(response.events)
            self._begun.more, self._begun.resume_token = response.more, response.resume_token
            response = self._begun
        if response.more:
            self._begun = response
            return None
        if not response.resume_token:
            raise _out_of_sequence("a message without a token", None, response.revision)
        self._begun = None
        self._revision, self.resume_token = response.revision, response.resume_token
        return response if self._bookmarks or not response.bookmark else None

    def _check(self, response: realtime_service_pb2.WatchUpdatesResponse) -> None:
        """Raises OutOfSequence for a revision that does not follow the last one."""
        expected: int | None = None
        if self._begun is not None:
            expected = self._begun.revision if not response.bookmark else -1
        elif self._revision is not None:
            expected = self._revision if response.bookmark else self._revision + 1
        if expected is not None and response.revision != expected:
            raise _out_of_sequence("a revision that does not follow", expected, response.revision)


class ReconnectPolicy:
    """The decision whether a subscription goes on after an error, and when."""

    def __init__(self, options: SubscriptionOptions) -> None:
        retry_for = options.get("retry_for")
        self._on_retry = options.get("on_retry")
        self._tries = retries.Attempts(
            timeout=math.inf if retry_for is None else retry_for,
            policy=retries.SUBSCRIPTION,
        )
        self._connected = False

    def heard(self) -> None:
        """Notes that a message has come."""
        self._connected = True
        self._tries.failures = 0

    def wait_before_retry(self, error: errors.TallywireError) -> float:
        """Returns the seconds to wait before a new connection, once on_retry knows; raises the error if it is final."""
        if not self._tries.failures:
            self._tries.restart()  # time runs from the first failure in a row
        wait = self._tries.next_wait(error) if self._may_retry(error) else None
        if wait is None:
            raise error
        if self._on_retry is not None and error.reason not in _ROUTINE:
            self._on_retry(error, wait)
        return wait

    def _may_retry(self, error: errors.TallywireError) -> bool:
        """Returns whether to try again: a limit is final for a new subscription, not for one that was connected."""
        return error.code is not grpc.StatusCode.RESOURCE_EXHAUSTED or self._connected


def lost(error: errors.TallywireError) -> errors.TallywireError:
    """Returns the error that ends a connection: Unavailable for a reader that was too slow, which goes on where it was,
    and for a deadline, which is none of the caller's.
    """
    if error.reason in ("SLOW_CONSUMER", "DEADLINE"):
        return errors.Unavailable(error.message, grpc.StatusCode.UNAVAILABLE, error.reason)
    return error


def ended() -> errors.TallywireError:
    """Returns the error for a stream that the server ended without a status of its own."""
    return errors.Unavailable("the server ended the stream", grpc.StatusCode.UNAVAILABLE)


def silent(seconds: float) -> errors.TallywireError:
    """Returns the error for a connection on which nothing has arrived for so long."""
    return errors.Unavailable(f"nothing was heard for {seconds:.0f} seconds", grpc.StatusCode.UNAVAILABLE)


def _filter(options: SubscriptionOptions) -> realtime_service_pb2.RealtimeFilter | None:
    """Returns the filter of a subscription. Raises TypeError for an argument that subscriptions do not have."""
    if unknown := options.keys() - SubscriptionOptions.__annotations__.keys():
        raise TypeError(f"a subscription has no argument {min(unknown)!r}")
    return requests.realtime_filter(
        agent_ids=options.get("agent_ids", ()),
        channel=options.get("channel"),
        dimensions=options.get("dimensions"),
    )


def _out_of_sequence(what: str, expected: int | None, revision: int) -> errors.OutOfSequence:
    known = {} if expected is None else {"expected": str(expected)}
    return errors.OutOfSequence(
        f"the server sent {what}",
        grpc.StatusCode.DATA_LOSS,
        metadata={**known, "revision": str(revision)},
    )


class Resumable(Generic[_Response]):
    """What a subscription knows of itself, for threads and for asyncio alike."""

    def __init__(self, seen: SubscriptionProgress[Any, _Response], options: SubscriptionOptions) -> None:
        self._seen = seen
        self._policy = ReconnectPolicy(options)
        self.silence = SILENCE  # seconds; shorter in tests

    @property
    def resume_token(self) -> str:
        """Returns the token after the last update that was yielded, for resume_after; empty before that and for
        watch().
        """
        return self._seen.resume_token
