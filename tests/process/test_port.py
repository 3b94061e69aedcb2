"""Keeping an address for several processes: they get in, nobody else does, and the keeper takes no connection."""

import contextlib
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from server import errors
from server.process import port

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections over processes")


def number(address: str) -> int:
    return int(address.rpartition(":")[2])


@contextlib.contextmanager
def listener(address: str, *, family: int = socket.AF_INET, **options: int) -> Iterator[socket.socket]:
    """A socket that listens as a program would, with the options SO_… that are named."""
    host = address.rpartition(":")[0].strip("[]")
    with socket.socket(family, socket.SOCK_STREAM) as opened:
        for name, value in options.items():
            opened.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        opened.bind((host, number(address)))
        opened.listen()
        yield opened


@LINUX
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])  # noqa: S104 - every address is a case
def test_only_those_who_share_get_in(host: str) -> None:
    with port.shared(f"{host}:0") as address:
        assert number(address) > 0
        local = f"127.0.0.1:{number(address)}" if host != "localhost" else address
        for options in ({}, {"SO_REUSEADDR": 1}):
            with pytest.raises(OSError, match="in use"), listener(local, **options):
                pass
        for again in (address, local):
            with pytest.raises(port.PortTaken), port.shared(again):
                pass
        with pytest.raises(port.PortTaken, match="SOME_SETTING"):
            port.free_address(address, "SOME_SETTING")
    assert port.free_address(address) == address


@LINUX
def test_connections_go_to_those_who_share() -> None:
    reuse = {"SO_REUSEADDR": 1, "SO_REUSEPORT": 1}
    with port.shared("127.0.0.1:0") as address, contextlib.ExitStack() as stack:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", number(address)))
        listeners = [stack.enter_context(listener(address, **reuse)) for _ in range(2)]
        for _ in range(32):
            stack.enter_context(socket.create_connection(("127.0.0.1", number(address))))
        taken = []
        for one in listeners:
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    stack.enter_context(one.accept()[0])
                    taken.append(one)
        assert len(taken) == 32
        assert set(taken) == set(listeners)
        # Still nobody else's, with the port in use.
        with pytest.raises(port.PortTaken), port.shared(address):
            pass


@LINUX
def test_one_of_many_who_come_at_once_has_it() -> None:
    address = port.free_address("127.0.0.1:0")
    begin, end = threading.Barrier(8), threading.Barrier(8)
    kept: list[int] = []

    def come() -> None:
        for number in range(50):
            begin.wait(20)
            with contextlib.ExitStack() as stack:
                with contextlib.suppress(port.PortTaken):
                    stack.enter_context(port.shared(address))
                    kept.append(number)
                end.wait(20)

    threads = [threading.Thread(target=come) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert sorted(kept) == list(range(50))


def test_other_systems_say_that_they_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port.sys, "platform", "darwin")
    with pytest.raises(errors.SetupError, match="need Linux"), port.shared("127.0.0.1:0"):
        pass
