"""Commands that work on the database of a service, and their errors."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from server.cli import place
from server.organizations.errors import OrganizationError, OrganizationNotFound
from server.process import serving, terminal
from server.store import diagnosis
from server.store.database import Database
from server.tasks.queue import QueueFull

_Result = TypeVar("_Result")


def on_database(data_dir: Path | None, work: Callable[[Database, place.Place], Awaitable[_Result]]) -> _Result:
    """Does the work on the database of the chosen place; ends the process with one line if it cannot."""

    async def connected(place: place.Place) -> _Result:
        async with diagnosis.database(place.database_url) as database:
            return await work(database, place)

    with terminal.reported():
        try:
            return serving.run(connected(place.place(data_dir)))
        except (OrganizationError, QueueFull) as error:
            terminal.fail(_line(error))


def _line(error: OrganizationError | QueueFull) -> str:
    """Returns the line for the operator: the cause, and the command that helps."""
    if isinstance(error, OrganizationNotFound):
        return f"{error}; `organizations list` shows those there are"
    return str(error)
