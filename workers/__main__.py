"""The command line of the workers: `python -m workers`."""

import asyncio
import contextlib
import signal
from datetime import timedelta
from typing import Annotated, Any

import structlog
import typer

from server import errors, failpoints, prometheus, settings, telemetry
from server.process import serving, terminal
from server.settings import Settings
from server.store import diagnosis, migrate, sessions
from server.store.database import Database
from server.tasks import jobs
from workers import folding
from workers.process import Process

_GOODBYE_SECONDS = 10.0
_WATCH_SECONDS = 2.0
_log = structlog.get_logger(__name__)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run(
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Prometheus; 0: off. Default: TALLYWIRE_METRICS_PORT."),
    ] = None,
) -> None:
    """Fold events into rollups and run the background jobs, until SIGTERM or Ctrl-C.

    Needs DATABASE_URL and REDIS_URL. Any number of workers may run at once. Figures are exact with none, and there
    sooner where they are folded.
    """
    with terminal.reported():
        known = settings.load()
        telemetry.configure_logs(known.log_level, known.log_format)
        failpoints.arm(known.failpoint, allowed=known.allow_failpoints)
        serving.run(work(known, known.metrics_port if metrics_port is None else metrics_port))


async def work(known: Settings, metrics_port: int) -> None:
    """Works until a signal; SetupError where it cannot begin."""
    sessions.forget_lost_answers()
    database_url, redis_url = known.required("database_url"), known.required("redis_url")
    diagnosis.check_url(database_url)
    diagnosis.check_redis_url(redis_url)
    with diagnosis.explained(database_url):
        database = Database(database_url, ingest_connections=1, other_connections=folding.CONCURRENCY + 3)
        try:
            await diagnosis.check_sessions(database, database_url)
            diagnosis.checked_schema(await migrate.current(database))
            await diagnosis.check_redis(redis_url)
            prometheus.serve(known.metrics_address, metrics_port)
            folds = folding.Folding(database)
            registry = jobs.registry(timedelta(hours=known.update_window_hours), give_way=folds.wait_until_idle)
            await _until_signalled(Process(database, redis_url, folds, registry), database)
        finally:
            await database.close()


async def _until_signalled(process: Process, database: Database) -> None:
    """Works until a signal, or until this code cannot run on the database's schema any more: SetupError then."""
    stop = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    _log.info("working")
    working, stopping = asyncio.create_task(process.run()), asyncio.create_task(stop.wait())
    misfitting = asyncio.create_task(_misfit(database))
    tasks: set[asyncio.Task[Any]] = {working, stopping, misfitting}
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        working.result()  # it never ends by itself: whatever ended it ends the process
    fault = misfitting.result() if misfitting.done() else None
    for task in tasks:
        task.cancel()
    done, _ = await asyncio.wait(tasks, timeout=_GOODBYE_SECONDS)
    _log.info("stopped", orderly=working in done)
    if fault:
        raise errors.SetupError(fault)


async def _misfit(database: Database) -> str:
    """Returns why this code cannot run on the database's schema any more, once that is so."""
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        with contextlib.suppress(errors.StorageUnavailable):
            found = await migrate.current(database)
            if found is not None and (fault := diagnosis.schema_fault(found)):
                return fault


if __name__ == "__main__":
    app(prog_name="python -m workers")
