"""`serve --processes N`: a server as several processes on one port, in the foreground, until SIGTERM or SIGINT."""

import asyncio
import os
import signal

import structlog

from server import errors, telemetry
from server.lifecycle.stop import Stop
from server.process import children, port
from server.settings import Settings

_log = structlog.get_logger(__name__)


def serve(settings: Settings) -> None:
    """Serves until a signal. Raises SetupError if it cannot, or if a process did not stop in order."""
    with port.shared(settings.listen) as address:
        telemetry.configure_logs(settings.log_level, settings.log_format)
        try:
            asyncio.run(_serve(settings, address))
        except children.DoesNotStart as error:
            if error.code > 0:
                # It has said why, as it does when it is alone.
                raise SystemExit(error.code) from None
            raise


async def _serve(settings: Settings, address: str) -> None:
    stop = Stop((signal.SIGINT, signal.SIGTERM))
    programs = children.servers(
        settings.processes,
        {**os.environ, "TALLYWIRE_LISTEN": address},
        drain_seconds=settings.drain_seconds,
        metrics_port=settings.metrics_port,
        relayed=False,
    )
    # A second signal does not cut off calls, as it does not where one process serves: their time is bounded anyway.
    never = asyncio.Event()
    async with children.running(programs, _report, never) as family:
        if await family.ready(stop.asked):
            _log.info("all processes serve", address=address, processes=settings.processes)
            await family.during(asyncio.get_running_loop().create_future(), stop.asked)
    if not family.orderly:
        raise errors.SetupError("a server process did not end in order: calls in progress were cut off")
    _log.info("all processes stopped")


def _report(name: str, line: str) -> None:
    _log.error(line, child=name)
