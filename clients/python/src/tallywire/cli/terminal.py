"""The terminal as `watch` uses it: the whole screen and single keys, given back whatever happens."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console, RenderableType
from rich.live import Live

try:
    import termios
    import tty
except ImportError:  # not on Windows, where Ctrl-C is the only key
    _IS_POSIX = False
else:
    _IS_POSIX = True


_STDERR: Final = 2


class Keyboard:
    """A terminal that passes on every key at once, and does not show it."""

    def __init__(self, descriptor: int, quit_: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._quit = quit_
        self._before = termios.tcgetattr(descriptor)

    def take(self) -> None:
        """Begins to listen."""
        tty.setcbreak(self._descriptor, termios.TCSADRAIN)
        asyncio.get_running_loop().add_reader(self._descriptor, self._pressed)

    def give_back(self) -> None:
        """Makes the terminal what it was."""
        asyncio.get_running_loop().remove_reader(self._descriptor)
        # What was typed meanwhile is not for the shell.
        termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, self._before)

    def _pressed(self) -> None:
        keys = os.read(self._descriptor, 64)
        if b"q" in keys.lower():
            self._quit()
        elif not keys:
            asyncio.get_running_loop().remove_reader(self._descriptor)


@contextlib.contextmanager
def screen(
    console: Console, picture: Callable[[], RenderableType], quit_: Callable[[], None]
) -> Iterator[tuple[Live, bool]]:
    """Takes the whole terminal during the block. Gives what is shown on it, and whether there are keys."""
    live = Live(picture(), console=console, screen=True, auto_refresh=False, vertical_overflow="crop")
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        keyboard = Keyboard(sys.stdin.fileno(), quit_) if _IS_POSIX and _is_ours() else None
        if keyboard is not None:
            stack.callback(keyboard.give_back)
            keyboard.take()
        stack.enter_context(live)
        if _IS_POSIX:
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTSTP, _suspend, live, keyboard)
            stack.callback(loop.remove_signal_handler, signal.SIGTSTP)
        yield live, keyboard is not None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps gRPC, which logs to the descriptor of stderr, from writing across the picture."""
    if not os.isatty(_STDERR):
        yield
        return
    before, nowhere = os.dup(_STDERR), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STDERR)
        yield
    finally:
        os.dup2(before, _STDERR)
        os.close(before)
        os.close(nowhere)


def _suspend(live: Live, keyboard: Keyboard | None) -> None:
    """Lends the terminal back until somebody continues this process: what Ctrl-Z is for."""
    live.stop()
    if keyboard is not None:
        keyboard.give_back()
    os.kill(os.getpid(), signal.SIGSTOP)
    if keyboard is not None:
        keyboard.take()
    live.start(refresh=True)


def _is_ours() -> bool:
    """Returns whether stdin is a terminal that we are in the foreground of; asking from behind would stop us."""
    try:
        descriptor = sys.stdin.fileno()
        return os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
    except (AttributeError, OSError, ValueError):
        return False
