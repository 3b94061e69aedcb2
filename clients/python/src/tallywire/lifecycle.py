"""What a process does to the trackers in it: it forks, it ends, and signals end it."""

import atexit
import logging
import os
import signal
import sys
import threading
import time
import weakref
from types import FrameType
from typing import Any, Final, Protocol

from tallywire import green_threads

_log = logging.getLogger("tallywire")

# Python turns SIGINT into an exception, which ends a process in order.
_SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_LAST: Final = -100  # the priority of a finalizer of multiprocessing: after its queues and its own children


class Closable(Protocol):
    """What sends events in the background."""

    def begin_close(self) -> None:
        """Starts the time in which buffered events may still be sent."""

    def close(self) -> bool:
        """Waits for that time at most, and counts what was not sent."""

    def begin_flush(self) -> None:
        """Starts to send the buffered events at once."""

    def flush(self) -> bool:
        """Waits until that is done."""

    def pause(self) -> None:
        """Keeps out of gRPC, until resume()."""

    def resume(self) -> None:
        """Goes on."""


class ForkAware(Protocol):
    """What has a sender in each process."""

    def forget(self) -> None:
        """Lets go of the sender of the parent, in a forked child."""


_senders: "weakref.WeakSet[Closable]" = weakref.WeakSet()
_trackers: "weakref.WeakSet[ForkAware]" = weakref.WeakSet()
# The parent's, seen from a forked child: to finalize their connections would disturb sockets that are shared.
_left_behind: list[Closable] = []


def register(sender: Closable) -> None:
    """Has a sender closed at the end of the process, and kept out of gRPC while it forks."""
    _senders.add(sender)


def register_tracker(tracker: ForkAware) -> None:
    """Registers a tracker, which becomes empty in a forked child."""
    _trackers.add(tracker)


def close_all() -> None:
    """Closes every sender that is still open, all at once: it takes as long as the slowest, not as all of them."""
    senders = list(_senders)
    for sender in senders:
        sender.begin_close()
    for sender in senders:
        sender.close()


class _WatchedProcess:
    """The process whose end is watched where atexit does not run."""

    pid = 0


def watch_the_end() -> None:
    """Sees to it that close_all() runs at the end of this process also where atexit does not.

    Children of multiprocessing and of Celery's pool end by os._exit().
    """
    if _WatchedProcess.pid == os.getpid():
        return
    _WatchedProcess.pid = os.getpid()
    parents = sys.modules.get("multiprocessing.process")
    if parents is not None and parents.parent_process() is not None:
        from multiprocessing import util

        util.Finalize(None, close_all, exitpriority=_LAST)
    signals = sys.modules.get("celery.signals")
    if signals is not None:
        signals.worker_process_shutdown.connect(_celery_ends, weak=False, dispatch_uid="tallywire")
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is not None and "gevent" in uwsgi.opt:
        _log.warning(
            "uWSGI's gevent loop ends a process without Python's exit handlers, so buffered events are lost:"
            " use --threads instead"
        )
    elif uwsgi is not None and not {"enable-threads", "threads"} & uwsgi.opt.keys():
        _log.warning(
            "uWSGI runs without threads, so that nothing is sent until a process ends, at best: use --enable-threads"
        )


def _celery_ends(**_: object) -> None:
    """Closes every sender of a process of Celery's pool."""
    close_all()


def is_about_to_fork() -> bool:
    """Returns whether this is uWSGI's master: it forks without Python's fork handlers, and has no threads then."""
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is None or "master" not in uwsgi.opt:
        return False
    return not (uwsgi.worker_id() or uwsgi.mule_id() or uwsgi.i_am_the_spooler())


def _before_fork() -> None:
    """Keeps the senders out of gRPC: a fork while a thread is inside it leaves the child a broken gRPC."""
    for sender in list(_senders):
        sender.pause()


def _after_fork_in_parent() -> None:
    """Lets the senders go on."""
    for sender in list(_senders):
        sender.resume()


def _after_fork_in_child() -> None:
    """Gives every tracker a sender of its own; the buffered events belong to the parent."""
    _Signals.under_way.clear()
    _left_behind.extend(_senders)
    _senders.clear()
    for tracker in list(_trackers):
        tracker.forget()


class _Signals:
    """The handlers that were there before ours, and what is being done about signals that came."""

    before: "dict[int, Any]" = {}  # noqa: RUF012 - there is one process
    under_way: "dict[int, bool]" = {}  # noqa: RUF012 - True once what waited was sent


def handle_signals() -> None:
    """Makes SIGTERM and SIGHUP send buffered events before they take effect. Raises ValueError outside the main thread.

    A signal that is ignored stays ignored, and a handler that is not Python's stays in place.
    """
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("handle_signals needs the main thread, the only one that may set handlers")
    for number in _SIGNALS:
        before = signal.getsignal(number)
        if before in (signal.SIG_IGN, None, _on_signal):
            continue
        _Signals.before[number] = before
        signal.signal(number, _on_signal)


def _on_signal(number: int, frame: FrameType | None) -> None:
    """Starts to send buffered events at the first call. Afterwards the signal is sent again and takes effect.

    A handler may interrupt anything, also a thread that holds the locks of a tracker: so nothing waits here.
    """
    if number not in _Signals.under_way:
        _Signals.under_way[number] = False
        green_threads.begin(_send_then_signal, number)
    elif _Signals.under_way[number]:
        del _Signals.under_way[number]
        _take_course(number, frame)


def _send_then_signal(number: int) -> None:
    """Sends buffered events, and then sends the signal again, to the main thread."""
    try:
        if callable(_Signals.before[number]):
            _flush_all()
        else:
            close_all()
    finally:
        _Signals.under_way[number] = True
        raise_signal(number)


def _flush_all() -> None:
    """Sends buffered events, as long as the slowest sender needs; the senders stay open, as a handler may go on."""
    senders = list(_senders)
    for sender in senders:
        sender.begin_flush()
    for sender in senders:
        sender.flush()


def _take_course(number: int, frame: FrameType | None) -> None:
    """Does what the signal would have done without us."""
    before = _Signals.before[number]
    if callable(before):
        before(number, frame)
        return
    signal.signal(number, signal.SIG_DFL)
    raise_signal(number)
    # Only the first process of a container gets here: the kernel does not end it by a signal, so it exits by itself.
    time.sleep(0.1)
    os._exit(128 + number)


def raise_signal(number: int) -> None:
    """Gives this process a signal, in its main thread, which a handler needs to run."""
    main = threading.main_thread().ident
    if main is not None and hasattr(signal, "pthread_kill") and not green_threads.is_patched():
        signal.pthread_kill(main, number)
    elif os.name == "posix":
        os.kill(os.getpid(), number)
    else:
        signal.raise_signal(number)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
atexit.register(close_all)
