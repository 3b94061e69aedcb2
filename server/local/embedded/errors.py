"""Says, in one line a person can act on, why the embedded engines do not run."""

import pathlib

from server import errors


class EnginesError(errors.SetupError):
    """The embedded engines cannot do what was asked."""


class EnginesUnavailable(EnginesError):
    """No usable engine is installed on this machine."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; or set DATABASE_URL and REDIS_URL to servers that you run")


class EnginesInUse(EnginesError):
    """Another process runs the engines of this data folder."""

    def __init__(self, folder: pathlib.Path, pid: int | None) -> None:
        super().__init__(f"{folder} is in use by {'another process' if pid is None else f'pid {pid}'}")
        self.pid = pid


class EnginesFailed(EnginesError):
    """An engine was found, but does not start, stop or answer."""
