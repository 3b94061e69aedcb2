"""The server as the environment configures it: in this process, or in several that share its port."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from server import settings, telemetry
from server.process import port, terminal
from server.store import diagnosis, node_pools

_Result = TypeVar("_Result")


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Runs a coroutine on the faster event loop, if there is one for the system."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.run(work)
    return uvloop.run(work)


def serve() -> None:
    """Runs the server in one process or in several, as configured, until SIGTERM or SIGINT."""
    with terminal.reported():
        known = settings.load()
        if known.processes == 1:
            serve_here(known)
        else:
            # Imported here: nothing else needs it.
            from server.process import supervisor

            supervisor.serve(known)


def serve_here(known: settings.Settings, number: int | None = None, ready: Callable[[str], None] | None = None) -> None:
    """Runs the server in this process until SIGTERM or SIGINT; number says which of several processes it is.

    Several processes share a port that their parent reserves. Raises SetupError if the server cannot start.
    """
    # Imported here: the other commands need neither gRPC nor the domain.
    from server import app as server
    from server import failpoints, tracing

    async def checked() -> None:
        url = known.required("database_url")
        diagnosis.check_redis_url(known.required("redis_url"))
        known.required("key_pepper")
        for one in known.node_urls:
            diagnosis.check_url(one, node_pools.VARIABLE)
        if known.processes == 1:
            # gRPC would say more lines about it than one.
            port.free_address(known.listen)
        async with diagnosis.database(url):
            pass
        tracing.start(known, "server")
        try:
            with diagnosis.explained(url):
                await server.serve(known, ready=ready)
        finally:
            tracing.stop()

    telemetry.configure_logs(known.log_level, known.log_format, process=number)
    failpoints.arm(known.failpoint, allowed=known.allow_failpoints)
    run(checked())


def serve_pages(known: settings.Settings, ready: Callable[[str], None] | None = None) -> None:
    """Serves the pages in this process until SIGTERM or SIGINT. Raises SetupError if that cannot start."""
    # Imported here: the other commands need no HTTP.
    from server.web import running

    telemetry.configure_logs(known.log_level, known.log_format)
    run(running.serve(known, ready=ready))
