"""The commands of the service: `python -m server …`."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Annotated

import typer

from server import settings
from server.cli import (
    audit_trail,
    caught_mail,
    keys,
    operators,
    organizations,
    place,
    prices,
    projections,
    pseudonyms,
    recounting,
    schedules,
    sessions,
    tasks,
)
from server.cli.options import APP_OPTIONS, AsJson, DataDir
from server.organizations.audit_trail import Entry
from server.process import serving, terminal
from server.store import diagnosis
from server.store.isolation import EVERY

app = typer.Typer(
    name="python -m server",
    help="tallywire, a metrics service for AI agents and call centres. Begin with `demo` or `up`.",
    **APP_OPTIONS,
)
app.add_typer(organizations.app, name="organizations")
app.add_typer(keys.app, name="keys")
app.add_typer(sessions.app, name="sessions")
app.add_typer(operators.app, name="operators")
app.add_typer(audit_trail.app, name="audit-trail")
app.add_typer(caught_mail.app, name="mail")
app.add_typer(prices.app, name="prices")
app.add_typer(projections.app, name="projections")
app.add_typer(pseudonyms.app, name="pseudonyms")
app.add_typer(tasks.app, name="tasks")
app.add_typer(schedules.app, name="schedules")

Listen = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Address to serve gRPC on. Default: TALLYWIRE_LISTEN, or 127.0.0.1:50051."),
]
Processes = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Server processes that share the port. Default: TALLYWIRE_PROCESSES, or 1."),
]


@app.command()
def demo(
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder for the demo's data. Default: the folder demo inside that of `up`.")
    ] = None,
    listen: Listen = None,
    conversations: Annotated[
        int | None, typer.Option(min=1, help="Number of conversations to replay. Default: all 7,168.")
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Replay days of conversations as if they happened now, in fast motion, until Ctrl-C."
        ),
    ] = False,
) -> None:
    """Replay real conversations and show their figures.

    The demo sends the 258,145 messages of the public data set chitchat through the whole service. It starts engines of
    its own and keeps the data in a folder of its own.
    """
    if live and conversations is not None:
        raise typer.BadParameter("--live goes without --conversations")
    from server.local import demo

    with terminal.reported():
        raise typer.Exit(demo.run(data_dir, listen, conversations, live=live))


@app.command()
def up(
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder for the data. Default: TALLYWIRE_DATA_DIR, or ~/.tallywire.")
    ] = None,
    listen: Listen = None,
    processes: Processes = None,
) -> None:
    """Run the whole service on this machine until Ctrl-C.

    Starts a server, a worker, the pages, and PostgreSQL and Valkey as embedded engines. If DATABASE_URL and REDIS_URL
    are set, the service uses those instead of embedded engines. Each process serves Prometheus metrics on a
    port of its own: the first server on TALLYWIRE_METRICS_PORT, further servers on the ports after it, then the worker,
    then the pages.
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
    core. Several processes share the port, which needs Linux, and are started again when they die. Each serves
    Prometheus metrics on a port of its own, the first on TALLYWIRE_METRICS_PORT.
    """
    if processes is not None:
        os.environ["TALLYWIRE_PROCESSES"] = str(processes)
    serving.serve()


@app.command()
def web() -> None:
    """Serve the pages until SIGTERM.

    They are on TALLYWIRE_WEB_LISTEN, and ask the gRPC servers of TALLYWIRE_WEB_SERVICE, or else of TALLYWIRE_LISTEN. It
    needs neither the database nor the pepper, and holds no state: any number may run.
    """
    with terminal.reported():
        serving.serve_pages(settings.load())


@app.command()
def migrate(
    data_dir: DataDir = None,
    distribute: Annotated[
        bool, typer.Option("--distribute", help="Distribute tables over the nodes of a Citus cluster, by organization.")
    ] = False,
    shards: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Into how many shards, the first time; 16 unless told otherwise."),
    ] = None,
) -> None:
    """Bring the database's schema up to date.

    Several of these may run at once: one migrates, the others wait for it and find nothing left to do. With
    --distribute, servers and workers must be stopped the first time; tables that are distributed stay as they are.
    """
    from server.process import preparation
    from server.store import distribution

    async def work(url: str) -> tuple[str, list[str]]:
        async with diagnosis.database(url, migrated=False) as database:
            made = await preparation.prepare(database)
            return made, await distribution.distribute(database, shards) if distribute else []

    if shards is not None and not distribute:
        raise typer.BadParameter("--shards is for --distribute")
    with terminal.reported():
        schema, distributed = serving.run(work(place.place(data_dir).database_url))
    typer.echo(f"the database has the schema {schema}")
    if distribute:
        typer.echo(f"distributed: {', '.join(distributed) or 'nothing new'}")


@app.command()
def restored(data_dir: DataDir = None) -> None:
    """Begin a new epoch after a restore of the database.

    Run this after each restore to an earlier point, before servers and workers start again. Revisions after a restore
    have numbers that lost revisions had before; the epoch tells the two apart. Subscribers are told to begin anew.
    """
    from server.process import operators as known_operators
    from server.store import deployment
    from server.tenancy import audit_trail as recorded

    async def work(url: str) -> str:
        async with diagnosis.database(url) as database, database.transaction(of=EVERY) as driver:
            epoch = await deployment.begin_epoch(driver)
            entry = Entry(actor=known_operators.operator(), action="deployment.restored", subject=epoch)
            await recorded.record(driver, recorded.SERVICE, entry)
            return epoch

    with terminal.reported():
        epoch = serving.run(work(place.place(data_dir).database_url))
    typer.echo(f"the epoch {epoch} has begun")


@app.command()
def status(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show the backlog, runs of schedules, and what failed."""
    from server.cli import status

    async def work(place: place.Place) -> status.ServiceStatus:
        async with diagnosis.database(place.database_url) as database:
            return await status.status(database, place.redis_url)

    with terminal.reported():
        found = serving.run(work(place.place(data_dir)))
    typer.echo(json.dumps(dataclasses.asdict(found), default=str) if as_json else status.render(found))


@app.command()
def doctor(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Look for what is wrong, and say what to do about it.

    Looks at settings, PostgreSQL, Redis, clocks, disks, workers, and at what waits or has failed, in one line each.
    Nothing is changed, and no secret is shown. The exit code is 1 if any check says FAIL, and else 0, also with
    warnings.
    """
    from server.cli.doctor import doctor, page

    with terminal.reported():
        examined = serving.run(doctor.diagnose(data_dir))
    typer.echo(page.as_json(examined) if as_json else page.as_text(examined))
    raise typer.Exit(page.exit_code(examined))


@app.command()
def audit(
    data_dir: DataDir = None,
    now: Annotated[bool, typer.Option("--now", help="Run a full round now, and report its findings.")] = False,
) -> None:
    """Show the findings of the audit, or run a round now.

    A round counts all raw events again and compares every figure with them. Workers run rounds in small steps; --now
    runs one at once, beside the workers, and `status` shows it like theirs. With --now the exit code is 0 if all
    figures agree, 3 if any differs (the output says where), and 1 if some organizations could not be audited.
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


app.command("recount")(recounting.recount_measures)


@app.command()
def health(
    name: Annotated[
        str,
        typer.Argument(metavar="[NAME]", help="What is asked about: tallywire.process, for one. Default: the server."),
    ] = "",
) -> None:
    """Ask the server on this machine whether it serves.

    The question goes to TALLYWIRE_LISTEN, with TLS if TLS is set. The exit code is 0 if the server serves, else 1. With
    tallywire.process it is 0 as long as the process answers, whether the database is there or not.
    """
    from server.cli import health

    health.main(name)
