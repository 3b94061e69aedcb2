"""The command line of the workers: `python -m workers`."""

import asyncio
import contextlib
import functools
import signal
from datetime import timedelta
from typing import Annotated, Any

import structlog
import typer

from server import errors, failpoints, kinds, prometheus, settings, telemetry, tracing
from server.clock import Clock
from server.delivery import queueing, setup
from server.delivery.courier import Courier
from server.delivery.stores import StoredFiles
from server.lifecycle import garbage_collection
from server.organizations.errors import PseudonymKeyChanged
from server.process import serving, terminal
from server.projections.projector import Projector
from server.realtime.notifications import Notifications
from server.rollups.member_numbers import Limits
from server.settings import Settings
from server.store import diagnosis, schema, sessions
from server.store.database import Database
from server.tasks import runner
from server.tasks.kinds import Kinds
from server.tasks.wakeups import Wakeups
from server.tenancy import pseudonyms
from server.tenancy.keyed_hashes import KeyedHashes
from workers import alerting, connections, folding, reporting
from workers.process import Process
from workers.projecting import Projecting

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
    only: Annotated[
        str | None,
        typer.Option(
            "--kinds",
            metavar="KIND,...",
            help="Run tasks of these kinds only; folding goes on in every worker. Default: all kinds.",
        ),
    ] = None,
    concurrency: Annotated[
        int,
        typer.Option(min=1, max=100, metavar="N", help="Short tasks at once; long ones have half as many slots."),
    ] = runner.SHORT_SLOTS,
) -> None:
    """Fold events into rollups and run tasks, until SIGTERM or Ctrl-C.

    Needs DATABASE_URL and REDIS_URL, and TALLYWIRE_KEY_PEPPER to send mail and call webhooks. Any number of workers may
    run at once. Answers are exact without any worker; folding makes them faster. A worker starts, and goes on, while
    Redis is away. One that is told to stop gives its tasks three seconds and hands the others back to the queue.
    """
    with terminal.reported():
        known = settings.load()
        telemetry.configure_logs(known.log_level, known.log_format)
        failpoints.arm(known.failpoint, allowed=known.allow_failpoints)
        port = known.metrics_port if metrics_port is None else metrics_port
        serving.run(work(known, port, only=only, concurrency=concurrency))


async def work(
    known: Settings, metrics_port: int, *, only: str | None = None, concurrency: int = runner.SHORT_SLOTS
) -> None:
    """Works until a signal; SetupError where it cannot begin."""
    sessions.forget_lost_answers()
    tracing.start(known, "worker")
    try:
        await _work(known, metrics_port, only=only, concurrency=concurrency)
    finally:
        tracing.stop()


async def _work(known: Settings, metrics_port: int, *, only: str | None, concurrency: int) -> None:
    database_url, redis_url = known.required("database_url"), known.required("redis_url")
    diagnosis.check_url(database_url)
    diagnosis.check_redis_url(redis_url)
    with diagnosis.explained(database_url):
        long_slots = max(1, concurrency // 2)
        waker, notifications = Wakeups(redis_url), Notifications(redis_url, Clock())
        database = connections.opened(database_url, short_slots=concurrency, long_slots=long_slots)
        projector = Projector(database, on_revision=notifications.committed)
        try:
            await diagnosis.check_sessions(database, database_url)
            deployment = diagnosis.checked_schema(await schema.current(database))
            await _look_for_redis(redis_url)
            notifications.start(deployment.deployment_id)
            prometheus.serve(known.metrics_address, metrics_port)
            folds = folding.Folding(database)
            courier = await _courier(known, database)
            every = kinds.known(
                timedelta(hours=known.update_window_hours),
                give_way=folds.wait_until_idle,
                distinct=Limits.from_settings(known),
                on_commit=functools.partial(_after_commit, waker, notifications),
                projector=projector,
                courier=courier,
                reports=reporting.making(known, database, projector, waker.tasks),
                monthly_events=known.monthly_events,
            )
            if courier is None:
                every = every.only(set(every.names) - {one.name for one in queueing.KINDS.values()})
            running = runner.Runner(
                database,
                _chosen(every, only),
                runner.owner(),
                short_slots=concurrency,
                long_slots=long_slots,
                announce=waker.tasks,
            )
            projecting = Projecting(database, projector)
            garbage_collection.spare_collector()
            looking = alerting.alerting(known, database, projector, waker.tasks)
            await _until_signalled(Process(redis_url, folds, projecting, running, looking), database)
        finally:
            await projector.close()
            await waker.close()
            await notifications.close()
            await database.close()


async def _courier(known: Settings, database: Database) -> Courier | None:
    """Returns what delivers; None, and a line in the log, where this worker has no pepper, which signs what is sent."""
    if known.key_pepper is None:
        _log.warning("TALLYWIRE_KEY_PEPPER is not set: mail and webhooks are left to workers that have it")
        return None
    hashes = KeyedHashes.from_settings(known)
    try:
        await pseudonyms.pin_pseudonyms(database, hashes)
    except PseudonymKeyChanged as error:
        raise errors.SetupError(f"{error}: set TALLYWIRE_PSEUDONYM_KEY as for servers") from None
    return setup.courier(known, hashes, StoredFiles(known.reports_url))


def _after_commit(waker: Wakeups, notifications: Notifications, organization_id: int) -> None:
    """Wakes workers and subscribers after a commit, as servers do."""
    waker.fold(organization_id)
    notifications.committed(organization_id)


async def _look_for_redis(redis_url: str) -> None:
    """Says so where Redis is away: the worker goes on without it, and takes it up when it is there."""
    try:
        await diagnosis.check_redis(redis_url)
    except errors.SetupError as error:
        _log.warning("working without Redis until it is there", reason=str(error))


def _chosen(every: Kinds, only: str | None) -> Kinds:
    """Returns the kinds that are named, with commas between; SetupError where there is none of a name."""
    if only is None:
        return every
    names = [name.strip() for name in only.split(",")]
    unknown = [name for name in names if every.get(name) is None]
    if unknown:
        raise errors.SetupError(
            f"--kinds: there is no kind {', '.join(map(repr, unknown))}; there are {', '.join(every.names)}"
        )
    return every.only(names)


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
            found = await schema.current(database)
            if found is not None and (fault := diagnosis.schema_fault(found)):
                return fault


if __name__ == "__main__":
    app(prog_name="python -m workers")
