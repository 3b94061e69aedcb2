"""Folders in memory for engines: they flush much, and how slow a disk is must decide no test."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

OF_A_SESSION = 4 << 30  # bytes for the engines of a whole session
_MEMORY = Path("/dev/shm")


@contextlib.contextmanager
def folder(name: str, *, room: int = 1 << 30) -> Iterator[Path]:
    """A folder in memory if there is room for that many bytes, or else on the disk; removed at the end.

    No kill of a process can tell the two apart.
    """
    roomy = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > room
    prefix = f"tallywire-{name}-"
    if roomy:
        _remove_left_ones(prefix)
    with tempfile.TemporaryDirectory(prefix=f"{prefix}{os.getpid()}-", dir=_MEMORY if roomy else None) as path:
        yield Path(path)


def _remove_left_ones(prefix: str) -> None:
    """Removes what processes have left that were killed."""
    for left in _MEMORY.glob(f"{prefix}*"):
        pid, _, rest = left.name.removeprefix(prefix).partition("-")
        if rest and pid.isdigit() and not _is_running(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
