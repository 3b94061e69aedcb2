"""`up` and `demo` as whole programs: they start, serve, stop in order, and leave nothing running."""

import json
import os
import pathlib
import re
import signal
import socket
import time
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime

import tallywire
from server.local import embedded
from server.local.embedded import keeper
from tallywire.v1 import account_service_pb2
from tests.support import processes
from tests.support.processes import Foreground, Start


def address(up: Foreground) -> str:
    found = re.search(r"serves gRPC on (\S+),", up.out)
    assert found
    return found[1]


def track(up: Foreground, key: str) -> None:
    with tallywire.Client(address(up), api_key=key) as client:
        client.track(tallywire.event("message.sent", agent_id="bot-1", response_time_ms=120))


def sign_in(origin: str, code: str) -> int:
    """The status of a sign-in by a page of an origin."""
    body = account_service_pb2.SignInRequest(code=code).SerializeToString()
    headers = {"content-type": "application/proto", "origin": origin, "sec-fetch-site": "same-origin"}
    path = f"{origin}/tallywire.v1.AccountService/SignIn"
    try:
        with urllib.request.urlopen(urllib.request.Request(path, body, headers), timeout=30) as answer:  # noqa: S310 - ours
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_up_serves_until_ctrl_c(start: Start, tmp_path: pathlib.Path) -> None:
    up = start("up", "--listen", "127.0.0.1:0")
    up.says("Try it in another terminal")
    keys = set(processes.SECRET.findall(up.out))
    assert len(keys) == 1
    track(up, *keys)
    data = tmp_path / ".tallywire"
    assert data.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in data.iterdir() if path.is_file()} == {0}

    # A second terminal of the same user needs to know nothing.
    another = processes.environment(tmp_path)
    made = processes.run("keys", "create", "default", "--scope", "read", environment=another)
    with tallywire.Client(address(up), api_key=made.stdout.strip()) as client:
        now = int(time.time())
        overview = client.overview(*(_instant(now + offset) for offset in (-3600, 3600)))
    assert overview.overview.messages_sent == 1
    status = json.loads(processes.invoke("status", "--json", environment=another).stdout)
    assert status["queued_jobs"] is not None
    health = processes.run("health", environment={**another, "TALLYWIRE_LISTEN": address(up)})
    assert (health.returncode, health.stdout) == (0, f"the server on {address(up)} serves\n")
    environment = {**another, "TALLYWIRE_LISTEN": address(up)}
    for name, code in (("tallywire.process", 0), ("tallywire.another", 1)):
        assert processes.run("health", name, environment=environment).returncode == code

    # Both links sign in once, to the pages of this service.
    up.says("#code=")
    link = processes.invoke("keys", "link", "default", environment=another).stdout.strip()
    for one in (re.findall(r"^  (http://\S+#code=\S+)$", up.out, re.MULTILINE)[0], link):
        origin, code = one.split("/#code=")
        with urllib.request.urlopen(f"{origin}/healthz", timeout=30) as answer:  # noqa: S310 - ours
            assert answer.read() == b"serving\n"
        assert [sign_in(origin, code) for _ in range(2)] == [200, 401]

    # Neither the address nor the folder can be had twice.
    refused = processes.run("up", "--listen", address(up), "--data-dir", str(tmp_path / "b"), environment=another)
    assert re.search(rf"port {address(up).rpartition(':')[2]} .*--listen or TALLYWIRE_LISTEN", processes.error(refused))
    refused = processes.run("up", "--listen", "127.0.0.1:0", environment=another)
    assert f"is in use (pid {up.process.pid})" in processes.error(refused)

    up.look()
    up.interrupt()
    assert up.process.wait(30) == 0
    assert up.is_gone()
    assert up.out.endswith("Stopped.\n")
    assert "draining" in up.err
    assert "Traceback" not in up.err
    gone = processes.invoke("organizations", "list", environment=another)
    assert "nothing runs in" in processes.error(gone)

    again = start("up", "--listen", "127.0.0.1:0")
    again.says("serves gRPC")
    track(again, *keys)
    assert not processes.SECRET.search(again.out)
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(30) == 0
    assert again.is_gone()


def test_up_on_engines_of_the_operator(start: Start, engines: embedded.Engines) -> None:
    url = engines.create_database(f"up_{uuid.uuid4().hex[:8]}")
    several = ("--processes", "2")
    up = start("up", "--listen", "127.0.0.1:0", *several, DATABASE_URL=url, REDIS_URL=engines.redis_url)
    up.says("Try it in another terminal")
    assert "with the database of DATABASE_URL" in up.out
    assert len(up.family) == 5  # itself, two server processes, worker, pages
    assert up.child("server 1")
    assert up.child("server 2")
    track(up, *set(processes.SECRET.findall(up.out)))
    up.interrupt()
    assert up.process.wait(30) == 0
    assert up.is_gone()


def test_a_child_that_dies_is_started_again(start: Start) -> None:
    up = start("up", "--listen", "127.0.0.1:0")
    up.says("Try it in another terminal")
    (key,) = set(processes.SECRET.findall(up.out))
    for name in ("worker", "server"):
        before = up.child(name)
        assert before  # a signal to 0 would reach the tests themselves
        os.kill(before, signal.SIGKILL)
        assert processes.until(lambda name=name, before=before: up.child(name) not in (0, before))
        assert f"{name:<6} | ended by SIGKILL unexpectedly, starts again in 0.5 s" in up.err
    track(up, key)
    up.look()
    up.interrupt()
    assert up.process.wait(30) == 0
    assert up.is_gone()


def test_killing_up_leaves_nothing(start: Start) -> None:
    up = start("up", "--listen", "127.0.0.1:0")
    up.says("serves gRPC")
    assert len(up.family) > 6  # itself, server, worker, pages, the engines and their keeper
    up.process.kill()
    up.process.wait()
    assert up.is_gone()


def test_a_second_ctrl_c_hurries(start: Start) -> None:
    up = start("up", "--listen", "127.0.0.1:0", TALLYWIRE_DRAIN_SECONDS="60")
    up.says("serves gRPC")
    # A stopped process does not end by itself.
    server = up.child("server")
    assert server
    os.kill(server, signal.SIGSTOP)
    up.interrupt()
    up.says("Stopping")
    up.interrupt()
    assert up.process.wait(20) == 0
    assert up.is_gone()


def test_ctrl_c_while_starting(start: Start) -> None:
    up = start("up", "--listen", "127.0.0.1:0")
    assert processes.until(lambda: up.look() or len(up.family) > 1)
    up.interrupt()
    assert up.process.wait(30) in (0, 130)
    assert up.is_gone()
    assert "Traceback" not in up.err


def test_a_port_that_is_taken(tmp_path: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        environment = processes.environment(tmp_path, TALLYWIRE_LISTEN=f"127.0.0.1:{port}")
        message = processes.error(processes.run("up", environment=environment))
    assert message.startswith(f"port {port} of 127.0.0.1 cannot be listened on")
    assert "--listen or TALLYWIRE_LISTEN" in message


def test_a_child_that_cannot_start_ends_it(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        up = start("up", "--listen", "127.0.0.1:0", TALLYWIRE_METRICS_PORT=str(other.getsockname()[1]))
        assert processes.until(lambda: up.look() or up.process.poll() is not None)
    assert up.process.returncode == 1
    last = up.err.splitlines()[-1]
    # Both start at the same time.
    assert re.match(r"error: the (server|worker) does not start: cannot serve metrics on 127\.0\.0\.1:", last)
    assert up.is_gone()


def test_demo_twice(tmp_path: pathlib.Path) -> None:
    environment = processes.environment(tmp_path, DATABASE_URL="postgresql://not.used/x")
    first, second = (processes.run("demo", "--conversations", "40", environment=environment) for _ in range(2))
    for shown in (first, second):
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "does not use DATABASE_URL" in shown.stdout
        assert all(title in shown.stdout for title in ("Overview", "Agents", "Usage by day"))
        assert processes.SECRET.search(shown.stdout)
    figures = [re.search(r"^Messages +([\d,]+)", shown.stdout, re.MULTILINE) for shown in (first, second)]
    assert figures[0]
    assert figures[1]
    assert figures[0][1] == figures[1][1]
    counts = [
        re.search(r"([\d,]+) accepted, ([\d,]+) duplicate, 0 rejected", shown.stdout) for shown in (first, second)
    ]
    assert counts[0]
    assert counts[1]
    assert counts[0].groups() == counts[1].groups()[::-1]
    assert counts[0][2] == "0"
    holder = json.loads((tmp_path / ".tallywire" / "demo" / "lock").read_text())
    assert not any(keeper.stamp(pid) == stamp for pid, stamp in (holder["keeper"], *holder["engines"].values()))


def test_ctrl_c_in_the_middle_of_the_demo(start: Start) -> None:
    demo = start("demo")
    demo.says("replay: ")
    demo.interrupt()
    assert demo.process.wait(30) == 130
    assert demo.is_gone()
    assert re.fullmatch(r"interrupted: everything is stopped, [\d,]+ events are kept in .*/demo\n", demo.err)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
