"""The service that a command works on: the one of the environment, or one that runs on this machine."""

from dataclasses import dataclass
from pathlib import Path

from server import errors, settings
from server.local import data_folder
from server.process import terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The service that a command works on. A value of None was not set and cannot be taken from a running service."""

    database_url: str
    redis_url: str | None
    key_pepper: str | None
    web_origin: str  # where people find the pages
    listen: str  # where its server is

    def required_pepper(self) -> str:
        """Returns the pepper. Raises SetupError without one."""
        if self.key_pepper is None:
            raise errors.SetupError(
                "TALLYWIRE_KEY_PEPPER is not set: set it to the servers' (`openssl rand -hex 32` makes a first one)"
            )
        return self.key_pepper


def of_environment(known: settings.Settings, *, database_url: str) -> Place:
    """Returns the service of a database that the environment names."""
    return Place(
        database_url=database_url,
        redis_url=known.redis_url.get_secret_value() if known.redis_url else None,
        key_pepper=known.key_pepper.get_secret_value() if known.key_pepper else None,
        web_origin=known.web_address,
        listen=known.listen,
    )


def place(data_dir: Path | None) -> Place:
    """Returns the service of the data folder if one is named, else that of the environment or of the default folder.

    Raises SetupError if there is none.
    """
    known = settings.load()
    if data_dir is None and known.database_url is not None:
        return of_environment(known, database_url=known.required("database_url"))
    folder = (data_dir or known.data_dir).expanduser().absolute()
    running = data_folder.running(folder)
    if running is None:
        unset = "DATABASE_URL is not set and " if data_dir is None else ""
        raise errors.SetupError(
            f"{unset}nothing runs in {folder}: start it with `{terminal.python('server', 'up')}`, or name its"
            " folder with --data-dir, or set DATABASE_URL"
        )
    return Place(
        database_url=running.database_url,
        redis_url=running.redis_url,
        key_pepper=running.key_pepper,
        web_origin=running.web_origin,
        listen=running.listen,
    )
