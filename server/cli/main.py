"""The commands of the service: `python -m server …`."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Annotated

import typer

from server import settings
from server.cli import keys, organizations, place, pseudonyms
from server.cli.options import APP_OPTIONS, AsJson, DataDir
from server.process import serving, terminal
from server.store import diagnosis

app = typer.Typer(
    name="python -m server",
    help="tallywire, a metrics service for AI agents and call centres. Begin with `demo` or `up`.",
    **APP_OPTIONS,
)
app.add_typer(organizations.app, name="organizations")
app.add_typer(keys.app, name="keys")
app.add_typer(pseudonyms.app, name="pseudonyms")

Listen = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Where to serve gRPC. Default: TALLYWIRE_LISTEN, or 127.0.0.1:50051."),
]
Processes = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Server processes that share the port. Default: TALLYWIRE_PROCESSES, or 1."),
]


@app.command()
def demo(
    data_dir: Annotated[
        Path | None, typer.Option(help="Where to keep its data. Default: the folder demo in that of `up`.")
    ] = None,
    listen: Listen = None,
    conversations: Annotated[int | None, typer.Option(min=1, help="Replay only that many. Default: all 7,168.")] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Let days of them happen now, in fast motion, until Ctrl-C.")
    ] = False,
) -> None:
    """Replay real conversations and show their figures.

    258,145 messages of the data set chitchat go through everything, in engines and a folder of the demo's own.
    """
    if live and conversations is not None:
        raise typer.BadParameter("--live goes without --conversations")
    from server.local import demo

    with terminal.reported():
        raise typer.Exit(demo.run(data_dir, listen, conversations, live=live))


@app.command()
def up(
    data_dir: Annotated[
        Path | None, typer.Option(help="Where to keep the data. Default: TALLYWIRE_DATA_DIR, or ~/.tallywire.")
    ] = None,
    listen: Listen = None,
    processes: Processes = None,
) -> None:
    """Run everything here until Ctrl-C.

    That is server, worker, and PostgreSQL and Valkey as embedded engines; with DATABASE_URL and REDIS_URL set, those
    are used instead. Each process has Prometheus metrics on a port of its own, from TALLYWIRE_METRICS_PORT on: the
    servers first, then the worker.
    """
    from server.local import up

    with terminal.reported():
        # As variables, so that they are checked like these and reach the children.
        if listen is not None:
            os.environ["TALLYWIRE_LISTEN"] = listen
        if data_dir is not None:
            os.environ["TALLYWIRE_DATA_DIR"] = str(data_dir)
        if processes is not None:
            os.environ["TALLYWIRE_PROCESSES"] = str(processes)
        up.up(settings.load())


@app.command()
def serve(processes: Processes = None) -> None:
    """Run the gRPC server until SIGTERM.

    Needs DATABASE_URL, REDIS_URL and TALLYWIRE_KEY_PEPPER, and a database that is migrated. One process uses one
    core; several share the port, and are brought back when they die. Their Prometheus metrics are on ports of their
    own, from TALLYWIRE_METRICS_PORT on. More than one needs Linux.
    """
    if processes is not None:
        os.environ["TALLYWIRE_PROCESSES"] = str(processes)
    serving.serve()


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database's schema up to date.

    Any number of these may run at once; those who come late find nothing left to do.
    """
    from server.process import preparation

    async def work(url: str) -> str:
        async with diagnosis.database(url, migrated=False) as database:
            return await preparation.prepare(database)

    with terminal.reported():
        schema = serving.run(work(place.place(data_dir).database_url))
    typer.echo(f"the database has the schema {schema}")


@app.command()
def restored(data_dir: DataDir = None) -> None:
    """Say that the database was restored to an earlier point.

    To be run after each restore, before servers and workers start again. Revisions then have numbers that others had:
    this begins a new epoch, so that nobody takes them for those. Subscribers are told to begin anew.
    """
    from server.store import deployment

    async def work(url: str) -> str:
        async with diagnosis.database(url) as database, database.transaction() as connection:
            return await deployment.begin_epoch(connection)

    with terminal.reported():
        epoch = serving.run(work(place.place(data_dir).database_url))
    typer.echo(f"the epoch {epoch} has begun")


@app.command()
def status(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show what waits, what ran last and what failed."""
    from server.cli import status

    async def work(place: place.Place) -> status.ServiceStatus:
        async with diagnosis.database(place.database_url) as database:
            return await status.status(database, place.redis_url)

    with terminal.reported():
        found = serving.run(work(place.place(data_dir)))
    typer.echo(json.dumps(dataclasses.asdict(found), default=str) if as_json else status.render(found))


@app.command()
def audit(
    data_dir: DataDir = None,
    now: Annotated[bool, typer.Option("--now", help="Do a full round now, and end with what it has found.")] = False,
) -> None:
    """Show what the audit has found, or do a full round now.

    A round counts all raw events again and compares every figure. Workers do rounds little by little; with --now one is
    done at once, beside them, and shown in `status` as theirs are. The exit code is then 0 where all agrees, 3 where
    anything differs (the lines of this command tell where), and 1 where not all organizations could be looked at.
    """
    from server import telemetry
    from server.cli import auditing

    async def work(url: str) -> tuple[str, int]:
        async with diagnosis.database(url) as database:
            code = auditing.exit_code(await auditing.run_round(database)) if now else 0
            return await auditing.show(database), code

    with terminal.reported():
        known = settings.load()
        telemetry.configure_logs(known.log_level, known.log_format)
        found, code = serving.run(work(place.place(data_dir).database_url))
    typer.echo(found)
    raise typer.Exit(code)


@app.command()
def health() -> None:
    """Ask this machine's server whether it serves.

    It is asked at TALLYWIRE_LISTEN, with TLS as set. The exit code is 0 if it serves, else 1.
    """
    from server.cli import health

    health.main()
