"""The commands for schedules."""

import dataclasses
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from server import kinds
from server.cli import connected, place, tables, tasks
from server.cli.options import APP_OPTIONS, AsJson, DataDir
from server.organizations.audit_trail import Entry
from server.process import operators, terminal
from server.store import schedules
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.schedules import ScheduleSummary
from server.tasks import queue
from server.tenancy import audit_trail

_HEADING = ("SCHEDULE", "CRON", "TIME ZONE", "NEXT RUN", "LAST FINISH", "RUNS", "FAILURES", "STATE")
app = typer.Typer(help="List, pause, resume and run schedules.", **APP_OPTIONS)

Name = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its name, as `schedules list` shows it.")]
Owner = Annotated[
    str | None, typer.Option("--organization", metavar="NAME", help="Only that of this organization. Default: all.")
]


@app.command("list")
def list_schedules(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the schedules, those of organizations by their common name."""

    async def work(database: Database, _place: place.Place) -> list[ScheduleSummary]:
        async with database.transaction(of=EVERY) as driver:
            return await schedules.summaries(driver)

    found = connected.on_database(data_dir, work)
    if as_json:
        typer.echo(json.dumps([_json(one) for one in found]))
        return
    if not found:
        terminal.note("there are no schedules yet: the first worker makes them")
    tables.print_table(_HEADING, [_row(one) for one in found])


@app.command("pause")
def pause_schedule(name: Name, organization: Owner = None, data_dir: DataDir = None) -> None:
    """Pause a schedule, or all of a common name.

    Tasks that are queued already still run. People cannot resume what is paused here.
    """

    async def work(database: Database, _place: place.Place) -> int:
        return await _set_held(database, name, organization, held=True)

    _unless_none(connected.on_database(data_dir, work), name)
    typer.echo(f"schedule {name} is paused")


@app.command("resume")
def resume_schedule(name: Name, organization: Owner = None, data_dir: DataDir = None) -> None:
    """Let a paused schedule go on, or all of a common name.

    What was due meanwhile is caught up as after an outage. What people have paused themselves stays paused.
    """

    async def work(database: Database, _place: place.Place) -> int:
        return await _set_held(database, name, organization, held=False)

    _unless_none(connected.on_database(data_dir, work), name)
    typer.echo(f"schedule {name} goes on")


@app.command("run")
def run_schedule(
    name: Name,
    organization: Annotated[
        str | None, typer.Option("--organization", metavar="NAME", help="Whose, if it is one of organizations.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Queue a run of a schedule now and print its task.

    It comes beside those of the schedule's periods.
    """
    every = kinds.known()

    async def work(database: Database, place: place.Place) -> int | None:
        owner = await tasks.organization_id(database, organization)
        async with database.transaction(of=EVERY) as driver:
            found = await schedules.listed(driver, name=name, organization_id=owner)
            kind = every.get(found[0].kind) if found else None
            if kind is None:
                return None
            if kind.is_scheduled_by_people:
                terminal.fail(f"{name} is a schedule that people have made, and they run it: see tallywire reports")
            queued = await queue.enqueue(driver, kind, organization_id=owner, schedule=name)
            run = Entry(actor=operators.operator(), action="schedule.run", subject=name)
            await audit_trail.record(driver, owner, run)
        await tasks.wake(place)
        return queued.task_id

    task_id = connected.on_database(data_dir, work)
    if task_id is None:
        terminal.fail(
            f"there is no schedule {name!r} of {organization or 'the service'}; `schedules list` shows those there are,"
            " and --organization says whose is meant"
        )
    typer.echo(f"task {task_id} is queued")
    if wait:
        tasks.wait_for(task_id, data_dir)


async def _set_held(database: Database, name: str, organization: str | None, *, held: bool) -> int:
    owner = None if organization is None else await tasks.organization_id(database, organization)
    async with database.transaction(of=EVERY) as driver:
        changed = await schedules.set_held(driver, name, owner, held=held)
        if changed:
            action = "schedule.paused" if held else "schedule.resumed"
            entry = Entry(actor=operators.operator(), action=action, subject=name)
            await audit_trail.record(driver, audit_trail.SERVICE if owner is None else owner, entry)
        return changed


def _unless_none(changed: int, name: str) -> None:
    if not changed:
        terminal.fail(f"there is no schedule {name!r}; `schedules list` shows those there are")


def _row(one: ScheduleSummary) -> Sequence[str]:
    return (
        one.name,
        one.cron,
        one.time_zone or f"of {one.organizations:,} organizations",
        tables.instant(one.next_run_at) if one.next_run_at else "-",
        tables.instant(one.finished_at) if one.finished_at else "never",
        f"{one.runs:,}",
        f"{one.failures:,}",
        _state(one),
    )


def _state(one: ScheduleSummary) -> str:
    total = max(1, one.organizations)
    if one.paused:
        return "paused" if one.paused == total else f"{one.paused:,} of {total:,} paused"
    if one.error is not None:
        return f"failing: {one.error}"
    return "running" if one.running else "-"


def _json(one: ScheduleSummary) -> dict[str, object]:
    return {
        name: tables.iso(value) if isinstance(value, datetime) else value
        for name, value in dataclasses.asdict(one).items()
    }
