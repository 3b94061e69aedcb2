"""The database's time, without asking the database each time."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """The database's time, counted on by the monotonic clock: a wrong clock of this machine decides nothing."""

    def __init__(self) -> None:
        self._at = datetime.now(UTC)
        self._monotonic = time.monotonic()

    def set(self, now: datetime) -> None:
        """Takes over the time that the database has just told."""
        self._at, self._monotonic = now, time.monotonic()

    def now(self) -> datetime:
        """Returns the database's time, in UTC."""
        return self._at + timedelta(seconds=time.monotonic() - self._monotonic)
