"""The address to serve on: whether it is free, and how several processes share it while no other program can."""

import contextlib
import socket
import sys
from collections.abc import Iterator

from server import errors

_SETTING = "TALLYWIRE_LISTEN"


class PortTaken(errors.SetupError):
    """An address that is in use, or does not belong to this machine."""


def free_address(listen: str, setting: str = _SETTING) -> str:
    """Returns the address if a server can listen there, with a free port in place of 0.

    Raises PortTaken, which names the setting to change, if no server can; SetupError if it is no address.
    """
    with _listening(listen, setting) as probe:
        return f"{listen.rpartition(':')[0]}:{probe.getsockname()[1]}"


@contextlib.contextmanager
def shared(listen: str, setting: str = _SETTING) -> Iterator[str]:
    """Reserves the address for processes that bind it with SO_REUSEPORT, and yields it with a free port in place of 0.

    During the block only programs of the same user that ask for SO_REUSEPORT can bind it. Raises what free_address
    raises, and SetupError if the system cannot share a port fairly.
    """
    if sys.platform != "linux":
        # macOS and the BSDs know SO_REUSEPORT, and hand all connections to one of the processes.
        raise errors.SetupError(
            "several processes on one port need Linux, which spreads connections over them: leave"
            " TALLYWIRE_PROCESSES at 1 and run servers on ports of their own"
        )
    # By number from here on: a port that the kernel has chosen is given back when its socket stops to listen.
    address = free_address(listen, setting) if listen.endswith(":0") else listen
    with _listening(address, setting) as claim:
        # It listens without SO_REUSEPORT, so nobody else does. The order of what follows leaves no gap: first those
        # with SO_REUSEPORT may bind the port, too, then those with SO_REUSEADDR alone may no more, and then it need not
        # listen any longer. If it did, it would be given connections that nobody accepts.
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        claim.shutdown(socket.SHUT_RDWR)
        yield address


def _listening(listen: str, setting: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise errors.SetupError(f"TALLYWIRE_LISTEN={listen} is not host:port, such as 127.0.0.1:50051")
    name = host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            name or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with contextlib.ExitStack() as unless_listening:
            opened = unless_listening.enter_context(socket.socket(family, kind, protocol))
            # Connections of a server that has just ended do not keep its port from the next one.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
            # Two programs may bind one port as long as neither listens.
            opened.listen()
            unless_listening.pop_all()
            return opened
    except OSError as error:
        raise PortTaken(
            f"port {port} of {name or 'this machine'} cannot be listened on ({error.strerror or error}): choose another"
            f" with {setting}, or port 0 for any that is free"
        ) from None
