"""Tracking for services that must not wait: a bounded buffer and a background thread."""

import _thread
from typing import Any, Final, Self, Unpack

from tallywire import buffer, connection, contexts, events, green_threads, ids, lifecycle, lost_events, requests, sender
from tallywire.v1 import event_pb2

_making: Final = _thread.allocate_lock()


class Tracker:
    """A recorder of events that never waits or raises: a background thread sends them.

    At most `max_events` events and `max_bytes` bytes are kept; when they are reached, the newest event is dropped and
    counted. A batch goes out when `batch_size` events wait or the oldest has waited `flush_interval` seconds. A batch
    whose outcome is unknown is sent again with the same ids for up to `retry_for` seconds, so nothing counts twice. The
    other arguments are those of Client; wrong ones raise ValueError here, and nothing raises later.

    Every event that is lost is counted in stats(), and a line in the log, one a minute at most, says how many and why.
    `on_drop` is called with each of them and the reason, from the thread that notices; the event is None if it could
    not be built.

    At the end of the process the tracker sends what is left for up to `shutdown_timeout` seconds, all trackers at once;
    also in children of multiprocessing and of Celery. A signal ends a process without this: with `handle_signals`,
    SIGTERM and SIGHUP first send what is left and then do what they did before, for programs that do not handle these
    signals themselves. Nothing helps against SIGKILL and os._exit().

    After os.fork() the tracker of the child is empty and makes a thread and a connection of its own, while the parent
    keeps what it had.
    """

    context = staticmethod(contexts.context)

    def __init__(
        self,
        target: str,
        *,
        api_key: str,
        max_events: int = 10_000,
        max_bytes: int = 16 * 1024 * 1024,
        batch_size: int = 500,
        flush_interval: float = 1.0,
        retry_for: float = 300.0,
        shutdown_timeout: float = 5.0,
        correct_clock: bool = False,
        on_drop: lost_events.OnDrop | None = None,
        handle_signals: bool = False,
        **options: Unpack[connection.ConnectionOptions],
    ) -> None:
        if not 1 <= batch_size <= requests.MAX_EVENTS:
            raise ValueError(f"batch_size is from 1 to {requests.MAX_EVENTS}, not {batch_size}")
        if min(max_events, max_bytes) < 1:
            raise ValueError("max_events and max_bytes are at least 1")
        self._connection = connection.connection(target, api_key=api_key, **options)
        if handle_signals:
            lifecycle.handle_signals()
        self._settings = sender.SenderOptions(
            max_events=max_events,
            max_bytes=max_bytes,
            batch_size=batch_size,
            flush_interval=flush_interval,
            retry_for=retry_for,
            shutdown_timeout=shutdown_timeout,
            clock=requests.ClientClock(stamp=True, correct=correct_clock),
            on_drop=on_drop,
        )
        self._sender: sender.BackgroundSender | None = None
        lifecycle.register_tracker(self)

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
        except Exception as error:  # noqa: BLE001 - the caller's work matters more than its metrics
            self._current().invalid(_invalid(event, error))
            return False
        return self._current().put(built, size)

    def stats(self) -> buffer.Stats:
        """Returns the outcomes of the events so far."""
        return self._current().stats()

    def flush(self, timeout: float = 5.0) -> bool:
        """Sends the buffered events at once; True once each event taken before has an outcome, see stats()."""
        return green_threads.waiting(self._current().flush, timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Sends the buffered events for up to `timeout` seconds (default: shutdown_timeout) and stops taking events.

        Returns whether every waiting event had its outcome in time. Events without one are counted as dropped, or as
        failed if they were in flight. Closing again does nothing.
        """
        return green_threads.waiting(self._current().close, timeout)

    def forget(self) -> None:
        """Becomes empty: for the client itself, in a forked child."""
        self._sender = None

    def _current(self) -> sender.BackgroundSender:
        """Returns the sender of this process, made with its first use, when its threads are of the right kind.

        Servers such as gunicorn load a program, fork, and only then replace the threads by green ones.
        """
        current = self._sender
        if current is None:
            with _making:
                current = self._sender
                if current is None:
                    self._sender = current = sender.BackgroundSender(self._connection, self._settings)
        return current


def _copied(event: event_pb2.Event, fields: dict[str, Any]) -> event_pb2.Event:
    """Returns a copy with an id: the caller may change its event while the copy waits."""
    if fields:
        raise TypeError("a built event takes no further arguments")
    copy = event_pb2.Event()
    copy.CopyFrom(event)
    return ids.ensure_id(copy)


def _invalid(event: object, error: Exception) -> lost_events.LostEvent:
    """Returns an event that cannot be built or sent as a lost event."""
    name = event if isinstance(event, str) else getattr(event, "event_type", type(event).__name__)
    built = event if isinstance(event, event_pb2.Event) else None
    return lost_events.LostEvent(
        event=built, kind=f"invalid {name} {getattr(error, 'field', error)}", reason=f"{name}: {error}"
    )
