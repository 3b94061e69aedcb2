"""The commands for tasks."""

import asyncio
import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from server import kinds
from server.cli import connected, place, tables
from server.cli.options import APP_OPTIONS, AsJson, DataDir
from server.organizations.audit_trail import Entry
from server.process import operators, terminal
from server.store import tasks
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.store.tasks import ENDED, SERVICE, TaskRecord, TaskState
from server.tasks import queue, wakeups
from server.tasks.kinds import Kind
from server.tenancy import administration, audit_trail

_LOOK_SECONDS = 0.5
_HEADING = ("TASK", "KIND", "ORGANIZATION", "STATE", "TRIES", "DUE", "PROGRESS", "WHAT")
_CLEARED = {state.value: state for state in ENDED}
app = typer.Typer(help="List, show, retry, cancel, clear and run tasks.", **APP_OPTIONS)

TaskId = Annotated[int, typer.Argument(metavar="TASK", help="The task's number, as `tasks list` shows it.")]
OnlyKind = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only tasks of this kind.")]
Owner = Annotated[
    str | None, typer.Option("--organization", metavar="NAME", help="The organization. Default: the service itself.")
]


@app.command("list")
def list_tasks(
    kind: OnlyKind = None,
    state: Annotated[TaskState | None, typer.Option(help="Only tasks in this state.")] = None,
    organization: Annotated[str | None, typer.Option(metavar="NAME", help="Only tasks of this organization.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The most to list.")] = 50,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List tasks, the newest first.

    Finished and cancelled ones are kept for a day, dead ones for seven days.
    """

    async def work(database: Database, _place: place.Place) -> list[TaskRecord]:
        owner = None if organization is None else await organization_id(database, organization)
        async with database.transaction(of=EVERY) as driver:
            return await tasks.listed(driver, kind=kind, state=state, organization_id=owner, limit=limit)

    found = connected.on_database(data_dir, work)
    if as_json:
        typer.echo(json.dumps([_json(one) for one in found]))
        return
    tables.print_table(_HEADING, [_row(one) for one in found])


@app.command("show")
def show_task(task: TaskId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show everything about a task.

    Among it are its payload, its progress, and its result or error.
    """

    async def work(database: Database, _place: place.Place) -> TaskRecord | None:
        async with database.transaction(of=EVERY) as driver:
            return await tasks.by_id(driver, task)

    found = connected.on_database(data_dir, work)
    if found is None:
        _fail_unknown(task)
    shown = _json(found)
    if as_json:
        typer.echo(json.dumps(shown))
        return
    width = max(map(len, shown))
    for name, value in shown.items():
        if value not in (None, "", {}):
            text = value if isinstance(value, str) else json.dumps(value)
            typer.echo(f"{name.replace('_', ' '):{width}}  {text}")


@app.command("retry")
def retry_task(task: TaskId, data_dir: DataDir = None) -> None:
    """Queue a dead or cancelled task again, with all its tries."""

    async def work(database: Database, place: place.Place) -> tuple[bool, TaskRecord | None]:
        async with database.transaction(of=EVERY) as driver:
            done, found = await tasks.retry(driver, task), await tasks.by_id(driver, task)
            if done and found is not None:
                await _record(driver, "task.retried", found)
        await wake(place)
        return done, found

    done, found = connected.on_database(data_dir, work)
    if found is None:
        _fail_unknown(task)
    if not done and found.state in (TaskState.DEAD, TaskState.CANCELLED):
        terminal.fail(f"task {task} cannot be retried: another task with its dedupe key is under way")
    if not done:
        terminal.fail(f"task {task} is {found.state}; only dead and cancelled tasks can be retried")
    typer.echo(f"task {task} is queued again")


@app.command("cancel")
def cancel_task(task: TaskId, data_dir: DataDir = None) -> None:
    """Cancel a task that is queued or running.

    The worker of one that is running ends it within seconds.
    """

    async def work(database: Database, _place: place.Place) -> TaskState | None:
        async with database.transaction(of=EVERY) as driver:
            state = await tasks.cancel(driver, task)
            found = await tasks.by_id(driver, task)
            if state in (TaskState.RUNNING, TaskState.CANCELLED) and found is not None:
                await _record(driver, "task.cancelled", found)
            return state

    state = connected.on_database(data_dir, work)
    if state is None:
        _fail_unknown(task)
    if state in (TaskState.DONE, TaskState.DEAD):
        terminal.fail(f"task {task} is {state} and cannot be cancelled")
    typer.echo(f"task {task} is {'cancelled' if state is TaskState.CANCELLED else 'asked to end'}")


@app.command("clear")
def clear_tasks(
    state: Annotated[
        str, typer.Option(metavar="|".join(_CLEARED), help="The state of the tasks to remove.")
    ] = TaskState.DEAD.value,
    kind: OnlyKind = None,
    data_dir: DataDir = None,
) -> None:
    """Remove tasks that have ended.

    These are dead ones, unless --state says otherwise.
    """
    if state not in _CLEARED:
        raise typer.BadParameter(f"{state!r} is not {', '.join(_CLEARED)}", param_hint="--state")

    async def work(database: Database, _place: place.Place) -> int:
        async with database.transaction(of=EVERY) as driver:
            cleared = await tasks.clear(driver, _CLEARED[state], kind)
            told = {"state": state, "kind": kind, "tasks": cleared}
            entry = Entry(actor=operators.operator(), action="tasks.cleared", subject="", after=told)
            await audit_trail.record(driver, audit_trail.SERVICE, entry)
            return cleared

    typer.echo(f"{connected.on_database(data_dir, work):,} {state} tasks are removed")


@app.command("run")
def run_task(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"What is to be done: {', '.join(kinds.known().names)}.")],
    organization: Owner = None,
    payload: Annotated[
        str, typer.Option(metavar="JSON", help="What the kind's function is told, as an object.")
    ] = "{}",
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until it has ended; 1 is the exit code unless it is done.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Queue a task for the workers and print its number."""
    known, told = _kind(kind), _payload(payload)

    async def work(database: Database, place: place.Place) -> int:
        owner = await organization_id(database, organization)
        async with database.transaction(of=EVERY) as driver:
            queued = await queue.enqueue(driver, known, organization_id=owner, payload=told)
            run = Entry(
                actor=operators.operator(), action="task.queued", subject=str(queued.task_id), after={"kind": kind}
            )
            await audit_trail.record(driver, owner, run)
        await wake(place)
        return queued.task_id

    task_id = connected.on_database(data_dir, work)
    typer.echo(f"task {task_id} is queued")
    if wait:
        wait_for(task_id, data_dir)


def wait_for(task_id: int, data_dir: Path | None) -> None:
    """Waits until a task has ended, says how, and ends the process with 1 unless it is done."""

    async def work(database: Database, _place: place.Place) -> TaskRecord | None:
        shown = ""
        while True:
            async with database.transaction(of=EVERY) as driver:
                found = await tasks.by_id(driver, task_id)
            if found is None or found.state in ENDED:
                return found
            if (line := _progress(found)) != shown:
                terminal.note(shown := line)
            await asyncio.sleep(_LOOK_SECONDS)

    found = connected.on_database(data_dir, work)
    if found is None:
        _fail_unknown(task_id)
    if found.state is not TaskState.DONE:
        terminal.fail(f"task {task_id} is {found.state}{f': {found.error}' if found.error else ''}")
    typer.echo(f"task {task_id} is done: {json.dumps(found.result)}")


def _kind(name: str) -> Kind:
    every = kinds.known()
    found = every.get(name)
    if found is None:
        terminal.fail(f"there is no kind {name!r}; there are {', '.join(every.names)}")
    return found


def _payload(text: str) -> Mapping[str, object]:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not JSON: {error}", param_hint="--payload") from None
    if not isinstance(told, dict):
        raise typer.BadParameter(f"{text!r} is not an object of JSON, such as {{}}", param_hint="--payload")
    return told


async def organization_id(database: Database, name: str | None) -> int:
    """Returns the id of an organization; SERVICE for no name. Raises OrganizationNotFound."""
    return SERVICE if name is None else (await administration.organization(database, name)).organization_id


async def wake(place: place.Place) -> None:
    """Has the workers look for tasks at once, if Redis is there."""
    if place.redis_url is not None:
        await wakeups.wake_tasks_now(place.redis_url)


async def _record(driver: Driver, action: str, task: TaskRecord) -> None:
    entry = Entry(actor=operators.operator(), action=action, subject=str(task.task_id), after={"kind": task.kind})
    await audit_trail.record(driver, task.organization_id, entry)


def _fail_unknown(task: int) -> NoReturn:
    terminal.fail(f"there is no task {task} (any more); `tasks list` shows those there are")


def _row(task: TaskRecord) -> Sequence[str]:
    what = task.error if task.state is not TaskState.DONE and task.error else task.progress_line
    return (
        str(task.task_id),
        task.kind,
        task.organization or "-",
        "cancelling" if task.cancel_requested and task.state is TaskState.RUNNING else task.state.value,
        f"{task.attempts}/{task.tries}",
        tables.instant(task.run_at),
        f"{task.progress:.0%}",
        what or "-",
    )


def _progress(task: TaskRecord) -> str:
    share = f", {task.progress:.0%}" if task.state is TaskState.RUNNING else ""
    return f"task {task.task_id} is {task.state}{share}{f': {task.progress_line}' if task.progress_line else ''}"


def _json(task: TaskRecord) -> dict[str, object]:
    """Returns all about a task, with its times in UTC."""
    return {
        name: tables.iso(value) if isinstance(value, datetime) else value
        for name, value in dataclasses.asdict(task).items()
    }
