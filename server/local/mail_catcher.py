"""The mail server of `up` and `demo`: it takes every mail, sends none, and keeps them to be looked at.

It listens on loopback alone, while nobody has set a mail server.
"""

import asyncio
import contextlib
import importlib.util
import os
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

from server import errors
from server.local import private_files
from server.web import caught_mail
from server.web.caught_mail import CaughtMail

FOLDER: Final = "mail"
SENDER: Final = "tallywire@local.example"
_KEPT: Final = 500
_MOST_BYTES: Final = 64 * 2**20


def is_installed() -> bool:
    """Returns whether the library of the catcher is there: it is part of the extra demo."""
    return importlib.util.find_spec("aiosmtpd") is not None


def url(listen: str) -> str:
    """Returns the setting that leads mail to a catcher."""
    return f"smtp://{listen}?from={SENDER}"


@contextlib.asynccontextmanager
async def running(folder: Path, listen: str | None) -> AsyncIterator[None]:
    """Catches mail in the block; nothing where there is no address to listen on."""
    if listen is None:
        yield
        return
    from aiosmtpd.smtp import SMTP

    place = folder / FOLDER
    private_files.make_folder(place)
    handler, loop = _Handler(place), asyncio.get_running_loop()
    host, _, port = listen.rpartition(":")

    def protocol() -> Any:
        return SMTP(handler, hostname="localhost", data_size_limit=_MOST_BYTES, loop=loop)

    try:
        server = await loop.create_server(protocol, host, int(port))
    except OSError as error:
        raise errors.SetupError(f"cannot catch mail on {listen}: {error.strerror or error}") from None
    try:
        yield
    finally:
        server.close()


def caught(folder: Path) -> Sequence[CaughtMail]:
    """Returns the mails of a data folder, the newest first."""
    return caught_mail.caught(folder / FOLDER)


class _Handler:
    """What the library calls for each mail."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - its name there
        """Keeps a mail, and forgets the oldest beyond the most that are kept."""
        number = time.time_ns() // 1_000
        handle = os.open(self._folder / f"{number}.tmp", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(envelope.content)
        (self._folder / f"{number}.tmp").rename(self._folder / f"{number}{caught_mail.SUFFIX}")
        for old in sorted(caught_mail.files(self._folder))[:-_KEPT]:
            old.unlink(missing_ok=True)
        return "250 kept"
