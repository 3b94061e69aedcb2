"""The Tracker inside real servers: none stands still while metrics have nowhere to go, and nothing is lost."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import scripted

PROGRAMS = Path(__file__).parent / "programs"
BIN = Path(sys.executable).parent
GUNICORN = [str(BIN / "gunicorn"), "--bind=127.0.0.1:{port}", "--no-control-socket", "wsgi_app:application"]
UWSGI = [
    str(BIN / "pyuwsgi"), "--http-socket=127.0.0.1:{port}", "--wsgi-file=wsgi_app.py", "--need-app", "--master",
    "--die-on-term", "--processes=2",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server of an application that tracks, and how to reach it."""

    process: subprocess.Popen[str]
    port: int
    target: str
    at_start: int

    def request(self) -> bool:
        """Asks the application once and returns whether its event was taken. Fails where it stands still."""
        # 28 seconds were lost where the whole process stood still.
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=20) as answer:
            taken: bytes = answer.read()
            return taken == b"1"

    def wait_until_up(self) -> None:
        """Waits until the server listens."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        pytest.fail(f"the server does not listen: {self.process.poll()}")


def free_port() -> int:
    """Returns a port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def server(request: pytest.FixtureRequest, nobody: str, tmp_path: Path) -> Iterator[Server]:
    """A server started with the parameters of the test: a command and whether something is tracked before it forks."""
    command, at_start = request.param
    port = free_port()
    variables = {"TRACK_AT_START": "1"} if at_start else {}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [part.format(port=port) for part in command],
            env=scripted.environment(TARGET=nobody, HOME=str(tmp_path), **variables),
            cwd=PROGRAMS,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        yield Server(process=process, port=port, target=nobody, at_start=int(at_start))
    finally:
        with contextlib.suppress(ProcessLookupError):  # it has ended, and its workers with it
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_idle(log: Path, requests: int) -> None:
    """Waits until uWSGI has done with its requests: a worker that ends within one skips the handlers of its exit."""
    until = time.monotonic() + 20
    while "uWSGI" in log.read_text() and log.read_text().count("GET / =>") < requests and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.2)  # the line comes just before the end


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(([*GUNICORN, "--workers=2"], False), id="gunicorn sync"),
        pytest.param(([*GUNICORN, "--workers=2", "--preload"], True), id="gunicorn sync, forked after use"),
        pytest.param(([*GUNICORN, "--worker-class=gthread", "--threads=4"], False), id="gunicorn gthread"),
        pytest.param(([*GUNICORN, "--worker-class=gevent"], False), id="gunicorn gevent"),
        pytest.param(([*GUNICORN, "--worker-class=gevent", "--preload"], True), id="gunicorn gevent, forked after use"),
        pytest.param(([sys.executable, "eventlet_server.py", "{port}"], False), id="eventlet"),
        pytest.param(([*UWSGI, "--enable-threads"], False), id="uWSGI"),
        pytest.param(([*UWSGI, "--threads=2"], True), id="uWSGI, forked after use"),
    ],
    indirect=True,
)
def test_requests_go_on_without_the_metrics_server_and_nothing_is_lost(server: Server, tmp_path: Path) -> None:
    server.wait_until_up()
    assert server.request()
    asked, until = 1, time.monotonic() + 1
    while time.monotonic() < until:  # longer than an event waits, so that the tracker has begun to look for its server
        assert server.request()
        asked += 1
        time.sleep(0.02)
    metrics = scripted.start(int(server.target.rpartition(":")[2]))
    try:
        for _ in range(5):
            assert server.request()
            asked += 1
        _wait_until_idle(tmp_path / "log", asked)
        server.process.terminate()
        server.process.wait(60)
        log = (tmp_path / "log").read_text()
        types = [event.event_type for event in metrics.script.stored.values()]
        assert types.count("message.sent") == asked, log
        assert types.count("app.started") == server.at_start, log
        assert "lost" not in log
    finally:
        metrics.server.stop(None)


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ((UWSGI, False), "use --enable-threads"),
        (([*UWSGI, "--gevent=9", "--gevent-monkey-patch"], False), "use --threads instead"),
    ],
    indirect=["server"],
)
def test_what_uwsgi_does_not_let_a_tracker_do_is_reported(server: Server, tmp_path: Path, said: str) -> None:
    server.wait_until_up()
    server.request()
    deadline = time.monotonic() + 30
    while said not in (tmp_path / "log").read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert said in (tmp_path / "log").read_text()


def test_tasks_of_celery_lose_nothing(running: scripted.Running, script: scripted.Script, tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    environment = scripted.environment(TARGET=running.address, FOLDER=str(tmp_path), C_FORCE_ROOT="1")
    command = [str(BIN / "celery"), "--app=celery_tasks", "worker", "--pool=prefork", "--concurrency=2"]
    send = "import celery_tasks\nfor number in range(10): celery_tasks.work.delay(number)"
    with (tmp_path / "log").open("w") as log:
        worker = subprocess.Popen(command, env=environment, cwd=PROGRAMS, stdout=log, stderr=subprocess.STDOUT)
    try:
        subprocess.run([sys.executable, "-c", send], env=environment, cwd=PROGRAMS, check=True, timeout=60)
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("taken-*"))) < 10 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(list(tmp_path.glob("taken-*"))) == 10, (tmp_path / "log").read_text()
        worker.terminate()
        worker.wait(60)
        assert len(script.stored) == 10, (tmp_path / "log").read_text()
    finally:
        worker.kill()
        worker.wait()
