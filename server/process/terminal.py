"""The output of commands: one line for an error that the operator can mend, and command lines to type."""

import contextlib
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import typer

from server import errors
from server.organizations.errors import OrganizationError

INTERRUPTED = 130


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Ends the process with one line on standard error if the block raises an error that the operator can mend."""
    try:
        yield
    except (errors.SetupError, errors.StorageUnavailable, errors.StorageRejected, OrganizationError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def fail(message: str, code: int = 1) -> NoReturn:
    """Ends the process with one line on standard error."""
    note(f"error: {' '.join(message.split())}")
    raise SystemExit(code)


def note(text: str) -> None:
    """Writes a line on standard error."""
    typer.echo(text, err=True)


def occasional_note(seconds: float) -> Callable[[str], None]:
    """Returns what writes a line on standard error, unless it was made or has written one less than so long ago."""
    noted_at = time.monotonic()

    def occasionally(text: str) -> None:
        nonlocal noted_at
        if time.monotonic() - noted_at >= seconds:
            noted_at = time.monotonic()
            note(text)

    return occasionally


def python(module: str, *arguments: str) -> str:
    """Returns the command line, as typed in this folder, that runs a module with this very interpreter."""
    return shlex.join([_typed("python", Path(sys.executable)), "-m", module, *arguments])


def client(*arguments: str) -> str:
    """Returns the command line, as typed in this folder, of the client's command beside this interpreter."""
    installed = Path(sys.executable).with_name("tallywire")
    if installed.exists():
        return shlex.join([_typed("tallywire", installed), *arguments])
    return python("tallywire.cli", *arguments)


def _typed(name: str, program: Path) -> str:
    found = shutil.which(name)
    if found is not None and Path(found) == program:
        return name
    with contextlib.suppress(ValueError):
        return str(program.relative_to(Path.cwd()))
    return str(program)
