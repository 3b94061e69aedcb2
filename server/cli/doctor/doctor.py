"""Makes all checks of a deployment."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from server import errors, settings
from server.cli import place
from server.cli.doctor import postgres, service, surroundings
from server.cli.doctor.check import Check, Examined, Subject, examine, fail, skip
from server.settings import Settings
from server.store import diagnosis
from server.store.database import Database

SECONDS: Final = 10.0  # for each check
_FIRST: Final = ("settings", "version")
_EVERY: Final = (*surroundings.CHECKS, *postgres.CHECKS, *service.CHECKS)
# In the order in which somebody who looks for a fault would go: what else depends on comes first.
CHECKS: Final[Sequence[Check]] = (
    *(one for one in _EVERY if one.name in _FIRST),
    *postgres.CHECKS,
    *(one for one in surroundings.CHECKS if one.name not in _FIRST),
    *service.CHECKS,
)


async def diagnose(data_dir: Path | None, *, seconds: float = SECONDS) -> list[Examined]:
    """Returns what all checks of the service that commands work on have found."""
    try:
        known = settings.load()
    except errors.SetupError as error:
        return _without_settings(str(error))
    subject = _subject(known, data_dir)
    try:
        return await examine(CHECKS, subject, seconds=seconds)
    finally:
        if subject.opened is not None:
            await subject.opened.close()


def _subject(known: Settings, data_dir: Path | None) -> Subject:
    """Returns what is to be looked at; without a database where none can be found."""
    try:
        chosen = place.place(data_dir)
        diagnosis.check_url(chosen.database_url)
        # As many connections as there are checks at once.
        database = Database(chosen.database_url, ingest_connections=1, query_connections=4, other_connections=4)
    except errors.SetupError as error:
        nowhere = place.of_environment(known, database_url="")
        return Subject(settings=known, place=nowhere, opened=None, misplaced=str(error), now=_now)
    return Subject(settings=known, place=chosen, opened=database, now=_now)


def _now() -> datetime:
    return datetime.now(UTC)


def _without_settings(text: str) -> list[Examined]:
    """Returns that nothing else could be looked at."""
    found = fail(text, "correct it: docs/operations/settings.md")
    return [
        Examined(check=one, finding=found if one.name == "settings" else skip("not looked at without settings"))
        for one in CHECKS
    ]
