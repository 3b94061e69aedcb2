"""Programs with green threads: a wait inside gRPC, which is not Python's, would stop all of them.

Under gevent, gRPC is set to wait as gevent does. gRPC does not know eventlet: there the background thread and its locks
are the system's, and a caller waits for them in eventlet's pool of system threads.
"""

import _thread
import importlib
import logging
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

_log = logging.getLogger("tallywire")
_Result = TypeVar("_Result")


class _Done:
    """What was done once for the process: gRPC prepared for gevent, and the warning about eventlet."""

    gevent = False
    eventlet = False


def prepare() -> None:
    """Makes gRPC wait as the green threads of this process do. Called before a channel opens."""
    if not _Done.gevent and _under_gevent():
        _Done.gevent = True
        # Imported here: it is of no use to others, and experimental.
        from grpc.experimental import gevent as grpc_gevent

        grpc_gevent.init_gevent()


def warn_of_eventlet(what: str) -> None:
    """Says once that calls of `what` stop every green thread of eventlet."""
    if not _Done.eventlet and _eventlet() is not None:
        _Done.eventlet = True
        _log.warning(
            "eventlet has patched this process, and gRPC does not know it: each call of a %s stops all green threads"
            " until it is answered. Use a Tracker, or eventlet.tpool.execute",
            what,
        )


def threads() -> ModuleType:
    """Returns the module `threading` whose threads may wait inside gRPC."""
    patcher = _eventlet()
    if patcher is None:
        return threading
    original: ModuleType = patcher.original("threading")
    return original


def waiting(wait: Callable[..., _Result], *arguments: Any) -> _Result:
    """Returns what a function that waits for the background thread returns; other green threads go on meanwhile."""
    if _eventlet() is None:
        return wait(*arguments)
    result: _Result = importlib.import_module("eventlet.tpool").execute(wait, *arguments)
    return result


def begin(run: Callable[[int], None], argument: int) -> None:
    """Runs a function in a thread of its own, and does not wait for it to begin: not even gevent's hub may do this."""
    if _eventlet() is None:
        # Looked up now: gevent puts a function of its own there.
        _thread.start_new_thread(run, (argument,))
    else:
        threads().Thread(target=run, args=(argument,), daemon=True).start()


def is_patched() -> bool:
    """Returns whether green threads have taken the place of the system's, and their numbers that of its threads'."""
    return _under_gevent() or _eventlet() is not None


def may_wait() -> bool:
    """Returns whether the caller may wait at all: gevent's hub, which runs signal handlers and callbacks, may not."""
    if not _under_gevent():
        return True
    hub = sys.modules["gevent"].get_hub()
    current: object = sys.modules["gevent"].getcurrent()
    return current is not hub


def _under_gevent() -> bool:
    """Returns whether gevent has replaced the blocking calls of this process."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and (monkey.is_module_patched("threading") or monkey.is_module_patched("socket"))


def _eventlet() -> Any:
    """Returns eventlet's patcher if it has replaced the threads of this process, else None."""
    patcher = sys.modules.get("eventlet.patcher")
    return patcher if patcher is not None and patcher.is_monkey_patched("thread") else None
