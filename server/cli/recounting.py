"""`python -m server recount`: measures counted again from raw events, as after a release that has added some."""

import dataclasses
from collections.abc import Callable
from typing import Annotated

import typer

from server import settings
from server.catalog import registry
from server.catalog.metrics import Quantile, Ratio
from server.cli import tenants
from server.cli.connected import on_database
from server.cli.options import DataDir
from server.cli.place import Place
from server.organizations.audit_trail import Entry
from server.process import operators, terminal
from server.rollups.member_numbers import Limits
from server.rollups.recount import Recounted, recount
from server.store.database import Database
from server.tenancy import audit_trail

UNEXPLAINED = 3  # exit code: something could not be corrected
_NOTE_SECONDS = 2.0


def recount_measures(
    measure: Annotated[
        list[str] | None, typer.Option("--measure", metavar="NAME", help="A measure to recount; may be repeated.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Recount every measure, as for a dimension that is new.")
    ] = False,
    organization: tenants.Names = None,
    data_dir: DataDir = None,
) -> None:
    """Count measures again from raw events.

    Run this once all servers have a release that adds a measure or dimension: both count from then on, and this adds
    what came before, as far back as raw events are complete. The service goes on meanwhile, and figures are exact at
    every instant. A recount that was ended in the middle is simply run again.

    Measures of conversations are taken from what is kept of them, which `projections rebuild` works out again. The exit
    code is 3 if unique users or agents are counted that no raw event speaks of, which cannot be taken back.
    """
    if bool(measure) == everything:
        raise typer.BadParameter("choose measures with --measure, or all of them with --all")
    numbers = [_number(name) for name in measure or registry.MEASURES]

    async def work(database: Database, _: Place) -> int:
        limits, unexplained = Limits.from_settings(settings.load()), 0
        names = ",".join(measure or ("all",))
        begun = Entry(actor=operators.operator(), action="measures.recount_begun", subject=names)
        for one in await tenants.chosen(database, organization):
            async with database.transaction(of=one.organization_id) as driver:
                await audit_trail.record(driver, one.organization_id, begun)
            done = await recount(database, one.organization_id, numbers, limits, _teller(one.name))
            result = {"cells": done.cells, "corrected": done.corrected, "unexplained": done.unexplained}
            entry = dataclasses.replace(begun, action="measures.recounted", after=result)
            async with database.transaction(of=one.organization_id) as driver:
                await audit_trail.record(driver, one.organization_id, entry)
            unexplained += done.unexplained
            typer.echo(f"{one.name}: {_told(done)}")
        return UNEXPLAINED if unexplained else 0

    raise typer.Exit(on_database(data_dir, work))


def _number(name: str) -> int:
    """Returns the number of the measure of that name."""
    metric = registry.METRICS.get(name)
    if isinstance(metric, Ratio | Quantile):
        inputs = metric.inputs if isinstance(metric, Ratio) else (metric.measure,)
        measures = ", ".join(sorted({one.removesuffix(".count") for one in inputs}))
        raise typer.BadParameter(
            f"{name!r} is computed when somebody asks; recount what it is computed from: {measures}"
        )
    if metric is None:
        raise typer.BadParameter(f"there is no measure {name!r}; docs/metrics.md lists all metrics")
    return metric.number


def _told(done: Recounted) -> str:
    told = f"{done.cells:,} cells compared, {done.corrected:,} corrected"
    if done.unexplained:
        told += f"; {done.unexplained:,} STILL DIFFER: no raw event speaks of some of their users or agents"
    return told


def _teller(organization: str) -> Callable[[Recounted], None]:
    note = terminal.occasional_note(_NOTE_SECONDS)
    return lambda progress: note(f"{organization}: {progress.covered:.0%} of the events, {_told(progress)}")
