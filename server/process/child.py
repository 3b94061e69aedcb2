"""A server or a worker as a child: `python -m server.process.child [--relayed] server [NUMBER]`, `… worker` or `… web`.

Standard input is a socket to the parent. The child writes a line to it when it is ready. When the parent is gone, for
whatever reason, the socket ends, and the child with it. --relayed says that the parent reads what the child prints.
"""

import os
import runpy
import signal
import socket
import sys
import threading
import time

READY = b"ready\n"
RELAYED = "--relayed"
_LAST_SECONDS = 5.0  # for an orderly end after the parent's death


def main() -> None:
    """Runs the program that is named, until it ends or the parent is gone."""
    arguments = [one for one in sys.argv[1:] if one != RELAYED]
    relayed = RELAYED in sys.argv[1:]
    channel = socket.socket(fileno=0)
    threading.Thread(target=end_with, args=(channel, relayed), name="parent", daemon=True).start()
    # Also before the program has its own handlers, so that an early end is an end and not a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    match arguments:
        case ["server", *number]:
            _serve(channel, int(number[0]) if number else None)
        case ["worker"]:
            channel.sendall(READY)
            sys.argv = ["workers"]
            runpy.run_module("workers", run_name="__main__", alter_sys=True)
        case ["web"]:
            _serve_pages(channel)
        case _:
            sys.exit("usage: python -m server.process.child [--relayed] server [NUMBER] | worker | web")


def _serve(channel: socket.socket, number: int | None) -> None:
    # Imported here, because the worker needs nothing of it.
    from server import settings
    from server.process import serving, terminal

    with terminal.reported():
        serving.serve_here(settings.load(), number, ready=lambda _address: channel.sendall(READY))


def _serve_pages(channel: socket.socket) -> None:
    from server import settings
    from server.process import serving, terminal

    with terminal.reported():
        serving.serve_pages(settings.load(), ready=lambda _origin: channel.sendall(READY))


def end_with(parent: socket.socket, relayed: bool) -> None:
    """Waits for the parent's end, then asks this process to end; kills its group if that takes too long."""
    while parent.recv(1):
        pass
    if relayed:
        # The output has no reader any more, and an error on writing would cut the orderly end short.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout.fileno(), sys.stderr.fileno()):
            os.dup2(nowhere, stream)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_LAST_SECONDS)
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main()
