"""`python -m server projections …`: how far projections are, and what an operator does about one."""

from collections.abc import Callable
from typing import Annotated, NamedTuple

import typer

from server.cli import tables, tenants
from server.cli.connected import on_database
from server.cli.options import APP_OPTIONS, DataDir
from server.cli.place import Place
from server.organizations.audit_trail import Entry
from server.process import operators, terminal
from server.projections.rebuild import RebuildProgress, rebuild
from server.projections.registry import NOT_REBUILT, PROJECTIONS
from server.store import organizations as stored_organizations
from server.store import projection_states, projections
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import audit_trail

_SHOWN = 100
_NOTE_SECONDS = 2.0

app = typer.Typer(help="Show and rebuild projections, such as conversations.", **APP_OPTIONS)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the projection, as `projections list` shows it.")]


class _Found(NamedTuple):
    """What there is to show of projections, and the names of organizations."""

    states: list[projection_states.ProjectionState]
    stopped: list[projection_states.StoppedProjection]
    unfinished: list[projections.UnfinishedRebuild]
    names: dict[int, str]


@app.command("list")
def list_projections(data_dir: DataDir = None) -> None:
    """Show how far projections and rebuilds are."""

    async def work(database: Database, _: Place) -> _Found:
        async with database.snapshot(of=EVERY) as driver:
            return _Found(
                states=await projection_states.read(driver, list(PROJECTIONS)),
                stopped=await projection_states.stopped(driver, _SHOWN),
                unfinished=await projections.unfinished(driver, _SHOWN),
                names={one.organization_id: one.name for one in await stored_organizations.listed(driver)},
            )

    found = on_database(data_dir, work)
    rows = [(one.name, f"{one.organizations:,}", f"{one.revisions:,}", f"{one.seconds:,.1f} s") for one in found.states]
    tables.print_table(("projection", "organizations behind", "revisions", "at most"), rows)
    for one in found.stopped:
        typer.echo(
            f"{one.name} of {found.names.get(one.organization_id, one.organization_id)} has stopped at revision"
            f" {one.revision:,}, at {tables.instant(one.at)}: {one.failure}"
        )
    for begun in found.unfinished:
        typer.echo(
            f"{begun.name} of {found.names.get(begun.organization_id, begun.organization_id)}: a rebuild is at"
            f" revision {begun.revision:,} of {begun.newest:,}; unless it is under way, `projections rebuild` goes on"
        )


@app.command()
def retry(name: Name, organization: tenants.Names = None, data_dir: DataDir = None) -> None:
    """Let a projection that has stopped go on.

    What stopped it has to be mended first, as by newer code; else it stops again.
    """
    _check(name)

    async def work(database: Database, _: Place) -> int:
        ids = None
        if organization is not None:
            ids = [one.organization_id for one in await tenants.chosen(database, organization)]
        entry = Entry(actor=operators.operator(), action="projection.retried", subject=name)
        async with database.transaction(of=EVERY) as driver:
            number = await projections.retry(driver, name, ids)
            for one in sorted(ids or [audit_trail.SERVICE]):
                await audit_trail.record(driver, one, entry)
            return number

    number = on_database(data_dir, work)
    typer.echo(f"{name} goes on in {number:,} organization{'' if number == 1 else 's'}")


@app.command("rebuild")
def rebuild_projection(
    name: Name,
    organization: tenants.Names = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Begin at the oldest raw event again, also where a rebuild was not finished.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Work a projection out again from raw events.

    It begins with the oldest raw event, while the service goes on.

    Figures stay as they are while rows are filled beside those that are valid. Then these are replaced where they
    differ, portion by portion, and figures change with them. What is known of times whose raw events are gone stays. A
    rebuild that was ended in the middle goes on where it was; after a change of the code
    begin --anew.
    """
    _check(name)
    if name in NOT_REBUILT:
        raise typer.BadParameter(f"{name} cannot be rebuilt: {NOT_REBUILT[name]}")

    async def work(database: Database, _: Place) -> None:
        entry = Entry(actor=operators.operator(), action="projection.rebuild_begun", subject=name, after={"anew": anew})
        for one in await tenants.chosen(database, organization):
            async with database.transaction(of=one.organization_id) as driver:
                await audit_trail.record(driver, one.organization_id, entry)
            done = await rebuild(database, one.organization_id, name, _teller(one.name), anew=anew)
            typer.echo(f"{one.name}: {done.events:,} events up to revision {done.revision:,}{_differing(done)}")

    on_database(data_dir, work)


def _teller(organization: str) -> Callable[[RebuildProgress], None]:
    note = terminal.occasional_note(_NOTE_SECONDS)
    return lambda progress: note(
        f"{organization}: {progress.events:,} events, revision {progress.revision:,} of {progress.newest:,}"
        f"{_differing(progress)}"
    )


def _differing(progress: RebuildProgress) -> str:
    return f", {progress.differing:,} rows differed" if progress.differing else ""


def _check(name: str) -> None:
    if name not in PROJECTIONS:
        raise typer.BadParameter(f"there is no projection {name!r}; there are {', '.join(sorted(PROJECTIONS))}")
