"""A server or a worker as a child of `up` or `demo`: `python -m server.child server|worker`.

Standard input is a socket to the parent. The child writes a line there when it is ready, and when the parent is gone,
however that came about, the socket ends and the child with it.
"""

import os
import runpy
import signal
import socket
import sys
import threading
import time

READY = b"ready\n"
_LAST_SECONDS = 5.0  # for an orderly end after the parent's death


def main() -> None:
    """Runs the program that is named, until it ends or the parent is gone."""
    channel = socket.socket(fileno=0)
    threading.Thread(target=_end_with, args=(channel,), name="parent", daemon=True).start()
    # Also before the program has its own handlers, so that an early end is an end and not a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.argv[1:] == ["server"]:
        _serve(channel)
    elif sys.argv[1:] == ["worker"]:
        channel.sendall(READY)
        sys.argv = ["workers"]
        runpy.run_module("workers", run_name="__main__", alter_sys=True)
    else:
        sys.exit("usage: python -m server.child server|worker")


def _serve(channel: socket.socket) -> None:
    # Imported here, because the worker needs nothing of it.
    from server import commands

    commands.serve(ready=lambda _address: channel.sendall(READY))


def _end_with(parent: socket.socket) -> None:
    """Waits for the parent's death, asks this process to end and, should that take too long, ends its whole group."""
    while parent.recv(1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_LAST_SECONDS)
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main()
