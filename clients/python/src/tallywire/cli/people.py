"""The commands `tallywire erase` and `tallywire export-user`: what is kept about a person."""

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.text import Text

from tallywire import privacy
from tallywire.cli import formatting, json_output, options, problems
from tallywire.cli.csv_output import Sheet
from tallywire.privacy import Erasure

_LOOK_SECONDS = 0.5
User = Annotated[str, typer.Argument(metavar="USER", help="The user_id of events.")]


@problems.reported
@options.grouped
def erase(
    *,
    user: User,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    request: Annotated[str, typer.Option("--request", help="Your name for the request, such as a ticket.")] = "",
    wait: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait until it is done; 0: do not.")] = 60.0,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Erase a person. It cannot be undone.

    Figures stay as they are; what is kept about the person goes, and nothing is stored under the id any more.

    Workers do it: a running erasure goes on without this command, and calling it again shows how far it is. Needs a key
    with the scope admin.
    """
    if not yes and not _confirmed(user):
        raise problems.WrongUsage("nothing was erased: pass --yes to go on without being asked")
    with to.connect() as server:
        found = server.erase_user(user, request_id=request)
        give_up_at = time.monotonic() + wait
        while not privacy.is_done(found) and time.monotonic() < give_up_at:
            time.sleep(_LOOK_SECONDS)
            found = server.get_erasure(found.erasure_id)
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: sheet(found),
        terminal=lambda console: _show(console, found),
    )


def _confirmed(user: str) -> bool:
    if not sys.stdin.isatty():
        return False
    return typer.confirm(f"Erase all that is kept about {formatting.plain(user)}? It cannot be undone.", err=True)


@problems.reported
@options.grouped
def export_user(
    *,
    user: User,
    file: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: stdout.")] = None,
    to: options.ServerOptions,
) -> None:
    """Print all that is kept about a person, as JSON lines.

    The last line has their numbers. Needs a key with the scope admin.
    """
    with to.connect() as server, _opened(file) as written:
        for line in server.export_user(user):
            written.write(f"{line}\n")


@contextlib.contextmanager
def _opened(file: Path | None) -> Iterator[IO[str]]:
    """Gives a file that only its owner may read, or stdout. Raises WrongUsage if it cannot be written."""
    if file is None:
        yield sys.stdout
        return
    try:
        file.touch(mode=0o600)
        written = file.open("w", encoding="utf-8")
    except OSError as error:
        raise problems.WrongUsage(f"{error.strerror}: {file}") from None
    with written:
        yield written


def sheet(found: Erasure) -> Sheet:
    """Returns the rows that an erasure has changed, table by table."""
    state = "done" if privacy.is_done(found) else "running"
    rows = [(found.erasure_id, state, one.table, one.rows) for one in found.receipt.rows]
    return Sheet(header=("erasure_id", "state", "table", "rows"), rows=rows or [(found.erasure_id, state, None, None)])


def _show(console: Console, found: Erasure) -> None:
    if not privacy.is_done(found):
        console.print(Text(f"erasing: {formatting.fraction(found.progress)} done; erasure {found.erasure_id}"))
        return
    changed = ", ".join(f"{one.table} {one.rows}" for one in found.receipt.rows) or "nothing was kept"
    console.print(Text(f"erased; erasure {found.erasure_id}"))
    console.print(Text(f"rows changed: {changed}", style="dim"))
    console.print(Text(f"signature {found.receipt.signature}", style="dim"))
