"""The end of commands that run until somebody stops them."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any


class StopRequest:
    """A request to stop: a key, or a signal that this process was not started to ignore."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._asked: asyncio.Future[int] = loop.create_future()
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is None or signal.getsignal(number) is signal.SIG_IGN:
                continue
            # On Windows event loops know no signals, and Ctrl-C is an exception, which ends the command, too.
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, self.ask, number)

    def ask(self, number: int = 0) -> None:
        """Asks for the end, because of a signal or, with 0, of a key."""
        if not self._asked.done():
            self._asked.set_result(number)

    async def during(self, work: Coroutine[Any, Any, None]) -> int:
        """Runs the work until it ends or a stop is asked for. Returns the exit code; raises the work's error."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait((task, self._asked), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # In the middle of a wait, and not between two steps that belong together.
            task.cancel()
            await asyncio.wait((task,))
        if not task.cancelled():
            task.result()
        number = self._asked.result() if self._asked.done() else 0
        return 128 + number if number else 0
