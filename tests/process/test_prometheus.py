"""Where Prometheus is answered, and who is warned of it."""

import contextlib
import socket
import urllib.request
from collections.abc import Iterator
from wsgiref.simple_server import WSGIServer

import prometheus_client
import pytest
from structlog.testing import capture_logs

from server import errors, prometheus
from server.settings import Settings


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[WSGIServer]]:
    """The servers that were started, which end with the test."""
    with contextlib.ExitStack() as stack:
        started: list[WSGIServer] = []

        def start(port: int, addr: str) -> None:
            server, thread = prometheus_client.start_http_server(port, addr=addr)
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            stack.callback(server.server_close)
            started.append(server)

        monkeypatch.setattr(prometheus, "start_http_server", start)
        yield started


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(("address", "warns"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)])  # noqa: S104
def test_it_is_served_at_the_address_and_one_line_warns_where_others_reach_it(
    served: list[WSGIServer], address: str, warns: bool
) -> None:
    port = free_port()
    with capture_logs() as lines:
        prometheus.serve(address, port)
    assert len(served) == 1
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        assert b"tallywire_serving" in answer.read()
    assert [(line["log_level"], line["address"], line["port"]) for line in lines] == (
        [("warning", address, port)] if warns else []
    )


def test_a_place_that_is_taken_or_not_there_is_said_by_its_settings() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for address, place in (("127.0.0.1", port), ("192.0.2.1", port)):
            with pytest.raises(errors.SetupError, match="METRICS_ADDRESS or TALLYWIRE_METRICS_PORT") as said:
                prometheus.serve(address, place)
            assert f"{address}:{place}" in str(said.value)


def test_nothing_is_served_unless_it_is_set(served: list[WSGIServer]) -> None:
    known = Settings()
    prometheus.serve(known.metrics_address, known.metrics_port)
    assert (known.metrics_address, served) == ("127.0.0.1", [])
