"""How long a connection to PostgreSQL may be in use, since a link that has gone silent tells nobody.

A time limit on statements is not enough: the driver then asks the server, which may not hear it, to cancel, and the
connection stays taken for as long again.
"""

import asyncio
from typing import Protocol


class Terminable(Protocol):
    """A connection of the driver."""

    def terminate(self) -> None:
        """Ends it at once, without asking the other side."""


class Patience:
    """Cuts connections that are in use for too long, and has older ones replaced before they are used again.

    Whoever uses one that is cut meets a lost connection. One of a pool speaks for all pools of the process: what was
    open by then may be as silent, and is not to be tried one by one. What may be in use for long and was taken before
    it is cut, too: it would notice much later.
    """

    def __init__(self) -> None:
        self._distrusted = float("-inf")  # whatever was opened before
        self._cuts: dict[Terminable, asyncio.TimerHandle] = {}
        self._long: dict[Terminable, float] = {}  # when those in use were taken that may be for long

    def trusts(self, opened: float) -> bool:
        """Whether a connection that was opened at that time of the event loop may be used again."""
        return opened >= self._distrusted

    def begin(self, connection: Terminable, seconds: float, *, is_long: bool = False) -> None:
        """Gives a connection that is now in use that many seconds until its use ends."""
        loop = asyncio.get_running_loop()
        self._cuts[connection] = loop.call_later(seconds, self._cut, connection, loop.time())
        if is_long:
            self._long[connection] = loop.time()

    def end(self, connection: Terminable) -> None:
        """Ends the use of a connection, whether or not it was limited."""
        if connection in self._cuts:
            self._cuts.pop(connection).cancel()
        self._long.pop(connection, None)

    def _cut(self, connection: Terminable, taken_at: float) -> None:
        self._distrusted = max(self._distrusted, taken_at)
        connection.terminate()
        for other in [one for one, taken in self._long.items() if taken <= taken_at]:
            other.terminate()
