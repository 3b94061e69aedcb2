"""Launches the keeper and asks it for things."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
from typing import Any

from server.local.embedded import errors, keeper

FAREWELL = 90.0  # seconds; longer than the keeper's own patience with both engines


class Link:
    """The owner's end of the pipe to its keeper. When it closes, also by the owner's death, the keeper stops the
    engines.
    """

    def __init__(self, log: pathlib.Path, lock: int, inherited: list[int]) -> None:
        self._owner = os.getpid()
        self._turn = threading.Lock()
        self._channel, theirs = socket.socketpair()
        output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            self._process = subprocess.Popen(
                # Isolated and without site: only the standard library, whatever the environment says.
                [sys.executable, "-I", "-S", keeper.__file__, *map(str, (self._owner, lock, *inherited))],
                stdin=theirs.fileno(),
                stdout=output,
                stderr=output,
                cwd="/",
                pass_fds=[lock, *inherited],
                start_new_session=True,
            )
        finally:
            os.close(output)
            theirs.close()
        self._answers = self._channel.makefile("rb")

    @property
    def pid(self) -> int:
        """Names the keeper's process."""
        return self._process.pid

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Sends one request and returns its answer; EnginesFailed if the keeper cannot do it or is gone."""
        with self._turn:
            try:
                self._channel.sendall(json.dumps({"do": do, **request}).encode() + b"\n")
                line = self._answers.readline()
            except (OSError, ValueError):  # ValueError: closed
                line = b""
        if not line:
            raise errors.EnginesFailed("the keeper of the embedded engines is gone: start them again")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise errors.EnginesFailed(answer["error"])
        return answer

    def close(self) -> None:
        """Lets the keeper stop both engines and waits for it; does nothing in a forked child."""
        if os.getpid() != self._owner:
            return
        with self._turn:
            self._answers.close()
            self._channel.close()
        try:
            self._process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            raise errors.EnginesFailed(f"the engines do not stop, see keeper pid {self.pid}") from None
