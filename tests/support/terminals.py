"""Terminals with a command in them, as a user has them; not on Windows."""

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping

# Opening a terminal makes it that of the session which begins here.
IN_TERMINAL = """
import os, sys
terminal = os.open(sys.argv[1], os.O_RDWR)
for number in (0, 1, 2):
    os.dup2(terminal, number)
if sys.argv[2] == "no-stdin":
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.execv(sys.executable, [sys.executable, "-m", "tallywire.cli", *sys.argv[3:]])
"""


class Terminal:
    """A terminal of 80 × 24 with the command `tallywire` in it."""

    def __init__(self, environment: Mapping[str, str], *arguments: str, stdin: bool = True) -> None:
        self.master, self.slave = os.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.text = self.all = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", IN_TERMINAL, os.ttyname(self.slave), "" if stdin else "no-stdin", *arguments],
            env={"TERM": "xterm", **{name: value for name, value in environment.items() if name != "COLUMNS"}},
            start_new_session=True,
        )

    def read(self, seconds: float = 0.1) -> None:
        """Reads what is there."""
        if select.select([self.master], [], [], seconds)[0]:
            read = os.read(self.master, 1 << 16).decode(errors="replace")
            self.text, self.all = self.text + read, self.all + read

    def wait_for(self, said: str, seconds: float = 20) -> None:
        """Reads until something was said, since the last time."""
        deadline = time.monotonic() + seconds
        while said not in self.text:
            assert time.monotonic() < deadline, f"{said!r} not in {self.text[-3000:]!r}"
            self.read()
        self.text = self.text.partition(said)[2]

    def end(self) -> int:
        """Waits for the end and returns the exit code; the terminal must be as before."""
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read()
        code = self.process.wait(1)
        self.read(0)
        assert termios.tcgetattr(self.slave) == self.before
        return code

    def close(self) -> None:
        """Lets go of everything."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        os.close(self.master)
        os.close(self.slave)
