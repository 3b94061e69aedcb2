"""Tracking for services that must not wait: a bounded buffer and a background thread."""

import atexit
import logging
import os
import threading
import time
import weakref
from typing import Any, Final, Self

import grpc

from agentmetrics import buffer, connection, errors, events, ids, requests, retries
from agentmetrics.v1 import error_reason_pb2, event_pb2, event_service_pb2, event_service_pb2_grpc

_log = logging.getLogger("agentmetrics")

_ATTEMPT: Final = 30.0  # seconds for one try; well under the clock difference that the server would correct
_MAX_KINDS: Final = 100  # kinds of trouble that are logged before the log goes quiet
_STATUSES: Final = event_service_pb2.EventStatus


class Tracker:
    """Takes events without ever waiting or raising, and sends them from a background thread.

    At most `max_events` events and `max_bytes` bytes are kept; when they are reached, the newest event is dropped and
    counted. A batch goes out when `batch_size` events wait or the oldest has waited `flush_interval` seconds. A batch
    whose outcome is unknown is sent again with the same ids for up to `retry_for` seconds, so nothing counts twice.
    The other arguments are those of Client; wrong ones raise ValueError here, and nothing raises later.

    At the end of the process what is left is sent for up to `shutdown_timeout` seconds. After os.fork() the tracker of
    the child is empty and makes a thread and a connection of its own, while the parent keeps what it had. gRPC itself
    does not survive a fork that comes after its first use: in a pre-forking server track nothing before the fork.
    """

    def __init__(
        self,
        target: str,
        *,
        api_key: str,
        root_certificates: bytes | None = None,
        certificate_chain: bytes | None = None,
        private_key: bytes | None = None,
        insecure: bool = False,
        max_events: int = 10_000,
        max_bytes: int = 16 * 1024 * 1024,
        batch_size: int = 500,
        flush_interval: float = 1.0,
        retry_for: float = 300.0,
        shutdown_timeout: float = 5.0,
    ) -> None:
        if not 1 <= batch_size <= requests.MAX_EVENTS:
            raise ValueError(f"batch_size is from 1 to {requests.MAX_EVENTS}")
        if min(max_events, max_bytes) < 1:
            raise ValueError("max_events and max_bytes are at least 1")
        self._connection = connection.connection(
            target,
            api_key=api_key,
            root_certificates=root_certificates,
            certificate_chain=certificate_chain,
            private_key=private_key,
            insecure=insecure,
        )
        self._limits = (max_events, max_bytes)
        self._batch_size = batch_size
        self._flush_interval = flush_interval
        self._retry_for = retry_for
        self._shutdown_timeout = shutdown_timeout
        self._start_afresh()
        _trackers.add(self)

    def _start_afresh(self) -> None:
        """Makes the state that belongs to one process: locks, buffer, thread, connection."""
        max_events, max_bytes = self._limits
        self._buffer = buffer.Buffer(max_events=max_events, max_bytes=max_bytes)
        # Reentrant, so that track() may be called from a finalizer that interrupts track().
        self._lock = threading.RLock()
        self._work = threading.Condition(self._lock)  # something for the thread to do
        self._done = threading.Condition(self._lock)  # something settled
        self._thread: threading.Thread | None = None
        self._channel: grpc.Channel | None = None
        self._flush_to = 0  # events up to this count are wanted out at once
        self._close_by: float | None = None
        self._logged: set[str] = set()

    def __repr__(self) -> str:
        """Returns the class and the address; never the key."""
        return f"{type(self).__name__}({self._connection.target!r})"

    def __enter__(self) -> Self:
        """Returns the tracker itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the tracker."""
        self.close()

    def track(self, event: event_pb2.Event | str, /, **fields: Any) -> bool:
        """Takes an event in: a built one, or the arguments of event(). Returns whether it was taken; never raises."""
        try:
            built = events.event(event, **fields) if isinstance(event, str) else _copied(event, fields)
            size = requests.size(built)
            if size > requests.MAX_BYTES:
                raise ValueError("the event does not fit in a request")
            with self._lock:
                return self._take_in(built, size)
        except Exception as error:  # noqa: BLE001 - the caller's work matters more than its metrics
            with self._lock:
                self._buffer.invalid += 1
                self._log_once(f"invalid {event if isinstance(event, str) else ''} {type(error)}", "%s", error)
            return False

    def stats(self) -> buffer.Stats:
        """Returns what became of the events so far."""
        with self._lock:
            return self._buffer.stats()

    def flush(self, timeout: float = 5.0) -> bool:
        """Sends what waits without further delay; True once each event taken before has an outcome, see stats()."""
        with self._lock:
            self._flush_to = goal = self._buffer.taken
            self._work.notify()
            return self._done.wait_for(lambda: self._buffer.settled >= goal, timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Sends what waits for up to `timeout` seconds (default: shutdown_timeout) and stops; later events are dropped.

        Returns whether every event that waited had its outcome in time. What had none is counted as dropped, or as
        failed if it was on its way. Closing again does nothing.
        """
        seconds = self._shutdown_timeout if timeout is None else timeout
        with self._lock:
            if self._close_by is None:
                self._close_by = time.monotonic() + seconds
            failed_before = self._buffer.stats().failed
            thread = self._thread
            self._work.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, self._close_by - time.monotonic()))
            if thread.is_alive():
                self._abandon()
                thread.join(1.0)
        with self._lock:
            lost = self._buffer.drop_waiting()
            if lost:
                self._log_once("closed", "%d events were not sent before the tracker was closed", lost)
            self._done.notify_all()
            final = self._buffer.stats()
        return not (lost or final.pending) and final.failed == failed_before

    def _abandon(self) -> None:
        """Cancels the call that is on its way by closing the connection under it."""
        with self._lock:
            channel = self._channel
        if channel is not None:
            channel.close()

    def _take_in(self, event: event_pb2.Event, size: int) -> bool:
        """Puts an event in the buffer and wakes the thread if there is reason to. Holds the lock."""
        if self._close_by is not None:
            self._buffer.taken += 1
            self._buffer.settle(buffer.Tally(dropped=1), 1, 0)
            self._log_once("late", "events come in after the tracker was closed and are dropped")
            return False
        if not self._buffer.put(event, size, time.monotonic()):
            self._log_once("full", "the buffer of the tracker is full: new events are dropped")
            return False
        if self._thread is None:
            self._start_thread()
        if len(self._buffer) == 1 or len(self._buffer) >= self._batch_size:
            self._work.notify()
        return True

    def _start_thread(self) -> None:
        """Starts the background thread. Holds the lock."""
        thread = threading.Thread(target=self._run, name="agentmetrics-tracker", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # At the end of a process no thread can be started; close() will count the event as dropped.
            self._log_once("thread", "the tracker cannot start its thread: %s", error)
        else:
            self._thread = thread

    def _log_once(self, kind: str, text: str, *arguments: object) -> None:
        """Logs the first trouble of each kind. Holds the lock."""
        if kind not in self._logged and len(self._logged) < _MAX_KINDS:
            self._logged.add(kind)
            _log.warning(text, *arguments)

    def _run(self) -> None:
        """Sends batches until the tracker is closed and nothing waits: the background thread."""
        channel = self._connection.open()
        with self._lock:
            self._channel = channel
        stub = event_service_pb2_grpc.EventServiceStub(channel)
        try:
            while batch := self._next_batch():
                waiting, size = batch
                try:
                    tally = self._deliver(stub, waiting)
                except Exception:  # noqa: BLE001 - the thread lives on, for the batches to come
                    _log.exception("a batch of %d events could not be sent", len(waiting))
                    tally = buffer.Tally(failed=len(waiting))
                with self._lock:
                    self._buffer.settle(tally, len(waiting), size)
                    self._done.notify_all()
        finally:
            channel.close()

    def _next_batch(self) -> tuple[list[event_pb2.Event], int] | None:
        """Waits for a batch that is due and returns it with its size in bytes, or None when it is time to stop."""
        with self._lock:
            while True:
                closing = self._close_by is not None
                if not len(self._buffer):
                    if closing:
                        return None
                    self._work.wait()
                    continue
                if closing and self._seconds_left() <= 0:
                    return None
                due = self._buffer.oldest + self._flush_interval - time.monotonic()
                urgent = closing or self._buffer.settled < self._flush_to
                if urgent or due <= 0 or len(self._buffer) >= self._batch_size:
                    return self._buffer.take(self._batch_size)
                self._work.wait(due)

    def _deliver(self, stub: event_service_pb2_grpc.EventServiceStub, batch: list[event_pb2.Event]) -> buffer.Tally:
        """Sends a batch, again while its outcome is unknown and time is left, and returns what became of it."""
        tries = retries.Attempts(timeout=self._retry_for, attempt=_ATTEMPT, retryable=retries.BACKGROUND)
        while True:
            try:
                response = stub.TrackEvents(
                    # A new request each time: sent_at is the clock of this try.
                    requests.track_events(batch, stamp=True),
                    timeout=max(0.001, min(tries.next_timeout(), self._seconds_left())),
                    metadata=self._connection.metadata,
                )
                return self._tally(batch, response)
            except grpc.RpcError as failure:
                error = errors.from_rpc(failure)
            wait = tries.next_wait(error)
            if wait is None or not self._pause(wait):
                with self._lock:
                    self._log_once(f"failed {error.code} {error.reason}", "events are given up: %s", error)
                return buffer.Tally(failed=len(batch))

    def _pause(self, seconds: float) -> bool:
        """Waits before the next try. Returns False if the tracker is closed and its time does not suffice."""
        until = time.monotonic() + seconds
        with self._lock:
            while (left := until - time.monotonic()) > 0 and self._seconds_left() > left:
                self._work.wait(left)
            return self._seconds_left() > 0 and time.monotonic() >= until

    def _seconds_left(self) -> float:
        """Returns the seconds until the tracker must have stopped: endless while it is open."""
        return float("inf") if self._close_by is None else self._close_by - time.monotonic()

    def _tally(self, batch: list[event_pb2.Event], response: event_service_pb2.TrackEventsResponse) -> buffer.Tally:
        """Counts the results of a batch and logs the first rejection of each kind."""
        statuses = [result.status for result in response.results]
        for result in response.results:
            if result.status == _STATUSES.EVENT_STATUS_REJECTED:
                reason = error_reason_pb2.ErrorReason.Name(result.rejection.reason)
                where = result.rejection.field
                with self._lock:
                    self._log_once(f"rejected {reason} {where}", "events are rejected: %s %s", reason, where)
        sent = statuses.count(_STATUSES.EVENT_STATUS_ACCEPTED)
        duplicates = statuses.count(_STATUSES.EVENT_STATUS_DUPLICATE)
        rejected = statuses.count(_STATUSES.EVENT_STATUS_REJECTED)
        return buffer.Tally(
            sent=sent, duplicates=duplicates, rejected=rejected, failed=len(batch) - sent - duplicates - rejected
        )


def _copied(event: event_pb2.Event, fields: dict[str, Any]) -> event_pb2.Event:
    """Returns a copy with an id: the caller may go on to change its event while it waits."""
    if fields:
        raise TypeError("a built event takes no further arguments")
    copy = event_pb2.Event()
    copy.CopyFrom(event)
    return ids.ensure_id(copy)


_trackers: "weakref.WeakSet[Tracker]" = weakref.WeakSet()
# Connections of the parent, seen from a forked child: finalizing them there would disturb sockets that are shared.
_left_behind: list[grpc.Channel] = []


def _after_fork() -> None:
    """Gives every tracker of a forked child a state of its own; what waits belongs to the parent."""
    for tracker in list(_trackers):
        if tracker._channel is not None:
            _left_behind.append(tracker._channel)
            _log.warning("forked after the tracker was used: gRPC may not work in this process, fork earlier")
        tracker._start_afresh()


def _at_exit() -> None:
    """Closes every tracker that is still open, each within its shutdown_timeout."""
    for tracker in list(_trackers):
        tracker.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
