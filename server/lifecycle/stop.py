"""Ctrl-C and SIGTERM, for programs that end in order."""

import asyncio
import signal
from collections.abc import Iterable


class Stop:
    """A request to stop, made by signals: the first asks, the second and later ones hurry."""

    def __init__(self, signals: Iterable[signal.Signals] = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)) -> None:
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()
        self.number = 0
        self._signals = tuple(signals)
        for number in self._signals:
            asyncio.get_running_loop().add_signal_handler(number, self._ask, number)

    def release(self) -> None:
        """Restores the former handlers of the signals."""
        for number in self._signals:
            asyncio.get_running_loop().remove_signal_handler(number)

    def _ask(self, number: int) -> None:
        if self.asked.is_set():
            self.hurried.set()
        self.number = self.number or number
        self.asked.set()
