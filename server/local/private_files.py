"""Files and folders of one user: private to the user, locked by one process, and replaced whole."""

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any

_MOST_BYTES = 65_536  # of a record


class FolderRefused(Exception):
    """The refusal of a folder that cannot be this user's; the message says what it is instead, without its name."""


def make_folder(folder: Path) -> None:
    """Makes a folder, private to this user; raises FolderRefused for what another user could have laid out."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat().st_uid
    except FileExistsError:
        raise FolderRefused("is a file") from None
    if os.geteuid() not in (0, owner):
        raise FolderRefused("belongs to another user")


def open_lock(path: Path) -> int:
    """Opens a file to lock and to write a record into, made if missing."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def try_lock(handle: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Locks an open file; returns False if another process has it. A lock ends with its process."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_record(handle: int) -> dict[str, Any]:
    """Returns the record in an open file; an empty one if there is none, or it is being written."""
    try:
        record = json.loads(os.pread(handle, _MOST_BYTES, 0))
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def write_record(handle: int, record: dict[str, Any]) -> None:
    """Writes a record into an open file, for other processes to read."""
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(record).encode(), 0)


def replace(path: Path, text: str) -> None:
    """Stores a text that only this user can read; after a crash the file is the old one or the new one."""
    fresh = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Makes renames within a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
