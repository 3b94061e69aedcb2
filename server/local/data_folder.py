"""The files of a data folder beside those of the engines: who runs the service, the pepper, the demo's key."""

import contextlib
import dataclasses
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from server import errors
from server.local import private_files

_RUNNING = "running.json"
_PEPPER = "pepper"
_PATIENCE = 1.0  # seconds; somebody who only looks whether the service runs holds the file for a moment


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunningService:
    """A service that runs in a data folder, with what other commands need to work on the same data."""

    pid: int
    listen: str
    database_url: str = dataclasses.field(repr=False)
    redis_url: str = dataclasses.field(repr=False)
    key_pepper: str = dataclasses.field(repr=False)
    web_origin: str


class Hold:
    """The right to run the service in a data folder. It ends with the process, however the process ends."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def publish(self, running: RunningService) -> None:
        """Writes how other commands of the same user reach what runs here."""
        private_files.write_record(self._handle, dataclasses.asdict(running))


def prepare(folder: Path) -> None:
    """Makes the folder, private to this user. Raises SetupError if that is not possible."""
    try:
        private_files.make_folder(folder)
    except private_files.FolderRefused as refusal:
        raise errors.SetupError(f"{folder} {refusal}: choose another folder with --data-dir") from None
    except OSError as error:
        raise _unusable(folder, error) from None


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[Hold]:
    """Holds the folder until the end of the block. Raises SetupError while another process holds it."""
    try:
        handle = private_files.open_lock(folder / _RUNNING)
    except OSError as error:
        raise _unusable(folder, error) from None
    try:
        deadline = time.monotonic() + _PATIENCE
        while not private_files.try_lock(handle):
            if time.monotonic() > deadline:
                other = _read(handle)
                by = f" (pid {other.pid})" if other else ""
                raise errors.SetupError(f"{folder} is in use{by}: stop that one, or choose another with --data-dir")
            time.sleep(0.02)
        os.ftruncate(handle, 0)
        yield Hold(handle)
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def running(folder: Path) -> RunningService | None:
    """Returns the service that runs in the folder; None if none runs, or one is still starting."""
    try:
        handle = os.open(folder / _RUNNING, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unusable(folder, error) from None
    try:
        # A lock is gone with its process, so that a file left by one that was killed is not believed.
        return None if private_files.try_lock(handle, fcntl.LOCK_SH) else _read(handle)
    finally:
        os.close(handle)


def pepper(folder: Path) -> str:
    """Returns the folder's own pepper, made when it is first needed. Only the holder of the folder may ask."""
    known = read(folder, _PEPPER)
    if known is None:
        known = secrets.token_hex(32)
        keep(folder, _PEPPER, known)
    return known


def read(folder: Path, name: str) -> str | None:
    """Returns a secret that is kept in the folder; None if there is none."""
    try:
        return (folder / name).read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(folder / name, error) from None


def keep(folder: Path, name: str, secret: str) -> None:
    """Keeps a secret, readable for this user alone; a crash leaves the old file or the new one."""
    try:
        private_files.replace(folder / name, secret + "\n")
    except OSError as error:
        raise _unusable(folder, error) from None


def _read(handle: int) -> RunningService | None:
    try:
        return RunningService(**private_files.read_record(handle))
    except TypeError:  # empty, or caught in the middle of a write
        return None


def _unusable(path: Path, error: Exception) -> errors.SetupError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else "damaged"
    return errors.SetupError(f"{path} cannot be used: {why}; choose another folder with --data-dir")
