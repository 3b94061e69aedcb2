"""Ctrl-C and SIGTERM, for programs that end in order."""

import asyncio
import signal
from collections.abc import Iterable


class Stop:
    """Tells that somebody wants an end: asked for once, hurried from the second time on."""

    def __init__(self, signals: Iterable[signal.Signals] = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)) -> None:
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()
        self.number = 0
        self._signals = tuple(signals)
        for number in self._signals:
            asyncio.get_running_loop().add_signal_handler(number, self._ask, number)

    def release(self) -> None:
        """Leaves the signals to what handled them before."""
        for number in self._signals:
            asyncio.get_running_loop().remove_signal_handler(number)

    def _ask(self, number: int) -> None:
        if self.asked.is_set():
            self.hurried.set()
        self.number = self.number or number
        self.asked.set()
