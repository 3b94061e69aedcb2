"""The background half of a Tracker: a bounded buffer, the thread that sends its events, and the connection."""

import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import grpc

from tallywire import buffer, connection, errors, green_threads, lifecycle, lost_events, requests, retries
from tallywire.v1 import error_reason_pb2, event_pb2, event_service_pb2, event_service_pb2_grpc

_log = logging.getLogger("tallywire")

_FORK_WAIT: Final = 0.1  # seconds that a call may still take before it is cancelled for a fork
_STATUSES: Final = event_service_pb2.EventStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderOptions:
    """How a sender works; the arguments of Tracker."""

    max_events: int
    max_bytes: int
    batch_size: int
    flush_interval: float
    retry_for: float
    shutdown_timeout: float
    clock: requests.ClientClock
    on_drop: lost_events.OnDrop | None


class BackgroundSender:
    """The thread that sends a tracker's events, in the process that made it. Only flush(), close() and pause() wait."""

    def __init__(self, to: connection.Connection, settings: SenderOptions) -> None:
        self._connection = to
        self._settings = settings
        threads = green_threads.threads()
        self._buffer = buffer.EventBuffer(max_events=settings.max_events, max_bytes=settings.max_bytes)
        self._lost_events = lost_events.LostEvents(settings.on_drop, threads)
        # Reentrant, so that put() may be called from a finalizer that interrupts put().
        self._lock: threading.RLock = threads.RLock()
        self._work: threading.Condition = threads.Condition(self._lock)  # something for the thread to do
        self._done: threading.Condition = threads.Condition(self._lock)  # something settled
        self._calling: threading.Lock = threads.Lock()  # held by the thread while it is inside gRPC
        self._may_call: threading.Event = threads.Event()  # not while the process forks
        self._may_call.set()
        self._paused = False
        self._thread: threading.Thread | None = None
        self._channel: grpc.Channel | None = None
        self._flush_to = 0  # events up to this count are sent at once
        self._close_by: float | None = None
        lifecycle.register(self)

    def put(self, event: event_pb2.Event, size: int) -> bool:
        """Takes an event in, or counts it as dropped and returns False."""
        with self._lock:
            refused = self._take_in(event, size)
        if refused is None:
            return True
        self._report_lost([lost_events.LostEvent(event=event, kind=refused, reason=refused)])
        return False

    def invalid(self, lost: lost_events.LostEvent) -> None:
        """Counts a value from which no event could be made."""
        with self._lock:
            self._buffer.invalid += 1
        self._report_lost([lost])

    def stats(self) -> buffer.Stats:
        """Returns the outcomes of the events so far."""
        with self._lock:
            return self._buffer.stats()

    def begin_flush(self) -> None:
        """Starts to send the buffered events at once."""
        with self._lock:
            self._flush_to = self._buffer.taken
            self._work.notify()

    def flush(self, timeout: float | None = None) -> bool:
        """Sends buffered events, and waits for the outcome of each event taken before; True if all have one in time."""
        seconds = self._settings.shutdown_timeout if timeout is None else timeout
        with self._lock:
            self._flush_to = goal = self._buffer.taken
            self._work.notify()
            return self._done.wait_for(lambda: self._buffer.settled >= goal, seconds)

    def begin_close(self, timeout: float | None = None) -> None:
        """Starts the time in which buffered events may still be sent; later events are dropped."""
        seconds = self._settings.shutdown_timeout if timeout is None else timeout
        with self._lock:
            if self._close_by is None:
                self._close_by = time.monotonic() + seconds
            self._work.notify_all()

    def close(self, timeout: float | None = None) -> bool:
        """Sends buffered events while time is left, and stops. Returns whether every event had its outcome in time.

        Events without an outcome are counted as dropped, or as failed if they were in flight.
        """
        with self._lock:
            failed_before = self._buffer.stats().failed
            if self._thread is None and len(self._buffer):
                self._start_thread()
            thread = self._thread
            self.begin_close(timeout)
            left = self._seconds_left()
        if thread is not None and thread is not green_threads.threads().current_thread():
            thread.join(max(0.0, left))
            if thread.is_alive():
                self._abandon()
                thread.join(1.0)
        with self._lock:
            lost = self._buffer.drop_waiting()
            self._done.notify_all()
            final = self._buffer.stats()
        reason = "the tracker was closed before it was sent"
        self._lost_events.add([lost_events.LostEvent(event=event, kind=reason, reason=reason) for event in lost])
        self._lost_events.log()
        return not (lost or final.pending) and final.failed == failed_before

    def pause(self) -> None:
        """Keeps the thread out of gRPC: a call in flight may end within a moment, or is cancelled and made again."""
        wait = green_threads.may_wait()
        self._may_call.clear()
        self._paused = self._calling.acquire(timeout=_FORK_WAIT if wait else 0)
        if not self._paused:
            self._abandon()
            self._paused = self._calling.acquire(timeout=1.0 if wait else 0)

    def resume(self) -> None:
        """Lets the thread go on."""
        self._may_call.set()
        if self._paused:
            self._paused = False
            self._calling.release()

    def _abandon(self) -> None:
        """Cancels the call in flight by closing its connection."""
        with self._lock:
            channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _take_in(self, event: event_pb2.Event, size: int) -> str | None:
        """Buffers an event, and wakes the thread if a batch is due; or returns why the event was refused. Holds the
        lock.
        """
        if self._close_by is not None:
            self._buffer.taken += 1
            self._buffer.settle(buffer.BatchOutcome(dropped=1), 1, 0)
            return "the tracker was closed before it came"
        if not self._buffer.put(event, size, time.monotonic()):
            return "the buffer of the tracker is full"
        if self._thread is None and not lifecycle.is_about_to_fork():
            self._start_thread()
        if len(self._buffer) == 1 or len(self._buffer) >= self._settings.batch_size:
            self._work.notify()
        return None

    def _report_lost(self, lost: Sequence[lost_events.LostEvent]) -> None:
        """Reports lost events. The thread logs what is not in a line yet, without the lock: logging may block."""
        if self._lost_events.add(lost):
            with self._lock:
                if self._thread is None and self._close_by is None:
                    self._start_thread()
                self._work.notify()

    def _start_thread(self) -> None:
        """Starts the background thread. Holds the lock."""
        lifecycle.watch_the_end()
        thread: threading.Thread = green_threads.threads().Thread(
            target=self._run, name="tallywire-tracker", daemon=True
        )
        # At the end of a process no thread can be started: close() will count the buffered events as dropped.
        with contextlib.suppress(RuntimeError):
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        """Sends batches until the tracker is closed and no event waits. Runs in the background thread."""
        try:
            while (batch := self._next_batch()) is not None:
                waiting, size = batch
                if waiting:
                    self._settle(waiting, size)
                self._lost_events.log_if_due()
        finally:
            with self._calling:
                self._abandon()

    def _settle(self, waiting: Sequence[event_pb2.Event], size: int) -> None:
        """Sends a batch and counts the outcomes of its events."""
        try:
            outcome, lost = self._deliver(waiting)
        except Exception:  # noqa: BLE001 - the thread lives on, for the batches to come
            _log.exception("a batch of %d events could not be sent", len(waiting))
            outcome, lost = buffer.BatchOutcome(failed=len(waiting)), _failed(waiting, "fault", "a fault of the client")
        self._report_lost(lost)  # first: on_drop has been called when flush() returns
        with self._lock:
            self._buffer.settle(outcome, len(waiting), size)
            self._done.notify_all()

    def _next_batch(self) -> tuple[Sequence[event_pb2.Event], int] | None:
        """Waits for a batch that is due and returns it with its size in bytes, or None when it is time to stop.

        The batch is empty if lost events are to be logged.
        """
        with self._lock:
            while True:
                closing = self._close_by is not None
                line_due = self._lost_events.seconds_until_line()
                if not len(self._buffer):
                    if closing:
                        return None
                    if line_due == 0:
                        return (), 0
                    self._work.wait(line_due)
                    continue
                if closing and self._seconds_left() <= 0:
                    return None
                due = self._buffer.oldest + self._settings.flush_interval - time.monotonic()
                urgent = closing or self._buffer.settled < self._flush_to
                if urgent or due <= 0 or len(self._buffer) >= self._settings.batch_size:
                    return self._buffer.take(self._settings.batch_size)
                self._work.wait(due)

    def _deliver(self, batch: Sequence[event_pb2.Event]) -> tuple[buffer.BatchOutcome, list[lost_events.LostEvent]]:
        """Sends a batch, again while its outcome is unknown and time is left, and returns the outcomes."""
        tries = retries.Attempts(timeout=self._settings.retry_for, policy=retries.BACKGROUND)
        while True:
            try:
                return _counted(batch, self._call(batch, min(tries.next_timeout(), self._seconds_left())))
            except errors.TallywireError as failure:
                error = failure
            if self._channel is None and self._close_by is None:
                continue  # cancelled for a fork
            wait = tries.next_wait(error)
            if wait is None or not self._pause_for(wait):
                kind = f"failed {error.code} {error.reason}"
                return buffer.BatchOutcome(failed=len(batch)), _failed(batch, kind, f"given up: {error}")
            self._lost_events.log_if_due()

    def _call(self, batch: Sequence[event_pb2.Event], timeout: float) -> event_service_pb2.TrackEventsResponse:
        """Sends a batch once, stamped with the current time."""
        self._may_call.wait()
        with self._calling:
            stub, begun = event_service_pb2_grpc.EventServiceStub(self._open()), time.monotonic()
            try:
                return stub.TrackEvents(
                    requests.track_events(batch, self._settings.clock),
                    timeout=max(0.001, timeout),
                    metadata=self._connection.metadata,
                )
            except grpc.RpcError as failure:
                raise errors.from_rpc(failure, out_of_time=retries.is_over(begun, timeout)) from failure
            except ValueError as failure:
                raise errors.closed("the tracker") from failure

    def _open(self) -> grpc.Channel:
        """Returns the connection, opened if there is none."""
        with self._lock:
            if self._channel is None:
                self._channel = self._connection.open()
            return self._channel

    def _pause_for(self, seconds: float) -> bool:
        """Waits before the next try. Returns False if the tracker is closed and too little time is left."""
        until = time.monotonic() + seconds
        with self._lock:
            while (left := until - time.monotonic()) > 0 and self._seconds_left() > left:
                self._work.wait(left)
            return self._seconds_left() > 0 and time.monotonic() >= until

    def _seconds_left(self) -> float:
        """Returns the seconds until the tracker must have stopped: endless while it is open."""
        return float("inf") if self._close_by is None else self._close_by - time.monotonic()


def _failed(batch: Sequence[event_pb2.Event], kind: str, reason: str) -> list[lost_events.LostEvent]:
    """Returns the events of a batch that was given up, as lost events."""
    return [lost_events.LostEvent(event=event, kind=kind, reason=reason) for event in batch]


def _counted(
    batch: Sequence[event_pb2.Event], response: event_service_pb2.TrackEventsResponse
) -> tuple[buffer.BatchOutcome, list[lost_events.LostEvent]]:
    """Counts the results of a batch; events that were rejected or have no result are returned as lost events."""
    statuses = [result.status for result in response.results]
    lost = []
    for event, result in zip(batch, response.results, strict=False):
        if result.status == _STATUSES.EVENT_STATUS_REJECTED:
            lost.append(_rejected(event, result.rejection))
    sent = statuses.count(_STATUSES.EVENT_STATUS_ACCEPTED)
    duplicates = statuses.count(_STATUSES.EVENT_STATUS_DUPLICATE)
    failed = len(batch) - sent - duplicates - len(lost)
    if failed:
        lost += _failed(batch[-failed:], "no result", "the server gave no result")
    return buffer.BatchOutcome(sent=sent, duplicates=duplicates, rejected=len(lost) - failed, failed=failed), lost


def _rejected(event: event_pb2.Event, rejection: event_service_pb2.Rejection) -> lost_events.LostEvent:
    """Returns a rejected event as a lost event."""
    names = error_reason_pb2.ErrorReason
    name = names.Name(rejection.reason) if rejection.reason in names.values() else str(rejection.reason)
    reason = name.removeprefix("ERROR_REASON_")
    return lost_events.LostEvent(
        event=event,
        kind=f"rejected {event.event_type} {reason} {rejection.field}",
        reason=f"{event.event_type} rejected: {reason} {rejection.field}: {rejection.message}",
    )
